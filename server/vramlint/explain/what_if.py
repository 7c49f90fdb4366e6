"""The same file with another value at a key: read again by its dialect, estimated again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from vramlint.advice.limits import largest_micro_batch, largest_sequence
from vramlint.dialects.kit.dialect import Key, SetKey
from vramlint.document.node import KeyPath
from vramlint.explain.what_if_ranges import neighbours
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.rereading import estimate_after
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Estimate, Verdict

_SHOWN = 4
_LARGEST: Mapping[str, Callable[[TrainingJob, int], int | None]] = {
    "micro_batch_size": largest_micro_batch,
    "sequence_length": largest_sequence,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One other value of a key, with what the run would need then."""

    value: Any
    device_bytes: int
    verdict: Verdict


def estimate_with(analysis: Analysis, path: KeyPath, value: Any) -> Estimate | None:
    """The estimate if the file had `value` at `path`; None where the framework refuses the value in this
    file, or the run could not be estimated with it.
    """
    return estimate_after(analysis, (SetKey(path, value),))


def weigh(analysis: Analysis, path: KeyPath, values: Iterable[Any]) -> Iterator[Comparison]:
    """What the run would need with each of these values of a key, where it can be said."""
    for value in values:
        estimate = estimate_with(analysis, path, value)
        if estimate is not None:
            rough = estimate.rough
            yield Comparison(value, rough.device_bytes, rough.verdict(analysis.capacity))


def steps(analysis: Analysis, key: Key, path: KeyPath, value: Any) -> tuple[Comparison, ...]:
    """What the neighbouring values of a key would cost; of several that save the same, the first."""
    found: dict[tuple[int, Any], Comparison] = {}
    now = analysis.estimate.rough.device_bytes if analysis.estimate else 0
    for step in weigh(analysis, path, neighbours(key, value)):
        same = step.value if step.device_bytes == now else None
        found.setdefault((step.device_bytes, same), step)
    return tuple(found.values())[:_SHOWN]


def largest_that_fits(analysis: Analysis, key: Key, value: Any) -> int | None:
    """The largest value of a batch size or length that fits the GPU; 0 where not even the smallest does.

    None where the question makes no sense: other keys, no GPU, or a key that is not the job field itself.
    """
    job, capacity = analysis.job, analysis.capacity
    search = _LARGEST.get(key.field or "")
    if job is None or capacity is None or search is None or getattr(job, key.field or "") != value:
        return None
    return search(job, capacity) or 0
