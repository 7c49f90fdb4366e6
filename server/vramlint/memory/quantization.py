"""What a quantized weight takes on the GPU."""

from __future__ import annotations

from vramlint.job import Quantization
from vramlint.memory.ledger import Shape, rounded
from vramlint.patterns import pattern

BY_GROUPS = pattern(r"(?:(gptq|awq|hqq)-)?int([2348])")
"""Schemes of packed integers with scales a group; without a method those of compressed-tensors."""
GROUP = {"hqq": 64}
"""Elements a group, where not 128."""
UNPACKED = frozenset({"mxfp4"})
"""Schemes that are unpacked before training, since their kernels have no backward pass (transformers 5.24,
quantizers/quantizer_mxfp4.py, is_trainable).
"""


def has_formula(scheme: str) -> bool:
    """Whether the size of weights stored so is known."""
    known = scheme in UNPACKED or scheme in ("bnb-nf4", "bnb-fp4", "torchao-nf4", "bnb-int8", "fp8", "fp4")
    return known or BY_GROUPS.fullmatch(scheme) is not None


def stored_bytes(count: int, shape: Shape, quantization: Quantization) -> int:
    """Bytes of a weight of `count` elements under a scheme, constants included, every tensor rounded up by
    the allocator; of a scheme that has no formula, what 16 bits take.

    bitsandbytes 0.50 (functional.py, quantize_4bit): half a byte an element; one float32 absmax a block of
    64, or with double quantization one uint8 a block and a float32 per 256 blocks; a codebook of 16 (and
    256) float32 values and an offset beside each. int8: one byte and a float32 a row. GPTQ and AWQ (group
    size 128): packed values, 16-bit scales and packed zeros a group; compressed-tensors: the same without
    zeros. HQQ: the same with 16-bit zeros. fp4 of compressed-tensors (NVFP4): one byte for 16 elements.
    """
    scheme = quantization.scheme
    if scheme in ("bnb-nf4", "bnb-fp4", "torchao-nf4"):
        blocks = -(-count // 64)
        packed = rounded(-(-count // 2)) + rounded(16 * 4)
        if quantization.double_quant or scheme == "torchao-nf4":
            return packed + rounded(blocks) + rounded(-(-blocks // 256) * 4) + rounded(256 * 4) + rounded(4)
        return packed + rounded(blocks * 4)
    if scheme in ("bnb-int8", "fp8"):
        return rounded(count) + rounded(-(-count // shape[-1]) * 4)
    if scheme == "fp4":
        return rounded(-(-count // 2)) + rounded(-(-count // 16)) + rounded(4)
    integers = BY_GROUPS.fullmatch(scheme)
    if integers is None:
        return rounded(count * 2)
    method, bits = integers[1], int(integers[2])
    groups = -(-count // GROUP.get(method, 128))
    zeros = {"hqq": rounded(groups * 2), None: 0}.get(method, rounded(-(-groups * bits // 8)))
    return rounded(-(-count * bits // 8)) + rounded(groups * 2) + zeros
