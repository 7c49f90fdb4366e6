"""SkyPilot's task YAML: which GPUs, how many machines, and the command that they run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Context, Dialect, Key, Obstacle, ReadResult
from vramlint.dialects.kit.read_only import no_edits, reader_of
from vramlint.dialects.kit.reading import finish

KEYS = (
    Key("resources.accelerators", "gpu", "The GPUs of each machine: kind and number, as in A100-80GB:8."),
    Key("num_nodes", "nodes", "Number of machines.", 1),
    Key("run", None, "The command. The configs that it names are checked against these GPUs."),
)


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """No job: the config that the task launches has it."""
    why = Obstacle("no-model", "a SkyPilot task names no model; it is read with the config it launches")
    return finish(DIALECT, reader_of(DIALECT, values, context), why)


DIALECT = Dialect("skypilot", "SkyPilot", "0.14.1", KEYS, read, no_edits, "unchecked", role="launcher")
