"""LLM.int8: bitsandbytes' products with 8-bit weights."""

from __future__ import annotations

from vramlint.memory.ops.basic import cast
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor


def int8_matmul(t: Tape, x: Tensor, weight: Parameter, name: str) -> Tensor:
    """MatMul8bitLt (bitsandbytes 0.45.0 to 0.50.2, autograd/_functions.py; backends/cuda/ops.py): the input
    is quantized by rows, the product made in int32 and scaled to float16; backward unpacks the weight.

    The input hangs on the node itself (`ctx.tensors`), where checkpointing does not see it: without
    reentrancy it is kept for every layer, recomputed or not. Until 0.44 its columns' codes hang there too.
    Columns of outliers, which stay in 16 bits, depend on the data and are left out.
    """
    given, shape = x.dtype, x.shape
    half = cast(t, x.detach(), "float16", f"{name} input in float16")
    codes = t.new(shape, "int8", f"{name} input in 8 bits")
    columns = t.new(shape, "int8", f"{name} input in 8 bits, by columns") if t.int8_columns else None
    size = t.new(shape, "float16", f"{name} input, absolute")
    outliers = t.new(shape, "bool", f"{name} input, outliers")
    del half, size, outliers
    whole = (*shape[:-1], weight.shape[0])
    sums = t.new(whole, "int32", f"{name} in int32")
    scaled = t.new(whole, "float16", f"{name} in float16")
    out = cast(t, scaled, given, name)
    del sums, scaled, codes
    if not (t.recording and x.node is not None):
        return out
    hanging = [x.detach(), columns]
    del columns

    def backward(grad: Tensor) -> Gradients:
        unpacked = t.new(weight.shape, given, f"{weight.name}, dequantized")
        result = t.new(shape, given, f"gradient of {name}'s input")
        del unpacked
        hanging.clear()
        return (result,)

    return t.record(out, (x.node,), backward)
