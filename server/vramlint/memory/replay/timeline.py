"""Every storage of a run in PyTorch's order: loading, a first step, further ones.

Two steps are enough where batches have one length: the optimizer's states appear after the first backward
pass, and from the second step on every step does the same. Where lengths vary, each step is longer than the
one before: every length that is new needs blocks that no cached one can serve.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from vramlint.lazy_dataclasses import replace
from vramlint.memory.ledger import DTYPE_BYTES, rounded
from vramlint.memory.moments.whole import whole_bytes
from vramlint.memory.optimizers import step_of
from vramlint.memory.overhead import HANDLES, cublas_workspaces
from vramlint.memory.persistent import state_sizes
from vramlint.memory.quantization import stored_bytes
from vramlint.memory.replay.events import Event, History, Stream, on_stream
from vramlint.memory.replay.micro_batch import MicroBatch, Place
from vramlint.memory.replay.run import Run
from vramlint.memory.replay.stretches import Walked
from vramlint.memory.sharding.plan import Unit
from vramlint.memory.tensors import Parameter
from vramlint.vocabulary import ADAPTER_METHODS

FIRST_OF_STEPS = 1 << 40
"""Numbers from here on are of micro batches; those below are of what stays."""


def timeline(run: Run, steps: Sequence[tuple[int, Walked]]) -> History:
    """The events of a run of `steps`: tokens of a row, and the walk at this length."""
    return _Timeline(run).made(steps)


class _Timeline:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.events = History()
        self.numbers = 0
        self.next_base = FIRST_OF_STEPS
        self.batch: list[int] = []
        self.held: list[Event] = []
        """Frees of what the loop's variables hold of the last micro batch until its next forward pass ends.
        """
        self.gradients: list[Event] = []
        """Frees of the gradients that there are."""
        self.whole: dict[int, list[Event]] = {}
        """By position, frees of the gradients that accumulate whole."""
        self.traced = False
        """Whether the engine has traced a micro batch."""

    def made(self, steps: Sequence[tuple[int, Walked]]) -> History:
        run = self.run
        workspace = cublas_workspaces(run.job) // HANDLES
        self._load()
        self._made(run.persistent.buffers)
        if run.plan.has_gradient_buffer:
            self._made(run.persistent.gradients)
        self._made(workspace)
        for position, (tokens, walk) in enumerate(steps):
            last = position == len(steps) - 1
            self._step(tokens, walk, last, 0 if position else workspace)
            if not position:
                self._states()
            self._optimizer_step()
            self.events += self.gradients
            self.gradients = []
        return self.events

    def _made(self, size: int, stream: Stream | None = None) -> int:
        """Allocate `size` bytes; their number."""
        self.numbers += 1
        if size > 0:
            self.events.append((self.numbers, size if stream is None else on_stream(stream, size)))
        return self.numbers

    def _scratch(self, size: int, stream: Stream | None = None) -> None:
        if size > 0:
            self.events.append((self._made(size, stream), 0))

    def _step(self, tokens: int, walk: Walked, last: bool, workspace: int) -> None:
        """Micro batches that differ: one, and in the last step also one whose gradients are added, or in
        every step one that reduces what others have left whole.

        A pipeline's stage runs several forward before the first backward.
        """
        run = self.run
        whole = run.plan.accumulates_by_unit
        batches = min(run.job.gradient_accumulation_steps, max(2 if last or whole else 1, run.in_flight))
        waiting: list[MicroBatch] = []
        staying: Sequence[Event] = ()
        there: frozenset[int] = frozenset()
        for position in range(batches):
            self._batch(tokens)
            fetched = self._fetched() if run.plan.fetches_ahead else {}
            made = MicroBatch(walk, run.order, self.next_base, position == 0, run.away, fetched, there)
            if run.job.parallel.pipeline > 1 and not position:
                staying, there = list(made.gathered()), frozenset(chain.from_iterable(walk.gathered))
            if whole:
                final = position == batches - 1
                made = replace(made, keeps=False, reduces=final, after=self._whole(final))
            self.next_base = made.end
            waiting.append(made)
            made.forward(self.events)
            self.events += self.held
            self._scratch(run.reference)
            if position == 0:
                self._made(workspace)
            if len(waiting) == run.in_flight or position == batches - 1:
                self._backward(waiting.pop(0))
        for made in waiting:
            self._backward(made)
        self.events += staying

    def _backward(self, made: MicroBatch) -> None:
        run = self.run
        arriving = None if run.plan.has_gradient_buffer else run.plan.arriving(run.persistent.gradients)
        apart: Stream | None = 2 if run.plan.reduced_apart(self._trained()) else None
        partition = self._made(arriving[1], apart) if arriving is not None else 0
        released = self._reduced()
        made.backward(self.events)
        self.events += released
        apart = 2 if run.job.parallel.buckets.overlap_comm else None
        self._scratch(run.persistent.to_host, apart)
        if arriving is not None and arriving[1]:
            (self.events if self.gradients else self.gradients).append((partition, 0))
        if made.keeps or made.after:
            self.gradients += made.gradients()
        adds = run.job.gradient_accumulation_steps > 1 and not run.plan.has_gradient_buffer
        if made.keeps and adds:
            missing = run.persistent.gradients - made.gradient_bytes()
            self.gradients.append((self._made(missing), 0))
        self.held = [*made.left(), *(made.gathered() if run.job.parallel.pipeline == 1 else ())]
        if run.job.loop != "plain":
            self.events += self.held
            self.held = []

    def _whole(self, final: bool) -> Mapping[int, Sequence[Event]]:
        """Gradients that accumulate whole, by position: they come in a step's first micro batch, and go where
        its last one has reduced them.
        """
        if final:
            return self.whole
        run, made = self.run, {}
        for position, index in enumerate(run.order):
            sizes = run.plan.whole_gradients(Unit(run.profile.weights[index]))
            made[position] = [(self.numbers + at + 1, size) for at, size in enumerate(sizes)]
            self.numbers += len(sizes)
            self.whole[position] = [(number, 0) for number, _ in made[position]]
        return made

    def _reduced(self) -> list[Event]:
        """Allocate the engine's buffers of a backward pass; what frees them."""
        trained = self._trained()
        whole = self.run.plan.passing(trained).get("backward", 0)
        apart = min(whole, self.run.plan.reduced_apart(trained))
        sizes: list[tuple[int, Stream | None]] = [(whole - apart, None), (apart, 2)]
        return [(self._made(size, stream), 0) for size, stream in sizes if size]

    def _fetched(self) -> Mapping[Place, Sequence[Event]]:
        """The weights that come and go in a micro batch: by a trace from the second on."""
        from vramlint.memory.replay.fetching import fetches  # late: few runs fetch so

        run = self.run
        weights = [run.profile.weights[index] for index in run.order]
        made = fetches(run.plan, weights, self.traced)
        base, self.numbers, self.traced = self.numbers + 1, self.numbers + made.numbers, True
        return {
            place: [(base + number, size) for number, size in events] for place, events in made.events.items()
        }

    def _batch(self, tokens: int) -> None:
        """Token numbers, mask and labels: the new ones are there before the old ones go."""
        new = [self._made(8 * self.run.job.micro_batch_size * tokens) for _ in range(3)]
        self.events += ((number, 0) for number in self.batch)
        self.batch = new

    def _load(self) -> None:
        """Each weight in the model's order; what is quantized on the GPU arrives in 16 bits first, what is
        cast to float32 for training too; adapters come last.
        """
        run = self.run
        if run.job.parallel.offload in ("parameters", "both"):
            self._loaded_for_host()
            self._made(run.persistent.weights + run.persistent.models)
            return
        adapter = run.job.method in ADAPTER_METHODS
        total = 0
        adapters: list[int] = []
        cast: list[tuple[int, int]] = []
        for parameter in self._parameters():
            size = self._stored(parameter)
            total += size
            if adapter and parameter.trainable:
                adapters.append(size)
            elif parameter.scheme is not None:
                self._quantized(parameter, size)
            elif adapter and parameter.stored == "float32" != run.job.precision.weights:
                cast.append((self._made(size // 2), size))
            else:
                self._made(size)
        for number, size in cast:
            self._made(size)
            self.events.append((number, 0))
        for size in adapters:
            self._made(size)
        self._made(run.persistent.weights + run.persistent.models - total)

    def _loaded_for_host(self) -> None:
        """Weights on their way through the GPU to the host. Nothing empties the cache after them (deepspeed
        0.19, runtime/zero/stage3.py, _create_fp16_partitions_with_defragmentation does where they stay).
        """
        job = self.run.job
        if not (self.run.plan.deepspeed and job.loading == "device"):
            return
        whole = [self._made(whole_bytes(job, parameter)) for parameter in self._parameters()]
        self.events += ((number, 0) for number in whole)

    def _parameters(self) -> Iterable[Parameter]:
        for group in self.run.weights.groups:
            yield from group.parameters * group.count

    def _stored(self, parameter: Parameter) -> int:
        held, quantization = self.run.plan.weight_elements(parameter), self.run.job.quantization
        if parameter.scheme is not None and quantization is not None:
            return stored_bytes(held, parameter.shape, quantization)
        return rounded(held * DTYPE_BYTES[parameter.stored])

    def _quantized(self, parameter: Parameter, size: int) -> None:
        """bitsandbytes 0.50 (nn/modules.py, Params4bit._quantize; functional.py, quantize_4bit): the weight
        in 16 bits, its codes, the block maxima in float32, these quantized in turn.
        """
        job, elements = self.run.job, self.run.plan.weight_elements(parameter)
        scheme = job.quantization.scheme if job.quantization is not None else ""
        if not scheme.startswith("bnb-") or job.model.quantized_as or elements != parameter.numel:
            self._made(size)
            return
        codes = min(size, rounded(elements if scheme == "bnb-int8" else elements // 2))
        whole = self._made(2 * elements)
        self._made(codes)
        maxima = self._made(elements // 16)
        self._made(size - codes)
        self.events += ((maxima, 0), (whole, 0))

    def _states(self) -> None:
        """The optimizer's states, made in its first step: two tensors for most."""
        run, total = self.run, 0
        for state in state_sizes(run.job, run.weights, run.plan, run.optimizer):
            for _ in range(state.times):
                if total + state.bytes > run.persistent.states:
                    return
                total += state.bytes
                self._made(state.bytes // 2)
                self._made(state.bytes - state.bytes // 2)
        self._made(run.persistent.states - total)

    def _trained(self) -> list[tuple[Parameter, int]]:
        return self.run.weights.updated()

    def _optimizer_step(self) -> None:
        """The temporaries of a step: of all tensors together, or of one at a time."""
        run = self.run
        trained = self._trained()
        share, step_bytes = run.plan.state_elements, step_of(run.optimizer)
        each = [(step_bytes([(parameter, 1)], share), times) for parameter, times in trained]
        if sum(size * times for size, times in each) != run.persistent.step:
            self._scratch(run.persistent.step)
            return
        alive = [self._made(size) for size, times in each for _ in range(times if size else 0)]
        self.events += ((number, 0) for number in alive)
