"""Which degrees the framework of a file has, and the file or its launch can say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.analysis.writing import Writer
from vramlint.dialects.kit.edits import BATCH
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.lint.result import Analysis
from vramlint.planning.candidates import ANY, MEANS, OF_FRAMEWORK, Means
from vramlint.planning.layout import Sharding
from vramlint.project.hardware import Declaration

_DEGREES: Mapping[str, Mapping[str, Any]] = {
    "tensor": {"parallel.tensor": 2},
    "context": {"parallel.context": 2},
    "pipeline": {"parallel.pipeline": 2},
    "virtual": {
        "parallel.pipeline": 2,
        "parallel.virtual_pipeline": 2,
        "parallel.schedule": "interleaved",
    },
    "expert": {"parallel.expert": 2},
    "sequence": {"parallel.tensor": 2, "parallel.sequence": True},
    "replicas": {"parallel.strategy": "fsdp2", "parallel.replicate": 2},
}
"""What a file must be able to say so that a degree is offered."""


def means_of(analysis: Analysis, job: TrainingJob, declared: Declaration) -> Means:
    """What the framework can do; a job file is for a training loop of one's own, which can do anything. Of a
    framework's file only what a key of it says is offered, or what the run has already from its launch.
    """
    dialect = analysis.dialect
    if dialect is None:
        return MEANS.get(job.runtime, ANY)
    if dialect.own:
        return MEANS.get(job.runtime, ANY) if job.written("runtime") else ANY
    base = OF_FRAMEWORK.get(dialect.name) or MEANS.get(job.runtime) or ANY
    writer = Writer(analysis, job, declared)
    return replace(
        base,
        **{
            name: getattr(base, name) and (writer.says(fields) or _is_there(job, name))
            for name, fields in _DEGREES.items()
        },
        recompute=tuple(how for how in base.recompute if writer.says({"gradient_checkpointing": how})),
        shardings=_shardings(base, job, writer),
        micro_batch=None if _chooses_rows(job, writer) else job.micro_batch_size,
    )


def _chooses_rows(job: TrainingJob, writer: Writer) -> bool:
    """Whether the file can say other rows of a micro batch, with the same rows of a step. How many micro
    batches those then are depends on the GPUs.
    """
    rows, steps = job.micro_batch_size, job.gradient_accumulation_steps
    if steps % 2 and rows % 2:
        return True
    wanted = (rows // 2, steps * 2) if steps % 2 else (rows * 2, steps // 2)
    job_then = writer.read(dict(zip(BATCH, wanted, strict=True)))
    return job_then is not None and job_then.micro_batch_size == wanted[0]


def _shardings(base: Means, job: TrainingJob, writer: Writer) -> tuple[Sharding, ...]:
    """Those that the file can say; of transformers' trainers that name no engine, what the launch may."""
    said = tuple(kind for kind in base.shardings if writer.says({"parallel.strategy": kind}))
    free = job.in_trainer and job.parallel.strategy in ("none", "ddp")
    return base.shardings if free or not said else said


def _is_there(job: TrainingJob, name: str) -> bool:
    """Whether the run has such a degree as it is, by its launch or by another file."""
    value = getattr(job.parallel, {"virtual": "virtual_pipeline", "replicas": "replicate"}.get(name, name))
    return bool(value and value != 1) or value is True


def not_offered(means: Means, experts: bool) -> tuple[str, ...]:
    """The degrees that no layout is proposed with; those of experts where the model has any."""
    names = ("tensor", "pipeline", "context", *(("expert",) if experts else ()))
    return tuple(name for name in names if not getattr(means, name))
