"""Ludwig: YAML of features, a base model and a trainer. Fine-tuning of language models is recognised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Context, Dialect, Key, ReadResult
from vramlint.dialects.kit.read_only import no_edits
from vramlint.dialects.kit.recognised_only import silent

KEYS = (
    Key("base_model", "model", "The model that is trained: hub id or folder."),
    Key("adapter.type", "method", "What is trained beside the base: lora and others; without one all of it."),
    Key("adapter.r", "adapter.r", "Rank: an adapted linear gains rank × (in + out) weights.", 8),
    Key("adapter.dropout", "adapter.dropout", "Above 0, every adapted linear saves a mask.", 0.05),
    Key("quantization.bits", "quantization", "Stores the frozen base in so many bits.", None, (4, 8)),
    Key("trainer.batch_size", "micro_batch_size", "Rows of one forward pass on each GPU.", 1),
    Key("trainer.gradient_accumulation_steps", "gradient_accumulation_steps", "Micro batches of a step."),
    Key("trainer.enable_gradient_checkpointing", "gradient_checkpointing", "Recomputes layers.", False),
    Key("trainer.optimizer.type", "optimizer", "adam keeps two moments a trained weight.", "adam"),
    Key("preprocessing.global_max_sequence_length", "sequence_length", "Tokens of a row at most."),
)
_WHY = "Ludwig's metrics, which it takes of whole logits while it trains, are not modelled"


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """No job: see `_WHY`. Without quantisation the base is loaded in float32 (0.11, utils/llm_utils.py)."""
    return silent(DIALECT, values, context, _WHY)


DIALECT = Dialect("ludwig", "Ludwig", "0.11", KEYS, read, no_edits, "unchecked")
