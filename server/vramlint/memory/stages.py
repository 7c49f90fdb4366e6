"""What each stage of a pipeline needs, from the weights that it holds and the step that was walked."""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.memory.pipeline import StagePart, in_flight, stored_bytes
from vramlint.memory.sharding.plan import Plan
from vramlint.memory.stage_memory import StageMemory
from vramlint.memory.step import StepProfile
from vramlint.memory.weights import Weights
from vramlint.vocabulary import Component


def stage_memory(
    part: StagePart, held: Weights, plan: Plan, profile: StepProfile, components: Mapping[Component, int]
) -> StageMemory:
    """What a stage needs: `held` are its weights, `components` its bytes at the worst moment."""
    assert part.name != "model"
    job = plan.job
    head = profile.forward[-1]
    return StageMemory(
        name=part.name,
        layers=min(part.last, len(profile.order) - 2) - max(1, part.first) + 1,
        parameters=sum(count * parameter.numel for parameter, count in held.all()),
        in_flight=in_flight(job.parallel, part, job.gradient_accumulation_steps),
        components=components,
        embedding_bytes=stored_bytes(
            held, plan, [group for group in held.groups if group.name == "embedding"]
        ),
        head_bytes=stored_bytes(held, plan, [group for group in held.groups if group.name == "head"]),
        loss_bytes=max(head.rise, head.net + profile.after_loss.rise) if part.name == "last stage" else 0,
    )
