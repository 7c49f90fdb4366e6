"""What one token makes a model compute: counted over the weights of the memory model's own walk."""

from __future__ import annotations

from math import comb

from vramlint.catalog.expert_counts import EXPERTS
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures import network_of
from vramlint.memory.architectures.fallback import flat
from vramlint.memory.architectures.families import family_of
from vramlint.memory.architectures.families.expert_keys import TOP, whole
from vramlint.memory.architectures.network import Network
from vramlint.memory.tape import Tape
from vramlint.memory.weights import Weights
from vramlint.planning.products import Matrix, Split


@dataclass(frozen=True, slots=True)
class Work:
    """Elements of a model by how a token uses them, and the sizes that degrees must divide."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    attention_width: int
    """Heads × head size."""
    key_value_width: int
    vocabulary: int
    dense: int
    """Elements of the layers' matrices that every token meets."""
    experts: int
    """Elements of all experts."""
    head: int
    """Elements of the product with the vocabulary."""
    parameters: int
    expert_count: int = 1
    top: int = 1
    """Experts that a token is sent to."""
    groups: int = 1
    """Groups that the experts are in, of which a token meets `group_top` at most (DeepSeek-V3, node-limited
    routing).
    """
    group_top: int = 1
    operations: int = 0
    """Kernels that a forward pass through all layers runs, however many tokens it is for."""
    matrices: tuple[Matrix, ...] = ()
    """The matrices that `dense` counts."""

    def reached(self, nodes: int) -> float:
        """Of `nodes` that the experts are spread over, those that hold an expert of a token, on average."""
        each = _drawn(self.expert_count, self.top, nodes)
        limited = _drawn(self.groups, self.group_top, nodes) if self.groups > 1 else each
        return min(each, limited)

    @property
    def active(self) -> float:
        """Elements that a token is multiplied with."""
        return self.dense + self.head + self.experts * self.top / self.expert_count

    def scores(self, length: int) -> float:
        """FLOP of a token's causal attention in a sequence of `length`, forward, in all layers."""
        return 2 * self.layers * length * self.attention_width


def _drawn(count: int, taken: int, nodes: int) -> float:
    """Nodes that hold one of the `taken` of `count` things at least, which are spread over them evenly."""
    taken, elsewhere = min(taken, count), count - -(-count // nodes)
    return nodes * (1 - comb(elsewhere, taken) / comb(count, taken))


def work_of(job: TrainingJob) -> Work:
    """The work of the model of `job`. Raises CannotEstimate where its shape is not known."""
    weights, network = _walk(job, 1)
    dense = experts = head = table = total = 0
    for group in weights.groups:
        for parameter in group.parameters:
            elements = group.count * parameter.numel
            total += elements
            if parameter.of_adapter or len(parameter.shape) < 2:
                continue
            if group.name == "embedding":
                table = max(table, elements)
            elif group.name == "head":
                head += elements
            elif parameter.of_expert:
                experts += elements
            else:
                dense += elements
    config = flat(job.model.config)
    family = family_of(job.model.model_type)
    shape = family(job.model.config) if family is not None else None
    hidden = int(getattr(shape, "hidden", 0) or config.get("hidden_size") or 1)
    heads = int(getattr(shape, "heads", 0) or config.get("num_attention_heads") or 1)
    kv_heads = int(getattr(shape, "kv_heads", 0) or heads)
    head_size = int(getattr(shape, "head_size", 0) or hidden // heads)
    return Work(
        layers=len(network.order) or 1,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        attention_width=heads * head_size,
        key_value_width=kv_heads * head_size,
        vocabulary=int(getattr(shape, "vocabulary", 0) or config.get("vocab_size") or 1),
        dense=dense,
        experts=experts,
        head=head or table,
        parameters=total,
        expert_count=whole(config, EXPERTS, 2) or 1,
        top=whole(config, TOP) or 1,
        groups=whole(config, ("n_group",)) or 1,
        group_top=whole(config, ("topk_group",)) or 1,
        operations=_operations(network),
        matrices=_matrices(job, weights),
    )


def _walk(job: TrainingJob, tensor: int) -> tuple[Weights, Network]:
    """The model's weights with no other degree than `tensor`."""
    parallel = replace(job.parallel, tensor=tensor, pipeline=1, expert=1, context=1, sequence=False)
    alone = replace(job, parallel=parallel)
    weights = Weights(alone)
    return weights, network_of(alone, weights)


def _matrices(job: TrainingJob, weights: Weights) -> tuple[Matrix, ...]:
    """The matrices of the layers that every token meets, with the side that two tensor ranks cut."""
    halves, _ = _walk(job, 2)
    found: dict[tuple[int, int, Split], int] = {}
    for group, half in zip(weights.groups, halves.groups, strict=True):
        for parameter, part in zip(group.parameters, half.parameters, strict=True):
            shape = parameter.shape
            if len(shape) != 2 or group.name in ("embedding", "head") or parameter.of_expert:
                continue
            if parameter.of_adapter:
                continue
            split: Split = "none"
            if part.shape[0] < shape[0]:
                split = "outputs"
            elif part.shape[1] < shape[1]:
                split = "inputs"
            key = shape[0], shape[1], split
            found[key] = found.get(key, 0) + group.count
    return tuple(Matrix(outputs, inputs, count, split) for (outputs, inputs, split), count in found.items())


def _operations(network: Network) -> int:
    """Operations of the memory model's walk through every layer: what it fuses, a kernel does at once."""
    tape = Tape()
    hidden, inputs = network.begin(tape)
    counted = []
    for stage in network.stages:
        before = len(tape.nodes)
        stage.run(tape, hidden, inputs)
        counted.append(len(tape.nodes) - before)
    return sum(counted[number] for number in network.order)
