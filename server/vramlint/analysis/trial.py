"""The run of a document with some fields, or its GPU, changed: estimated, and written where it can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.advice.changes import apply
from vramlint.analysis.judging import estimated
from vramlint.dialects.kit.dialect import ReadResult, SetKey
from vramlint.dialects.kit.edits import with_keys
from vramlint.document.comment_edit import comment_at_top
from vramlint.document.edit import TextEdit
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.lint.context import Cannot
from vramlint.lint.editing import edits_of_keys
from vramlint.lint.result import Analysis
from vramlint.project.hardware import Declaration, declaration


@dataclass(frozen=True, slots=True)
class Trial:
    """What was tried. `analysis` is that of the document with the estimate of the changed run; its estimate
    is by the count, without a replay of the allocator.
    """

    analysis: Analysis
    keys: tuple[SetKey, ...] = ()
    edits: tuple[TextEdit, ...] | None = None
    """What writes the changes; None where something of them cannot be written into the document."""
    unwritten: tuple[str, ...] = ()
    """The fields that the document cannot say; the estimate has them all the same."""


def try_changes(analysis: Analysis, changes: Mapping[str, Any], gpu: str | None = None) -> Trial | None:
    """The run with other values of job fields, and on the GPU of a declaration like "A100-80GB x8". None
    where there is no run to change. Nothing is parsed or judged again: it takes as long as one estimate.
    """
    job, dialect, told = analysis.job, analysis.dialect, analysis.dialect_context
    if job is None or dialect is None or told is None:
        return None
    declared = declaration(gpu, "directive") if gpu else analysis.declared
    if gpu and declared is not None:
        counted = declared.counted
        told = replace(
            told, gpu=declared.gpu, gpu_count=declared.count, nodes=declared.nodes, gpu_declared=counted
        )
    unwritten = tuple(
        name for name, value in changes.items() if dialect.edits(analysis.values, job, {name: value}) is None
    )
    written = {name: value for name, value in changes.items() if name not in unwritten}
    keys = (dialect.edits(analysis.values, job, written) or ()) if written else ()
    try:
        reading = dialect.read(with_keys(analysis.values, keys), told)
        unwritten += _without_effect(reading, job, written)
        if unwritten and reading.job is not None:
            beyond = {name: changes[name] for name in unwritten}
            reading = replace(reading, job=apply(reading.job, beyond))
    except Exception as error:  # a combination that no reader foresaw
        why = Cannot("internal-error", f"the changed run cannot be read: {error!r}")
        return Trial(replace(analysis, estimate=None, cannot=why), keys, None, unwritten)
    refused = _refusal(reading, analysis.reading)
    estimate, cannot = (None, refused) if refused else estimated(reading, by_count=True)
    if estimate is not None and analysis.estimate is not None:
        there = analysis.estimate.refused  # what is silenced there is so here
        estimate = replace(estimate, refused=tuple(why for why in estimate.refused if why in there))
    tried = replace(
        analysis,
        reading=reading,
        declared=declared,
        estimate=estimate.rough if estimate else None,
        cannot=cannot,
    )
    edits = None if unwritten or estimate is None else _edits(analysis, keys, gpu)
    return Trial(tried, keys, edits, unwritten)


def _without_effect(reading: ReadResult, before: TrainingJob, written: Mapping[str, Any]) -> tuple[str, ...]:
    """Fields that read the same once written, as where two optimizers have one class."""
    job = reading.job
    return tuple(name for name in written if job and value_of(job, name) == value_of(before, name))


def _refusal(reading: ReadResult, before: ReadResult | None) -> Cannot | None:
    """What the framework refuses of the changed run and not of the one that is there."""
    old = {(problem.kind, problem.key) for problem in before.problems} if before else set()
    new = (
        problem
        for problem in reading.problems
        if problem.severity == "error" and (problem.kind, problem.key) not in old
    )
    first = next(new, None)
    return Cannot("refused", first.message, first.key) if first else None


def _edits(analysis: Analysis, keys: tuple[SetKey, ...], gpu: str | None) -> tuple[TextEdit, ...] | None:
    """The edits of the text as it is now; None where one of them cannot be written."""
    edits: tuple[TextEdit, ...] = ()
    if gpu is not None:
        stated = gpu_edits(analysis, gpu)
        if stated is None:
            return None
        edits = stated
    if keys:
        more = edits_of_keys(analysis.document, keys)
        if more is None:
            return None
        edits += more
    return edits


def gpu_edits(analysis: Analysis, gpu: str) -> tuple[TextEdit, ...] | None:
    """What declares another GPU: in the comment that does so now, under the key of the file that does, or in
    a new comment at the top. None where the file can hold no comment, or an editor's setting decides.
    """
    declared: Declaration | None = analysis.declared
    if declared is not None and declared.source == "flag":
        return None
    if analysis.directives.gpu is not None:
        span = analysis.directives.gpu[1]
        return (TextEdit(span.start, span.end, gpu),)
    if declared is not None and declared.source == "file" and declared.key:
        return edits_of_keys(analysis.document, (SetKey(declared.key, gpu),))
    if not analysis.document.takes_comments:
        return None
    return (comment_at_top(analysis.document, f"vramlint: gpu={gpu}"),)


def value_of(job: TrainingJob, name: str) -> Any:
    """The value of a field by its dotted name."""
    value: Any = job
    for part in name.split("."):
        value = getattr(value, part, None)
    return value
