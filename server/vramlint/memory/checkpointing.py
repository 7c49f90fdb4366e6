"""Activation checkpointing: keep a layer's input, run the layer again in backward
(torch/utils/checkpoint.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from vramlint.job import TrainingJob
from vramlint.memory.memory_budget import CompiledLayer
from vramlint.memory.regions import Discarded, Region
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor
from vramlint.vocabulary import Checkpointing, Recomputed

RunLayer: TypeAlias = Callable[[Tape, Callable[[Tape, Tensor], Tensor], Tensor], Tensor]


def is_checkpointed(wanted: Checkpointing, position: int) -> bool:
    """Whether the layer at `position` (from 0) is checkpointed; an integer n means each n-th (torchtitan
    0.2, distributed/activation_checkpoint.py counts from 1).
    """
    if isinstance(wanted, int):
        return wanted > 0 and (position + 1) % wanted == 0
    return wanted != "none"


def recomputes(job: TrainingJob, module: Recomputed) -> bool:
    """Whether the job has this module of each layer computed again by itself."""
    wanted = job.gradient_checkpointing
    return isinstance(wanted, tuple) and module in wanted


def run_by(wanted: Checkpointing, parameters: Sequence[Parameter]) -> RunLayer:
    """How a checkpointed layer with these weights is run."""
    if isinstance(wanted, tuple):
        return partial(modules_apart, modules=wanted)
    if isinstance(wanted, float):
        return partial(within_budget, share=wanted)
    if wanted == "reentrant":
        return reentrant_checkpoint
    if wanted == "selective-op":
        return partial(checkpoint, kept=selective_columns(parameters))
    return checkpoint


def modules_apart(
    t: Tape, run: Callable[[Tape, Tensor], Tensor], x: Tensor, modules: tuple[str, ...]
) -> Tensor:
    """Run a layer of which some modules are checkpointed each by itself: what comes between them stays."""
    t.modules_apart = modules
    try:
        return run(t, x)
    finally:
        t.modules_apart = ()


def within_budget(t: Tape, run: Callable[[Tape, Tensor], Tensor], x: Tensor, share: float) -> Tensor:
    """Run a compiled layer that may keep `share` of what it would keep beside its input."""
    if not t.recording:
        return run(t, x)
    counted = CompiledLayer(len(t.ledger.records), x.node, x.bytes)
    region, out = _recorded(t, run, (x,), counted)
    region.compiled = None
    region.kept = t.new((int(counted.kept(share)),), "uint8", "kept within the memory budget")
    return out


def selective_columns(parameters: Sequence[Parameter]) -> int:
    """Elements a token that selective checkpointing by operation keeps of a layer: the output of every other
    matrix product, the first one included, and of attention (torchtitan 0.2, activation_checkpoint.py:
    every second `mm` is recomputed). Attention's output is as wide as its output projection's input.
    """
    matrices = [parameter for parameter in parameters if len(parameter.shape) == 2]
    attention = sum(matrix.shape[1] for matrix in matrices if "o_proj" in matrix.name)
    return attention + sum(matrix.shape[0] for matrix in matrices[::2])


def checkpoint(t: Tape, run: Callable[..., Tensor], x: Tensor, *more: Tensor, kept: int = 0) -> Tensor:
    """The non-reentrant kind: the graph is recorded, every saved tensor is dropped and comes back by
    recomputing from `x` and what else `run` takes. `kept`: elements a token that stay instead.
    """
    if not t.recording:
        return run(t, x, *more)
    region, out = _recorded(t, run, (x, *more))
    if kept:
        region.kept = t.new(
            (*x.shape[:-1], kept), t.autocast or x.dtype, "outputs kept by selective checkpointing"
        )
    return out


def without_output(
    t: Tape, module: Recomputed, run: Callable[..., tuple[Tensor, ...]], *inputs: Tensor
) -> tuple[Tensor, ...]:
    """Run a module, and where it is one of those that are computed again by themselves keep only its inputs:
    neither what it saves nor its results, which operations after it would keep.
    """
    if module not in t.modules_apart or t.region is not None or t.refill is not None or not t.recording:
        return run(t, *inputs)
    region = Discarded(t, run, tuple(t.held(x) for x in inputs))
    t.region = region
    try:
        outputs = run(t, *inputs)
    finally:
        t.region = None
    given = {x.storage.number for x in inputs if x.storage is not None}
    for index, out in enumerate(outputs):
        if out.storage is not None and out.storage.number not in given:
            t.discarded[out.storage.number] = region, index
    return outputs


def _recorded(
    t: Tape, run: Callable[..., Tensor], inputs: tuple[Tensor, ...], compiled: CompiledLayer | None = None
) -> tuple[Region, Tensor]:
    """Run a checkpointed region."""
    region = Region(t, run, tuple(t.held(x) for x in inputs))
    region.compiled = compiled
    outer, t.region = t.region, region
    try:
        return region, run(t, *inputs)
    finally:
        t.region = outer


def reentrant_checkpoint(t: Tape, run: Callable[[Tape, Tensor], Tensor], x: Tensor) -> Tensor:
    """The reentrant kind: run without a graph; in backward run again in full and differentiate that."""
    if not t.recording or x.node is None:
        with t.no_grad():
            return run(t, x)
    with t.no_grad():
        out = run(t, x)
    inputs = [x.detach()]

    def backward(grad: Tensor) -> Gradients:
        source = inputs.pop()
        arrived: list[Tensor] = []

        def deliver(final: Tensor) -> Gradients:
            arrived.append(final)
            return ()

        entry = t.record(source, (), deliver)
        start = len(t.nodes)
        cache, t.cast_cache = t.cast_cache, {}
        result = run(t, entry)
        t.cast_cache = cache
        if result.node is not None:
            result.node.grad = grad
        t.backward(start - 1)
        return (arrived.pop() if arrived else None,)

    return t.record(out, (x.node,), backward)
