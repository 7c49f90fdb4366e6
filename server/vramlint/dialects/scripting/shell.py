"""The runs that shell lines and cells of a notebook start, or commands that a program hands to the system,
and the files that are written for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vramlint.dialects.kit.run import Run, Unknown, WrittenFile
from vramlint.dialects.launching.lines import Script, read_script, run_of_command
from vramlint.dialects.scripting.sagemaker import command_of, is_estimator
from vramlint.document.place import Place, Snippet
from vramlint.document.python.evaluate import Evaluation, Stop
from vramlint.document.python.values import Items, Known, Made, Open, Table, Value, parts
from vramlint.document.python.work import LONGEST, TOO_LONG, Spent
from vramlint.document.shell.found import Command
from vramlint.document.shell.values import Fragment, Variable, as_snippet
from vramlint.document.shell.values import Value as ShellValue
from vramlint.lazy_dataclasses import replace

Files = dict[str, "ShellValue | WrittenFile"]
_DUMPS = frozenset(
    ("json.dump", "yaml.dump", "yaml.safe_dump", "toml.dump", "tomli_w.dump", "omegaconf.OmegaConf.save")
)


def shell_runs(reading: Evaluation) -> Iterator[tuple[Run, Files]]:
    """The runs of all shell lines in their order, with the files that were written."""
    files = dict(written_files(reading.made))
    variables: dict[str, Variable] = {}
    for stop in reading.stops:
        for magic in stop.magics:
            if magic.kind == "variable":
                variables[magic.name] = Variable(_text(magic.snippet), None, True)
            elif magic.kind == "file":
                files[magic.name] = _text(magic.snippet)
            else:
                script = _read(magic.snippet, {**_variables(stop), **variables}, reading)
                files |= script.files
                for run in script.runs:
                    by = ("notebook", *run.launch.by)
                    yield replace(run, launch=replace(run.launch, by=by)), files


def started_runs(reading: Evaluation) -> Iterator[tuple[Run, Files]]:
    """The runs that a program starts as commands of their own, with the files that it writes."""
    files = dict(written_files(reading.made))
    environment = {name: value for name, value in reading.environment.items() if isinstance(value, Known)}
    visible = {
        name: (Fragment(str(value.value), value.place, "variable"),) for name, value in environment.items()
    }
    for made in reading.made:
        if made.name in _STARTS or is_estimator(made):
            reading.spend(_OF_RUN)
        handed = command_of(made, visible) if is_estimator(made) else None
        if handed is not None and (run := run_of_command(handed)) is not None:
            yield run, files
        if made.name not in _STARTS:
            continue
        command = made.argument("args", 0) or made.argument("command", 0)
        if isinstance(command, Items):
            words = tuple(_word(each, made.place) for each in command.items)
            places = tuple(word[0].place for word in words)
            run = run_of_command(Command(words, made.place, {}, visible, (), places))
            if run is not None:
                yield run, files
        elif isinstance(command, Known):
            variables = {name: Variable(value, None, True) for name, value in visible.items()}
            text, _ = as_snippet((Fragment(str(command.value), command.place),))
            for run in _read(text, variables, reading).runs:
                yield run, files


_OF_TEXT, _OF_RUN, _CHARACTERS = 20, 60, 8
"""The work that a text of the shell is, each of its runs, and so many characters of it."""


def _read(snippet: Snippet, variables: Mapping[str, Variable], reading: Evaluation) -> Script:
    """What shell text starts, as far as there is work left for it."""
    reading.spend(_OF_TEXT + len(snippet.text) // _CHARACTERS)
    script = read_script(snippet, variables=variables)
    if script.unread:
        raise Spent(script.unread)
    reading.spend(_OF_RUN * len(script.runs))
    return script


_STARTS = frozenset(
    (
        *(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen")),
        *("os.system", "os.popen"),
    )
)


def _word(value: Value, place: Place) -> ShellValue:
    if isinstance(value, Known):
        return (Fragment(str(value.value), value.place, value.how, quoted=True),)
    why = value.why if isinstance(value, Open) else "only the run knows"
    return (Fragment(None, value.place if isinstance(value, Open) else place, why=why, quoted=True),)


def _text(snippet: Snippet) -> ShellValue:
    """A text as a value of the shell, piece by piece."""
    ends = [piece.start for piece in snippet.pieces[1:]] + [len(snippet.text)]
    pieces = zip(snippet.pieces, ends, strict=True)
    return tuple(Fragment(snippet.text[piece.start : end], piece.place) for piece, end in pieces)


def _variables(stop: Stop) -> dict[str, Variable]:
    """What a shell line sees: names of Python, and the environment that it was given."""
    found: dict[str, Variable] = {}
    for names, exported in ((stop.names, False), (stop.environment, True)):
        for name, value in names.items():
            if isinstance(value, Known):
                found[name] = Variable((Fragment(str(value.value), value.place, "variable"),), None, exported)
            elif isinstance(value, Open):
                found[name] = Variable((Fragment(None, value.place, why=value.why),), None, exported)
    return found


def written_files(made: Sequence[Made]) -> Iterator[tuple[str, ShellValue | WrittenFile]]:
    """The files that calls write: a dictionary that is dumped, or text."""
    for each in made:
        if each.name in _DUMPS:
            data, file = each.argument("obj", 0) or each.argument("data", 0), each.argument("fp", 1)
            file = file or each.argument("stream", 1) or each.argument("f", 1)
            name = _file_name(file)
            if name is not None and isinstance(data, Table):
                yield name, _table_file(data)
        elif each.kind in ("write", "write_text") and each.owner is not None:
            name, text = _file_name(each.owner), each.argument("data", 0)
            if name is not None and isinstance(text, Known):
                yield name, (Fragment(str(text.value), text.place),)


def _file_name(file: Value | None) -> str | None:
    """The name of a file that was opened, or that a path stands for."""
    if isinstance(file, Known):
        return str(file.value)
    if isinstance(file, Made) and file.kind in ("open", "Path"):
        return _file_name(file.argument("file", 0) or (file.owner if file.owner else None))
    return None


def _table_file(table: Table) -> WrittenFile:
    places: dict[tuple[str | int, ...], Place] = {}
    opened: list[Unknown] = []
    if parts(table) > LONGEST:
        return WrittenFile({}, {}, (Unknown("config", TOO_LONG, table.place),))
    values = _plain(table, (), places, opened)
    return WrittenFile(values, places, tuple(opened))


def _plain(
    table: Table,
    above: tuple[str | int, ...],
    places: dict[tuple[str | int, ...], Place],
    opened: list[Unknown],
) -> Mapping[str, object]:
    """A dictionary as plain data; what is open in it is left out and named."""
    found: dict[str, object] = {}
    for key, value in table.entries.items():
        path = (*above, key)
        if isinstance(value, Table):
            places[path] = value.place
            found[key] = _plain(value, path, places, opened)
        elif isinstance(value, Items) and all(isinstance(item, Known) for item in value.items):
            places[path] = value.place
            found[key] = [item.value for item in value.items if isinstance(item, Known)]
        elif isinstance(value, Known):
            places[path] = value.place
            found[key] = value.value
        else:
            why = value.why if isinstance(value, Open) else "only the run knows"
            opened.append(
                Unknown(".".join(map(str, path)), why, value.place if isinstance(value, Open) else None)
            )
    if not table.whole:
        opened.append(Unknown("config", "the dictionary may hold more than is known here", table.place))
    return found
