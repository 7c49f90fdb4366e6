"""A layout written into a file: the run that its dialect then reads, and what no key of it says."""

from __future__ import annotations

from vramlint.advice.changes import Changes, apply
from vramlint.dialects.kit.dialect import Context, Dialect, ReadResult, SetKey
from vramlint.dialects.kit.edits import with_keys
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.lint.result import Analysis
from vramlint.planning.layout import differing
from vramlint.project.hardware import Declaration

_RANKS = ("parallel.data", "parallel.replicate")
"""What most files leave to the number of GPUs; keys that count the rows of a whole step need it."""
_FOLLOW = frozenset(f"parallel.{name}" for name in ("sequence", "schedule", "expert_tensor"))
"""What a framework without a key for it does of its own."""
_OF_THE_FILE = frozenset(
    f"parallel.{name}" for name in ("tensor", "context", "pipeline", "virtual_pipeline", "expert")
)
"""Degrees that no launch says in the place of the file."""
_TOGETHER = (
    ("micro_batch_size", "gradient_accumulation_steps", "parallel.pipeline"),
    ("parallel.virtual_pipeline", "parallel.schedule", "parallel.pipeline"),
    ("parallel.strategy", "parallel.offload"),
)
"""Fields that some frameworks say by one key."""


@dataclass(frozen=True, slots=True)
class Written:
    """A run with other degrees. `job` has them all, also those that no key says."""

    job: TrainingJob
    keys: tuple[SetKey, ...] = ()
    unsaid: tuple[str, ...] = ()
    """Fields of the job that the file does not say on these GPUs."""


class Writer:
    """Writes fields into the values of one file, and reads them again as on the declared GPUs."""

    def __init__(self, analysis: Analysis, job: TrainingJob, declared: Declaration) -> None:
        self._analysis, self._job, self._declared = analysis, job, declared
        self._refused = _refusals(analysis.reading)

    def write(self, wanted: Changes) -> Written | None:
        """The run with the fields `wanted`; None where the framework refuses it, or has no such degrees.

        A field is said if the file reads so, whether by a key of its own or by what follows from others.
        """
        dialect, told = self._analysis.dialect, self._analysis.dialect_context
        changes = differing(self._job, wanted)
        if dialect is None or told is None:
            return Written(apply(self._job, changes), unsaid=tuple(changes))
        keys, reading = self._tried(dialect, told, changes)
        if reading is None or reading.job is None or _refusals(reading) - self._refused:
            return None
        beyond = {name: wanted[name] for name in differing(reading.job, wanted) if name not in _FOLLOW}
        if not _OF_THE_FILE.isdisjoint(beyond):
            return None
        return Written(apply(reading.job, beyond), keys, tuple(beyond))

    def says(self, wanted: Changes) -> bool:
        """Whether keys of the file can say all of `wanted`, be it refused for this model or not."""
        job = self.read(wanted)
        return job is not None and not differing(job, wanted)

    def read(self, wanted: Changes) -> TrainingJob | None:
        """The run that the file describes with the keys for `wanted`, be it refused or not."""
        dialect, told = self._analysis.dialect, self._analysis.dialect_context
        if dialect is None or told is None:
            return None
        _, reading = self._tried(dialect, told, differing(self._job, wanted))
        return None if reading is None else reading.job

    def _tried(
        self, dialect: Dialect, told: Context, changes: Changes
    ) -> tuple[tuple[SetKey, ...], ReadResult | None]:
        """The keys that say the changes, and the file with them; and how many GPUs there are, where the file
        says that otherwise than it is planned for.
        """
        on = self._declared
        found: tuple[tuple[SetKey, ...], ReadResult | None] = (), None
        for machines in {}, {"gpu_count": on.count, "nodes": on.nodes}:
            keys = self._keys(dialect, {**changes, **machines})
            if keys is None:
                return (), None
            reading = self._read(dialect, told, keys)
            found = keys, reading
            if reading.job is None or reading.job.parallel.world_size == on.count * on.nodes:
                break
        return found

    def _keys(self, dialect: Dialect, changes: Changes) -> tuple[SetKey, ...] | None:
        """Keys for as many of the changes as the dialect can say; None where it cannot say those together."""
        values = self._analysis.values
        job = apply(self._job, {name: changes[name] for name in _RANKS if name in changes})

        def can(names: tuple[str, ...]) -> bool:
            part = {name: changes[name] for name in names if name in changes}
            return bool(part) and dialect.edits(values, job, part) is not None

        said = {name for name in changes if can((name,))}
        said |= {name for group in _TOGETHER if can(group) for name in group}
        told = {name: changes[name] for name in changes if name in said}
        return dialect.edits(values, job, told) if told else ()

    def _read(self, dialect: Dialect, told: Context, keys: tuple[SetKey, ...]) -> ReadResult:
        """The file with other keys, on the GPUs that are planned for."""
        on = self._declared
        context = replace(told, gpu=on.gpu, gpu_count=on.count, nodes=on.nodes, gpu_declared=on.counted)
        return dialect.read(with_keys(self._analysis.values, keys), context)


def _refusals(reading: ReadResult | None) -> set[tuple[str, object]]:
    """What the framework refuses of a file, as read."""
    problems = reading.problems if reading else ()
    return {(problem.kind, problem.key) for problem in problems if problem.severity == "error"}
