"""What a quantized weight takes on the GPU."""

from __future__ import annotations

from vramlint.job import Quantization
from vramlint.memory.ledger import Shape, rounded


def stored_bytes(count: int, shape: Shape, quantization: Quantization) -> int:
    """Bytes of a weight of `count` elements under a scheme, constants included, every tensor rounded up by
    the allocator.

    bitsandbytes 0.50 (functional.py, quantize_4bit): half a byte an element; one float32 absmax a block of
    64, or with double quantization one uint8 a block and a float32 per 256 blocks; a codebook of 16 (and
    256) float32 values and an offset beside each. int8: one byte and a float32 a row. GPTQ and AWQ (group
    size 128): packed values, 16-bit scales and packed zeros a group. HQQ: the same with 16-bit zeros.
    """
    scheme = quantization.scheme
    if scheme in ("bnb-nf4", "bnb-fp4", "torchao-nf4"):
        blocks = -(-count // 64)
        packed = rounded(-(-count // 2)) + rounded(16 * 4)
        if quantization.double_quant or scheme == "torchao-nf4":
            return packed + rounded(blocks) + rounded(-(-blocks // 256) * 4) + rounded(256 * 4) + rounded(4)
        return packed + rounded(blocks * 4)
    if scheme == "bnb-int8":
        return rounded(count) + rounded(-(-count // shape[-1]) * 4)
    if scheme in ("gptq-int4", "awq-int4"):
        groups = -(-count // 128)
        return rounded(-(-count // 2)) + rounded(groups * 2) + rounded(-(-groups // 2))
    if scheme == "gptq-int8":
        groups = -(-count // 128)
        return rounded(count) + rounded(groups * 2) + rounded(groups)
    if scheme == "hqq-int4":
        groups = -(-count // 64)
        return rounded(-(-count // 2)) + 2 * rounded(groups * 2)
    if scheme == "fp8":
        return rounded(count) + rounded(-(-count // shape[-1]) * 4)
    return rounded(count * 2)
