"""What an optimizer keeps per trained weight, and what its step allocates for a moment: the formulas of the
words in the rows of `catalog/optimizers.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from vramlint.catalog import optimizers as catalog
from vramlint.catalog.optimizers import Optimizer
from vramlint.memory.ledger import DTYPE_BYTES, rounded
from vramlint.memory.tensors import Parameter

Arguments: TypeAlias = Mapping[str, float | int | str | bool]
States: TypeAlias = Callable[[Parameter, str, Arguments], int]
Step: TypeAlias = "Callable[[Sequence[tuple[Parameter, int]], Callable[[Parameter], int]], int]"


def no_temporaries(trained: Sequence[tuple[Parameter, int]], share: Callable[[Parameter], int]) -> int:
    """A fused or in-place step."""
    return 0


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
        # Of a shard the rule is asked of the whole tensor: DTensor.numel() counts all ranks' elements.
        small = int(arguments.get("whole", count)) < smallest
        if not arguments.get("flat_partition") and (small or wide_embedding):
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


def is_matrix(parameter: Parameter) -> bool:
    """Whether a weight belongs to a linear layer inside the model: not to the embedding or the head."""
    return len(parameter.shape) == 2 and not parameter.name.startswith(("embed", "lm_head"))


def low_rank(bits: int = 0, decomposed: bool = False) -> States:
    """GaLore and APOLLO: a projector and two moments of rank r for linear layers, dense moments elsewhere
    (galore-torch, apollo-torch).

    `decomposed`: the projector is cut out of a whole factor, which float32 gradients keep, since no cast
    copies the cut (galore-torch 1.0, galore_projector.py, get_orthogonal_matrix).
    """
    dense, small = (block_wise(2), 1.0 + 4 / 256) if bits == 8 else (moments(2), None)

    def states(parameter: Parameter, dtype: str, arguments: Arguments) -> int:
        shape = parameter.shape
        if not is_matrix(parameter):
            return dense(parameter, dtype, arguments)
        rank = min(int(arguments.get("rank", 128)), *shape)
        width = DTYPE_BYTES[dtype] if small is None else small
        columns = min(shape) if decomposed and parameter.stored == "float32" else rank
        return rounded(columns * min(shape) * DTYPE_BYTES[dtype]) + 2 * rounded(rank * max(shape) * width)

    return states


def matrices_only(matrix: States, rest: States) -> States:
    """Muon: momentum on the matrices of the layers, Adam on embeddings, head and vectors."""

    def states(parameter: Parameter, dtype: str, arguments: Arguments) -> int:
        return (matrix if is_matrix(parameter) else rest)(parameter, dtype, arguments)

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


def own_bytes(parameter: Parameter, share: Callable[[Parameter], int]) -> int:
    """Bytes of this rank's part of a tensor in its own dtype."""
    return rounded(share(parameter) * DTYPE_BYTES[parameter.stored])


def low_rank_step(trained: Sequence[tuple[Parameter, int]], share: Callable[[Parameter], int]) -> int:
    """GaLoreAdamW.step and APOLLOAdamW.step, one tensor after the other, those that are not projected first
    (galore-torch 1.0, adamw.py; apollo-torch 1.0.3, apollo.py): denominator and update, which the previous
    tensor's local variables outlive; of a projected one two full updates, beside which those of rank r are
    nothing. Every update_proj_gap steps GaLore's decomposition takes more, which is not counted.
    """
    most = denominator = update = 0
    for parameter, _ in sorted(trained, key=lambda item: is_matrix(item[0])):
        size = own_bytes(parameter, share)
        if is_matrix(parameter):
            most = max(most, size + update, 2 * size)
            denominator, update = 0, size
        else:
            most = max(most, denominator + update + size, update + 2 * size)
            denominator = update = size
    return most


def low_rank_8bit_step(trained: Sequence[tuple[Parameter, int]], share: Callable[[Parameter], int]) -> int:
    """GaLoreAdamW8bit.step (galore-torch 1.0, adamw8bit.py): of a projected tensor a copy of the weight and
    two full updates.
    """
    return 3 * max(
        (own_bytes(parameter, share) for parameter, _ in trained if is_matrix(parameter)), default=0
    )


def muon_step(trained: Sequence[tuple[Parameter, int]], share: Callable[[Parameter], int]) -> int:
    """torch's Muon (2.13, optim/_muon.py): an update in the weight's dtype, two bfloat16 iterates and two
    products as wide as the shorter side; and AdamW, all at once, on what is no matrix.
    """
    matrices = [
        own_bytes(parameter, share)
        + 2 * rounded(share(parameter) * 2)
        + 2 * rounded(min(parameter.shape) ** 2 * 2)
        for parameter, _ in trained
        if is_matrix(parameter)
    ]
    rest = [(parameter, count) for parameter, count in trained if not is_matrix(parameter)]
    return max(max(matrices, default=0), foreach(1)(rest, share))


def stable_adamw_step(trained: Sequence[tuple[Parameter, int]], share: Callable[[Parameter], int]) -> int:
    """torch-optimi's loop over tensors (0.3.3, stableadamw.py): the squared gradient and the larger of second
    moment and epsilon. Its Triton kernel, where that runs, makes neither.
    """
    return 2 * max((own_bytes(parameter, share) for parameter, _ in trained), default=0)


def largest(bytes_per_element: float) -> Step:
    """Temporaries for one tensor at a time, the largest deciding."""

    def step(trained: Sequence[tuple[Parameter, int]], share: Callable[[Parameter], int]) -> int:
        return int(bytes_per_element * max((share(parameter) for parameter, _ in trained), default=0))

    return step


STATES: Mapping[catalog.States, Callable[[Optimizer], States]] = {
    "dense": lambda row: moments(row.buffers, None if row.bits is None else row.bits / 8),
    "block-wise": lambda row: block_wise(int(row.buffers), row.bits or 8),
    "torchao": lambda row: torchao(row.bits or 8),
    "factored": lambda row: factored(row.buffers),
    "low-rank": lambda row: low_rank(row.bits or 0),
    "low-rank-svd": lambda row: low_rank(row.bits or 0, decomposed=True),
    "matrices-only": lambda row: matrices_only(moments(row.buffers), moments(2)),
}
STEPS: Mapping[catalog.Step, Callable[[Optimizer], Step]] = {
    "in-place": lambda row: no_temporaries,
    "fused": lambda row: no_temporaries,
    "foreach": lambda row: foreach(row.temporaries),
    "largest": lambda row: largest(row.temporaries),
    "adafactor": lambda row: adafactor_step,
    "low-rank": lambda row: low_rank_step,
    "low-rank-8bit": lambda row: low_rank_8bit_step,
    "muon": lambda row: muon_step,
    "stable-adamw": lambda row: stable_adamw_step,
}
COUNTER = 512
"""Bytes of the step counter that torch's fused optimizers keep on the GPU for each tensor."""


def states_of(row: Optimizer) -> States:
    """Bytes kept for one tensor, as a function of it, the states' dtype and the config's arguments."""
    counter, states = COUNTER if row.step == "fused" else 0, STATES[row.states](row)
    return lambda parameter, dtype, arguments: states(parameter, dtype, arguments) + counter


def step_of(row: Optimizer) -> Step:
    """Bytes of the temporaries of a step, as a function of the trained tensors with their counts, in the
    model's order, and of how many elements of a tensor this rank holds.
    """
    return STEPS[row.step](row)
