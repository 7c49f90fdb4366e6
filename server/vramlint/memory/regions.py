"""What operations keep for backward, and the stretches that are computed again there.

Semantics followed: torch 2.13, torch/utils/checkpoint.py (saved tensors dropped and recomputed, early stop).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Protocol

from vramlint.memory.memory_budget import CompiledLayer
from vramlint.memory.tensors import LEAF, Node, Parameter, Tensor


class Recording(Protocol):
    """What a stretch has to know of the tape that runs it."""

    region: Region | None
    refill: Region | None
    nodes: list[Node]
    recording: bool
    cast_cache: dict[tuple[int, Parameter], Tensor]


class Saved:
    """Tensors that a node keeps for its backward; inside a checkpointed region they are dropped and come back
    by recomputing.
    """

    __slots__ = ("region", "tensors")

    def __init__(self, tensors: tuple[Any, ...], region: Region | None = None) -> None:
        self.tensors: tuple[Any, ...] | None = tensors
        self.region = region

    def open(self) -> Any:
        """The tensors, given away: the node runs once."""
        if self.tensors is None and self.region is not None:
            self.region.recompute()
        tensors, self.tensors, self.region = self.tensors, None, None
        return tensors


class StopRecomputing(Exception):
    """Every tensor that backward needs has been recomputed."""


class Region:
    """A checkpointed stretch: what it saved (dropped), and how to run it again."""

    __slots__ = ("compiled", "held", "holders", "inputs", "kept", "run", "tape")

    def __init__(
        self, tape: Recording, run: Callable[..., Any], inputs: tuple[Tensor | Waiting, ...]
    ) -> None:
        self.tape = tape
        self.run = run
        self.inputs = inputs
        self.holders: list[Any] = []
        self.held = 0
        self.kept: Tensor | None = None
        """What is not recomputed, as one tensor; recomputing makes it anew, so it goes first."""
        self.compiled: CompiledLayer | None = None
        """What is kept within a memory budget, while it is counted."""

    def recompute(self) -> None:
        """Fill the holders again, stopping at the last one, as torch.utils.checkpoint does (early stop)."""
        self.held = 0
        self._run_again()

    def stops(self) -> bool:
        """Whether nothing more is needed."""
        return self.held == len(self.holders)

    def _run_again(self) -> Any:
        tape = self.tape
        self.kept = None
        outer_region, outer_nodes, outer_recording = tape.region, tape.nodes, tape.recording
        outer_refill, tape.region, tape.refill = tape.refill, None, self
        tape.nodes, tape.recording = [], True
        cache, tape.cast_cache = tape.cast_cache, {}
        try:
            given = (x.now() if isinstance(x, Waiting) else x for x in self.inputs)
            return self.run(
                tape,
                *(Tensor(x.storage, x.shape, x.dtype, LEAF if x.node is not None else None) for x in given),
            )
        except StopRecomputing:
            return None
        finally:
            tape.region, tape.nodes, tape.recording, tape.refill = (
                outer_region,
                outer_nodes,
                outer_recording,
                outer_refill,
            )
            tape.cast_cache = cache


class Waiting:
    """A kept tensor that is not there until backward makes it again."""

    __slots__ = ("__weakref__", "index", "node", "region", "shape", "tensor")

    def __init__(self, region: Discarded, index: int, x: Tensor) -> None:
        self.region = region
        self.index = index
        self.shape = x.shape
        self.node = x.node
        self.tensor: Tensor | None = None

    def now(self) -> Tensor:
        """The tensor, made now if it is not there yet."""
        if self.tensor is None:
            self.region.recompute()
        assert self.tensor is not None
        return self.tensor


class Discarded(Region):
    """A stretch whose results are thrown away once they were used, and made again when backward comes to what
    used them (Megatron-Core, tensor_parallel/random.py, CheckpointWithoutOutput).
    """

    __slots__ = ("waiting",)

    def __init__(
        self, tape: Recording, run: Callable[..., Any], inputs: tuple[Tensor | Waiting, ...]
    ) -> None:
        super().__init__(tape, run, inputs)
        self.waiting: list[weakref.ref[Waiting]] = []

    def waits(self, x: Tensor, index: int) -> Waiting:
        """What is kept in the place of result number `index`."""
        waiting = Waiting(self, index, x)
        self.waiting.append(weakref.ref(waiting))
        return waiting

    def stops(self) -> bool:
        """Never: the results are wanted."""
        return False

    def recompute(self) -> None:
        """Make the results again, for all that wait for them."""
        self.held = 0
        outputs = self._run_again()
        for reference in self.waiting:
            waiting = reference()
            if waiting is not None:
                made = outputs[waiting.index]
                waiting.tensor = Tensor(made.storage, waiting.shape, made.dtype, waiting.node)


class WeakSaved(Saved):
    """A Saved that its region refers to weakly: it goes when its node goes."""

    __slots__ = ("__weakref__",)


class WaitingSaved(Saved):
    """Kept tensors of which some may not be there yet."""

    __slots__ = ()

    def open(self) -> Any:
        """The tensors, given away: the node runs once."""
        tensors, self.tensors = self.tensors or (), None
        return tuple(x.now() if isinstance(x, Waiting) else x for x in tensors)
