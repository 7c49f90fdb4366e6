"""Mamba 2's convolution and scan in one autograd function of mamba-ssm (2.3, ops/triton/ssd_combined.py,
MambaSplitConv1dScanCombinedFn), which Megatron's mixer calls (Megatron-LM, core/ssm/mamba_mixer.py,
`_ssm_training`).
"""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ledger import Shape
from vramlint.memory.ops.generic import operation
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor


@dataclass(frozen=True, slots=True)
class ScanSizes:
    """Heads and groups of a rank, elements of a head and of its state, tokens of a chunk."""

    heads: int
    head: int
    groups: int
    state: int
    chunk: int


def split_conv_scan(t: Tape, projected: Tensor, sizes: ScanSizes) -> Tensor:
    """Gate, values, b, c and step in one tensor to the gated output [batch, tokens, heads × head]. The
    projections are kept, and the output before the gate; all else is computed again in backward.
    """
    batch, tokens, _ = projected.shape
    dtype, inner = projected.dtype, sizes.heads * sizes.head
    rows: Shape = (batch, tokens, inner)
    chunks = -(-tokens // sizes.chunk)
    mixed = ((batch, tokens, inner + 2 * sizes.groups * sizes.state), dtype)
    steps = ((batch, sizes.heads, chunks, sizes.chunk), "float32")
    scores = ((batch, chunks, sizes.groups, sizes.chunk, sizes.chunk), "float32")
    states: Shape = (batch, chunks, sizes.heads, sizes.head, sizes.state)
    sums = ((batch, tokens, sizes.groups, sizes.state), "float32")
    before = t.new(rows, dtype, "mixer's output before its gate")
    return operation(
        t,
        (projected,),
        rows,
        dtype,
        "mixer's output",
        keeps=(projected, before),
        temporaries=(mixed, steps, steps, (states, "float32"), (states, dtype), scores),
        backward_temporaries=(
            *(mixed, mixed, (rows, dtype), steps, steps, steps, steps, scores, scores, sums, sums),
            *((states, "float32"), (states, "float32"), (states, dtype), (states, dtype)),
        ),
    )
