"""What Megatron's command line says of a run: its shape, and the micro batches of a step.

Source: megatron/training/arguments.py of Megatron-LM core 0.14; Megatron-DeepSpeed kept the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from vramlint.analysis.run_fields import Field
from vramlint.dialects.kit.reader import positive
from vramlint.dialects.kit.run import Given, Run

_SHAPE = (("num_layers", "layers"), ("hidden_size", "hidden"), ("num_attention_heads", "heads"))
_VOCABULARY = ("pad_vocab_size_to", "vocab_size")
_SPLIT = ("tensor_model_parallel_size", "pipeline_model_parallel_size", "context_parallel_size")
"""GPUs that hold one copy of the model together."""


def megatron_fields(run: Run, ranks: int | None) -> dict[str, Field]:
    """Model, method and accumulation of a run of `pretrain_*.py`. `ranks`: its processes, where known."""
    arguments = run.arguments
    found = {"method": Field("pretrain", run.program.place)}
    shape = [(_count(arguments, name), word) for name, word in _SHAPE]
    if all(count is not None for count, _ in shape):
        words = " x ".join(f"{count} {word}" for count, word in shape)
        vocabulary = next((count for name in _VOCABULARY if (count := _count(arguments, name))), None)
        more = f", vocabulary {vocabulary}" if vocabulary else ""
        found["model"] = Field(words + more, arguments["num_layers"].place)
    steps = _accumulation(arguments, ranks)
    if steps is not None:
        found["grad_accum"] = Field(steps, arguments["global_batch_size"].place)
    return found


def _accumulation(arguments: Mapping[str, Given], ranks: int | None) -> int | None:
    """Global batch over micro batch and replicas; None where one of them is open or it does not divide."""
    whole, micro = _count(arguments, "global_batch_size"), _count(arguments, "micro_batch_size")
    splits = [_count(arguments, name) if name in arguments else 1 for name in _SPLIT]
    known = [split for split in splits if split is not None]
    if whole is None or micro is None or ranks is None or len(known) < len(splits):
        return None
    replicas, rest = divmod(ranks, prod(known))
    if rest or not replicas or whole % (micro * replicas):
        return None
    return whole // (micro * replicas)


def _count(arguments: Mapping[str, Given], name: str) -> int | None:
    return positive(arguments[name].value) if name in arguments else None
