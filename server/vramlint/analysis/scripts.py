"""A launch script, a program or a notebook as a document: each of its runs is judged like a config, with
findings at its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from pathlib import PurePath
from typing import Any

from vramlint.analysis.describe import Described
from vramlint.analysis.judging import estimated, judge
from vramlint.analysis.programs import runs_described
from vramlint.dialects import load
from vramlint.dialects.kit.dialect import Problem, ReadResult
from vramlint.dialects.kit.run import Run, Unknown
from vramlint.document import PROGRAMS, Document
from vramlint.document.edit import TextEdit, apply_edits
from vramlint.document.node import Span
from vramlint.document.python.values import COMMAND_LINE, ENVIRONMENT
from vramlint.document.shell.view import Argument, view
from vramlint.job import KeyPath, Origin, Written
from vramlint.lazy_dataclasses import replace
from vramlint.lint.context import Cannot, RuleContext
from vramlint.lint.directives import read_directives
from vramlint.lint.finding import Finding
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.run_subject import Subject
from vramlint.project.surroundings import Surroundings
from vramlint.project.workspace import Workspace

_MOST_REPLAYED = 4
"""Runs of a file near the limit of their GPU whose allocator is replayed, which takes a tenth of a second;
further ones are judged by count alone.
"""
_WORST = ("does_not_fit", "tight", "fits", "unknown")


def analyse_script(document: Document, workspace: Workspace, overrides: Overrides) -> Analysis:
    """The analysis of the run that fits least, with the findings of all runs."""
    analyses = analyses_of(document, workspace, overrides)
    if not analyses:
        around = workspace.surroundings(document.path, overrides)
        nothing = _context(document, around, overrides, partial(_recheck, document, workspace, overrides, 0))
        return judge(nothing, overrides, files=False)
    return joined(analyses)


def analyses_of(document: Document, workspace: Workspace, overrides: Overrides) -> list[Analysis]:
    """The analysis of each run, in their order."""
    return [*_analysed(document, workspace, overrides)]


def _analysed(
    document: Document, workspace: Workspace, overrides: Overrides, only: int | None = None
) -> Iterator[Analysis]:
    around = workspace.surroundings(document.path, overrides)
    near = 0
    for number, described in runs_described(document, around, overrides, only):
        if described.reading is not None or described.subject.by_name:
            near += _is_near(described)
            how = overrides if near <= _MOST_REPLAYED else replace(overrides, by_count=True)
            recheck = partial(_recheck, document, workspace, overrides, number)
            context = _context(document, around, how, recheck, described)
            yield judge(context, how, files=False)


def _is_near(described: Described) -> bool:
    """Whether a replay of the allocator could change what a count of its bytes says."""
    return described.estimate is not None and replace(described.estimate, by_count=True).undecided


def joined(analyses: list[Analysis]) -> Analysis:
    """Several runs of one script: the facts of the worst, and what is found in any, once where several runs
    say the same of one place.
    """
    worst = min(analyses, key=_room)
    seen = {(each.code, worst.span(each.at), each.message) for each in worst.findings}
    others = []
    for other in analyses:
        if other is worst:
            continue
        own = {
            (each.code, other.span(each.at), each.message): _placed(other, each) for each in other.findings
        }
        others.append(replace(other, findings=tuple(each for key, each in own.items() if key not in seen)))
        seen |= own.keys()
    findings = (*worst.findings, *chain.from_iterable(each.findings for each in others))
    return replace(worst, findings=findings, others=tuple(others))


def _room(run: Analysis) -> tuple[int, int]:
    """By which the run that fits least comes first."""
    return _WORST.index(run.verdict), -(run.estimate.device_bytes if run.estimate else 0)


def _placed(run: Analysis, finding: Finding) -> Finding:
    """The finding with its place in the text, which only its own run knows from its key."""
    return replace(finding, at=replace(finding.at, span=run.span(finding.at)))


def _context(
    document: Document,
    around: Surroundings,
    overrides: Overrides,
    recheck: Any,
    described: Described | None = None,
) -> RuleContext:
    context = RuleContext(
        document=document,
        settings=around.settings,
        directives=read_directives(document),
        catalog=around.catalog,
        named=overrides.named,
        recheck=recheck,
        setting_problems=around.settings.problems + overrides.problems,
        settings_file=around.settings_file,
        faults=around.faults,
    )
    if described is None:
        return context
    if described.reading is None:
        return _by_name(context, described)
    subject = described.subject
    reading = _relocated(described.reading, subject)
    estimate, cannot = estimated(reading, overrides.by_count)
    if described.deciding is not None:
        item = described.deciding
        reason = f"{item.field}: {item.why}{_hint(item, described, document)}"
        estimate, cannot = None, Cannot("open-value", reason, (item.field,))
        reading = replace(reading, job=None)  # it has a default where the value is open
    shown = view(document, _arguments(subject, document), _words(described.run), subject.values)
    if subject.dialect is not None and subject.dialect.assigns != "never":
        assigns = bool(described.run.configs) or subject.dialect.assigns == "always"
        shown = replace(shown, assigns=assigns)
    rooms = {key: room for key, room in described.run.rooms.items() if room.place.document is None}
    return replace(
        context,
        document=replace(shown, rooms=rooms) if rooms else shown,
        values=subject.values,
        dialect=subject.dialect,
        dialect_context=described.context,
        reading=reading,
        declared=described.declared,
        estimate=estimate,
        cannot=cannot,
    )


def _hint(item: Unknown, described: Described, document: Document) -> str:
    """How to say in the file what only its start decides."""
    if document.language not in PROGRAMS:
        return ""
    if item.field == "seq_len" and not described.subject.by_name:
        return "; say it in a comment: # vramlint: sequence_length=VALUE"
    variable = re.match(rf"{ENVIRONMENT} (\w+)", item.why)
    if variable is not None:
        line = f"{variable[1]}=VALUE python {PurePath(document.path or 'script.py').name}"
    elif COMMAND_LINE in item.why:
        line = " ".join(f"{flag} VALUE" for flag in _flags(item, described))
    else:
        return ""
    return f"; say it in a comment: # vramlint: run={line}"


def _flags(item: Unknown, described: Described) -> Iterable[str]:
    """The flags that decide the model, the batch and what is asked for."""
    dialect = described.subject.dialect
    fields = {row.path: row.field for row in dialect.keys} if dialect else {}
    open_here = {name: each.why for name, each in described.run.arguments.items() if COMMAND_LINE in each.why}
    found = [
        _flag(name, open_here[name])
        for decided in ("model", "micro_batch_size")
        for name in open_here
        if fields.get(name) == decided
    ]
    return dict.fromkeys((*found, _flag(item.field, item.why)))


def _flag(name: str, why: str) -> str:
    said = why.split()[0]
    return said if said.startswith("--") else f"--{name}"


def _by_name(context: RuleContext, described: Described) -> RuleContext:
    """A run of a script that is not known: only that it trains can be said."""
    program = described.run.program
    shown = view(context.document, (), _words(described.run), {})
    reason = f"what {program.value} does with its arguments is decided inside it"
    return replace(
        context,
        document=shown,
        values={},
        dialect=load("own-script"),
        declared=described.declared,
        cannot=Cannot("open-value", reason, ("framework",)),
    )


def _words(run: Run) -> Span:
    """A launch line up to the last of its program and its configs, without what is done with its output."""
    start = run.launch.place.span.start
    words = [each.used or each.place for each in (run.program, *run.configs)]
    return Span(start, max([start, *(word.span.end for word in words if word.document is None)]))


def _arguments(subject: Subject, document: Document) -> list[Argument]:
    """The arguments of a run by key, with the places that are in the script itself. Of a program, those that
    a call names: what a class implies is written nowhere.
    """
    found = []
    for name, given in subject.run.arguments.items():
        place = given.place if given.place.document is None else given.used
        word = given.used or given.place
        key = given.key or (word if document.language == "shell" else None)
        spans = [each.span for each in (key, place, word) if each is not None and each.document is None]
        if len(spans) == len(Argument._fields) - 2:
            found.append(Argument(subject.key(name), given.value, *spans))
    if document.language == "shell":
        said = {argument.key for argument in found}
        found[:0] = [each for each in _in_heredocs(subject) if each.key not in said]
    return found


_MOST_KEYS, _DEEPEST = 1000, 8
"""Of a config that a script writes: aliases may repeat what is below them any number of times."""


def _in_heredocs(subject: Subject) -> Iterator[Argument]:
    """The values of the configs that a script writes itself, which are keys and words at once."""
    for source in subject.sources:
        for key, value in islice(_leaves(source.values, ()), _MOST_KEYS):
            place = source.place(key)
            if place is not None and place.document is None:
                yield Argument(key, value, place.span, place.span, place.span)


def _leaves(values: Mapping[Any, Any], above: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value and len(above) < _DEEPEST:
            yield from _leaves(value, (*above, str(name)))
        else:
            yield (*above, str(name)), value


def _relocated(reading: ReadResult, subject: Subject) -> ReadResult:
    """The reading, in which what a config of the run says is taken to be written there."""
    job = reading.job
    if job is not None:
        origins = {name: _moved(origin, subject) for name, origin in job.origins.items()}
        job = replace(job, origins=origins)
    problems = tuple(_problem(problem, subject) for problem in reading.problems)
    companions = tuple(dict.fromkeys((*reading.companions, *subject.files)))
    return replace(reading, job=job, problems=problems, companions=companions)


def _moved(origin: Origin, subject: Subject) -> Origin:
    if not isinstance(origin, Written) or origin.document is not None:
        return origin
    document = subject.document(origin.key)
    return origin if document is None else replace(origin, document=document)


def _problem(problem: Problem, subject: Subject) -> Problem:
    document = subject.document(problem.key) if problem.document is None else None
    return problem if document is None else replace(problem, document=document)


def _recheck(
    document: Document, workspace: Workspace, overrides: Overrides, number: int, edits: tuple[TextEdit, ...]
) -> Analysis:
    """The same run of the script after an edit: the one at its place among all commands."""
    text = apply_edits(document.text, edits)
    edited = Document.parse(text, document.path, document.language)
    again = next(_analysed(edited, workspace, overrides, number), None)
    return again or analyse_script(edited, workspace, overrides)
