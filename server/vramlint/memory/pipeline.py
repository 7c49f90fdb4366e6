"""Pipeline parallelism: which part of the model a stage holds, and how many micro batches are in flight
there.

The fullest rank is the first or the last: the first holds the embedding and the most activations, the last
the head and the logits.
"""

from __future__ import annotations

from typing import Literal

from vramlint.job import Parallel, TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.weights import Weights


@dataclass(frozen=True, slots=True)
class StagePart:
    """A stage: the positions in the model's order that it holds (embedding first, head last)."""

    name: Literal["model", "first stage", "last stage"]
    first: int
    last: int


def parts(layers: int, job: TrainingJob) -> tuple[StagePart, ...]:
    """The candidates for the fullest stage; the whole model where there is no pipeline. Position 0 is the
    embedding, layers + 1 the head.

    torchtitan counts embedding and head as a layer each when it shares the layers out (0.3,
    pipeline_parallel_first_stage_less_layers).
    """
    stages = job.parallel.pipeline
    if stages <= 1:
        return (StagePart("model", 0, layers + 1),)
    each = -(-layers // stages)
    if job.runtime == "torchtitan":
        each = max(1, -(-(layers + 2) // stages) - 1)
    return (
        StagePart("first stage", 0, each),
        StagePart("last stage", layers - each + 1, layers + 1),
    )


def in_flight(parallel: Parallel, part: StagePart, batches: int) -> float:
    """How many micro batches' saved tensors a stage holds when it begins its first backward pass, of
    `batches` in a step.

    One-forward-one-backward: as many as there are stages on the first, one on the last (Narayanan et al.
    2104.04473, section 2.2); zero bubble's first schedule the same (Qi et al. 2401.10241, section 4.2.1).
    Interleaved, stage r of p runs 2(p - r - 1) + (v - 1)p chunks forward before its first backward, each a
    v-th of its layers (Megatron-LM, core/pipeline_parallel/schedules.py, get_pp_rank_microbatches). GPipe
    runs all forward first.
    """
    stages, chunks = parallel.pipeline, parallel.virtual_pipeline
    if stages == 1:
        return 1
    if parallel.schedule == "gpipe":
        return batches
    after = stages - 1 if part.name == "first stage" else 0
    if chunks > 1 and parallel.schedule != "zero-bubble":
        return min(batches, (2 * after + (chunks - 1) * stages + 1) / chunks)
    return min(batches, after + 1)


def keep_part(weights: Weights, part: StagePart, layers: int) -> None:
    """Reduce the weights to those of the stage: its share of the layers, the embedding on the first, the head
    on the last.

    A last stage whose head is tied holds the embedding's table too.
    """
    share = (part.last if part.last <= layers else layers) - max(1, part.first) + 1
    outside = [group for group in weights.groups if group.name in ("embedding", "head")]
    tied = all(
        len(parameter.shape) < 2
        for group in outside
        if group.name == "head"
        for parameter in group.parameters
    )
    for group in list(weights.groups):
        if (group.name == "embedding" and part.first > 0 and not tied) or (
            group.name == "head" and part.last <= layers
        ):
            weights.groups.remove(group)
        elif group not in outside:
            group.count = max(1, round(group.count * share / layers))
