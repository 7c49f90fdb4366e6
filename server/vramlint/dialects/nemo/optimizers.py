"""Optimizers that NeMo RL and Automodel build by the name of their class."""

from __future__ import annotations

from typing import Literal

from vramlint.dialects.kit.dialect import Obstacle
from vramlint.dialects.kit.reader import Reader, boolean, text
from vramlint.dialects.kit.reading import unmodelled
from vramlint.job import Precision
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Dtype

FUSED_ADAM = "FusedAdam"
"""Transformer Engine's."""
_MOMENTS = ("exp_avg_dtype", "exp_avg_sq_dtype")
_States = Literal["float32", "bfloat16", "float16"]


def is_fused_adam(component: str) -> bool:
    """Whether the class is Transformer Engine's FusedAdam."""
    return component.startswith("transformer_engine.") and component.endswith(FUSED_ADAM)


def with_fused_adam(reader: Reader, prefix: str, precision: Precision) -> Precision | Obstacle:
    """What FusedAdam keeps: moments in dtypes of their own, and with `master_weights` a float32 copy of all
    weights, of float32 ones too (transformer_engine 2.20, pytorch/optimizers/fused_adam.py,
    initialize_state).
    """
    kinds = {reader.get(prefix + name, text) or "float32" for name in _MOMENTS}
    states: dict[str, _States] = {"float32": "float32", "bfloat16": "bfloat16", "float16": "float16"}
    dtype = states.get(kinds.pop().removeprefix("torch.")) if len(kinds) == 1 else None
    if dtype is None:
        return unmodelled(
            reader, prefix + _MOMENTS[0], "moments in two dtypes, or in 8 bits, are not modelled"
        )
    written = next((name for name in _MOMENTS if reader.has(prefix + name)), None)
    if written:
        reader.written("precision.optimizer_states", prefix + written)
    else:
        reader.default("precision.optimizer_states", "FusedAdam's")
    precision = replace(precision, optimizer_states=dtype)
    if not reader.get(prefix + "master_weights", boolean):
        return precision
    weights: Dtype = precision.weights
    if weights == "bfloat16" and reader.get(prefix + "store_param_remainders", boolean):
        why = "the 16 bits that are missing to float32 weights are not modelled"
        return unmodelled(reader, prefix + "store_param_remainders", why)
    reader.written("precision.master_weights", prefix + "master_weights")
    return replace(precision, master_weights="float32")
