"""A symbolic PyTorch: tensors without data on an autograd tape, every byte of them in a ledger.

An architecture is written as the forward function its authors wrote; running it here allocates, saves for
backward and frees as PyTorch would. A storage lives exactly as long as a Python object refers to it, which
is PyTorch's own rule (CPython counts references in both), so that the lifetimes of local variables in a
forward function mean here what they mean there.

Semantics followed: torch 2.13, torch/csrc/autograd (engine.cpp: nodes run in descending sequence number;
accumulate_grad.h: a gradient is stolen, not copied).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vramlint.memory.ledger import DTYPE_BYTES, Ledger, Record, Shape, Storage, numel, rounded
from vramlint.memory.memory_budget import CompiledLayer
from vramlint.memory.regions import (
    Discarded,
    Region,
    Saved,
    StopRecomputing,
    Waiting,
    WaitingSaved,
    WeakSaved,
)
from vramlint.memory.tensors import LEAF, SOLE, Gradients, Node, Parameter, Parent, Tensor, Whole, owners
from vramlint.vocabulary import LinearAttention

_new_tuple = tuple.__new__


class Tape:
    """Records operations, runs them backward, and holds the modes: gradient recording, autocast,
    checkpointing.
    """

    def __init__(self, autocast: str | None = None) -> None:
        self.ledger = Ledger()
        self.autocast = autocast
        self.cast_cache: dict[tuple[int, Parameter], Tensor] = {}
        """Autocast's casts of trained weights, by segment: equal layers are walked with one set."""
        self.returned: dict[int, list[Tensor]] | None = None
        """What the model hands back beside its logits, by segment; None where that is nothing."""
        self.nodes: list[Node] = []
        self.recording = True
        self.compiled = False
        """torch.compile: pointwise operations are fused into their neighbours and recomputed in backward
        instead of saved.
        """
        self.breaks_graphs = False
        """Attention runs between compiled graphs, not in one: its kernel keeps what it saves (OLMo-core,
        nn/attention/flash_attn_api.py at fa6c501: `torch._dynamo.disable`).
        """
        self.liger: tuple[str, ...] = ()
        """Which of Liger's kernels run in the layers: "rms_norm", "swiglu", "rope"."""
        self.linear_attention: LinearAttention = "torch"
        """What runs linear attention."""
        self.liger_in_place = True
        """Liger's norm writes its input's gradient over that of its output."""
        self.keeps_parts = False
        """Of an input that was gathered from several ranks, products keep this rank's part."""
        self.fp8_inputs = False
        """Products keep their inputs in 8 bits for the weights' gradients."""
        self.fp8_copies: dict[int, weakref.ref[Storage]] = {}
        """The 8-bit copy of a tensor, by the number of its storage: products of one input share it."""
        self.discarded: dict[int, tuple[Discarded, int]] = {}
        """What is made again, by number of its storage, with its place among what its stretch returns."""
        self.modules_apart: tuple[str, ...] = ()
        """Modules of the layer that runs which are checkpointed by themselves."""
        self.keeps_quantized_input = False
        """bitsandbytes up to 0.43.1 saved the input of a 4-bit product beside the weight."""
        self.int8_columns = False
        """bitsandbytes up to 0.44 keeps an 8-bit copy of the input by columns beside each 8-bit product."""
        self.region: Region | None = None
        self.refill: Region | None = None
        self.inputs_want_gradients = False
        """Embedded tokens are leaves that want a gradient (enable_input_require_grads)."""
        self.store_gradient: Callable[[Tape, Parameter], None] = keep_gradient
        """What happens to a parameter's gradient once it is complete."""

    # making tensors

    def new(self, shape: Shape, dtype: str, name: str) -> Tensor:
        """Allocate a tensor."""
        ledger = self.ledger
        size = rounded(numel(shape) * DTYPE_BYTES[dtype])
        # Made thousands of times in an estimate: a named tuple's own constructor takes twice as long.
        record = _new_tuple(Record, (ledger.segment, name, "activations", shape, dtype, size))
        return Tensor(Storage(ledger, record), shape, dtype)

    def hand_back(self, tensor: Tensor) -> None:
        """Keep `tensor` until the model returns, where it hands back more than logits."""
        if self.returned is not None:
            self.returned.setdefault(self.ledger.segment, []).append(tensor)

    def scratch(self, size: float, name: str) -> None:
        """Allocate `size` bytes and release them at once: the workspace of a kernel."""
        if size > 0:
            self.new((int(size),), "uint8", name)

    def kept_input(self, x: Tensor, eight_bits: bool = True) -> Tensor:
        """What a product keeps of its input for its weight's gradient; `eight_bits` where it can run in so
        many, which adapters do not.
        """
        held = x.part if isinstance(x, Whole) else x
        if not (eight_bits and self.fp8_inputs) or held.storage is None:
            return held
        known = self.fp8_copies.get(held.storage.number)
        storage = known() if known is not None else None
        if storage is not None:
            return Tensor(storage, held.shape, "uint8")
        copy = self.new(held.shape, "uint8", "product's input in 8 bits")
        if copy.storage is not None:
            self.fp8_copies[held.storage.number] = weakref.ref(copy.storage)
        return copy

    # recording

    def save(self, *tensors: Tensor | Parameter | None) -> Saved:
        """Keep tensors for backward. Call it before the output is made, or after for a saved output, as
        autograd does.
        """
        if self.refill is not None:
            region = self.refill
            holder = region.holders[region.held]
            region.held += 1
            holder = holder()
            if holder is not None:
                holder.tensors = tuple(x.detach() if isinstance(x, Tensor) else x for x in tensors)
            if region.stops():
                raise StopRecomputing
            return Saved(tensors)
        if self.region is not None:
            saved = WeakSaved((), self.region)
            saved.tensors = None
            if self.region.compiled is not None:
                self.region.compiled.saves(tensors)
            self.region.holders.append(weakref.ref(saved))
            return saved
        if self.discarded:
            return WaitingSaved(tuple(self.held(x) if isinstance(x, Tensor) else x for x in tensors))
        return Saved(tensors)

    def held(self, x: Tensor) -> Tensor | Waiting:
        """What is kept of a tensor for backward: nothing, where it is made again."""
        source = self.discarded.get(x.storage.number) if x.storage is not None else None
        return x if source is None else source[0].waits(x, source[1])

    def record(
        self, output: Tensor, parents: tuple[Parent, ...], backward: Callable[[Tensor], Gradients]
    ) -> Tensor:
        """Make `output` the result of an operation whose backward is given."""
        node = Node(backward, parents, output)
        self.nodes.append(node)
        if self.refill is None:
            for parent in parents:
                if isinstance(parent, Parameter):
                    parent.uses += 1
        output.node = node
        return output

    @property
    def compiled_layer(self) -> CompiledLayer | None:
        """The layer that runs, where it has a memory budget."""
        return self.region.compiled if self.region is not None else None

    def product(self, output: Tensor, operations: float) -> Tensor:
        """What a matrix product or attention made, of so many operations."""
        if self.region is not None and self.region.compiled is not None:
            self.region.compiled.product(output.node, output.bytes, operations)
        return output

    def tracks(self, *sources: Tensor | Parameter | None) -> bool:
        """Whether a gradient flows to any of the sources."""
        if not self.recording:
            return False
        return any(
            source is not None
            and (source.trainable if isinstance(source, Parameter) else source.node is not None)
            for source in sources
        )

    def leaf(self, tensor: Tensor, held: bool = False) -> Tensor:
        """Make a tensor require a gradient without a history (enable_input_require_grads): its gradient is
        kept, as `.grad` is.

        `held`: the graph holds the tensor to the end, and nothing else does (the first layer's own input
        is held by that layer).
        """
        keep: list[Tensor] = [tensor.detach()] if held else []

        def backward(grad: Tensor) -> Gradients:
            keep.append(grad)
            return ()

        return self.record(tensor, (), backward)

    @contextmanager
    def no_grad(self) -> Iterator[None]:
        """Record nothing inside."""
        before, self.recording = self.recording, False
        try:
            yield
        finally:
            self.recording = before

    # backward

    def backward(self, until: int = 0) -> None:
        """Run the nodes down to index `until`, newest first, each one when its gradient has arrived."""
        nodes = self.nodes
        while len(nodes) > until:
            node = nodes.pop()
            grad, node.grad = node.grad, None
            if grad is None or node.backward is None:
                continue
            results = node.backward(grad)
            grad = None
            node.backward = None
            waiting = list(results)
            del results
            for index, parent in enumerate(node.parents):
                result, waiting[index] = waiting[index], None
                if parent is not None and result is not None:
                    self.give(parent, result)
                result = None

    def give(self, parent: Node | Parameter, grad: Tensor) -> None:
        """Hand a gradient to what it belongs to: cast to its dtype, added to what is there already."""
        if parent is LEAF:
            return
        if grad.dtype != parent.dtype:
            grad = self.new(grad.shape, parent.dtype, "gradient, cast")
        if isinstance(parent, Parameter):
            self._accumulate(parent, grad)
        elif parent.grad is None:
            parent.grad = grad
        else:
            # In place where this buffer is the only owner (autograd/functions/accumulate_grad.h,
            # can_accumulate_inplace).
            if owners(parent.grad) > SOLE or grad.storage is parent.grad.storage:
                parent.grad = self.new(parent.grad.shape, parent.grad.dtype, "gradients, summed")

    def _accumulate(self, parameter: Parameter, grad: Tensor) -> None:
        parameter.uses -= 1
        if parameter.grad is None:
            parameter.grad = grad.storage
        if parameter.uses == 0:
            self.store_gradient(self, parameter)


def keep_gradient(tape: Tape, parameter: Parameter) -> None:
    """The first micro batch on one GPU: the gradient stays as it is."""
    if parameter.grad is not None:
        parameter.grad.becomes_gradient(f"gradient of {parameter.name}")


def add_gradient(tape: Tape, parameter: Parameter) -> None:
    """A later micro batch: the gradient is added to the one that is there, and freed."""
    if parameter.grad is not None:
        tape.ledger.summed.append(parameter.grad.number)
    parameter.grad = None
