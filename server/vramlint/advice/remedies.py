"""The table of changes that save memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from vramlint.advice import other, same
from vramlint.advice.move import HARMS, Move
from vramlint.job import TrainingJob

Row = Callable[[TrainingJob], Iterable[Move]]
"""What one way of saving memory offers a job, step by step, the smallest first."""


def _optimizer(job: TrainingJob) -> Iterator[Move]:
    yield from same.fused_optimizer(job)
    yield from other.optimizer(job)


TABLE: tuple[Row, ...] = (
    same.allocator,
    same.attention,
    same.loading,
    same.saving,
    same.evaluation,
    same.reference,
    same.engine_asleep,
    same.engine_share,
    same.loss,
    same.buckets,
    same.checkpointing,
    same.gradient_sync,
    same.sharding,
    same.micro_batch,
    same.tensor,
    same.context,
    same.offload,
    _optimizer,
    other.in_backward,
    other.weights,
    other.method,
    other.sequence,
)


def ways(job: TrainingJob) -> tuple[tuple[Move, ...], ...]:
    """The ways that the table offers a job, each with its steps, the smallest first."""
    return tuple(steps for row in TABLE if (steps := tuple(row(job))))


def moves(job: TrainingJob) -> tuple[Move, ...]:
    """All moves that the table offers a job, the least harmful first."""
    offered = (move for steps in ways(job) for move in steps)
    return tuple(sorted(offered, key=lambda move: (HARMS.index(move.harm), move.cost)))
