"""What each field of a job moves, and which other values of it are worth comparing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vramlint.dialects.kit.dialect import Key
from vramlint.memory.estimate import Component

FEW = 5
"""As many choices are all compared; of longer lists only those that are worth it."""


@dataclass(frozen=True, slots=True)
class Lever:
    """`component` is what the field decides most of (None: several); `steps` how its neighbours are found.

    `worth` are the values worth comparing where there are many.
    """

    component: Component | None
    steps: Literal["one", "double", "single", "choices", "none"] = "choices"
    worth: tuple[Any, ...] = ()


_OPTIMIZERS = (
    "adamw_torch_fused", "adamw_torch", "adamw", "AdamW", "adamw_8bit", "adamw_bnb_8bit", "paged_adamw_8bit",
    "torch.optim.AdamW", "bitsandbytes.optim.AdamW8bit", "bitsandbytes.optim.PagedAdamW8bit", "adafactor",
    "lion_8bit", "muon", "sgd", "torch.optim.SGD",
)  # fmt: skip

LEVERS: Mapping[str, Lever] = {
    "model": Lever("weights", "none"),
    "method": Lever(None, worth=("full", "lora", "qlora", "freeze")),
    "adapter": Lever(None, worth=("lora", "qlora")),
    "adapter.r": Lever(None, "double"),
    "adapter.alpha": Lever(None, "double"),
    "adapter.dropout": Lever("activations", worth=(0.0, 0.05)),
    "quantization": Lever("weights"),
    "precision": Lever("weights"),
    "precision.autocast": Lever("activations"),
    "precision.gradients": Lever("gradients"),
    "precision.optimizer_states": Lever("optimizer_states"),
    "optimizer": Lever("optimizer_states", worth=_OPTIMIZERS),
    "optimizer_args": Lever("optimizer_states", "none"),
    "optimizer_in_backward": Lever("gradients"),
    "trainable_layers": Lever(None, "one"),
    "micro_batch_size": Lever("activations", "one"),
    "gradient_accumulation_steps": Lever("gradients", "single"),
    "sequence_length": Lever("activations", "double"),
    "packing": Lever("activations"),
    "padded_batch": Lever("activations"),
    "gradient_checkpointing": Lever("activations"),
    "activation_offload": Lever("activations"),
    "attention": Lever("activations", worth=("eager", "sdpa", "flash_attention_2", "flex_attention")),
    "loss": Lever("activations"),
    "loop": Lever("activations"),
    "compile": Lever("activations"),
    "parallel": Lever(None),
    "parallel.data": Lever(None, "double"),
    "parallel.tensor": Lever(None, "double"),
    "parallel.context": Lever("activations", "double"),
    "parallel.pipeline": Lever(None, "double"),
    "parallel.expert": Lever(None, "double"),
    "parallel.sequence": Lever("activations"),
    "parallel.buckets": Lever("overhead", "double"),
    "parallel.offload": Lever(None),
    "reference_model": Lever("weights"),
    "generation": Lever("overhead"),
    "generation.completion_length": Lever("activations", "double"),
    "generation.completions": Lever("activations", "double"),
    "generation.memory_fraction": Lever("overhead", worth=(0.2, 0.3, 0.5)),
    "nodes": Lever(None, "double"),
    "gpu_count": Lever(None, "double"),
}
_PLAIN = Lever(None)
TRAINED = ("method", "adapter", "trainable_layers")
"""Fields (and those below them) that decide which weights are trained."""
SHARED = ("parallel", "nodes", "gpu_count")
"""Fields (and those below them) that decide who shares the run."""


def lever(field: str) -> Lever:
    """The lever of a job field, or of the group that it belongs to."""
    while field:
        if field in LEVERS:
            return LEVERS[field]
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
