"""prime-rl: TOML for its trainer, orchestrator and inference servers. Recognised; not estimated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Context, Dialect, Key, ReadResult
from vramlint.dialects.kit.recognised_only import no_edits, silent

KEYS = (
    Key("model.name", "model", "The model that is trained: hub id or folder."),
    Key("trainer.model.name", "model", "The model of a run of reinforcement learning."),
    Key("model.optimization_dtype", "precision.weights", "Dtype of the sharded weights and their moments."),
    Key("model.reduce_dtype", "parallel.reduce_dtype", "Dtype in which gradients are added up."),
    Key("model.lora.rank", "adapter.r", "Rank: each adapted linear gains rank × (in + out) weights."),
    Key("model.ac.freq", "gradient_checkpointing", "Recomputes every n-th layer in backward.", 1),
    Key("data.seq_len", "sequence_length", "Tokens of a packed row; activations grow in proportion."),
    Key("data.micro_batch_size", "micro_batch_size", "Rows of one forward pass on each GPU.", 1),
    Key("data.batch_size", "gradient_accumulation_steps", "Rows of a step over all GPUs."),
    Key("deployment.num_train_gpus", "parallel.data", "GPUs that train."),
)
_WHY = "prime-rl's own model classes and its servers beside the trainer are not modelled"


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """No job: see `_WHY`."""
    return silent(DIALECT, values, context, _WHY)


DIALECT = Dialect("prime-rl", "prime-rl", "0.5", KEYS, read, no_edits, "unchecked")
