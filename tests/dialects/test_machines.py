"""What each dialect's files come to on other machines: one GPU, eight, two nodes, none declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from dialect_reading import MODELS
from key_effects import bases, said
from test_key_effects import WITHOUT_JOBS

from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Context, Dialect

MACHINES: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "one": {"gpu_count": 1, "gpu_declared": True},
    "eight": {"gpu_count": 8, "gpu_declared": True},
    "two nodes": {"gpu_count": 8, "nodes": 2, "gpu_declared": True},
    "three": {"gpu_count": 3, "gpu_declared": True},
}


@pytest.mark.parametrize(
    "dialect",
    [each for each in load_all() if each.name not in WITHOUT_JOBS],
    ids=lambda dialect: dialect.name,
)
def test_what_a_machine_makes_of_a_file(dialect: Dialect, snapshot: Callable[[str, str], None]) -> None:
    lines = []
    for name, values in bases(dialect):
        first: Mapping[str, str] = {}
        for machine, facts in MACHINES.items():
            result = dialect.read(values, Context(MODELS, **facts))
            found = said(result)
            if result.obstacle is not None:
                found["no job"] = result.obstacle.code
            first = first or found
            differs = [field for field in {**first, **found} if first.get(field) != found.get(field)]
            shown = found if found is first else {field: found.get(field, "·") for field in differs}
            facts_said = "; ".join(f"{field} {value}" for field, value in shown.items())
            lines.append(f"{name}, {machine}: {facts_said}")
    snapshot(f"machines-{dialect.name}.txt", "\n".join(lines) + "\n")
