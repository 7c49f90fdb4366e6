"""The local peaks of forward, loss and backward on one pipeline stage, from the profile of a walked step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal, TypeAlias

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.network import Network
from vramlint.memory.ledger import DTYPE_BYTES
from vramlint.memory.objectives import has_reference, objective_of
from vramlint.memory.pipeline import StagePart, in_flight
from vramlint.memory.sharding.plan import Plan, Unit
from vramlint.memory.step import Segment, StepProfile

NOTHING = Segment()

StepMoment: TypeAlias = Literal["forward", "loss", "backward", "optimizer"]


@dataclass(frozen=True, slots=True)
class PeakCandidate:
    """A local peak: bytes on top of weights and states, and the gradients among them."""

    moment: StepMoment
    dynamic: int
    gradients: int
    position: int = -1
    """Place in the model's order; -1 outside it."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One micro batch through a stage, as the engine treats its gradients.

    `before`: bytes of gradients that exist already. `in_flight`: micro batches whose saved tensors are alive
    when its backward begins, itself included. `gradients`: what becomes of its own.
    """

    before: int
    in_flight: float = 1
    gradients: Literal["reduced", "accumulated", "kept whole"] = "reduced"
    arriving: int = 0
    """Bytes of gradients that are allocated when its backward begins."""

    def nets(self, stretch: Segment) -> tuple[int, int]:
        """What a stretch's backward leaves: bytes, and the gradients among them."""
        if self.gradients == "reduced":
            return stretch.net - stretch.accumulated, stretch.net_gradients - stretch.accumulated
        own = stretch.accumulated if self.gradients == "kept whole" else 0
        return stretch.net - stretch.net_gradients + own, own

    def rise(self, stretch: Segment, after: Segment, before: Segment) -> int:
        """The rise of a stretch's backward between its neighbours in the model: the gradients of the one
        `after` may still be on their way, the weights of the one `before` already.
        """
        # A unit's weights are copied out of what they were fetched in before the next are fetched.
        running = max(stretch.rise + before.fetched, 2 * stretch.fetched)
        if self.gradients == "reduced":
            reducing = max(
                stretch.rise_reduced + before.fetched, stretch.rise_resharded + before.fetched_late
            )
            return max(running + after.pending, reducing)
        return max(running, self.nets(stretch)[0])


def compose(profile: StepProfile, part: StagePart, run: Pass, resident: int) -> list[PeakCandidate]:
    """The local peaks of one micro batch on one pipeline stage, each layer taking the profile of its kind.

    `resident`: layers whose saved tensors may be on the GPU at once; those of further layers are on the
    host until backward comes to them.
    """
    peaks: list[PeakCandidate] = []
    order = profile.order[part.first : part.last + 1]
    away = offloaded(profile, order, resident)
    spans = list(_spans(order, away))
    current = gradients = run.before
    if run.in_flight > 1:
        # Gathered weights serve all micro batches.
        saved = sum(
            profile.forward[index].net - profile.forward[index].gathered + profile.autocast_end[index].net
            for index in order
        )
        current += int((run.in_flight - 1) * (saved - sum(away)))
    for first, count in spans:
        stretch = profile.forward[order[first]]
        step = stretch.net - away[first]
        moment: StepMoment = "loss" if first + part.first == len(profile.order) - 1 else "forward"
        for place in _ends(count):
            peaks.append(
                PeakCandidate(moment, current + place * step + stretch.rise, gradients, first + place)
            )
        current += count * step
    for first, count in spans:
        current += count * profile.autocast_end[order[first]].net
    if part.last == len(profile.order) - 1:
        peaks.append(PeakCandidate("loss", current + profile.after_loss.rise, gradients))
        current += profile.after_loss.net

    def beside(position: int) -> Segment:
        return profile.backward[order[position]] if 0 <= position < len(order) else NOTHING

    current, gradients = current + run.arriving, gradients + run.arriving
    returning = [0] * min(resident, len(order)) + away[::-1]
    for first, count in reversed(spans):
        stretch = profile.backward[order[first]]
        last = first + count - 1
        net, step_gradients = run.nets(stretch)
        step = net + returning[len(order) - 1 - last]
        for place in sorted({*_ends(count), min(1, count - 1), max(0, count - 2)}):
            rise = run.rise(stretch, beside(last - place + 1), beside(last - place - 1))
            alive = gradients + place * step_gradients + min(rise, stretch.rise_gradients)
            peaks.append(PeakCandidate("backward", current + place * step + rise, alive, last - place))
        current += count * step
        gradients += count * step_gradients
    return peaks


def passes(plan: Plan, gradients: int, part: StagePart) -> list[Pass]:
    """The micro batches of a step whose peaks may be the highest; `gradients` are those kept between them."""
    parallel, batches = plan.job.parallel, plan.job.gradient_accumulation_steps
    first = in_flight(parallel, part, batches)
    later = in_flight(parallel, part, max(1, batches - 1))
    if plan.accumulates_whole:
        own: list[Pass] = [] if parallel.pipeline > 1 else [Pass(gradients)]
        if parallel.pipeline > 1 or batches == 2:
            own.append(Pass(0, first, "kept whole"))
        if batches > 2 or (parallel.pipeline > 1 and batches > 1):
            own.append(Pass(gradients, later, "accumulated"))
        return own
    if (arriving := plan.arriving(gradients)) is not None:
        return [Pass(arriving[0], first, arriving=arriving[1])]
    if plan.has_gradient_buffer:
        return [Pass(gradients, first)]
    if batches == 1:
        return [Pass(0, first)]
    return [Pass(gradients, later)] if first == later else [Pass(gradients, later), Pass(0, first)]


def reduced_at_end(profile: StepProfile, part: StagePart, plan: Plan, gradients: int) -> PeakCandidate | None:
    """The end of backward where an engine reduces only then: after a pipeline's last micro batch, unit by
    unit, or a model that is one unit; `gradients` are those kept.
    """
    if held := plan.at_end(gradients):
        return PeakCandidate("backward", held, gradients)
    order = profile.order[part.first : part.last + 1]
    stretches = [profile.backward[index] for index in order]
    gathered = sum(profile.forward[index].gathered for index in order)
    if plan.accumulates_whole and plan.job.parallel.pipeline > 1:
        kept = sum(stretch.accumulated for stretch in stretches)
        return PeakCandidate("backward", kept + gathered + max(s.reduction for s in stretches), kept)
    if plan.one_unit:
        kept = sum(stretch.accumulated or stretch.net_gradients for stretch in stretches)
        first = {id(parameter) for parameter in profile.weights[order[0]]}  # a tied head is not counted again
        weights = [*profile.weights[order[0]]]
        weights += (p for index in order[1:] for p in profile.weights[index] if id(p) not in first)
        reduction = sum(stretch.reduction for stretch in stretches)
        return PeakCandidate("backward", plan.reduced_as_one(Unit(weights), kept, reduction), kept)
    return None


def _ends(count: int) -> tuple[int, ...]:
    """First and last of `count` equal layers: what is alive grows or shrinks evenly between, so that the peak
    is at an end.
    """
    return (0,) if count == 1 else (0, count - 1)


def _spans(order: Sequence[int], away: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Neighbours of one kind, as position and count; where tensors move to the host, each layer by itself."""
    if any(away):
        yield from ((position, 1) for position in range(len(order)))
        return
    first = 0
    for _, alike in groupby(order):
        count = len(list(alike))
        yield first, count
        first += count


def offloaded(profile: StepProfile, order: Sequence[int], resident: int) -> list[int]:
    """What each part of the model sends to the host: the saved tensors of all layers but the last `resident`
    ones.
    """
    if resident >= len(order) - 2:
        return [0] * len(order)
    head = len(profile.forward) - 1
    layers = [position for position, index in enumerate(order) if index not in (0, head)]
    gone = set(layers[: max(0, len(layers) - resident)])
    saved = [profile.forward[index].net + profile.autocast_end[index].net for index in order]
    return [max(0, size) if position in gone else 0 for position, size in enumerate(saved)]


def beside_reductions(peaks: Sequence[PeakCandidate], layers: int, size: int) -> list[PeakCandidate]:
    """The peaks, with `size` bytes more wherever a gradient may be on its way to the host: in backward, once
    the last of `layers` is through.
    """
    return [
        replace(peak, dynamic=peak.dynamic + size)
        if peak.moment == "backward" and peak.position < layers - 1
        else peak
        for peak in peaks
    ]


def reference_pass(logits: int, peaks: Sequence[PeakCandidate]) -> PeakCandidate:
    """The reference model's forward while the policy's graph is alive."""
    alive = max((peak.dynamic for peak in peaks if peak.moment in ("forward", "loss")), default=0)
    return PeakCandidate("loss", alive + logits, 0)


def reference_logits(job: TrainingJob, profile: StepProfile, network: Network) -> int:
    """Bytes of a reference model's logits beside the policy's graph; 0 where there is none, a fused head
    never makes them, or completions are scored before the step that trains on them (trl 0.17 and 1.16,
    trainer/grpo_trainer.py, _generate_and_score_completions).
    """
    before = objective_of(job).loss == "policy"
    if job.loss != "full-logits" or not has_reference(job) or before:
        return 0
    width = 6 if profile.tape.autocast else DTYPE_BYTES[job.precision.weights]
    return int(job.micro_batch_size * job.sequence_length * network.head.weight.shape[0] * width)
