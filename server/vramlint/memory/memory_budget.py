"""What a compiled layer keeps under a memory budget (torch 2.13, _functorch/partitioners.py,
choose_saved_values_set): of matrix products and attention, what takes most operations to compute again and
goes into the share; all else is computed again from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vramlint.lazy_dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Product:
    """An operation that the partitioner takes for expensive."""

    bytes: float
    operations: float


@dataclass(slots=True)
class Graph:
    """One compiled graph: what it keeps without a budget, and its products."""

    kept: dict[int, float] = field(default_factory=dict)
    """Bytes by number of storage."""
    needed: list[Product] = field(default_factory=list)
    """Products that backward needs, or what follows from them."""

    def within(self, share: float, given: float) -> float:
        """Bytes that it keeps; `given`: those that stand for an input of the graph, beside the share."""
        room = share * max(0.0, sum(self.kept.values()) - given)
        return given + most_sparing(self.needed, room)


@dataclass(slots=True)
class CompiledLayer:
    """The graphs of a layer while it runs, cut where a kernel is called between them."""

    first: int
    """Number of the first storage that the layer can make."""
    entry: Any
    """The operation that made its input."""
    entry_bytes: float
    graphs: list[Graph] = field(default_factory=lambda: [Graph()])
    outside: dict[int, float] | None = None
    """What the kernel between graphs saves, while it runs."""
    apart: dict[int, float] = field(default_factory=dict)
    products: dict[int, Product] = field(default_factory=dict)
    """By the identity of the operation, which the tape holds."""
    met: set[int] = field(default_factory=set)
    """Operations that have been looked at already."""

    def saves(self, tensors: Sequence[Any]) -> None:
        """Something is kept for backward: each storage counts once, and so does what it is made of."""
        for x in tensors:
            storage = getattr(x, "storage", None)
            if storage is None or storage.number < self.first:
                continue
            held = self.graphs[-1].kept if self.outside is None else self.outside
            held[storage.number] = storage.record.bytes
            if self.outside is None:
                self._needs(x.node)

    def product(self, node: Any, size: float, operations: float) -> None:
        """A product was computed."""
        self.products[id(node)] = Product(size, operations)

    def enters(self) -> None:
        """A kernel is called between two graphs."""
        self.outside = {}

    def leaves(self, node: Any) -> None:
        """It has returned: what it saved is kept whole, and the next graph begins."""
        self.apart.update(self.outside or {})
        self.outside = None
        self.met.add(id(node))
        self.graphs.append(Graph())

    def kept(self, share: float) -> float:
        """Bytes that stay. A later graph keeps the sum of the layer's input and what came before where it had
        the input, which the first one has still.
        """
        whole = sum(self.apart.values())
        for index, graph in enumerate(self.graphs):
            graph.kept = {number: size for number, size in graph.kept.items() if number not in self.apart}
            whole += graph.within(share, self.entry_bytes if index and graph.kept else 0.0)
        return whole

    def _needs(self, node: Any) -> None:
        """The products that a kept tensor is, or is made of by operations that are always computed again."""
        graph, open_nodes = self.graphs[-1], [node]
        while open_nodes:
            each = open_nodes.pop()
            if each is None or each is self.entry or id(each) in self.met or not hasattr(each, "parents"):
                continue
            self.met.add(id(each))
            found = self.products.get(id(each))
            if found is not None:
                graph.needed.append(found)
            else:
                open_nodes += each.parents


def most_sparing(products: Sequence[Product], room: float) -> float:
    """Bytes of the products that spare most operations of all that go into `room`."""
    best: list[tuple[float, float]] = [(0.0, 0.0)]
    for product in products:
        more = [(size + product.bytes, spared + product.operations) for size, spared in best]
        best = _undominated([*best, *(each for each in more if each[0] <= room)])
    return best[-1][0]


def _undominated(choices: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those that no smaller one spares as much as, smallest first."""
    left: list[tuple[float, float]] = []
    for size, spared in sorted(choices, key=lambda each: (each[0], -each[1])):
        if not left or spared > left[-1][1]:
            left.append((size, spared))
    return left
