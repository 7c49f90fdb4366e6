"""Writing changes of a job into a file of prime-rl."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import REMOVE, Changes, SetKey
from vramlint.dialects.kit.edits import (
    BATCH,
    Editor,
    degrees,
    edit,
    key,
    translated,
    whole_batch,
    without_accumulation,
)
from vramlint.dialects.kit.reader import look_up
from vramlint.dialects.prime_rl.keys import KEYS
from vramlint.job import TrainingJob

_ROWS = 128
"""Of a step, where nothing says (configs/sft.py)."""


def _editors(section: str) -> dict[str, Editor]:
    """What the trainer is told in its section."""
    return {
        **degrees(KEYS, f"{section}model."),
        "gradient_checkpointing": translated(f"{section}model.ac.freq", {"full": 1}),
        "parallel.offload": translated(f"{section}model.fsdp_cpu_offload", {"both": True}),
        "parallel.sharding": translated(
            f"{section}model.reshard_after_forward", {"full": True, "grad-op": False}
        ),
    }


def _nodes(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...]:
    said = {"type": "multi_node", "num_train_nodes": value, "num_train_gpus": REMOVE}
    return tuple(SetKey(("deployment", name), option) for name, option in said.items())


_MACHINES: Mapping[str, Editor] = {"gpu_count": key("deployment.gpus_per_node"), "nodes": _nodes}
_MACHINE: Mapping[str, Editor] = {"gpu_count": key("deployment.num_train_gpus")}
_FINE_TUNING: Mapping[str, Editor] = {
    **_editors(""),
    "micro_batch_size": key("data.micro_batch_size"),
    "sequence_length": key("data.seq_len"),
}
_REINFORCEMENT: Mapping[str, Editor] = _editors("trainer.")


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where the file cannot. Several machines are another kind of
    deployment.
    """
    online = any(name in values for name in ("trainer", "orchestrator", "inference"))
    several = changes.get("nodes", 1) > 1 or look_up(values, "deployment.type") == "multi_node"
    table = {**(_REINFORCEMENT if online else _FINE_TUNING), **(_MACHINES if several else _MACHINE)}
    written = edit(table, values, job, changes if online else without_accumulation(changes))
    if written is None or online or not set(BATCH) & set(changes):
        return written
    return (*written, *whole_batch("data.batch_size", values, job, changes, _ROWS))
