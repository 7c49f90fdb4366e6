"""The plan: the families of layouts that fit, best first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import log2

from vramlint.catalog.facts import Gpu
from vramlint.catalog.rates import Rates
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory import CannotEstimate, Estimate, estimate_job
from vramlint.memory.estimate import Verdict
from vramlint.planning.candidates import Means, families, layouts
from vramlint.planning.layout import Layout, applied
from vramlint.planning.step_time import Setting, StepTime, step_time
from vramlint.planning.work import work_of

PENALTIES = {"tensor": 0.012, "pipeline": 0.012, "context": 0.02, "full": 0.03, "expert": 0.02}
"""What a doubling of a degree, full recomputation and experts outside the domain count in the order: below a
few percent the predicted time decides nothing, and the simpler layout comes first.
"""
TRIED = 12
"""Layouts of a family that are estimated, fastest first, before it is given up."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A layout that fits, with what it is predicted to take."""

    layout: Layout
    time: StepTime
    estimate: Estimate
    verdict: Verdict


class NoPlan(Exception):
    """Nothing can be planned; the message says why."""


Made = Callable[[Layout], "TrainingJob | None"]
"""The run under a layout; None where the framework refuses it."""


def plan(
    job: TrainingJob,
    rates: Rates,
    gpus: int,
    global_batch: int,
    means: Means,
    most: int = 10,
    made: Made | None = None,
    wait: float = 0.0,
) -> list[Proposal]:
    """The `most` best families for `job` on `gpus` GPUs of its kind, the best layout of each. `made` tells
    what the run is under a layout, where that is more than its degrees; `wait`: seconds that the host waits
    for each kernel.

    Raises CannotEstimate where the model's shape is not known, NoPlan where no layout is admissible.
    """
    work = work_of(job)
    setting = Setting(
        work,
        rates,
        job.sequence_length,
        job.precision.fp8 != "none",
        _gradient_bytes(job),
        sequence=means.sequence,
        folds=means.folds_experts,
        wait=wait,
    )
    made = made or partial(applied, job, sequence=means.sequence)
    ordered = sorted(
        (
            (min(predicted(layout, setting) for layout in every), family, every)
            for family in families(work, gpus, job.sequence_length, means)
            if (every := list(layouts(family, work, global_batch, means)))
        ),
        key=lambda item: item[0],
    )
    if not ordered:
        raise NoPlan(f"no degrees divide {gpus} GPUs and a global batch of {global_batch}")
    found: dict[tuple[int, ...], tuple[float, Proposal]] = {}
    for least, family, every in ordered:
        if len(found) >= most and least > sorted(cost for cost, _ in found.values())[most - 1]:
            break
        megatron = means.own and family.sharding == "zero1"
        best = _best(partial(_by_megatron, made) if megatron else made, every, setting, job.gpu)
        if best is not None:
            degrees = family.tensor, family.pipeline, family.context, family.expert
            cost = predicted(best.layout, setting)
            if _is_idle_context(degrees, cost, best.verdict, found):
                continue
            if degrees not in found or cost < found[degrees][0]:
                found[degrees] = cost, best
    return [proposal for _, proposal in sorted(found.values(), key=lambda item: item[0])[:most]]


def _is_idle_context(
    degrees: tuple[int, ...],
    cost: float,
    verdict: Verdict,
    found: Mapping[tuple[int, ...], tuple[float, Proposal]],
) -> bool:
    """Whether half the context degree does no worse: context parallelism is for activations that overflow
    (Megatron-Bridge's performance guide, 067f987, "Long Sequence Training").
    """
    tensor, pipeline, context, expert = degrees
    less = found.get((tensor, pipeline, context // 2, expert))
    return less is not None and less[0] <= cost and less[1].verdict in ("fits", verdict)


def _by_megatron(made: Made, layout: Layout) -> TrainingJob | None:
    job = made(layout)
    return None if job is None else replace(job, runtime="megatron")


def _best(made: Made, every: list[Layout], setting: Setting, gpu: Gpu | None) -> Proposal | None:
    """The fastest layout of a family that fits; where none does, one that is tight, or of which not all is
    known.
    """
    capacity = gpu.usable_bytes if gpu is not None else 0
    tight: Proposal | None = None
    too_large: list[Layout] = []
    tried = 0
    for layout in sorted(every, key=lambda each: predicted(each, setting)):
        if any(_holds_more(layout, other) for other in too_large):
            continue
        if _states(layout, setting) > capacity or tried >= TRIED:
            break
        job = made(layout)
        if job is None:
            continue
        tried += 1
        try:
            estimate = estimate_job(job).rough
        except CannotEstimate:
            return None
        verdict = estimate.verdict(capacity)
        proposal = Proposal(layout, step_time(layout, setting), estimate, verdict)
        if verdict == "fits":
            return proposal
        if verdict == "tight" or (verdict == "unknown" and estimate.device_bytes <= capacity):
            tight = tight or proposal
        too_large.append(layout)
    return tight


def _holds_more(layout: Layout, other: Layout) -> bool:
    """Whether a layout of the same family surely holds no less than another."""
    recompute = ("full", "selective-op", "none")
    return (
        layout.micro_batch >= other.micro_batch
        and (layout.virtual_stages == other.virtual_stages or other.virtual_stages == 1)
        and recompute.index(layout.recompute) >= recompute.index(other.recompute)
    )


def _states(layout: Layout, setting: Setting) -> float:
    """Bytes of weights and optimizer states at least: 2 a parameter kept, 12 shared out."""
    family, work = layout.family, setting.work
    dense = (work.parameters - work.experts) / (family.tensor * family.pipeline)
    experts = work.experts / (family.expert * family.pipeline)
    shared = family.sharded
    if family.sharding == "ddp":
        return 14 * (dense + experts)
    if family.sharding == "zero1":
        return (2 + 12 / shared) * dense + (2 + 12 / max(1, shared * family.tensor / family.expert)) * experts
    return 14 * (dense + experts * family.expert / shared) / shared


def predicted(layout: Layout, setting: Setting) -> float:
    """Seconds of a step, with what favours the simpler layout."""
    return step_time(layout, setting).total * (1 + sum(_complexity(layout, setting)))


def _complexity(layout: Layout, setting: Setting) -> Iterator[float]:
    family = layout.family
    for name in ("tensor", "pipeline", "context"):
        yield PENALTIES[name] * log2(getattr(family, name))
    if layout.recompute == "full":
        yield PENALTIES["full"]
    if family.expert > setting.rates.domain:
        yield PENALTIES["expert"]


def _gradient_bytes(job: TrainingJob) -> int:
    wanted = job.precision.gradients
    return 4 if wanted == "float32" or job.precision.weights == "float32" else 2
