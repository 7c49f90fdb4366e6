"""Megatron-Bridge: YAML that overrides a recipe, which is a Python function. Recognised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Context, Dialect, Key, ReadResult
from vramlint.dialects.kit.read_only import no_edits
from vramlint.dialects.kit.recognised_only import silent

KEYS = (
    Key("train.micro_batch_size", "micro_batch_size", "Rows of one forward pass on each GPU."),
    Key("train.global_batch_size", "gradient_accumulation_steps", "Rows of a step over all GPUs."),
    Key("model.seq_length", "sequence_length", "Tokens of a row; activations grow in proportion."),
    Key("model.tensor_model_parallel_size", "parallel.tensor", "GPUs that share each layer."),
    Key("model.pipeline_model_parallel_size", "parallel.pipeline", "Stages the layers are spread over."),
    Key("model.context_parallel_size", "parallel.context", "GPUs that share one row."),
    Key("model.expert_model_parallel_size", "parallel.expert", "GPUs that share the experts."),
    Key("model.sequence_parallel", "parallel.sequence", "Splits what lies between layers too."),
    Key("model.recompute_granularity", "gradient_checkpointing", "full recomputes whole layers."),
    Key("optimizer.use_distributed_optimizer", "parallel.strategy", "Shares the optimizer over GPUs."),
    Key("ddp.grad_reduce_in_fp32", "precision.gradients", "Keeps the gradients' buffer in float32."),
    Key("peft.dim", "adapter.r", "Rank of the adapter."),
)
_WHY = "the recipe that these overrides are for is a Python function, and it names the model"


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """No job: see `_WHY` (0.6, training/config.py, ConfigContainer)."""
    return silent(DIALECT, values, context, _WHY)


DIALECT = Dialect("megatron-bridge", "Megatron-Bridge", "0.6", KEYS, read, no_edits, "unchecked")
