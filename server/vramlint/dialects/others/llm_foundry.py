"""LLM Foundry: YAML for Composer's trainer. Recognised; not estimated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Context, Dialect, Key, ReadResult
from vramlint.dialects.kit.recognised_only import no_edits, silent

KEYS = (
    Key("model.name", "model", "The kind of model: mpt_causal_lm is built here, hf_causal_lm is loaded."),
    Key("model.pretrained_model_name_or_path", "model", "The model that is loaded: hub id or folder."),
    Key("max_seq_len", "sequence_length", "Tokens of a row; activations and logits grow in proportion."),
    Key(
        "device_train_microbatch_size",
        "micro_batch_size",
        "Rows of one forward pass on each GPU; auto lowers it at run time until the step fits.",
    ),
    Key("global_train_batch_size", "gradient_accumulation_steps", "Rows of a step over all GPUs."),
    Key(
        "precision", "precision.autocast", "amp_bf16 keeps float32 weights and computes in bf16.", "amp_bf16"
    ),
    Key("optimizer.name", "optimizer", "decoupled_adamw keeps two float32 moments a trained weight."),
    Key(
        "fsdp_config.sharding_strategy",
        "parallel.sharding",
        "What FSDP shares between the GPUs.",
        "FULL_SHARD",
    ),
    Key(
        "fsdp_config.mixed_precision",
        "parallel.param_dtype",
        "PURE gathers and reduces in 16 bits.",
        "DEFAULT",
    ),
    Key(
        "fsdp_config.activation_checkpointing",
        "gradient_checkpointing",
        "Recomputes layers in backward.",
        False,
    ),
    Key("fsdp_config.activation_cpu_offload", "activation_offload", "Keeps layer inputs on the host.", False),
)
_WHY = "Composer's trainer fits the micro-batch at run time, and MPT's own layers are not modelled"


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """No job: see `_WHY`."""
    return silent(DIALECT, values, context, _WHY)


DIALECT = Dialect("llm-foundry", "LLM Foundry", "0.22", KEYS, read, no_edits, "unchecked")
