"""Moves that change the training: how it rounds, which weights it trains, how much it sees."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.advice.move import Move
from vramlint.catalog.optimizers import smaller_optimizer
from vramlint.job import TrainingJob
from vramlint.job_fields import is_smallest

_SHORTEST = 512
"""Tokens; sequences are not proposed shorter than this."""


def optimizer(job: TrainingJob) -> Iterator[Move]:
    """States in 8 bits."""
    smaller = smaller_optimizer(job.optimizer, dtensors=job.parallel.strategy == "fsdp2")
    if smaller is not None:
        effect = "optimizer states are rounded to 8 bits"
        yield Move(
            "optimizer", f"optimizer {smaller}", {"optimizer": smaller}, 2.0, "numerics", effect=effect
        )


def in_backward(job: TrainingJob) -> Iterator[Move]:
    """Each weight stepped as soon as its gradient is there."""
    if job.method == "full" and not job.optimizer_in_backward and job.gradient_accumulation_steps == 1:
        title = "step each weight during backward"
        effect = "gradients are not clipped by their norm over all weights"
        yield Move("in backward", title, {"optimizer_in_backward": True}, 2.1, "numerics", effect=effect)


def weights(job: TrainingJob) -> Iterator[Move]:
    """Weights in 16 bits."""
    if not is_smallest(job, "precision.weights") and job.quantization is None:
        title, changes = "hold the weights in bf16", {"precision.weights": "bfloat16"}
    elif job.precision.trainable == "float32" and job.method in ("full", "freeze"):
        title, changes = "train in 16 bits throughout", {"precision.trainable": "same-as-weights"}
    else:
        return
    effect = "updates are rounded to 16 bits"
    yield Move("weights", title, changes, 2.2, "numerics", effect=effect)


def method(job: TrainingJob) -> Iterator[Move]:
    """An adapter in place of the weights, then over a base in 4 bits."""
    effect = "an adapter is trained, not the weights"
    rounded = "the frozen weights are rounded to 4 bits"
    if not is_smallest(job, "method"):
        yield Move("method", "LoRA", {"method": "lora"}, 5.0, "method", effect=effect)
        unpacked = f"{effect}; {rounded}"
        yield Move("method", "QLoRA", {"method": "qlora"}, 5.5, "method", effect=unpacked)
    elif job.method in ("lora", "dora") and job.quantization is None:
        yield Move("method", "QLoRA", {"method": "qlora"}, 3.5, "method", effect=rounded)


def sequence(job: TrainingJob) -> Iterator[Move]:
    """Shorter sequences."""
    for factor in (2, 4, 8):
        shorter = job.sequence_length // factor
        if shorter >= _SHORTEST:
            cost = 4.0 + 0.3 * factor.bit_length()
            title = f"sequences of {shorter:,} tokens"
            effect = f"samples longer than {shorter:,} tokens are cut or dropped"
            yield Move("sequence", title, {"sequence_length": shorter}, cost, "scope", effect=effect)
