"""Pipeline parallelism: which part of the model a stage holds, and how many micro batches are in flight
there.

The fullest rank is the first, with the embedding and the most activations; the last, with the head and the
logits; or one between, where layers differ or the ends hold fewer of them.
"""

from __future__ import annotations

from collections import Counter
from copy import copy
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from vramlint.job import Parallel, TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.network import Network
from vramlint.memory.weights import Group, Weights

if TYPE_CHECKING:
    from vramlint.memory.sharding import Plan
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


def parts_by_size(weights: Weights, network: Network, plan: Plan) -> tuple[StagePart, ...]:
    """The candidates where accelerate spreads the layers by their bytes: each GPU is filled up to an even
    share and a quarter more than the largest layer, the first to as much less as the largest part that is
    left, and the last holds the rest (accelerate 1.15, utils/modeling.py, get_balanced_memory and
    infer_auto_device_map).
    """
    stages = plan.job.parallel.pipeline
    of_kind = {id(stage.parameters): kind for kind, stage in enumerate(network.stages)}
    by_kind, outside = dict.fromkeys(range(len(network.stages)), 0), {"embedding": 0, "head": 0}
    for group in weights.groups:
        size = stored_bytes(weights, plan, [replace(group, count=1)])
        kind = of_kind.get(id(group.parameters))
        if kind is not None:
            by_kind[kind] += size
        elif group.name in outside:
            outside[group.name] += size * group.count
    sizes = [outside["embedding"], *(by_kind[kind] for kind in network.order), outside["head"]]
    share = sum(sizes) // stages + 5 * max(by_kind.values()) // 4
    ends: list[int] = []
    held = 0
    for position, size in enumerate(sizes):
        room = share if ends else share - max(sizes[position:])
        if held and held + size > room and len(ends) < stages - 1:
            ends.append(position - 1)
            held = 0
        held += size
    if not ends:
        return (StagePart("model", 0, len(sizes) - 1),)
    first, last = StagePart("first stage", 0, ends[0]), StagePart("last stage", ends[-1] + 1, len(sizes) - 1)
    between = [StagePart("middle stage", begin + 1, end) for begin, end in pairwise(ends)]
    fullest = sorted(between, key=lambda part: -sum(sizes[part.first : part.last + 1]))[:1]
    return (first, *fullest, last)


def stored_bytes(weights: Weights, plan: Plan, groups: list[Group]) -> int:
    """Bytes of the weights of some groups, without what is no parameter."""
    alone = copy(weights)
    alone.groups, alone.buffers = groups, 0
    return alone.stored_bytes(plan)


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
    if stages == 1 or parallel.schedule == "device-map":
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
