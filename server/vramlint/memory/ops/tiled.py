"""A feed-forward block over pieces of the sequence, one after the other (ALST, 2506.13996)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor


def tiled(
    t: Tape,
    run: Callable[[Tape, Tensor], Tensor],
    x: Tensor,
    pieces: int,
    accumulated: Sequence[Parameter] = (),
) -> Tensor:
    """TiledMLP.apply (axolotl 0.21, monkeypatch/tiled_mlp/base.py; deepspeed 0.19.2,
    runtime/sequence_parallel/ulysses_sp.py): forward runs without a graph and joins the pieces' outputs; only
    the input is kept, and backward runs each piece again and differentiates it.

    `accumulated`: weights whose gradients are added up beside each piece's own (not under DeepSpeed).
    """
    rows, tokens, width = x.shape
    piece = (rows, -(-tokens // pieces), width)
    with t.no_grad():
        others = t.new((rows, tokens - piece[1], width), x.dtype, "MLP outputs of the other pieces")
        last = run(t, Tensor(x.storage, piece, x.dtype))
        out = t.new(x.shape, last.dtype, "MLP outputs, joined")
        del others, last
    if not t.recording or not (x.node is not None or any(weight.trainable for weight in accumulated)):
        return out
    saved = t.save(x)
    shape, dtype = x.shape, x.dtype

    def backward(grad: Tensor) -> Gradients:
        (source,) = saved.open()
        whole = t.new(shape, dtype, "gradient of the tiled MLP's input")
        sums = [t.new(each.shape, each.dtype, f"gradient of {each.name}, summed") for each in accumulated]
        entry = t.record(Tensor(source.storage, piece, dtype), (), lambda arrived: ())
        start = len(t.nodes)
        cache, t.cast_cache = t.cast_cache, {}
        result = run(t, entry)
        t.cast_cache = cache
        if result.node is not None:
            result.node.grad = Tensor(grad.storage, result.shape, result.dtype)
        del result, entry, source
        t.backward(start - 1)
        del sums
        return (whole,)

    return t.record(out, (x.node,), backward)
