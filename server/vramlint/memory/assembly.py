"""The answer of one stage: bytes that stay and local peaks put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

from vramlint.catalog.facts import GIB
from vramlint.job import Open, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory.broken_releases import LOADS_AHEAD
from vramlint.memory.checkpoint_size import checkpoint_bytes
from vramlint.memory.estimate import MOMENTS, Component, Estimate, Moment, Reserved
from vramlint.memory.ledger import rounded
from vramlint.memory.moments import evaluation
from vramlint.memory.moments.generation import engine_bytes, engine_in_training, without_prompts
from vramlint.memory.moments.held import Held
from vramlint.memory.overhead import (
    allocator_slack,
    cublas_workspaces,
    device_overhead,
    driver_allocates,
    error_band,
    most_slack,
)
from vramlint.memory.peaks import PeakCandidate
from vramlint.memory.persistent import PersistentBytes
from vramlint.memory.quantization import has_formula
from vramlint.memory.replay.settings import parsed
from vramlint.memory.roles import not_counted, taken_for_granted
from vramlint.memory.sharding import plan_of
from vramlint.memory.versions import version_of
from vramlint.memory.weights import Weights


def assembled(
    job: TrainingJob,
    whole: Weights,
    persistent: PersistentBytes,
    walked: Sequence[PeakCandidate],
    around: Sequence[Held],
    modelled: bool,
    notes: tuple[str, ...] = (),
    counted: bool = True,
    undivided: tuple[str, ...] = (),
    replay: Callable[[], Reserved] | None = None,
) -> Estimate:
    """The estimate of one stage: `walked` are its local peaks on top of what is `persistent`, `around` the
    moments beside the training step, `whole` the undivided model; `counted` says that its parameters are the
    class's own, `undivided` what is counted whole and is not.
    """
    engine = engine_in_training(job, whole)
    batch = 3 * rounded(8 * job.micro_batch_size * job.sequence_length) if walked else 0
    stored = persistent.weights + persistent.models
    libraries = cublas_workspaces(job) if walked else 0
    scratch = persistent.buffers + batch + libraries
    steps = [
        Held(
            top.moment,
            stored,
            top.gradients,
            persistent.states,
            scratch + persistent.passing.get(top.moment, 0) + top.dynamic - top.gradients,
            engine,
        )
        for top in _tops(walked, persistent)
    ]
    plan = plan_of(job)
    outside = device_overhead(job, plan.deepspeed)
    # The allocator's slack of the step's peak stays with it through the whole step.
    expandable = parsed(job.allocator).expandable
    slack = allocator_slack(max(steps, key=lambda held: held.allocated).activations, expandable)
    run = [(held, slack) for held in steps]
    for held in around:
        beside = held if held.name == "load" else replace(held, activations=held.activations + libraries)
        run.append((beside, allocator_slack(held.activations, expandable)))
    highest: dict[str, Moment] = {}
    for moment in (_moment(held, spare + outside) for held, spare in run):
        known = highest.get(moment.name)
        if known is None or moment.device_bytes > known.device_bytes:
            highest[moment.name] = moment
    moments = tuple(sorted(highest.values(), key=lambda moment: MOMENTS.index(moment.name)))
    whole_activations = max((held.activations for held in steps if held.name != "optimizer"), default=0)
    sizes: dict[Component, int] = {
        "weights": stored,
        "gradients": persistent.gradients,
        "optimizer_states": persistent.states + persistent.paged,
        "activations": whole_activations,
        "generation": engine_bytes(job),
    }
    return Estimate(
        parameters=sum(count * parameter.numel for parameter, count in whole.all()),
        trainable_parameters=sum(
            count * parameter.numel for parameter, count in whole.all() if parameter.trainable
        ),
        counted=moments,
        sizes=sizes,
        most_slack=most_slack(max(held.activations for held in steps), expandable),
        outside_bytes=outside,
        phase_peaks=_phase_peaks(moments),
        error_band=error_band(job, modelled),
        checkpoint_bytes=checkpoint_bytes(job, whole, persistent, plan),
        architecture=job.model.model_type,
        modelled=modelled,
        unknown=(*_uncounted(job, bool(walked)), *left_open(job)),
        undivided=(*undivided, *_read_ahead(job, moments)),
        capacity_bytes=None if job.gpu is None else job.gpu.usable_bytes - outside,
        notes=(*_notes(job, persistent, modelled, counted, bool(walked)), *notes),
        replay=replay,
    )


def counted_at_most(job: TrainingJob, weights: Weights) -> Iterator[str]:
    """What is counted larger than it is, or may be."""
    own = job.runtime == "megatron" or job.parallel.pipeline > 1  # transformers has no pipeline
    own = own and job.kernels.sparse_attention == "whole"
    if own and any(".indexer." in one.name for one, _ in weights.all()):
        yield (
            "the scores by which sparse attention chooses keys are counted whole, as transformers makes "
            "them; a run with fused kernels for them holds less (kernels: {sparse_attention: fused})"
        )
    scheme = job.quantization.scheme if job.quantization is not None else None
    if scheme is not None and not has_formula(scheme):
        yield f"what weights stored as {scheme!r} take is not known: they are counted at 16 bits"


def _read_ahead(job: TrainingJob, moments: Sequence[Moment]) -> Iterator[str]:
    """What loading holds at most, where that decides."""
    if LOADS_AHEAD.meets(job) and max(moments, key=attrgetter("device_bytes")).name == "load":
        release = version_of(LOADS_AHEAD.library, job)
        yield (
            f"{LOADS_AHEAD.library} {release} {LOADS_AHEAD.does}: how many are there at one time depends on "
            "the disk and the processor"
        )


def left_open(job: TrainingJob, bound: str | None = None) -> Iterator[str]:
    """The reasons of values that the file leaves open, of one `bound` or of all."""
    for origin in job.origins.values():
        if isinstance(origin, Open) and bound in (None, origin.bound):
            yield origin.reason


def _tops(walked: Sequence[PeakCandidate], persistent: PersistentBytes) -> Iterator[PeakCandidate]:
    """The highest local peak of each moment of the step."""
    optimizer = PeakCandidate("optimizer", persistent.stepped + persistent.step, persistent.stepped)
    highest: dict[str, PeakCandidate] = {}
    for peak in (*walked, optimizer):
        known = highest.get(peak.moment)
        if known is None or peak.dynamic > known.dynamic:
            highest[peak.moment] = peak
    yield from highest.values()


def _moment(held: Held, overhead: int) -> Moment:
    """A moment with what lies outside its tensors."""
    return Moment(
        held.name,
        {
            "weights": held.weights,
            "gradients": held.gradients,
            "optimizer_states": held.states,
            "activations": held.activations,
            "generation": held.generation,
            "overhead": overhead,
        },
    )


def _phase_peaks(moments: Sequence[Moment]) -> dict[str, int]:
    """Allocated bytes by phase of the step, the loss counted to the forward pass."""
    peaks = {"forward": 0, "backward": 0, "optimizer": 0}
    for moment in moments:
        phase = "forward" if moment.name == "loss" else moment.name
        if phase in peaks:
            peaks[phase] = max(peaks[phase], moment.allocated_bytes)
    return peaks


def _uncounted(job: TrainingJob, walked: bool) -> Iterator[str]:
    """What is there and not counted."""
    if not walked:
        yield "activations are not counted: only a parameter count is known, and no model of that size"
    yield from not_counted(job)
    yield from evaluation.not_counted(job)


def _notes(
    job: TrainingJob, persistent: PersistentBytes, modelled: bool, counted: bool, walked: bool
) -> Iterator[str]:
    """What a reader should know about how this estimate counts."""
    if not modelled and walked:
        name = job.model.model_type or "this architecture"
        weights = "exact" if counted else "those of a plain decoder with the config's sizes and experts"
        said = f"weights and states are {weights}, activations a bound"
        yield f"{name} is not modelled operation by operation: {said}"
    yield from taken_for_granted(job)
    if driver_allocates(job):
        yield "the driver's pools (cudaMallocAsync) are not modelled: PyTorch's own are counted"
    if (short := without_prompts(job)) is not None:
        prompts = job.sequence_length - short.sequence_length
        yield f"prompts are counted at {prompts:,} tokens, the most that the file lets through"
    yield from _uncounted(job, walked)
    if persistent.paged:
        size = f"{persistent.paged / GIB:.1f} GiB"
        yield f"paged optimizer states ({size}) are in unified memory and leave a full GPU: not counted"
