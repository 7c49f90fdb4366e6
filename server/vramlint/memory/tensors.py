"""What is on the tape: tensors without data, weights, and the operations that made them.

A storage lives exactly as long as a Python object refers to it, which is PyTorch's own rule (CPython counts
references in both).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from vramlint.memory.ledger import DTYPE_BYTES, Shape, Storage, numel


class Tensor:
    """A shape, a dtype and a storage. `node` is the operation that made it, None where no gradient flows
    back.
    """

    __slots__ = ("dtype", "node", "shape", "storage")

    def __init__(self, storage: Storage | None, shape: Shape, dtype: str, node: Node | None = None) -> None:
        self.storage = storage
        self.shape = shape
        self.dtype = dtype
        self.node = node

    @property
    def bytes(self) -> float:
        """Bytes of the values, without rounding."""
        return numel(self.shape) * DTYPE_BYTES[self.dtype]

    def view(self, *shape: int) -> Tensor:
        """The same storage in another shape; transposed and sliced views count as views too."""
        return Tensor(self.storage, shape, self.dtype, self.node)

    def detach(self) -> Tensor:
        """The same storage, cut from the graph."""
        return Tensor(self.storage, self.shape, self.dtype)


def owners(tensor: Tensor) -> int:
    """References to a tensor's storage, of which this interpreter counts some of its own: from Python 3.14 on
    a local variable is lent without being counted.
    """
    storage = tensor.storage
    return sys.getrefcount(storage)


SOLE = owners(Tensor(cast(Any, object()), (), "float32"))
"""Of a storage that one tensor has."""


class Whole(Tensor):
    """All ranks' tokens, gathered from this rank's `part`: products keep the part, and gather again."""

    __slots__ = ("part",)

    def __init__(self, out: Tensor, part: Tensor) -> None:
        super().__init__(out.storage, out.shape, out.dtype, out.node)
        self.part = part.detach()


class Parameter:
    """A weight. Its own bytes are counted outside the tape; `grad` holds its gradient, `scheme` how a frozen
    one is quantized.

    `dtype` is what operations see, `stored` what lies on the GPU between them (a float32 shard under a
    gathered bfloat16 weight). `uses` counts the operations that will send it a gradient: one of several (a
    tied embedding) is stored only when the last has come.
    """

    __slots__ = ("dtype", "grad", "name", "scheme", "shape", "spread", "stored", "trainable", "uses")

    def __init__(
        self,
        name: str,
        shape: Shape,
        dtype: str,
        trainable: bool,
        scheme: str | None = None,
        stored: str | None = None,
    ) -> None:
        self.name = name
        self.shape = shape
        self.dtype = dtype
        self.stored = stored or dtype
        self.trainable = trainable
        self.scheme = scheme
        self.grad: Storage | None = None
        self.uses = 0
        self.spread = 1.0
        """By how much fewer ranks share an expert than share all else: those that it is spread over already,
        for each that the rest of the layer is cut over.
        """

    @property
    def of_adapter(self) -> bool:
        """Whether PEFT has put it beside the model's own weights."""
        return ".lora_" in self.name

    @property
    def of_expert(self) -> bool:
        """Whether it is that of an expert, or of all of a layer's in one."""
        return len(self.shape) == 3 or ".experts." in self.name

    @property
    def numel(self) -> int:
        """Elements."""
        return numel(self.shape)


Parent: TypeAlias = "Node | Parameter | None"
Gradients: TypeAlias = "tuple[Tensor | None, ...]"


class Node:
    """One operation on the tape. `backward` takes the gradient of the output and returns those of the
    parents, in their order.
    """

    __slots__ = ("backward", "dtype", "grad", "parents", "shape")

    def __init__(
        self, backward: Callable[[Tensor], Gradients], parents: tuple[Parent, ...], output: Tensor
    ) -> None:
        self.backward: Callable[[Tensor], Gradients] | None = backward
        self.parents = parents
        self.grad: Tensor | None = None
        self.dtype = output.dtype
        self.shape = output.shape


LEAF = Node(lambda grad: (), (), Tensor(None, (), "float32"))
"""Stands for an input of a recomputed region: it wants a gradient, which the outer graph delivers."""
