"""A symbolic PyTorch: tensors without data on an autograd tape, every byte of them in a ledger.

An architecture is written as the forward function its authors wrote; running it here allocates, saves for
backward and frees as PyTorch would. A storage lives exactly as long as a Python object refers to it, which
is PyTorch's own rule (CPython counts references in both), so that the lifetimes of local variables in a
forward function mean here what they mean there.

Semantics followed: torch 2.13, torch/csrc/autograd (engine.cpp: nodes run in descending sequence number;
accumulate_grad.h: a gradient is stolen, not copied), torch/utils/checkpoint.py (saved tensors dropped and
recomputed, early stop).
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

from vramlint.memory.ledger import DTYPE_BYTES, Ledger, Record, Shape, Storage, numel, rounded
from vramlint.memory.memory_budget import CompiledLayer
from vramlint.vocabulary import LinearAttention

_new_tuple = tuple.__new__


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

    def __init__(self, tape: Tape, run: Callable[..., Any], inputs: tuple[Tensor | Waiting, ...]) -> None:
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

    def __init__(self, tape: Tape, run: Callable[..., Any], inputs: tuple[Tensor | Waiting, ...]) -> None:
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


LEAF = Node(lambda grad: (), (), Tensor(None, (), "float32"))
"""Stands for an input of a recomputed region: it wants a gradient, which the outer graph delivers."""
