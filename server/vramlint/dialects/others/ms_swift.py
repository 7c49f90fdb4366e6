"""ms-swift: YAML of its command-line arguments. Recognised; not estimated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Context, Dialect, Key, ReadResult
from vramlint.dialects.kit.recognised_only import no_edits, silent

_TUNERS = ("full", "lora", "longlora", "adalora", "llamapro", "adapter", "vera", "boft", "fourierft", "reft")
KEYS = (
    Key("model", "model", "The model that is trained: hub or ModelScope id, or a folder."),
    Key(
        "tuner_type", "method", "full trains every weight; lora and its kin freeze the base.", "lora", _TUNERS
    ),
    Key("train_type", "method", "The older name of tuner_type.", "lora", _TUNERS),
    Key("torch_dtype", "precision.weights", "Dtype in which the weights are loaded."),
    Key("quant_bits", "quantization.scheme", "Stores the frozen linears in so many bits."),
    Key("lora_rank", "adapter.r", "Rank: each adapted linear gains rank × (in + out) weights.", 8),
    Key("target_modules", "adapter.targets", "Linears that get an adapter.", "all-linear"),
    Key("per_device_train_batch_size", "micro_batch_size", "Rows of one forward pass on each GPU.", 1),
    Key("gradient_accumulation_steps", "gradient_accumulation_steps", "Micro-batches of a step."),
    Key(
        "max_length", "sequence_length", "The most tokens of a row; the model's own limit where unset.", None
    ),
    Key("gradient_checkpointing", "gradient_checkpointing", "Recomputes layers in backward.", True),
    Key("attn_impl", "attention", "Which attention kernel runs."),
    Key("packing", "packing", "Fills every row up to max_length.", False),
    Key("deepspeed", "parallel.strategy", "zero0 … zero3 with or without offload, or a file."),
    Key("sequence_parallel_size", "parallel.context", "GPUs that share one row.", 1),
)
_WHY = "what ms-swift holds beside the Trainer (its dtypes, its limits of length) is not modelled"


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """No job: see `_WHY`."""
    return silent(DIALECT, values, context, _WHY)


DIALECT = Dialect("ms-swift", "ms-swift", "4.0", KEYS, read, no_edits, "unchecked")
