"""What runs with several fields at once need, of shallow models of every kind. Some are told in words; of
many more a sum of twenty tells that one of them needs something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any
from zlib import crc32

import pytest
from dialect_seeds import with_values
from test_config_keys_of_parts import shallow
from test_family_sizes import JOB, MODELS, smallest
from test_family_walks import RUNS, SHAPE, step
from test_field_effects import tried

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Context
from vramlint.lazy_dataclasses import replace
from vramlint.memory.estimate import CannotEstimate
from vramlint.memory.model import estimate_job

FIELDS = 5
"""How many a run has beside those of its kind, on average."""
IN_WORDS, IN_SUMS, TOGETHER = 30, 400, 20
PARTS = 8
"""Files into which the runs are dealt."""


@cache
def models() -> tuple[Model, ...]:
    """A shallow model of each type, with the parameters that its config comes to."""
    made = (MODELS.from_config(shallow(known.config), known.model_type) for known in smallest())
    return tuple(model for model in made if model is not None)


def drawn(number: int, what: str, of: int) -> int:
    """A number below `of`, the same at every run."""
    return crc32(f"{number} {what}".encode()) % of


def runs(part: int) -> Iterator[tuple[str, Model, dict[str, Any]]]:
    """The kind of each run, its model, and its values."""
    table, kinds = tried(), sorted(RUNS)
    for number in range(part, PARTS * (IN_WORDS + IN_SUMS), PARTS):
        kind = kinds[drawn(number, "kind", len(kinds))]
        chosen = {
            path: values[drawn(number, f"value of {path}", len(values))]
            for path, values in table.items()
            if values and path != "model" and drawn(number, path, len(table)) < FIELDS
        }
        model = models()[drawn(number, "model", len(models()))]
        said = ", ".join(f"{path} {value}" for path, value in chosen.items())
        yield f"{kind} {model.model_type}: {said}", model, with_values({**SHAPE, **RUNS[kind]}, chosen)


def needs(model: Model, values: Mapping[str, Any]) -> str:
    """All that is counted."""
    job = JOB.read({**values, "model": "gpt2"}, Context(MODELS)).job
    if job is None:
        return "no job"
    job = replace(job, model=model)
    try:
        estimate = estimate_job(job)
    except CannotEstimate as cannot:
        return f"{cannot.code}: {cannot.message}"
    moments = (
        f"{moment.name} " + " ".join(f"{name} {size:,}" for name, size in moment.components.items() if size)
        for moment in estimate.counted
    )
    said = "; ".join((*estimate.unknown, *estimate.undivided, *estimate.refused))
    host = f"; host {estimate.host}" if estimate.host is not None else ""
    trained = f"{estimate.trainable_parameters:,} of {estimate.parameters:,} trained"
    return f"{'; '.join(moments)}; {trained}; band {estimate.error_band:.4f}{host}; {said}; {step(job)}"


def short(text: str, most: int = 240) -> str:
    """The text, of a long one its beginning and a sum."""
    return text if len(text) <= most else f"{text[:most]}… {crc32(text.encode()):08x}"


@pytest.mark.parametrize("part", range(PARTS))
def test_what_several_fields_do(part: int, snapshot: Callable[[str, str], None]) -> None:
    told = (f"{said} → {needs(model, values)}" for said, model, values in runs(part))
    lines = [short(each) for each in islice(told, IN_WORDS)]
    while some := list(islice(told, TOGETHER)):
        lines.append(f"{len(some)} more: {crc32(''.join(some).encode()):08x}")
    snapshot(f"many-{part}.txt", "\n".join(lines) + "\n")
