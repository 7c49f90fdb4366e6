"""Optimizers: what each keeps per trained weight, and what its step needs for a moment. A row an optimizer.

Names are those of transformers' `optim` (5.23, training_args.py OptimizerNames) and of the frameworks that
have their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ledger import DTYPE_BYTES, rounded
from vramlint.memory.tape import Parameter

Arguments: TypeAlias = Mapping[str, float | int | str | bool]
States: TypeAlias = Callable[[Parameter, str, Arguments], int]
Step: TypeAlias = "Callable[[Sequence[tuple[Parameter, int]], Callable[[Parameter], int]], int]"


def no_temporaries(trained: Sequence[tuple[Parameter, int]], share: Callable[[Parameter], int]) -> int:
    """A fused or in-place step."""
    return 0


@dataclass(frozen=True, slots=True)
class Optimizer:
    """`states(parameter, dtype, arguments)`: bytes kept for one tensor. `step(trained, share)`: bytes of the
    temporaries of a step, where `trained` lists the tensors with their counts in the model's order and
    `share` says how many elements of a tensor this rank holds.
    """

    states: States
    step: Step = no_temporaries
    frees_gradients: bool = False
    """True where each gradient is used and freed in backward (LOMO, layer-wise GaLore)."""
    counter: int = 0
    """Bytes of the step counter that torch keeps on the GPU for each tensor (fused kinds)."""
    on_host: bool = False
    """True where the states live in host memory."""
    paged: bool = False
    """True where large states lie in unified memory: outside PyTorch's allocator, and evicted to the host
    when the card is full.
    """


def moments(number: float, width: float | None = None) -> States:
    """`number` buffers of the parameter's shape in its state dtype, or `width` bytes an element."""

    def states(parameter: Parameter, dtype: str, arguments: Arguments) -> int:
        return int(number * rounded(parameter.numel * (DTYPE_BYTES[dtype] if width is None else width)))

    return states


def block_wise(number: int, bits: int = 8, block: int = 256, smallest: int = 4096) -> States:
    """Low-bit states with one float32 absmax a block; tensors under `smallest` elements in float32, and
    embeddings where the Trainer says so.

    bitsandbytes 0.50 optim/optimizer.py (min_8bit_size); transformers 5.23 trainer.py registers a 32-bit
    override for every nn.Embedding ("wide_embeddings").
    """

    def states(parameter: Parameter, dtype: str, arguments: Arguments) -> int:
        count = parameter.numel
        wide_embedding = arguments.get("wide_embeddings", True) and parameter.name.startswith("embed")
        # A flat partition is one long tensor without a name, whatever small tensors lie in it.
        if not arguments.get("flat_partition") and (count < smallest or wide_embedding):
            return number * rounded(count * 4)
        return number * (rounded(count * bits / 8) + rounded(-(-count // block) * 4))

    return states


def torchao(bits: int, block: int = 256) -> States:
    """torchao 0.18 low-bit Adam: packed codes and a float32 scale a block; sizes that the block does not
    divide keep the parameter's dtype.
    """

    def states(parameter: Parameter, dtype: str, arguments: Arguments) -> int:
        count = parameter.numel
        if count < 4096 or count % block:
            return 2 * rounded(count * DTYPE_BYTES[dtype])
        return 2 * (rounded(count * bits / 8) + rounded(count // block * 4))

    return states


def factored(extra: float = 0) -> States:
    """A float32 row and column vector a matrix, whole for vectors (Adafactor, Shazeer & Stern 1804.04235);
    `extra` dense buffers beside (CAME: 1).
    """

    def states(parameter: Parameter, dtype: str, arguments: Arguments) -> int:
        shape = parameter.shape
        dense = int(extra * rounded(parameter.numel * DTYPE_BYTES[dtype]))
        if len(shape) < 2:
            return rounded(parameter.numel * 4) + dense
        return rounded(parameter.numel // shape[-1] * 4) + rounded(parameter.numel // shape[-2] * 4) + dense

    return states


def low_rank(bits: int = 0) -> States:
    """GaLore and APOLLO: a projector and two moments of rank r for linear layers, dense moments elsewhere
    (galore-torch, apollo-torch).
    """
    dense, small = (block_wise(2), 1.0 + 4 / 256) if bits == 8 else (moments(2), None)

    def states(parameter: Parameter, dtype: str, arguments: Arguments) -> int:
        shape = parameter.shape
        if len(shape) != 2 or parameter.name.startswith(("embed", "lm_head")):
            return dense(parameter, dtype, arguments)
        rank = min(int(arguments.get("rank", 128)), *shape)
        width = DTYPE_BYTES[dtype] if small is None else small
        return rounded(rank * min(shape) * DTYPE_BYTES[dtype]) + 2 * rounded(rank * max(shape) * width)

    return states


def matrices_only(matrix: States, rest: States) -> States:
    """Muon: momentum on the matrices of the layers, Adam on embeddings, head and vectors."""

    def states(parameter: Parameter, dtype: str, arguments: Arguments) -> int:
        inner = len(parameter.shape) == 2 and not parameter.name.startswith(("embed", "lm_head"))
        return (matrix if inner else rest)(parameter, dtype, arguments)

    return states


def foreach(copies: float) -> Step:
    """Temporaries over all tensors at once (torch/optim, _multi_tensor_*): `copies` sets of the parameters'
    bytes.
    """

    def step(trained: Sequence[tuple[Parameter, int]], share: Callable[[Parameter], int]) -> int:
        return int(
            copies
            * sum(
                count * rounded(share(parameter) * DTYPE_BYTES[parameter.stored])
                for parameter, count in trained
            )
        )

    return step


def adafactor_step(trained: Sequence[tuple[Parameter, int]], share: Callable[[Parameter], int]) -> int:
    """transformers' Adafactor.step, one parameter after the other: squared gradient and update in float32,
    before them a float32 gradient and copy of a 16-bit parameter; the previous parameter's update is still
    held by its local variable (optimization.py, 5.23).
    """
    most = held = 0
    for parameter, _ in trained:
        if len(parameter.shape) < 2:
            continue  # vectors come last: the Trainer puts them in a group without weight decay
        size = rounded(share(parameter) * 4)
        most = max(most, (2 if parameter.stored == "float32" else 4) * size + held)
        held = size
    return most


def largest(bytes_per_element: float) -> Step:
    """Temporaries for one tensor at a time, the largest deciding."""

    def step(trained: Sequence[tuple[Parameter, int]], share: Callable[[Parameter], int]) -> int:
        return int(bytes_per_element * max((share(parameter) for parameter, _ in trained), default=0))

    return step


FUSED = Optimizer(moments(2), counter=512)
FOREACH = Optimizer(moments(2), foreach(1))
EIGHT_BIT = Optimizer(block_wise(2))
DENSE_32 = Optimizer(moments(2, 4))
PAGED_8BIT, PAGED_32 = Optimizer(block_wise(2), paged=True), Optimizer(moments(2, 4), paged=True)
LION_8 = Optimizer(block_wise(1))
GALORE = Optimizer(low_rank(), largest(12))
APOLLO = Optimizer(low_rank(), largest(8))

OPTIMIZERS: dict[str, Optimizer] = {
    "adamw": Optimizer(moments(2)),
    "adam": Optimizer(moments(2)),
    "adamw_hf": Optimizer(moments(2)),
    "adamw_torch": FOREACH,
    "adamw_torch_fused": FUSED,
    "adamw_torch_xla": FOREACH,
    "adamw_torch_npu_fused": FUSED,
    "adamw_apex_fused": DENSE_32,
    "adamw_anyprecision": Optimizer(moments(2, 4), largest(8)),
    "adamw_torch_8bit": Optimizer(torchao(8), largest(4)),
    "adamw_torch_4bit": Optimizer(torchao(4), largest(4)),
    "ao_adamw_8bit": Optimizer(torchao(8), largest(4)),
    "ao_adamw_4bit": Optimizer(torchao(4), largest(4)),
    "ao_adamw_fp8": Optimizer(torchao(8), largest(4)),
    "adamw_8bit": EIGHT_BIT,
    "adamw_bnb_8bit": EIGHT_BIT,
    "paged_adamw_8bit": PAGED_8BIT,
    "paged_adamw": PAGED_32,
    "paged_adamw_32bit": PAGED_32,
    "ademamix": Optimizer(moments(3, 4)),
    "ademamix_8bit": Optimizer(block_wise(3)),
    "paged_ademamix": Optimizer(moments(3, 4), paged=True),
    "paged_ademamix_32bit": Optimizer(moments(3, 4), paged=True),
    "paged_ademamix_8bit": Optimizer(block_wise(3), paged=True),
    "lion": Optimizer(moments(1, 4)),
    "lion_32bit": Optimizer(moments(1, 4)),
    "lion_8bit": LION_8,
    "paged_lion": Optimizer(moments(1, 4), paged=True),
    "paged_lion_32bit": Optimizer(moments(1, 4), paged=True),
    "paged_lion_8bit": Optimizer(block_wise(1), paged=True),
    "lion_pytorch": Optimizer(moments(1), largest(2)),
    "rmsprop": Optimizer(moments(1), foreach(1)),
    "rmsprop_bnb": Optimizer(moments(1, 4)),
    "rmsprop_bnb_32bit": Optimizer(moments(1, 4)),
    "rmsprop_bnb_8bit": LION_8,
    "adagrad": Optimizer(moments(1), foreach(2)),
    "sgd": Optimizer(moments(0)),
    "sgd_momentum": Optimizer(moments(1)),
    "adafactor": Optimizer(factored(), adafactor_step),
    "galore_adamw": GALORE,
    "galore_adamw_8bit": Optimizer(low_rank(8), largest(12)),
    "galore_adafactor": Optimizer(factored(), largest(12)),
    "galore_adamw_layerwise": Optimizer(low_rank(), largest(12), frees_gradients=True),
    "galore_adamw_8bit_layerwise": Optimizer(low_rank(8), largest(12), frees_gradients=True),
    "galore_adafactor_layerwise": Optimizer(factored(), largest(12), frees_gradients=True),
    "apollo_adamw": APOLLO,
    "apollo_adamw_layerwise": Optimizer(low_rank(), largest(8), frees_gradients=True),
    "lomo": Optimizer(moments(0), frees_gradients=True),
    "adalomo": Optimizer(factored(), largest(4), frees_gradients=True),
    "grokadamw": Optimizer(moments(3), largest(12), on_host=True),
    "schedule_free_adamw": Optimizer(moments(2), foreach(1)),
    "schedule_free_radam": Optimizer(moments(2), foreach(1)),
    "schedule_free_sgd": Optimizer(moments(1), foreach(1)),
    "stable_adamw": Optimizer(moments(3), foreach(1)),
    "optimi_adamw": Optimizer(moments(3), foreach(1)),
    "muon": Optimizer(matrices_only(moments(1), moments(2)), largest(10)),
    "came_pytorch": Optimizer(factored(1), largest(16)),
    "adopt_adamw": Optimizer(moments(2), foreach(1)),
    "deepspeed_adamw": DENSE_32,
    "deepspeed_cpu_adam": Optimizer(moments(2, 4), on_host=True),
}


def optimizer_of(name: str) -> Optimizer | None:
    """The row for a name, None where it is not known."""
    return OPTIMIZERS.get(name.lower().replace("-", "_"))
