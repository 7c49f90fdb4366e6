"""H2O LLM Studio: the YAML that it writes for an experiment. Recognised; not estimated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Context, Dialect, Key, ReadResult
from vramlint.dialects.kit.recognised_only import no_edits, silent

KEYS = (
    Key("llm_backbone", "model", "The model that is trained: hub id or folder."),
    Key(
        "architecture.backbone_dtype",
        "precision.weights",
        "Dtype of the frozen or trained base.",
        "int4",
        ("float32", "bfloat16", "float16", "int8", "int4"),
    ),
    Key(
        "architecture.gradient_checkpointing",
        "gradient_checkpointing",
        "Recomputes layers in backward.",
        True,
    ),
    Key("environment.mixed_precision", "precision.autocast", "Computes in 16 bits.", True),
    Key("environment.gpus", "parallel.data", "The GPUs that take part, by number."),
    Key(
        "environment.use_deepspeed", "parallel.strategy", "Shares weights and states between the GPUs.", False
    ),
    Key("tokenizer.max_length", "sequence_length", "The most tokens of a row."),
    Key("training.batch_size", "micro_batch_size", "Rows of one forward pass on each GPU.", 2),
    Key("training.grad_accumulation", "gradient_accumulation_steps", "Micro-batches of a step.", 1),
    Key("training.lora", "method", "Trains an adapter over a frozen base.", True),
    Key("training.lora_r", "adapter.r", "Rank: each adapted linear gains rank × (in + out) weights.", 4),
    Key(
        "training.optimizer", "optimizer", "The optimizer and what it keeps for each trained weight.", "AdamW"
    ),
)
_WHY = "the training loop and the losses of H2O LLM Studio are its own, and not modelled"


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """No job: see `_WHY`."""
    return silent(DIALECT, values, context, _WHY)


DIALECT = Dialect("h2o-llm-studio", "H2O LLM Studio", "1.14", KEYS, read, no_edits, "unchecked")
