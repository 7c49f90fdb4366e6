"""GPT-NeoX: YAML of Megatron and DeepSpeed options. Recognised; not estimated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Context, Dialect, Key, ReadResult
from vramlint.dialects.kit.recognised_only import no_edits, silent

KEYS = (
    Key("num_layers", "model", "Transformer layers."),
    Key("hidden_size", "model", "Width of the model; weights grow with its square."),
    Key("num_attention_heads", "model", "Heads that share the width."),
    Key("seq_length", "sequence_length", "Tokens of a row; activations grow in proportion.", 2048),
    Key("train_micro_batch_size_per_gpu", "micro_batch_size", "Rows of one forward pass on each GPU."),
    Key("gradient_accumulation_steps", "gradient_accumulation_steps", "Micro-batches of a step.", 1),
    Key("checkpoint_activations", "gradient_checkpointing", "Recomputes layers in backward.", False),
    Key("checkpoint_num_layers", "gradient_checkpointing", "Layers between two checkpoints.", 1),
    Key("pipe_parallel_size", "parallel.pipeline", "Stages the layers are spread over.", 0),
    Key("model_parallel_size", "parallel.tensor", "GPUs that share each layer.", 1),
    Key("zero_optimization.stage", "parallel.strategy", "What DeepSpeed shares between the GPUs.", 0),
    Key("optimizer.type", "optimizer", "The optimizer; Adam keeps two moments a weight in float32.", "Adam"),
    Key("no_weight_tying", "model", "True gives the output head weights of its own.", False),
    Key("precision", "precision.weights", "Dtype of weights and activations; a float32 copy is kept beside."),
)
_WHY = "GPT-NeoX leaves the size of the vocabulary to the tokenizer; its fused kernels are not modelled"


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """No job: see `_WHY`."""
    return silent(DIALECT, values, context, _WHY)


DIALECT = Dialect("gpt-neox", "GPT-NeoX", "2.0", KEYS, read, no_edits, "unchecked")
