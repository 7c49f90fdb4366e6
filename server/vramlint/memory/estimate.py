"""What the memory model answers. All sizes are bytes per GPU, of the fullest rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args

from vramlint.lazy_dataclasses import dataclass, field, replace
from vramlint.vocabulary import Component as Component

if TYPE_CHECKING:
    from vramlint.memory.stage_memory import StageMemory

COMPONENTS: tuple[Component, ...] = get_args(Component)
MomentName: TypeAlias = Literal[
    "load", "generation", "forward", "loss", "backward", "optimizer", "evaluation", "save"
]
MOMENTS: tuple[MomentName, ...] = get_args(MomentName)
"""The moments of a run in their order; "generation" is that of online methods."""
STEP_MOMENTS: frozenset[MomentName] = frozenset(("forward", "loss", "backward", "optimizer"))
Verdict: TypeAlias = Literal["fits", "tight", "does_not_fit", "unknown"]


class CannotEstimate(Exception):
    """The job does not say enough. `code` is stable ("unknown-architecture", "activations-unknown" …);
    `field` is the job field at fault.
    """

    def __init__(self, code: str, message: str, field: str = "model") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class TensorAtPeak:
    """One group of equal tensors alive at the peak."""

    name: str
    component: Component
    shape: tuple[int, ...]
    dtype: str
    count: int
    bytes: int
    """Of all `count` tensors together."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The highest point of one moment of a run: bytes by component, which add up to `device_bytes`."""

    name: MomentName
    components: Mapping[Component, int]

    @property
    def device_bytes(self) -> int:
        """What the GPU must have to live through it."""
        return sum(self.components.values())

    @property
    def allocated_bytes(self) -> int:
        """Live tensors, those of a generation engine on the same GPU included."""
        return self.device_bytes - self.components["overhead"]


@dataclass(frozen=True, slots=True)
class HostMemory:
    """Bytes of offloaded weights, gradients, states and activations in host memory."""

    bytes_per_rank: int
    bytes_per_node: int
    declared_bytes: int | None
    """Host memory of a node; None where nobody says."""
    loading_bytes_per_node: int = 0
    """Copies of the model that the ranks of a node read at once, where it is known how many do."""

    @property
    def most_bytes_per_node(self) -> int:
        """At the worse of both moments."""
        return max(self.bytes_per_node, self.loading_bytes_per_node)

    @property
    def verdict(self) -> Verdict:
        """Whether a node holds it."""
        if self.declared_bytes is None:
            return "unknown"
        return "fits" if self.most_bytes_per_node <= self.declared_bytes else "does_not_fit"


class Reserved(Protocol):
    """What the caching allocator takes from the driver (replay/reserved.py)."""

    def equal(self) -> int:
        """Bytes taken on a GPU with room, where every row has the full length."""

    def with_room(self) -> int:
        """Bytes taken on a GPU with room, after batches of growing length where lengths vary."""

    def lives(self, capacity: int, expandable: bool = False) -> bool:
        """Whether the run does not die where the driver gives at most `capacity` bytes; `expandable`: with
        expandable segments, whatever the job says.
        """

    def within(self, capacity: int) -> int:
        """Bytes taken where the driver gives at most `capacity`; all of it where the run dies."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The simulated run. `components` are the bytes at the worst moment and add up to `device_bytes`.

    Where what is allocated leaves open whether the declared GPU is large enough, `device_bytes` and what is
    made from it are settled by a replay of the caching allocator on that GPU.
    """

    parameters: int
    trainable_parameters: int
    counted: tuple[Moment, ...]
    """The peak of each moment that is known to happen, in the order of the run, with a typical slack."""
    sizes: Mapping[Component, int]
    """Each component but the overhead when whole."""
    most_slack: int
    """Bytes up to which fragmentation may decide whether it fits."""
    outside_bytes: int
    """What the process holds outside PyTorch's allocator: CUDA context, communicators."""
    phase_peaks: Mapping[str, int]
    error_band: float
    """Relative half-width: device_bytes * (1 ± error_band) should hold the truth in nine runs of ten."""
    peak_tensors: Callable[[], tuple[TensorAtPeak, ...]] = field(default=tuple, compare=False, repr=False)
    checkpoint_bytes: Mapping[str, int] = field(default_factory=dict)
    architecture: str = ""
    shape: str = ""
    """The model whose shape stands for that of one which is known by its parameter count alone."""
    modelled: bool = True
    """False where the architecture is not modelled to the operation: activations are a bound."""
    host: HostMemory | None = None
    """None where nothing is offloaded, and no limit is declared that loading could be held against."""
    unknown: tuple[str, ...] = ()
    """What is there and not counted, in sentences: the run needs at least `device_bytes`."""
    undivided: tuple[str, ...] = ()
    """What is counted whole and is not, in sentences: the run needs at most `device_bytes`."""
    refused: tuple[str, ...] = ()
    """What the framework stops at, in sentences: there is no such run to give a verdict on."""
    notes: tuple[str, ...] = ()
    shorter: Callable[[], Estimate] | None = field(default=None, compare=False, repr=False)
    """The run with prompts of no length, where they may have any up to a limit; None where lengths are known.
    """
    replay: Callable[[], Reserved] | None = field(default=None, compare=False, repr=False)
    """The caching allocator's replay; None where no step is walked."""
    capacity_bytes: int | None = None
    """What the declared GPU gives to PyTorch's allocator."""
    stages: tuple[StageMemory, ...] = ()
    """What the first, a middle and the last stage of a pipeline need; () without one."""
    by_count: bool = False
    """Settle for what the count says where only a replay decides: for an editor, at a keystroke."""

    @property
    def tensors(self) -> tuple[TensorAtPeak, ...]:
        """The largest groups of tensors alive at the peak, as many as were asked for; found when wanted."""
        return self.peak_tensors()

    @property
    def worst(self) -> Moment:
        """The moment that decides, with a typical slack."""
        return max(self.counted, key=attrgetter("device_bytes"))

    @property
    def peak_phase(self) -> str:
        """The worst moment; the loss counts as part of "forward", as profilers have it."""
        return "forward" if self.worst.name == "loss" else self.worst.name

    @property
    def peak_allocated_bytes(self) -> int:
        """torch.cuda.max_memory_allocated: live tensors, workspaces of cuBLAS where the GPU is known."""
        return self.worst.allocated_bytes

    @property
    def device_bytes(self) -> int:
        """What the GPU must offer so that the run does not die: tensors, the allocator's slack, context,
        communicators. The verdict uses this one; on a GPU with room, `process_bytes` may be more.
        """
        worst, usable = self.worst, None if self.by_count else self._open
        if usable is None:
            return worst.device_bytes
        if self._lives(firm := int(usable / (1 + self.error_band))):
            return min(worst.device_bytes, firm)
        if self._lives(last := int(usable / (1 - self.error_band))):
            return min(max(worst.device_bytes, firm + 2), last)
        return max(worst.device_bytes, last + 2)

    @property
    def _open(self) -> int | None:
        """What the declared GPU can give, where what is allocated leaves open whether that is enough."""
        worst, band = self.worst, self.error_band
        if self.replay is None or self.capacity_bytes is None or worst.name not in STEP_MOMENTS:
            return None
        usable = self.capacity_bytes + self.outside_bytes
        least = worst.allocated_bytes + self.outside_bytes
        decided = least * (1 - band) > usable or (least + self.most_slack) * (1 + band) <= usable
        return None if decided else usable

    @property
    def undecided(self) -> bool:
        """Whether a replay could change what the count says of the declared GPU, and was put off."""
        return self.by_count and self._open is not None

    def _lives(self, usable: int, expandable: bool = False) -> bool:
        """Whether the run lives where the GPU can give `usable` bytes: by a replay, unless its tensors alone
        are more.
        """
        assert self.replay is not None
        if self.worst.allocated_bytes + self.outside_bytes > usable:
            return False
        beside = self.outside_bytes + self.worst.components["generation"]
        return self.replay().lives(usable - beside, expandable)

    @property
    def fits_expandable(self) -> bool:
        """Whether expandable segments make it fit where it does not without: by a replay."""
        usable = None if self.by_count else self._open
        if usable is None or self.unknown or self.refused or self.verdict(usable) == "fits":
            return False
        firm = int(usable / (1 + self.error_band))
        return self._lives(firm, expandable=True)

    @property
    def components(self) -> Mapping[Component, int]:
        """Bytes at the worst moment."""
        return {**self.worst.components, "overhead": self.device_bytes - self.peak_allocated_bytes}

    @property
    def component_sizes(self) -> Mapping[Component, int]:
        """Each component when whole (all gradients, the most activations); they never all coexist."""
        return {**self.sizes, "overhead": self.components["overhead"]}

    @property
    def moments(self) -> tuple[Moment, ...]:
        """The peak of each moment that is known to happen, in the order of the run."""
        worst = self.worst
        return tuple(
            Moment(worst.name, self.components) if moment is worst else moment for moment in self.counted
        )

    @property
    def rough(self) -> Estimate:
        """The same without a replay: for searches, where many candidates are looked at."""
        return replace(self, replay=None)

    @property
    def peak_reserved_bytes(self) -> int:
        """torch.cuda.max_memory_reserved: what the caching allocator takes from the driver, after batches of
        growing length where lengths vary. Worked out by a replay, tens of milliseconds at first.
        """
        return self._reserved(self.replay().with_room()) if self.replay else self.peak_allocated_bytes

    @property
    def reserved_range(self) -> tuple[int, int]:
        """The same where every batch has the full length, and where lengths vary: it depends on when the long
        ones come.
        """
        if self.replay is None:
            return self.peak_allocated_bytes, self.peak_allocated_bytes
        high = self.peak_reserved_bytes
        return min(self._reserved(self.replay().equal()), high), high

    def _reserved(self, taken: int) -> int:
        """With what else is there, on the declared GPU: cached memory goes back to the driver before it has
        none.
        """
        assert self.replay is not None
        worst = self.worst
        engine = worst.components["generation"] if worst.name in STEP_MOMENTS else 0
        if self.capacity_bytes is not None and taken + engine > self.capacity_bytes:
            taken = self.replay().within(self.capacity_bytes - engine)
        return max(taken + engine, self.peak_allocated_bytes)

    @property
    def process_bytes(self) -> int:
        """What nvidia-smi shows for the process: reserved bytes, context, communicators. It never shows more
        than there is: a run that asks for more has died by then.
        """
        shown = self.peak_reserved_bytes + self.outside_bytes
        return shown if self.capacity_bytes is None else min(shown, self.capacity_bytes + self.outside_bytes)

    @property
    def parts(self) -> tuple[Component, ...]:
        """The components to show: a generation engine only where there is one."""
        return tuple(
            name for name in COMPONENTS if name != "generation" or self.component_sizes.get("generation")
        )

    @property
    def bound(self) -> str:
        """How `device_bytes` bounds what the run needs: "at least ", "at most ", "about ", or ""."""
        if self.unknown:
            return "about " if self.undivided else "at least "
        limit = None if self.capacity_bytes is None else self.capacity_bytes + self.outside_bytes
        over = limit is not None and self.low_bytes > limit
        open_prompts = self.shorter is not None and (not over or self._may_be_shorter(limit or 0))
        return "at most " if self.undivided or open_prompts else ""

    def _may_be_shorter(self, capacity_bytes: int) -> bool:
        """Whether prompts decide: with none of any length it might fit."""
        return self.shorter is not None and self.shorter().low_bytes <= capacity_bytes

    @property
    def why_unknown(self) -> tuple[str, ...]:
        """What prevents a verdict, in sentences."""
        return self.refused + self.undivided + self.unknown

    @property
    def high_by_count(self) -> int:
        """Upper end of the band of `device_bytes` as it is without a replay."""
        return int(self.worst.device_bytes * (1 + self.error_band))

    @property
    def low_bytes(self) -> int:
        """Lower end of the band of `device_bytes`."""
        return int(self.device_bytes * (1 - self.error_band))

    @property
    def high_bytes(self) -> int:
        """Upper end of the band of `device_bytes`."""
        return int(self.device_bytes * (1 + self.error_band))

    def fits(self, capacity_bytes: int | None) -> bool:
        """Whether `verdict` is "fits". A replay less than telling "tight" from "does not fit"."""
        usable = self._open
        if usable is None or capacity_bytes is None or capacity_bytes > usable:
            return self.verdict(capacity_bytes) == "fits"
        # Where it dies with what the band leaves of the limit, `device_bytes` lies above that.
        firm = int(usable / (1 + self.error_band))
        return self._lives(firm) and self.verdict(capacity_bytes) == "fits"

    def verdict(self, capacity_bytes: int | None) -> Verdict:
        """Whether it fits in `capacity_bytes` (what the GPU can really give); "tight" where the band crosses
        the limit, or where it does not fit with the longest prompts alone; "unknown" where something that
        counts is missing from the sum and the rest would fit, where what counts is less than the sum, and
        where the framework refuses the run.
        """
        if capacity_bytes is None or self.refused:
            return "unknown"
        if self.low_bytes > capacity_bytes:
            if self.undivided:
                return "unknown"
            return "tight" if self._may_be_shorter(capacity_bytes) else "does_not_fit"
        fits = self.high_bytes <= capacity_bytes
        if self.unknown or (self.undivided and not fits):
            return "unknown"
        return "fits" if fits else "tight"
