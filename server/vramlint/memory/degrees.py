"""Whether the degrees of tensor, expert and pipeline parallelism act on a model: told by the weights that are
left, so that no architecture needs to be listed. Where one does not act, the estimate is an upper bound.
"""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.catalog.expert_counts import has_experts
from vramlint.job import TrainingJob
from vramlint.memory.architectures.fallback import flat
from vramlint.memory.tensors import Parameter
from vramlint.memory.weights import Group, Weights

DIVIDED = 0.75
"""Two ranks leave a half and what cannot be cut; more is left where a degree does nothing."""


def not_divided(job: TrainingJob, whole: Weights, rank: Weights, stage: Weights) -> Iterator[str]:
    """A sentence for each degree that leaves the weights as they are: `whole` are those of the undivided
    model, `rank` those of a tensor- and expert-parallel rank, `stage` those of a pipeline's stage of it.
    """
    parallel, kind = job.parallel, job.model.model_type
    at_most = f"is not modelled for {kind or 'this architecture'}, and each GPU holds less than is said"
    if parallel.tensor > 1 and _remain(_matrices(whole), _matrices(rank)):
        yield f"tensor parallelism over {parallel.tensor} GPUs {at_most}"
    if parallel.expert > 1 and has_experts(flat(job.model.config)):
        experts = _experts(whole)
        if not experts or _remain(experts, _experts(rank)):
            yield f"expert parallelism over {parallel.expert} GPUs {at_most}"
    if parallel.pipeline > 1 and _remain(_layers(rank), _layers(stage)):
        yield f"a pipeline of {parallel.pipeline} stages {at_most}"


def _remain(before: int, after: int) -> bool:
    return before > 0 and after > DIVIDED * before


def _is_matrix(parameter: Parameter) -> bool:
    return len(parameter.shape) == 2 and not parameter.of_adapter and not parameter.of_expert


def _inner(weights: Weights) -> Iterator[Group]:
    return (group for group in weights.groups if group.name not in ("embedding", "head"))


def _matrices(weights: Weights) -> int:
    """Elements of the layers' matrices, experts apart: those have degrees of their own."""
    return sum(
        group.count * parameter.numel
        for group in _inner(weights)
        for parameter in group.parameters
        if _is_matrix(parameter)
    )


def _experts(weights: Weights) -> int:
    return sum(count * parameter.numel for parameter, count in weights.all() if parameter.of_expert)


def _layers(weights: Weights) -> int:
    return sum(group.count * parameter.numel for group in _inner(weights) for parameter in group.parameters)
