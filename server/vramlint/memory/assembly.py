"""The answer of one stage: bytes that stay and local peaks put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vramlint.catalog.facts import GIB
from vramlint.job import TrainingJob
from vramlint.memory.checkpoint_size import checkpoint_bytes
from vramlint.memory.estimate import Component, Estimate
from vramlint.memory.ledger import rounded
from vramlint.memory.objectives import objective_of
from vramlint.memory.overhead import allocator_slack, device_overhead, error_band, typically_reserved
from vramlint.memory.peaks import PeakCandidate
from vramlint.memory.persistent import PersistentBytes
from vramlint.memory.sharding import plan_of
from vramlint.memory.weights import Weights


def assembled(
    job: TrainingJob,
    whole: Weights,
    persistent: PersistentBytes,
    walked: Sequence[PeakCandidate],
    modelled: bool,
    notes: tuple[str, ...] = (),
) -> Estimate:
    """The estimate of one stage: `walked` are its local peaks on top of what is `persistent`; `whole` the
    undivided model.
    """
    peaks = [
        *walked,
        PeakCandidate("optimizer", persistent.gradients + persistent.step, persistent.gradients),
    ]
    batch = 3 * rounded(8 * job.micro_batch_size * job.sequence_length) if walked else 0
    stored = persistent.weights + persistent.models
    base = stored + persistent.states + persistent.buffers + batch
    top = max(peaks, key=lambda peak: peak.dynamic)
    peak = base + top.dynamic
    phase_peaks = {
        name: base + max((m.dynamic for m in peaks if m.phase == name), default=0)
        for name in ("forward", "backward", "optimizer")
    }
    most = max((peak.dynamic - peak.gradients for peak in walked), default=0) + batch + persistent.buffers
    activations = peak - stored - persistent.states - top.gradients
    overhead = allocator_slack(activations) + device_overhead(job)
    reserved_bytes = typically_reserved(job, peak, activations)
    components: dict[Component, int] = {
        "weights": stored,
        "gradients": top.gradients,
        "optimizer_states": persistent.states,
        "activations": activations,
        "overhead": overhead,
    }
    sizes: dict[Component, int] = {
        **components,
        "gradients": persistent.gradients,
        "optimizer_states": persistent.states + persistent.paged,
        "activations": most if walked else 0,
    }
    return Estimate(
        parameters=sum(count * parameter.numel for parameter, count in whole.all()),
        trainable_parameters=sum(
            count * parameter.numel for parameter, count in whole.all() if parameter.trainable
        ),
        components=components,
        component_sizes=sizes,
        peak_allocated_bytes=peak,
        peak_reserved_bytes=reserved_bytes,
        device_bytes=peak + overhead,
        peak_phase=top.phase,
        phase_peaks=phase_peaks,
        error_band=error_band(job, modelled),
        checkpoint_bytes=checkpoint_bytes(job, whole, persistent, plan_of(job)),
        architecture=job.model.model_type,
        modelled=modelled,
        notes=(*_notes(job, persistent, modelled, bool(walked)), *notes),
    )


def _notes(job: TrainingJob, persistent: PersistentBytes, modelled: bool, walked: bool) -> Iterator[str]:
    """What a reader should know about how this estimate counts."""
    if not modelled and not walked:
        yield "only a parameter count is known: activations are unknown and not counted"
    elif not modelled:
        name = job.model.model_type or "this architecture"
        yield f"{name} is not modelled to the operation: weights and states are exact, activations a bound"
    if objective_of(job).unknown:
        yield objective_of(job).unknown
    if persistent.paged:
        size = f"{persistent.paged / GIB:.1f} GiB"
        yield f"paged optimizer states ({size}) lie in unified memory, evicted from a full card: not counted"
