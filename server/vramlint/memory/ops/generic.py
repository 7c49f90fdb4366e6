"""Operations told by what they keep and make, for those that need no function of their own."""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.memory.ledger import Shape
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor


def operation(
    t: Tape,
    sources: Sequence[Tensor],
    shape: Shape,
    dtype: str,
    name: str,
    keeps: Sequence[Tensor | None] = (),
    keeps_output: bool = False,
    temporaries: Sequence[tuple[Shape, str]] = (),
    backward_temporaries: Sequence[tuple[Shape, str]] = (),
) -> Tensor:
    """A new tensor from `sources`. `keeps` is saved for backward, which makes a gradient of the shape and
    dtype of each source that wants one.

    `temporaries` live while the result is made, `backward_temporaries` while the gradients are.
    """
    tracked = t.tracks(*sources)
    saved = t.save(*keeps) if tracked and keeps else None
    held = [t.new(side, kind, f"{name}, temporary") for side, kind in temporaries]
    out = t.new(shape, dtype, name)
    del held
    if not tracked:
        return out
    own = t.save(out.detach()) if keeps_output else None
    wanted = [(source.shape, source.dtype) if source.node is not None else None for source in sources]

    def backward(grad: Tensor) -> Gradients:
        opened = (saved.open() if saved is not None else None), (own.open() if own is not None else None)
        extra = [t.new(side, kind, f"gradient of {name}, temporary") for side, kind in backward_temporaries]
        results = tuple(None if want is None else t.new(*want, f"gradient of {name}") for want in wanted)
        del opened, extra
        return results

    return t.record(out, tuple(source.node for source in sources), backward)
