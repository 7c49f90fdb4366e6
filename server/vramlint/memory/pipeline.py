"""Pipeline parallelism: which part of the model a stage holds, and how many micro batches are in flight
there.

The fullest rank is the first, with the embedding and the most activations; the last, with the head and the
logits; or one between, where layers differ or the ends hold fewer of them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from vramlint.job import Parallel, TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.architectures.network import Network
from vramlint.memory.weights import Group, Weights

if TYPE_CHECKING:
    from vramlint.memory.stage_memory import StageName

ENDS = ("embedding", "head")
"""Groups of weights outside the layers."""


@dataclass(frozen=True, slots=True)
class StagePart:
    """A stage: the positions in the model's order that it holds (embedding first, head last)."""

    name: StageName | Literal["model"]
    first: int
    last: int


def parts(layers: int, job: TrainingJob) -> tuple[StagePart, ...]:
    """The candidates for the fullest stage; the whole model where there is no pipeline. Position 0 is the
    embedding, layers + 1 the head.

    Of the stages between, the second stands for all: it has the most micro batches in flight. torchtitan
    counts embedding and head as a layer each when it shares the layers out (0.3,
    pipeline_parallel_first_stage_less_layers).
    """
    stages = job.parallel.pipeline
    if stages <= 1:
        return (StagePart("model", 0, layers + 1),)
    each = between = -(-layers // stages)
    if job.runtime == "torchtitan":
        between = -(-(layers + 2) // stages)
        each = max(1, between - 1)
    ends = StagePart("first stage", 0, each), StagePart("last stage", layers - each + 1, layers + 1)
    if stages == 2 or each >= layers:
        return ends
    return ends[0], StagePart("middle stage", each + 1, min(layers, each + between)), ends[1]


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
    after = {"first stage": stages - 1, "middle stage": stages - 2}.get(part.name, 0)
    if chunks > 1 and parallel.schedule != "zero-bubble":
        return min(batches, (2 * after + (chunks - 1) * stages + 1) / chunks)
    return min(batches, after + 1)


def layers_of(network: Network, part: StagePart) -> list[int]:
    """The kinds of the layers that a stage holds, in their order."""
    return network.order[max(1, part.first) - 1 : part.last]


def keep_part(weights: Weights, part: StagePart, network: Network) -> None:
    """Reduce the weights to those of the stage: its own layers, the embedding on the first, the head on the
    last.

    A last stage whose head is tied holds the embedding's table too. Weights of which nothing says the layer
    are shared out evenly.
    """
    layers, kinds = len(network.order), layers_of(network, part)
    of_kind = {id(stage.parameters): kind for kind, stage in enumerate(network.stages)}
    held = Counter(kinds)
    outside = [group for group in weights.groups if group.name in ENDS]
    tied = all(
        len(parameter.shape) < 2
        for group in outside
        if group.name == "head"
        for parameter in group.parameters
    )

    def count(group: Group) -> int:
        if group.name == "embedding":
            return group.count if part.first == 0 or (tied and part.last > layers) else 0
        if group.name == "head":
            return group.count if part.last > layers else 0
        kind = of_kind.get(id(group.parameters))
        return max(1, round(group.count * len(kinds) / layers)) if kind is None else held[kind]

    for group in weights.groups:
        group.count = count(group)
    weights.groups = [group for group in weights.groups if group.count]
