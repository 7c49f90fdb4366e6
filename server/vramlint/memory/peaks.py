"""The local peaks of forward, loss and backward on one pipeline stage, from the profile of a walked step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal, TypeAlias

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.architectures.network import Network
from vramlint.memory.ledger import DTYPE_BYTES
from vramlint.memory.pipeline import StagePart
from vramlint.memory.step import StepProfile

StepMoment: TypeAlias = Literal["forward", "loss", "backward", "optimizer"]


@dataclass(frozen=True, slots=True)
class PeakCandidate:
    """A local peak: bytes on top of weights and states, and the gradients among them."""

    moment: StepMoment
    dynamic: int
    gradients: int
    position: int = -1
    """Place in the model's order; -1 outside it."""


def compose(
    profile: StepProfile, gradients_before: int, part: StagePart, resident: int
) -> list[PeakCandidate]:
    """The local peaks of the real step on one pipeline stage, each layer taking the profile of its kind.

    `resident`: layers whose saved tensors may be on the GPU at once; those of further layers are on the
    host until backward comes to them.
    """
    peaks: list[PeakCandidate] = []
    order = profile.order[part.first : part.last + 1]
    away = _offloaded(profile, order, resident)
    spans = list(_spans(order, away))
    current = gradients = gradients_before
    if part.in_flight > 1:
        saved = sum(profile.forward[index].net + profile.autocast_end[index].net for index in order)
        current += (part.in_flight - 1) * (saved - sum(away))
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
    returning = [0] * min(resident, len(order)) + away[::-1]
    for first, count in reversed(spans):
        stretch = profile.backward[order[first]]
        last = first + count - 1
        step, step_gradients = stretch.net + returning[len(order) - 1 - last], stretch.net_gradients
        for place in _ends(count):
            alive = gradients + place * step_gradients + stretch.rise_gradients
            peaks.append(
                PeakCandidate("backward", current + place * step + stretch.rise, alive, last - place)
            )
        current += count * step
        gradients += count * step_gradients
    return peaks


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


def _offloaded(profile: StepProfile, order: Sequence[int], resident: int) -> list[int]:
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


def reference_pass(
    job: TrainingJob, profile: StepProfile, network: Network, peaks: Sequence[PeakCandidate]
) -> PeakCandidate:
    """The reference model's forward while the policy's graph is alive: its logits, unless a fused head never
    makes them.
    """
    alive = max((peak.dynamic for peak in peaks if peak.moment in ("forward", "loss")), default=0)
    if job.loss != "full-logits":
        return PeakCandidate("loss", alive, 0)
    width = 6 if profile.tape.autocast else DTYPE_BYTES[job.precision.weights]
    logits = job.micro_batch_size * job.sequence_length * network.head.weight.shape[0] * width
    return PeakCandidate("loss", alive + int(logits), 0)
