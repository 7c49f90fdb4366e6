"""What an engine does with one rank's memory: the shares it keeps, and what it holds around each unit of the
walked step. This base shares nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, TypeAlias

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.memory.ledger import DTYPE_BYTES, Shape, Storage, rounded
from vramlint.memory.tape import Tape, add_gradient, keep_gradient
from vramlint.memory.tensors import Parameter, Tensor

Trained: TypeAlias = "Sequence[tuple[Parameter, int]]"
"""Trained weights with the number of their occurrences."""


@dataclass(slots=True)
class Unit:
    """Weights that an engine gathers together: a layer, or what is outside the layers."""

    parameters: Sequence[Parameter]
    stays: bool = False
    """Whether its gathered weights stay from its forward to its backward."""
    place: Literal["first", "layer", "last"] = "layer"
    """Before the layers, a layer, after them."""

    @property
    def trained(self) -> list[Parameter]:
        """The weights that get a gradient."""
        return [parameter for parameter in self.parameters if parameter.trainable]


@dataclass(slots=True)
class Gathered:
    """What an engine holds while a unit runs. Letting go of an entry frees it."""

    weights: list[Tensor] = field(default_factory=list)
    """The unit's own weights, unsharded."""
    buffers: list[Tensor] = field(default_factory=list)
    """What they arrived in."""


def expert_tensor_ranks(job: TrainingJob) -> int:
    """Tensor-parallel ranks that share an expert: those of the layer, unless experts are spread, or
    Megatron's groups give them a degree of their own (core/parallel_state.py, expert_tensor_parallel_size).
    """
    parallel = job.parallel
    apart = parallel.expert > 1 or parallel.expert_tensor > 1 or job.runtime == "megatron"
    return parallel.expert_tensor if apart else parallel.tensor


@dataclass(slots=True)
class Plan:
    """An engine with its number of ranks, ready for a walk."""

    job: TrainingJob
    ranks: int
    frees_gradients: bool = False
    """The optimizer steps in backward: each gradient goes as soon as it is used."""

    deepspeed: ClassVar[bool] = False
    shares_weights: ClassVar[bool] = False
    shares_gradients: ClassVar[bool] = False
    shares_states: ClassVar[bool] = False
    fetches_ahead: ClassVar[bool] = False
    """Weights come by a trace of the step, not by units."""

    def weight_elements(self, parameter: Parameter) -> int:
        """Elements of a weight that this rank stores."""
        whole = not self.shares_weights or self.is_buffer(parameter)
        return parameter.numel if whole else self.share(parameter)

    def is_buffer(self, parameter: Parameter) -> bool:
        """Whether a packed weight is no parameter, which no engine touches."""
        quantization = self.job.quantization
        return parameter.scheme is not None and quantization is not None and quantization.packed == "buffers"

    def gradient_elements(self, parameter: Parameter) -> int:
        """Elements of a gradient that this rank keeps after backward."""
        return self.share(parameter) if self.shares_gradients else parameter.numel

    def state_elements(self, parameter: Parameter) -> int:
        """Elements of optimizer states on this rank, per parameter element."""
        return self.share(parameter) if self.shares_states else parameter.numel

    def gradient_dtype(self, parameter: Parameter) -> str:
        """Dtype in which a gradient is kept for the optimizer."""
        wanted = self.job.precision.gradients
        return parameter.stored if wanted == "same-as-weights" else wanted

    def gradient_bytes(self, parameter: Parameter) -> int:
        """Bytes of a gradient as the optimizer finds it on this rank."""
        return rounded(self.gradient_elements(parameter) * DTYPE_BYTES[self.gradient_dtype(parameter)])

    def whole_gradient_bytes(self, parameter: Parameter) -> int:
        """Bytes of a gradient that accumulates unsharded before it is reduced; 0 where none does."""
        return 0

    def share(self, parameter: Parameter) -> int:
        """Elements of an evenly shared parameter on one rank."""
        return -(-parameter.numel // max(1, int(self.ranks / parameter.spread)))

    def buffers(self, trained: Trained, gradients: int) -> int:
        """Bytes of the engine's own buffers that stay for the whole step; `gradients` are the kept ones."""
        return 0

    def passing(self, trained: Trained) -> Mapping[str, int]:
        """Bytes of the engine's own buffers that exist in some moments of a step only, by moment."""
        return {}

    def to_host(self, trained: Trained) -> int:
        """Bytes that a reduced gradient takes on its way to the host, in backward after the head's."""
        return 0

    def reduced_apart(self, trained: Trained) -> int:
        """Of what passes in backward, bytes on a stream for reductions, whose blocks serve no other."""
        return 0

    def gathered(
        self, units: Sequence[tuple[Sequence[Parameter], int]], last: Sequence[Parameter]
    ) -> Mapping[str, int]:
        """Bytes of weights that are gathered beside what runs, by moment: in forward, when it turns into
        backward but for `last`, what comes after the layers, and through most of backward. `units` are the
        embedding and the layers of each kind, with their number.
        """
        return {}

    def arriving(self, gradients: int) -> tuple[int, int] | None:
        """Of the kept gradients: bytes that are there before a micro batch, and bytes that are allocated when
        its backward begins; None where each gradient comes by itself.
        """
        return None

    def at_end(self, gradients: int) -> int:
        """Bytes of gradients and their copies while they are reduced at the end of the last backward; 0 where
        that is no more than before.
        """
        return 0

    def in_step(self, trained: Trained, gradients: int, temporaries: int) -> tuple[int, int]:
        """Bytes of gradients while the optimizer steps, and the most of its temporaries, which are
        `temporaries` where it steps over everything at once.
        """
        return gradients, temporaries

    @property
    def accumulates_whole(self) -> bool:
        """Whether gradients are kept unsharded until the last micro batch."""
        return False

    @property
    def accumulates_by_unit(self) -> bool:
        """Whether these go unit by unit, in the last micro batch's backward."""
        return False

    def whole_gradients(self, unit: Unit) -> list[int]:
        """Bytes of the tensors in which a unit's gradients accumulate whole."""
        return [self.whole_gradient_bytes(parameter) for parameter in unit.trained]

    @property
    def has_gradient_buffer(self) -> bool:
        """Whether gradients lie in one buffer that exists from the start."""
        return False

    @property
    def one_unit(self) -> bool:
        """Whether the whole model is gathered before the first layer and reduced after the last."""
        return False

    def reduction(self, unit: Unit) -> int:
        """Bytes of a unit's gradients on their way to the other ranks."""
        return 0

    def reduced_as_one(self, unit: Unit, kept: int, reduction: int) -> int:
        """Bytes at the end of backward where the model is one unit: `kept` of its gradients, and `reduction`
        on their way.
        """
        return kept + reduction

    def pending(self, unit: Unit) -> int:
        """Of these, bytes that are alive while the next unit runs backward."""
        return 0

    def fetched(self, unit: Unit) -> int:
        """Bytes of a unit's weights that are fetched while the unit after it in the model runs backward."""
        return 0

    def fetched_late(self, unit: Unit) -> int:
        """The same once the unit after it is resharded, while its gradients are reduced."""
        return self.fetched(unit)

    # what the walk calls

    def prepare(self, t: Tape) -> None:
        """Set what happens to a finished gradient."""
        if self.frees_gradients:
            t.store_gradient = drop_gradient
        elif self.job.gradient_accumulation_steps > 1 or self.has_gradient_buffer:
            t.store_gradient = add_gradient
        else:
            t.store_gradient = keep_gradient

    def outer_units(self, first: Sequence[Parameter], last: Sequence[Parameter]) -> tuple[Unit, Unit]:
        """The units of the weights before and after the layers (embedding; last norm and head)."""
        return Unit((*first, *last), True, "first"), Unit((), True, "last")

    def layer_unit(self, parameters: Sequence[Parameter]) -> Unit:
        """The unit of a layer."""
        return Unit(parameters)

    def forward(self, t: Tape, unit: Unit) -> Gathered:
        """What is held while a unit runs forward."""
        return Gathered()

    def backward(self, t: Tape, unit: Unit, stayed: list[Tensor]) -> Gathered:
        """What is held while a unit runs backward; `stayed` are its weights where they are gathered still."""
        return Gathered(stayed)

    def collect(self, t: Tape, unit: Unit, held: Gathered) -> list[Tensor]:
        """After a unit's backward: its gradients in one piece, where the engine makes that before it reshards
        the weights.
        """
        return []

    def reduce(self, t: Tape, unit: Unit, held: Gathered, collected: list[Tensor]) -> list[Storage]:
        """Then: the gradients that stay on this rank, where the engine moves them; `collected` are freed."""
        return []

    def held_by_hooks(self, t: Tape, unit: Unit, hidden: tuple[Shape, str]) -> list[Tensor]:
        """What stays until backward ends because a hook refers to it; `hidden` is a layer's input."""
        return []


def elements_of(trained: Trained) -> int:
    """Elements of all trained weights."""
    return sum(count * parameter.numel for parameter, count in trained)


def bytes_of(tensors: Sequence[Tensor]) -> int:
    """Bytes of the tensors' storages."""
    return sum(tensor.storage.record.bytes for tensor in tensors if tensor.storage is not None)


def drop_gradient(tape: Tape, parameter: Parameter) -> None:
    """The gradient is used, or sent away, as it comes."""
    parameter.grad = None
