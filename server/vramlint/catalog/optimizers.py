"""Optimizers: one row each with all that is known of it. What the words of a row mean in bytes is in
`memory/optimizers.py`.

Names are those of transformers' `optim` (5.23, training_args.py OptimizerNames) and of the frameworks that
have their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from vramlint.lazy_dataclasses import dataclass

States: TypeAlias = Literal[
    "dense", "block-wise", "torchao", "factored", "low-rank", "low-rank-svd", "matrices-only"
]
"""How states are laid out.

dense: buffers of the weight's shape. block-wise: bitsandbytes' codes with one absmax a block. torchao: its
packed codes with one scale a block. factored: a row and a column vector a matrix. low-rank: a projector and
moments of rank r for linear layers; low-rank-svd: the projector comes from a singular value decomposition.
matrices-only: one momentum on matrices, Adam's two moments elsewhere.
"""
Step: TypeAlias = Literal[
    "in-place",
    "fused",
    "foreach",
    "largest",
    "adafactor",
    "low-rank",
    "low-rank-8bit",
    "muon",
    "stable-adamw",
]
"""What a step allocates.

in-place: nothing. fused: nothing, with a step counter on the GPU for each tensor. foreach: `temporaries`
sets of all parameters at once. largest: `temporaries` bytes an element of the largest tensor. adafactor: as
transformers' Adafactor. low-rank, low-rank-8bit: as GaLore and APOLLO. muon: as torch's Muon beside AdamW.
stable-adamw: as torch-optimi's.
"""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """What an optimizer keeps for each trained weight, and how it steps."""

    states: States = "dense"
    buffers: float = 2
    """Buffers of the weight's shape, beside what the layout itself implies."""
    bits: int | None = None
    """Width of an element of the states; None: as wide as the states' dtype of the job."""
    step: Step = "in-place"
    temporaries: float = 0
    steps_in_backward: bool = False
    """Whether each gradient is used and freed in backward (LOMO, layer-wise GaLore)."""
    on_host: bool = False
    """Whether the states are in host memory."""
    paged: bool = False
    """Whether large states are in unified memory: outside PyTorch's allocator, and evicted to the host when
    the GPU is full.
    """
    smaller: str | None = None
    """The optimizer of the same rule with 8-bit states."""
    for_dtensors: str | None = None
    """Of a class of bitsandbytes, whose kernels take no DTensor: the one of torchao with the same states."""
    fused: str | None = None
    """The same optimizer stepping in one kernel, without temporaries."""
    common: bool = False
    """Whether it is worth comparing with others."""
    classes: tuple[str, ...] = ()
    """Dotted names of its classes, as configs name them; the first is the one to write."""

    @property
    def compact(self) -> bool:
        """Whether no state of a weight's shape is wider than 8 bits."""
        return self.buffers == 0 or (self.bits is not None and self.bits <= 8)


_BNB, _TORCHAO = "bitsandbytes.optim.", "torchao.optim."

OPTIMIZERS: Mapping[str, Optimizer] = {
    "adamw": Optimizer(smaller="adamw_8bit", common=True),
    "adam": Optimizer(smaller="adamw_8bit"),
    "adamw_torch_single": Optimizer(step="largest", temporaries=8, smaller="adamw_8bit"),
    "decoupled_adamw": Optimizer(step="largest", temporaries=8, smaller="adamw_8bit"),
    "decoupled_lionw": Optimizer(buffers=1, step="largest", temporaries=4),
    "adamw_hf": Optimizer(smaller="adamw_8bit"),
    "adamw_torch": Optimizer(
        step="foreach",
        temporaries=1,
        smaller="adamw_8bit",
        fused="adamw_torch_fused",
        common=True,
        classes=("torch.optim.AdamW", "torch.optim.Adam", _TORCHAO + "_AdamW"),
    ),
    "adamw_torch_fused": Optimizer(
        step="fused", smaller="adamw_8bit", common=True, classes=("torch.optim.AdamW",)
    ),
    "adamw_torch_xla": Optimizer(step="foreach", temporaries=1),
    "adamw_torch_npu_fused": Optimizer(step="fused"),
    "adamw_apex_fused": Optimizer(bits=32, smaller="adamw_8bit"),
    "adamw_anyprecision": Optimizer(bits=32, step="largest", temporaries=8, smaller="adamw_8bit"),
    "adamw_8bit": Optimizer(
        "block-wise", bits=8, common=True, for_dtensors="adamw_torch_8bit", classes=(_BNB + "AdamW8bit",)
    ),
    "adamw_bnb_8bit": Optimizer(
        "block-wise", bits=8, common=True, for_dtensors="adamw_torch_8bit", classes=(_BNB + "AdamW8bit",)
    ),
    "paged_adamw_8bit": Optimizer(
        "block-wise", bits=8, paged=True, common=True, classes=(_BNB + "PagedAdamW8bit",)
    ),
    "paged_adamw": Optimizer(bits=32, paged=True, smaller="paged_adamw_8bit"),
    "paged_adamw_32bit": Optimizer(
        bits=32, paged=True, smaller="paged_adamw_8bit", common=True, classes=(_BNB + "PagedAdamW",)
    ),
    "adamw_torch_8bit": Optimizer(
        "torchao", bits=8, step="largest", temporaries=4, classes=(_TORCHAO + "AdamW8bit",)
    ),
    "adamw_torch_4bit": Optimizer(
        "torchao", bits=4, step="largest", temporaries=4, classes=(_TORCHAO + "AdamW4bit",)
    ),
    "ao_adamw_8bit": Optimizer("torchao", bits=8, step="largest", temporaries=4),
    "ao_adamw_4bit": Optimizer("torchao", bits=4, step="largest", temporaries=4),
    "ao_adamw_fp8": Optimizer(
        "torchao", bits=8, step="largest", temporaries=4, classes=(_TORCHAO + "AdamWFp8",)
    ),
    "ademamix": Optimizer(buffers=3, bits=32, smaller="ademamix_8bit"),
    "ademamix_8bit": Optimizer("block-wise", 3, 8),
    "paged_ademamix": Optimizer(buffers=3, bits=32, paged=True, smaller="paged_ademamix_8bit"),
    "paged_ademamix_32bit": Optimizer(buffers=3, bits=32, paged=True, smaller="paged_ademamix_8bit"),
    "paged_ademamix_8bit": Optimizer("block-wise", 3, 8, paged=True),
    "lion": Optimizer(buffers=1, bits=32, smaller="lion_8bit"),
    "lion_32bit": Optimizer(buffers=1, bits=32, smaller="lion_8bit"),
    "lion_8bit": Optimizer("block-wise", 1, 8, common=True, classes=(_BNB + "Lion8bit",)),
    "paged_lion": Optimizer(buffers=1, bits=32, paged=True, smaller="paged_lion_8bit"),
    "paged_lion_32bit": Optimizer(buffers=1, bits=32, paged=True, smaller="paged_lion_8bit"),
    "paged_lion_8bit": Optimizer("block-wise", 1, 8, paged=True, classes=(_BNB + "PagedLion8bit",)),
    "lion_pytorch": Optimizer(buffers=1, step="largest", temporaries=2),
    "rmsprop": Optimizer(buffers=1, step="foreach", temporaries=1),
    "rmsprop_bnb": Optimizer(buffers=1, bits=32, smaller="rmsprop_bnb_8bit"),
    "rmsprop_bnb_32bit": Optimizer(buffers=1, bits=32, smaller="rmsprop_bnb_8bit"),
    "rmsprop_bnb_8bit": Optimizer("block-wise", 1, 8),
    "adagrad": Optimizer(buffers=1, step="foreach", temporaries=2),
    "sgd": Optimizer(buffers=0, common=True, classes=("torch.optim.SGD",)),
    "sgd_momentum": Optimizer(buffers=1),
    "adafactor": Optimizer("factored", 0, step="adafactor", common=True, classes=("transformers.Adafactor",)),
    # One second moment a row, which is nothing beside the first ones (adam-mini 1.1, adam_mini.py, step).
    "adam_mini": Optimizer(buffers=1, step="largest", temporaries=8),
    "galore_adamw": Optimizer("low-rank-svd", 0, step="low-rank"),
    "galore_adamw_8bit": Optimizer("low-rank-svd", 0, 8, step="low-rank-8bit"),
    "galore_adafactor": Optimizer("factored", 0, step="largest", temporaries=12),
    "galore_adamw_layerwise": Optimizer("low-rank-svd", 0, step="low-rank", steps_in_backward=True),
    "galore_adamw_8bit_layerwise": Optimizer(
        "low-rank-svd", 0, 8, step="low-rank-8bit", steps_in_backward=True
    ),
    "galore_adafactor_layerwise": Optimizer(
        "factored", 0, step="largest", temporaries=12, steps_in_backward=True
    ),
    "apollo_adamw": Optimizer("low-rank", 0, step="low-rank"),
    "apollo_adamw_layerwise": Optimizer("low-rank", 0, step="low-rank", steps_in_backward=True),
    "lomo": Optimizer(buffers=0, steps_in_backward=True),
    "adalomo": Optimizer("factored", 0, step="largest", temporaries=4, steps_in_backward=True),
    "grokadamw": Optimizer(buffers=3, step="largest", temporaries=12, on_host=True),
    "schedule_free_adamw": Optimizer(step="foreach", temporaries=1),
    "schedule_free_radam": Optimizer(step="foreach", temporaries=1),
    "schedule_free_sgd": Optimizer(buffers=1, step="foreach", temporaries=1),
    "stable_adamw": Optimizer(buffers=3, step="stable-adamw"),
    "optimi_adamw": Optimizer(buffers=3, step="foreach", temporaries=1),
    "muon": Optimizer("matrices-only", 1, step="muon", common=True),
    "came_pytorch": Optimizer("factored", 1, step="largest", temporaries=16),
    "adopt_adamw": Optimizer(step="foreach", temporaries=1),
    "deepspeed_adamw": Optimizer(bits=32),
    "deepspeed_cpu_adam": Optimizer(bits=32, on_host=True),
}


def optimizer_named(name: str) -> Optimizer | None:
    """The row for a name, None where it is not known."""
    return OPTIMIZERS.get(name.lower().replace("-", "_"))


def smaller_optimizer(name: str, *, dtensors: bool = False) -> str | None:
    """The optimizer of the same rule with 8-bit states, one that steps FSDP2's shards where `dtensors`; None
    where there is none.
    """
    row = optimizer_named(name)
    if row is None or row.smaller is None or not dtensors:
        return row.smaller if row is not None else None
    return OPTIMIZERS[row.smaller].for_dtensors


def steps_in_backward(name: str) -> bool:
    """Whether the optimizer consumes gradients during the backward pass."""
    row = optimizer_named(name)
    return row is not None and row.steps_in_backward


def name_of_class(dotted: str) -> str:
    """The name of the optimizer whose class a config names, with its module or without; a class that is not
    known gives its own name.

    Two packages may have a class of the same name: the one named, else the first of the table.
    """
    package, _, own = dotted.rpartition(".")
    found = [
        (name, each)
        for name, row in OPTIMIZERS.items()
        for each in row.classes
        if each.rpartition(".")[2] == own
    ]
    of_package = (name for name, each in found if each.partition(".")[0] == package.partition(".")[0])
    return next(of_package, found[0][0] if found else own.lower())


def class_of(name: str) -> str | None:
    """The dotted class to write for an optimizer, None where it has none."""
    row = optimizer_named(name)
    return row.classes[0] if row and row.classes else None
