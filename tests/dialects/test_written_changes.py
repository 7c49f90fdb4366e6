"""Which keys each framework's files get for a change of a run, as text that a reader can review.

Every field of a job with values it takes, alone, and the engines with what else they are chosen with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from json import dumps
from typing import Any

import pytest
from key_effects import bases, read
from test_key_effects import WITHOUT_JOBS

from vramlint.dialects import load, load_all
from vramlint.dialects.kit.dialect import REMOVE, Dialect, SetKey
from vramlint.dialects.kit.edits import with_keys

NUMBERS = (1, 3, 16)
TOGETHER: tuple[Mapping[str, Any], ...] = (
    {"method": "qlora", "optimizer": "paged_adamw_8bit"},
    {"micro_batch_size": 1, "gradient_accumulation_steps": 8},
    {"micro_batch_size": 2, "parallel.data": 4},
    *(
        {"parallel.strategy": engine, "parallel.data": 8, **more}
        for engine in ("ddp", "fsdp1", "fsdp2", "zero1", "zero2", "zero3")
        for more in ({}, {"parallel.offload": "optimizer"}, {"parallel.tensor": 2})
    ),
)
"""Fields that advice and plans change at once."""


def changes() -> list[Mapping[str, Any]]:
    """Each field alone with each value, then those of `TOGETHER`."""
    alone: dict[str, Mapping[str, Any]] = {}
    for row in load("job").keys:
        values: list[Any] = [*row.choices, *row.offered]
        if isinstance(row.default, bool):
            values += [True, False]
        elif isinstance(row.default, int | float):
            values += NUMBERS
        alone |= {dumps(each): each for each in ({row.field or row.path: value} for value in values)}
    return [*alone.values(), *TOGETHER]


def written(keys: Iterable[SetKey]) -> str:
    """The keys with their values, as they are set."""
    return "; ".join(
        f"{'.'.join(map(str, key.path))} {'removed' if key.value is REMOVE else dumps(key.value)}"
        for key in keys
    )


@pytest.mark.parametrize(
    "dialect",
    [each for each in load_all() if each.role == "training" and each.name not in WITHOUT_JOBS],
    ids=lambda dialect: dialect.name,
)
def test_what_a_change_writes(dialect: Dialect, snapshot: Callable[[str, str], None]) -> None:
    lines: list[str] = []
    of_seed: dict[str, str] = {}
    for name, values in bases(dialect):
        job = read(dialect, values).job
        if job is None:
            continue
        lines += [f"# {name}", ""]
        for change in changes():
            keys = dialect.edits(values, job, change)
            if keys is None:
                done = "cannot be said"
            else:
                after = read(dialect, with_keys(values, keys))
                done = written(keys) or "nothing to write"
                done += "" if after.job is not None and not after.unusable else ", which is then refused"
            asked = ", ".join(f"{field} = {dumps(value)}" for field, value in change.items())
            if of_seed.setdefault(asked, done) != done or (name == "seed" and keys is not None):
                lines.append(f"{asked}: {done}")
        lines.append("")
    snapshot(f"changes-{dialect.name}.txt", "\n".join(lines))
