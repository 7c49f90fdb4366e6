"""What each field of a job moves, and which other values of it are worth comparing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vramlint.catalog.optimizers import OPTIMIZERS
from vramlint.dialects.kit.dialect import Key
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.estimate import Component

FEW = 5
"""As many choices are all compared; of longer lists only those that are worth it."""


@dataclass(frozen=True, slots=True)
class FieldEffect:
    """`component` is what the field decides most of (None: several); `steps` how its neighbours are found.

    `worth` are the values worth comparing where there are many.
    """

    component: Component | None
    steps: Literal["one", "double", "single", "choices", "none"] = "choices"
    worth: tuple[Any, ...] = ()


_OPTIMIZERS = tuple(
    dict.fromkeys(each for name, row in OPTIMIZERS.items() if row.common for each in (name, *row.classes[:1]))
)

FIELD_EFFECTS: Mapping[str, FieldEffect] = {
    "model": FieldEffect("weights", "none"),
    "method": FieldEffect(None, worth=("full", "lora", "qlora", "freeze")),
    "adapter": FieldEffect(None, worth=("lora", "qlora")),
    "adapter.r": FieldEffect(None, "double"),
    "adapter.alpha": FieldEffect(None, "double"),
    "adapter.dropout": FieldEffect("activations", worth=(0.0, 0.05)),
    "quantization": FieldEffect("weights"),
    "precision": FieldEffect("weights"),
    "precision.autocast": FieldEffect("activations"),
    "precision.gradients": FieldEffect("gradients"),
    "precision.optimizer_states": FieldEffect("optimizer_states"),
    "optimizer": FieldEffect("optimizer_states", worth=_OPTIMIZERS),
    "optimizer_args": FieldEffect("optimizer_states", "none"),
    "optimizer_in_backward": FieldEffect("gradients"),
    "trainable_layers": FieldEffect(None, "one"),
    "trainable_parameters": FieldEffect(None, "none"),
    "micro_batch_size": FieldEffect("activations", "one"),
    "gradient_accumulation_steps": FieldEffect("gradients", "single"),
    "sequence_length": FieldEffect("activations", "double"),
    "packing": FieldEffect("activations"),
    "padded_batch": FieldEffect("activations"),
    "gradient_checkpointing": FieldEffect("activations"),
    "activation_offload": FieldEffect("activations"),
    "attention": FieldEffect("activations", worth=("eager", "sdpa", "flash_attention_2", "flex_attention")),
    "loss": FieldEffect("activations"),
    "loop": FieldEffect("activations"),
    "compile": FieldEffect("activations"),
    "parallel": FieldEffect(None),
    "parallel.data": FieldEffect(None, "double"),
    "parallel.tensor": FieldEffect(None, "double"),
    "parallel.context": FieldEffect("activations", "double"),
    "parallel.pipeline": FieldEffect(None, "double"),
    "parallel.virtual_pipeline": FieldEffect("activations", "double"),
    "parallel.schedule": FieldEffect("activations"),
    "parallel.expert": FieldEffect(None, "double"),
    "parallel.expert_tensor": FieldEffect(None, "double"),
    "parallel.sync_each_batch": FieldEffect("gradients"),
    "parallel.sequence": FieldEffect("activations"),
    "parallel.buckets": FieldEffect("overhead", "double"),
    "parallel.offload": FieldEffect(None),
    "reference_model": FieldEffect("weights"),
    "roles": FieldEffect("weights", "none"),
    "evaluation.batch": FieldEffect("activations", "double"),
    "evaluation.sequence_length": FieldEffect("activations", "double"),
    "evaluation": FieldEffect("activations"),
    "loading": FieldEffect("weights"),
    "generation": FieldEffect("generation"),
    "generation.completion_length": FieldEffect("activations", "double"),
    "generation.completions": FieldEffect("activations", "double"),
    "generation.memory_fraction": FieldEffect("generation", worth=(0.2, 0.3, 0.5)),
    "nodes": FieldEffect(None, "double"),
    "gpu_count": FieldEffect(None, "double"),
}
_PLAIN = FieldEffect(None)
TRAINED = ("method", "adapter", "trainable_layers", "trainable_parameters")
"""Fields (and those below them) that decide which weights are trained."""
SHARED = ("parallel", "nodes", "gpu_count")
"""Fields (and those below them) that decide who shares the run."""


def lever(field: str) -> FieldEffect:
    """The lever of a job field, or of the group that it belongs to."""
    while field:
        if field in FIELD_EFFECTS:
            return FIELD_EFFECTS[field]
        field = field.rpartition(".")[0]
    return _PLAIN


def decides(field: str, group: tuple[str, ...]) -> bool:
    """Whether a field is one of a group, or below one."""
    return field.partition(".")[0] in group


def neighbours(key: Key, value: Any) -> tuple[Any, ...]:
    """Other values of a key that are worth comparing with the one it has, in the framework's own spelling."""
    moved = lever(key.field or "")
    if moved.steps == "none":
        return ()
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int) and value < 1:
        return ()
    if isinstance(value, int) and moved.steps == "one":
        return (value - 1, value + 1) if value > 1 else (value + 1,)
    if isinstance(value, int) and moved.steps == "double":
        return (value // 2, value * 2) if value > 1 else (value * 2,)
    if isinstance(value, int) and moved.steps == "single":
        return (1, value * 2) if value > 1 else (value * 2,)
    if isinstance(value, int | float):
        return tuple(other for other in moved.worth if isinstance(other, int | float) and other != value)
    return tuple(other for other in worth_comparing(key, value) if other != value)


def worth_comparing(key: Key, value: Any) -> tuple[Any, ...]:
    """The choices of a key when they are few, else those of them that are worth it.

    Where the framework takes any name, dotted class names are compared with dotted ones only.
    """
    worth = lever(key.field or "").worth
    if not key.choices:
        return tuple(
            choice for choice in worth if isinstance(value, str) and ("." in value) == ("." in choice)
        )
    if len(key.choices) <= FEW:
        return key.choices
    return tuple(choice for choice in worth if choice in key.choices)
