"""The largest micro batch and sequence that fit, as moves."""

from __future__ import annotations

from vramlint.advice.limits import TOKENS, TRIED, largest_micro_batch, largest_sequence
from vramlint.advice.move import Move
from vramlint.job import TrainingJob


def larger_batches(job: TrainingJob, capacity_bytes: int) -> tuple[tuple[Move, ...], ...]:
    """Micro batches that fit by count, the largest first: those that keep the batch of a step; others."""
    now, steps = job.micro_batch_size, job.gradient_accumulation_steps
    most, rows = largest_micro_batch(job, capacity_bytes) or 0, now * steps
    same = [size for size in range(min(most, rows), 0, -1) if rows % size == 0][:TRIED]
    other = [size for size in range(most, max(0, most - TRIED), -1) if size not in same]
    return tuple(_same(job, size) for size in same), tuple(_other(job, size) for size in other)


def longer_sequences(job: TrainingJob, capacity_bytes: int) -> tuple[tuple[Move, ...], ...]:
    """Sequences that fit by count, the longest first, within what the model has positions for."""
    most = largest_sequence(job, capacity_bytes) or 0
    positions = job.model.config.get("max_position_embeddings")
    if isinstance(positions, int):
        most = min(most, positions)
    lengths = range(most, max(0, most - TRIED * TOKENS), -TOKENS)
    return (tuple(_length(job, length) for length in lengths),)


def _same(job: TrainingJob, size: int) -> Move:
    steps = job.micro_batch_size * job.gradient_accumulation_steps // size
    title = f"micro batch {size} with {steps} accumulation steps"
    changes = {"micro_batch_size": size}
    if steps != job.gradient_accumulation_steps:
        changes["gradient_accumulation_steps"] = steps
    return Move("micro batch", title, changes, 0.0)


def _other(job: TrainingJob, size: int) -> Move:
    steps = job.gradient_accumulation_steps
    effect = f"each step sees {size * steps} rows a GPU, not {job.micro_batch_size * steps}"
    return Move("micro batch", f"micro batch {size}", {"micro_batch_size": size}, 0.0, "scope", effect=effect)


def _length(job: TrainingJob, length: int) -> Move:
    effect = "longer samples are seen whole"
    if length < job.sequence_length:
        effect = f"samples longer than {length:,} tokens are cut or dropped"
    title = f"sequences of {length:,} tokens"
    return Move("sequence", title, {"sequence_length": length}, 0.0, "scope", effect=effect)
