"""Which fields of a run are worth moving in a panel, and to which values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vramlint.analysis.trial import value_of
from vramlint.catalog.optimizers import OPTIMIZERS
from vramlint.document.node import KeyPath
from vramlint.job import TrainingJob
from vramlint.job_fields import FIELDS
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.result import Analysis

_MOST_BATCH = 64
_LENGTHS = tuple(2**power for power in range(9, 18))
_RANKS = (4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that a field can have. `writable`: the document can say it."""

    value: Any
    writable: bool


@dataclass(frozen=True, slots=True)
class Control:
    """A field of the run with the values to choose from, its own among them."""

    field: str
    title: str
    label: str
    """What the file calls it."""
    effect: str
    value: Any
    choices: tuple[Choice, ...]
    key: KeyPath | None
    """Where the document says it."""


Values = Callable[[TrainingJob], tuple[Any, ...]]
_OFFERED: Mapping[str, tuple[str, Values]] = {
    "micro_batch_size": ("micro batch", lambda job: _doubled(job.micro_batch_size, _MOST_BATCH)),
    "sequence_length": ("sequence length", lambda job: _LENGTHS),
    "gradient_checkpointing": ("checkpointing", lambda job: ("none", "full")),
    "precision.weights": ("precision", lambda job: ("float32", "bfloat16")),
    "optimizer": ("optimizer", lambda job: tuple(name for name, row in OPTIMIZERS.items() if row.common)),
    "method": ("method", lambda job: ("full", "lora", "qlora")),
    "adapter.r": ("adapter rank", lambda job: _RANKS if job.adapter is not None else ()),
    "parallel.strategy": ("sharding", lambda job: ("none", "ddp", "zero1", "zero2", "zero3", "fsdp2")),
}


def controls(analysis: Analysis) -> Iterator[Control]:
    """The controls of a document's run, those that move most first."""
    job = analysis.job
    if job is None or analysis.dialect is None:
        return
    for name, (title, values) in _OFFERED.items():
        offered = values(job)
        if not offered:
            continue
        now = value_of(job, name)
        mixed = any(isinstance(value, str) for value in (*offered, now))
        ordered = list(dict.fromkeys((*offered, now))) if mixed else sorted({*offered, now})
        choices = tuple(
            Choice(value, value == now or _writable(analysis, job, name, value)) for value in ordered
        )
        yield Control(
            name, title, analysis.called(name), FIELDS[name].effect, now, choices, analysis.key(name)
        )


def _writable(analysis: Analysis, job: TrainingJob, name: str, value: Any) -> bool:
    assert analysis.dialect is not None
    return bool(analysis.dialect.edits(analysis.values, job, {name: value}))


def _doubled(now: int, most: int) -> tuple[int, ...]:
    """Powers of two, and what is there."""
    return tuple(sorted({now, *(2**power for power in range(most.bit_length()))}))
