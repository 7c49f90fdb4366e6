"""The stages of a pipeline as a table, and as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from vramlint.explain.format import size
from vramlint.lint.format import gib
from vramlint.memory.stage_memory import StageMemory
from vramlint.vocabulary import Component

_COLUMNS: dict[Component, str] = {
    "weights": "weights",
    "gradients": "gradients",
    "optimizer_states": "states",
    "activations": "activations",
    "generation": "generation",
    "overhead": "overhead",
}


def stage_table(stages: Sequence[StageMemory]) -> Iterator[str]:
    """Lines of a table, GiB at each stage's worst moment; what the ends hold beside layers comes after it."""
    if not stages:
        return
    columns = {
        component: name
        for component, name in _COLUMNS.items()
        if any(stage.components.get(component) for stage in stages)
    }
    titles = ["GiB", "layers", "in flight", *columns.values(), "total"]
    rows = [
        [
            stage.name,
            f"{stage.layers}",
            f"{stage.in_flight:.3g}",
            *(gib(stage.components.get(component, 0)) for component in columns),
            gib(stage.device_bytes),
        ]
        for stage in stages
    ]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        yield "  ".join([row[0].ljust(widths[0]), *cells])
    yield "; ".join(_ends(stages))


def _ends(stages: Sequence[StageMemory]) -> Iterator[str]:
    for stage in stages:
        held = {
            "embedding": stage.embedding_bytes,
            "head": stage.head_bytes,
            "logits and loss": stage.loss_bytes,
        }
        if said := ", ".join(f"{name} {size(amount)}" for name, amount in held.items() if amount):
            yield f"of the {stage.name}: {said}"


def stage_values(stage: StageMemory) -> dict[str, Any]:
    """A stage for programs."""
    return {
        "name": stage.name,
        "layers": stage.layers,
        "parameters": stage.parameters,
        "in_flight": stage.in_flight,
        "components": dict(stage.components),
        "embedding_bytes": stage.embedding_bytes,
        "head_bytes": stage.head_bytes,
        "loss_bytes": stage.loss_bytes,
        "device_bytes": stage.device_bytes,
    }
