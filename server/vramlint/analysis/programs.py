"""Every run that a launch script, a Python script or a notebook describes, read and estimated."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import PurePath
from typing import NamedTuple, TypeAlias

from vramlint.analysis.describe import Described, describe
from vramlint.analysis.run_fields import Field
from vramlint.dialects import load
from vramlint.dialects.kit.dialect import Obstacle, ReadResult
from vramlint.dialects.kit.hydra_defaults import inherit
from vramlint.dialects.kit.launch_spec import LaunchSpec
from vramlint.dialects.kit.launches import of_batch_script, of_skypilot
from vramlint.dialects.kit.run import Given, Launch, Run, Unknown
from vramlint.dialects.launching.arguments import OPEN
from vramlint.dialects.launching.lines import Script, read_script
from vramlint.dialects.launching.programs import TRL_EXAMPLES
from vramlint.dialects.launching.scheduler import scheduler_variables, task_variables
from vramlint.dialects.launching.snippets import snippets
from vramlint.dialects.scripting.declared import Started, declared_in, started
from vramlint.dialects.scripting.machine import hosted_gpu
from vramlint.dialects.scripting.marks import may_train
from vramlint.dialects.scripting.program import Program, read_program
from vramlint.dialects.scripting.script import ScriptRun, runs_in_program, unfollowed
from vramlint.document import PROGRAMS, Document
from vramlint.document.document import MOST_BYTES
from vramlint.document.language import Language
from vramlint.document.node import KeyPath, Span
from vramlint.document.place import Piece, Place, Snippet
from vramlint.document.python.cells import SEPARATOR
from vramlint.document.python.values import Loaded
from vramlint.document.python.work import Work
from vramlint.files import Unreadable, read_text
from vramlint.lazy_dataclasses import replace
from vramlint.lint.directives import read_directives
from vramlint.project.overrides import Overrides
from vramlint.project.run_subject import Subject
from vramlint.project.surroundings import Surroundings

MOST_RUNS, MOST_LINES = 20, 400
"""Of one document that are read: an estimate takes some 20 ms, a command that trains nothing about one."""
TOO_MANY_RUNS = "too-many-runs"


class Where(NamedTuple):
    """The document that describes the runs, its surroundings, and what the user asks for."""

    document: Document
    around: Surroundings
    overrides: Overrides
    work: Work
    """What all programs that the document starts have together."""

    def read(self, text: str, language: Language, how: Started | None) -> Program:
        """A program, evaluated with the files and the modules around the document."""
        return read_program(text, language, partial(_load, self.around), how, self.around.module, self.work)

    def described(self, run: Run, script: Script, header: LaunchSpec | None, text: str) -> Described | None:
        """What a run comes to."""
        return describe(run, script, header, text, self.document, self.around, self.overrides)


def runs_described(
    document: Document, around: Surroundings, overrides: Overrides, only: int | None = None
) -> Iterator[tuple[int, Described]]:
    """The runs of a launch script, a program or a notebook, in its order, each with its place among all
    commands. A program that a launch line starts is read with its arguments. `only`: no other run is looked
    at than the one at that place.

    At the first of too many runs, or of too many commands, it is said that the rest is not read.
    """
    where = Where(document, around, overrides, Work())
    runs = 0
    for number, made in enumerate(_of_program(where) if document.language in PROGRAMS else _of_lines(where)):
        if only is not None and number != only:
            continue
        described = made()
        if number == MOST_LINES or (described is not None and runs == MOST_RUNS):
            yield number, _unread(document, described)
            return
        if described is not None:
            runs += 1
            yield number, described
        if number == only:
            return


def all_runs(document: Document, around: Surroundings, overrides: Overrides) -> tuple[Described, ...]:
    """The runs of a script, in its order."""
    return tuple(each for _, each in runs_described(document, around, overrides))


_Later: TypeAlias = Callable[[], Described | None]
"""What a command comes to, worked out when it is asked for; None of one that trains nothing."""


def _of_program(where: Where) -> Iterator[_Later]:
    """The runs of a script or a notebook."""
    document = where.document
    directives = read_directives(document)
    asked = _said(document, directives.run)
    if asked is None and not may_train(document.text):
        return  # what a launch line starts may train in another module
    how = started(None, asked) if asked is not None else None
    found = runs_in_program(where.read(document.text, document.language, how))
    if asked is not None:
        found = tuple(_joined(each, asked) for each in found)
    if directives.length is not None:
        found = tuple(_with_length(each, *directives.length) for each in found)
    host = _host(document) if found and document.text.startswith(SEPARATOR) else None
    for each in found:
        yield partial(_stated, each, _asked(each.gpu or host), "", where)


def _with_length(each: ScriptRun, tokens: int, span: Span) -> ScriptRun:
    """A run whose rows are as long as a comment says, where the data alone would decide it."""
    run = each.run
    if all(item.field != "seq_len" for item in run.open):
        return each
    known = tuple(item for item in run.open if item.field != "seq_len")
    key = "max_length" if run.framework == "trl" else "max_seq_length"
    arguments = {**run.arguments, key: Given(tokens, Place(span))}
    return each._replace(run=replace(run, open=known, arguments=arguments))


def _said(document: Document, said: tuple[str, Span] | None) -> Run | None:
    """What a comment says the program is started with: a launch line, or its arguments alone."""
    if said is None:
        return None
    line, span = said
    name = PurePath(document.path or "script.py").name
    before = f"python {shlex.quote(name)} " if line.startswith("-") else ""
    pieces = (Piece(0, Place(span), exact=False), Piece(len(before), Place(span)))
    runs = read_script(Snippet(before + line, pieces if before else pieces[1:])).runs
    return runs[0] if len(runs) == 1 else None


def _asked(gpu: str | None) -> LaunchSpec | None:
    """What a program's host is asked for."""
    return LaunchSpec(gpu, None, None, (), exact=False) if gpu is not None else None


def _host(document: Document) -> str | None:
    """The GPU in the metadata of a notebook whose cells an editor holds: its file has them."""
    try:
        return hosted_gpu(read_text(document.path or "", MOST_BYTES))
    except Unreadable:
        return None


def _of_lines(where: Where) -> Iterator[_Later]:
    """What each launch line of a script comes to."""
    document, around = where.document, where.around
    task = _task(document)
    given = task_variables(document, task) if task is not None else {}
    for snippet in snippets(document.text, document.path or ""):
        header = of_batch_script(snippet.text) or task
        variables = given or scheduler_variables(header, snippet)
        script = read_script(snippet, around.script, variables)
        if not script.runs:
            yield _nothing
        for run in script.runs:
            yield partial(_launched, run, script, *_header(run, around) or (header, snippet.text), where)
        if script.unread:
            yield partial(_stated, unfollowed(script.unread, "a script", document.text), None, "", where)
            return


def _nothing() -> None:
    """Of commands that start no training."""


def _unread(document: Document, first: Described | None) -> Described:
    """In place of the runs that are not read, at the first of them if it is known."""
    place = first.run.launch.place if first is not None else Place(document.nearest_span(()))
    run = Run(Launch(place), Given("the rest of the file", place))
    most = f"only the first {MOST_RUNS} runs and {MOST_LINES} commands of a file are read: split it"
    dialect = load("own-script")
    assert dialect is not None
    reading = ReadResult(dialect, dialect.version, None, Obstacle(TOO_MANY_RUNS, most, ("runs",)))
    subject = Subject(run, dialect, {}, (), (), by_name=False)
    return Described(run, subject, {}, (Unknown("runs", most, place),), reading)


def _header(run: Run, around: Surroundings) -> tuple[LaunchSpec, str] | None:
    """What the header of another script asks for that hands the run to the scheduler, and that script."""
    name = run.launch.place.document
    queued = around.script(name) if name is not None and "sbatch" in run.launch.by else None
    asked = of_batch_script(queued.text) if queued is not None else None
    return (asked, queued.text) if queued is not None and asked is not None else None


def _launched(
    run: Run, script: Script, header: LaunchSpec | None, text: str, where: Where
) -> Described | None:
    """The run of a launch line, with the program that it starts."""
    if run.framework == "torchtitan" and (own := _of_registry(run, where)) is not None:
        run = own
    if re.fullmatch(TRL_EXAMPLES, str(run.program.value)) and _program(run, where.around) is not None:
        run = replace(run, framework=None, trainer=None)
    described = where.described(run, script, header, text)
    if described is not None and not described.subject.by_name:
        return described
    source = _program(run, where.around)
    if run.framework is not None or source is None or where.work.left < 0:
        return described
    program = where.read(source.text, "python", started(str(source.pieces[0].place.document), run))
    if where.work.left < 0:
        return described  # read in part, it may say something else
    joined = _joined_run(run, program, header, text, where)
    return joined or _with_declared(run, program, script, header, text, where) or described


_REGISTRIES = ("{}/config_registry.py", "{}.py", "torchtitan/models/{}/config_registry.py")
"""Where a module's functions are, as seen from where torchtitan is started (config/manager.py of 0.3)."""


def _of_registry(run: Run, where: Where) -> Run | None:
    """The run of a function in the workspace that a launch line of torchtitan names."""
    module, _, name = str(run.configs[0].value).rpartition(".") if len(run.configs) == 1 else ("", "", "")
    if not module:
        return None
    where = where._replace(around=where.around.below(run.folder))
    for pattern in _REGISTRIES:
        source = where.around.script(pattern.format(module.replace(".", "/")))
        if source is None:
            continue
        how = Started(str(source.pieces[0].place.document), {}, {})
        found = runs_in_program(where.read(source.text, "python", how))
        own = next((each.run for each in found if each.run.program.value == name), None)
        if own is not None:
            arguments = {**own.arguments, **run.arguments}
            return replace(run, configs=(), arguments=arguments, open=(*run.open, *own.open))
    return None


def _task(document: Document) -> LaunchSpec | None:
    """What a SkyPilot task asks for, of a document that is one."""
    values = document.values() if document.language == "yaml" else None
    return of_skypilot(values) if isinstance(values, Mapping) else None


def _joined_run(
    run: Run, program: Program, header: LaunchSpec | None, text: str, where: Where
) -> Described | None:
    """The run of a program under the arguments of its launch line; None where it has not exactly one."""
    found = runs_in_program(program)
    if len(found) != 1:
        return None
    joined = _joined(found[0], run)
    elsewhere = replace(joined.run, rooms={}, folder=run.folder)
    return _stated(joined._replace(run=elsewhere), header, text, where)


def _joined(each: ScriptRun, run: Run) -> ScriptRun:
    """A run of a program as a launch line starts it."""
    own = each.run
    counts_itself = own.launch.processes is not None
    place, by = run.launch.place, (*run.launch.by, *own.launch.by)
    launch = replace(own.launch, place=place, by=by) if counts_itself else run.launch
    return each._replace(run=replace(own, launch=launch, environment={**run.environment, **own.environment}))


def _with_declared(
    run: Run, program: Program, script: Script, header: LaunchSpec | None, text: str, where: Where
) -> Described | None:
    """The run of a script that is known by its arguments alone, with those that the script declares."""
    declared = declared_in(program.reading.made)
    if declared is None:
        return None
    joined = replace(run, arguments={**declared.arguments, **run.arguments})
    described = where.described(joined, script, header, text)
    if described is None or not described.subject.by_name or not declared.trainer:
        return described
    fields = {**described.fields, "framework": Field("hf-trainer", run.program.place)}
    ranks = fields.get("ranks")
    if ranks is not None and ranks.value > 1:
        fields.setdefault("engine", Field("ddp", run.launch.place))
    missing = Unknown("estimate", f"the trainer is not in {run.program.value}", run.program.place)
    unknown = (*(each for each in described.open if each.field != "framework"), missing)
    return replace(described, fields=fields, open=unknown)


def _program(run: Run, around: Surroundings) -> Snippet | None:
    """The script or the module (`python -m`) that a run starts, where it is in the workspace."""
    name = re.sub(rf"^.*{OPEN}/", "", str(run.program.value))
    if name.endswith(".py"):
        return around.below(run.folder).script(name)
    if not _MODULE.fullmatch(name):
        return None
    path = name.replace(".", "/")
    return around.module(f"{path}/__main__", None) or around.module(path, None)


_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def _load(around: Surroundings, name: str) -> Loaded | None:
    """A config file that a script reads, with what it inherits."""
    companion = around.open(name)
    if companion is None or not isinstance(companion.values, Mapping):
        return None
    values = companion.values
    if values.get("defaults"):
        values = inherit(values, around.open).values
    document, path = companion.document, companion.path

    def place(key: KeyPath) -> Place | None:
        span = document.value_span(key) if document is not None and key else None
        return Place(span, path) if span is not None else None

    return Loaded(values, place)


def _stated(each: ScriptRun, header: LaunchSpec | None, text: str, where: Where) -> Described | None:
    """A run of a program, with the fields that its calls state."""
    run = each.run
    script = Script((run,), each.files)
    if run.trainer is None and not each.stated:
        return _launched(run, script, header, text, where)
    described = where.described(run, script, header, text)
    if described is None:
        return None
    fields = dict(described.fields)
    for name, given in each.stated.items():
        if given.value is None:
            fields.pop(name, None)
        else:
            fields[name] = Field(given.value, given.place)
    named = {item: _named(item, described) for item in described.open}
    unknown = tuple(dict.fromkeys(named.values()))
    opened = {item.field for item in unknown} - each.stated.keys()
    fields = {name: field for name, field in fields.items() if name not in opened}
    if "adapter" in opened and "lora_r" in fields and fields["lora_r"].place is None:
        del fields["lora_r"]  # the default of an adapter that there may not be
    deciding = next((item for item, name in named.items() if name.field in _DECIDING), described.deciding)
    estimate = None if deciding else described.estimate
    return replace(described, fields=fields, open=unknown, estimate=estimate, deciding=deciding)


def _named(item: Unknown, described: Described) -> Unknown:
    """An open value by the field that it decides, where it is one that all runs have."""
    dialect = described.subject.dialect
    row = next((row for row in dialect.keys if row.path == item.field), None) if dialect else None
    name = _FIELDS.get(row.field or "", item.field) if row is not None else item.field
    return replace(item, field=name)


_FIELDS = {
    "model": "model",
    "method": "adapter",
    "adapter.r": "lora_r",
    "adapter.targets": "lora_targets",
    "micro_batch_size": "micro_batch",
    "gradient_accumulation_steps": "grad_accum",
    "sequence_length": "seq_len",
    "packing": "packing",
    "optimizer": "optimizer",
    "gradient_checkpointing": "grad_ckpt",
    "quantization.scheme": "quant",
    "precision.weights": "weights_dtype",
    "precision.autocast": "precision",
    "parallel.strategy": "engine",
}
_DECIDING = frozenset((*_FIELDS.values(), "entry", "config", "ranks", "estimate"))
"""Fields without which there is no estimate."""
