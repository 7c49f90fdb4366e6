"""The table of changes that save memory, the smallest change of the run first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from vramlint.advice.changes import Changes, apply
from vramlint.catalog.optimizers import optimizer_named
from vramlint.job import TrainingJob
from vramlint.job_fields import is_smallest
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.sharding import plan_of

_SHORTEST = 512
"""Tokens; sequences are not proposed shorter than this."""
_MOST_PIECES = 64
"""Micro batches are not proposed to be cut into more."""
_SHARES = (0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Shares of the GPU that are proposed for a generation engine."""


@dataclass(frozen=True, slots=True)
class Move:
    """One change. Moves of the same `group` exclude each other; `cost` says how much of the run changes."""

    group: str
    title: str
    changes: Changes
    cost: float
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: what it is about, and the moves it offers a job."""

    group: str
    offer: Callable[[TrainingJob], Iterable[Move]]


_REDUCED: Changes = {"parallel.sync_each_batch": True}


def _checkpointing(job: TrainingJob) -> Iterator[Move]:
    if not is_smallest(job, "gradient_checkpointing"):
        title = "enable gradient checkpointing"
        yield Move("checkpointing", title, {"gradient_checkpointing": "full"}, 1.0, safe=True)


def _attention(job: TrainingJob) -> Iterator[Move]:
    if not is_smallest(job, "attention"):
        yield Move("attention", "use SDPA attention", {"attention": "sdpa"}, 0.8, safe=True)


def _loss(job: TrainingJob) -> Iterator[Move]:
    if not is_smallest(job, "loss"):
        title = "use a fused linear cross-entropy (no logits in memory)"
        yield Move("loss", title, {"loss": "fused-linear"}, 1.2, safe=True)


def _offload(job: TrainingJob) -> Iterator[Move]:
    if not job.activation_offload and is_smallest(job, "gradient_checkpointing"):
        yield Move("offload", "offload activations to the CPU", {"activation_offload": True}, 2.5, safe=True)


def _micro_batch(job: TrainingJob) -> Iterator[Move]:
    size = job.micro_batch_size
    divisors = (size // factor for factor in range(2, min(size, _MOST_PIECES) + 1) if size % factor == 0)
    for smaller in divisors:
        accumulation = job.gradient_accumulation_steps * (size // smaller)
        title = f"micro batch {smaller} with {accumulation} accumulation steps"
        changes = {"micro_batch_size": smaller, "gradient_accumulation_steps": accumulation}
        cost = 1.5 + 0.1 * (size // smaller).bit_length()
        yield Move("micro batch", title, changes, cost)
        if _keeps_whole_gradients(apply(job, changes)):
            title += ", gradients reduced after each"
            yield Move("micro batch", title, {**changes, **_REDUCED}, cost + 0.05)


def _sync(job: TrainingJob) -> Iterator[Move]:
    if _keeps_whole_gradients(job):
        title = "reduce gradients after each micro batch"
        yield Move("gradients", title, _REDUCED, 0.9, safe=True)


def _keeps_whole_gradients(job: TrainingJob) -> bool:
    """Whether unsharded gradients wait for the last micro batch, and the loop could reduce them before."""
    return job.parallel.pipeline == 1 and plan_of(job).accumulates_whole


def _loading(job: TrainingJob) -> Iterator[Move]:
    if job.loading == "device" and job.parallel.strategy in ("fsdp1", "fsdp2"):
        yield Move("loading", "load on one rank of each node", {"loading": "rank-0"}, 0.5, safe=True)


def _evaluation(job: TrainingJob) -> Iterator[Move]:
    evaluation = job.evaluation
    if evaluation is None:
        return
    for smaller in (4, 2, 1):
        if smaller < evaluation.batch:
            changes = {"evaluation.batch": smaller}
            yield Move("evaluation", f"evaluation batch {smaller}", changes, 0.6 + 0.1 / smaller, safe=True)


def _engine(job: TrainingJob) -> Iterator[Move]:
    generation = job.generation
    if generation is None or not generation.colocated:
        return
    if generation.sleep == "none":
        title = "let the generation engine sleep during training"
        yield Move("engine asleep", title, {"generation.sleep": "weights"}, 0.5, safe=True)
    for share in _SHARES:
        if share < generation.memory_fraction and share > _least_share(job):
            title = f"{share:.0%} of the GPU for the generation engine"
            changes = {"generation.memory_fraction": share}
            yield Move("engine share", title, changes, 0.7 + generation.memory_fraction - share, safe=True)


def _least_share(job: TrainingJob) -> float:
    """The share of the GPU that the engine's own weights take, in 16 bits, and a tenth more."""
    if job.gpu is None or job.generation is None or not job.model.parameters:
        return 1.0
    return 1.1 * 2 * job.model.parameters / job.generation.tensor / job.gpu.memory_bytes


def _optimizer(job: TrainingJob) -> Iterator[Move]:
    row = optimizer_named(job.optimizer)
    if row is not None and row.smaller:
        yield Move("optimizer", f"optimizer {row.smaller}", {"optimizer": row.smaller}, 2.0)


def _in_backward(job: TrainingJob) -> Iterator[Move]:
    if job.method == "full" and not job.optimizer_in_backward and job.gradient_accumulation_steps == 1:
        title = "step each weight during backward"
        yield Move("in backward", title, {"optimizer_in_backward": True}, 2.1)


def _weights(job: TrainingJob) -> Iterator[Move]:
    if not is_smallest(job, "precision.weights") and job.quantization is None:
        yield Move("weights", "hold the weights in bf16", {"precision.weights": "bfloat16"}, 2.2)
    elif job.precision.trainable == "float32" and job.method in ("full", "freeze"):
        title = "train in 16 bits throughout"
        yield Move("weights", title, {"precision.trainable": "same-as-weights"}, 2.2)


def _shard(job: TrainingJob) -> Iterator[Move]:
    if job.gpu_count * job.nodes > 1 and job.parallel.strategy in ("none", "ddp", "zero1", "zero2"):
        yield Move("sharding", "shard with ZeRO-3", {"parallel.strategy": "zero3"}, 3.0, safe=True)


def _sequence(job: TrainingJob) -> Iterator[Move]:
    length = job.sequence_length
    for factor in (2, 4, 8):
        if length // factor >= _SHORTEST:
            shorter = length // factor
            cost = 4.0 + 0.3 * factor.bit_length()
            yield Move("sequence", f"sequences of {shorter:,} tokens", {"sequence_length": shorter}, cost)


def _method(job: TrainingJob) -> Iterator[Move]:
    if not is_smallest(job, "method"):
        yield Move("method", "LoRA", {"method": "lora"}, 5.0)
        yield Move("method", "QLoRA", {"method": "qlora"}, 5.5)
    elif job.method in ("lora", "dora") and job.quantization is None:
        yield Move("method", "QLoRA", {"method": "qlora"}, 3.5)


TABLE: tuple[Row, ...] = (
    Row("attention", _attention),
    Row("checkpointing", _checkpointing),
    Row("loss", _loss),
    Row("gradients", _sync),
    Row("micro batch", _micro_batch),
    Row("loading", _loading),
    Row("evaluation", _evaluation),
    Row("engine", _engine),
    Row("optimizer", _optimizer),
    Row("in backward", _in_backward),
    Row("weights", _weights),
    Row("offload", _offload),
    Row("sharding", _shard),
    Row("sequence", _sequence),
    Row("method", _method),
)


def moves(job: TrainingJob) -> tuple[Move, ...]:
    """The moves that the table offers a job, the smallest change first."""
    offered = [move for row in TABLE for move in row.offer(job)]
    return tuple(sorted(offered, key=lambda move: move.cost))
