"""The runs that shell text starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from vramlint.dialects.kit.launches import of_batch_script
from vramlint.dialects.kit.run import Given, Run, WrittenFile
from vramlint.dialects.launching.arguments import OPEN, REST
from vramlint.dialects.launching.peel import peel
from vramlint.dialects.launching.programs import run_of
from vramlint.dialects.launching.scheduler import scheduler_variables
from vramlint.dialects.launching.words import LAUNCH_LINE
from vramlint.document.node import Comment, Span
from vramlint.document.place import How, Piece, Place, Snippet
from vramlint.document.shell.evaluate import Opener, evaluate
from vramlint.document.shell.expand import place_of
from vramlint.document.shell.found import Command
from vramlint.document.shell.limits import UNOPENED
from vramlint.document.shell.values import Value, Variable, how_of, why_open
from vramlint.lazy_dataclasses import replace

_PLACEHOLDER = re.compile(r"(?:^|/)path/to(?:/|$)|\b(?:your|YOUR)[-_]")
"""Names in scripts that are meant to be filled in."""


class Script(NamedTuple):
    """What shell text comes to: its runs, the files it writes, and the other scripts that took part."""

    runs: tuple[Run, ...]
    files: dict[str, Value | WrittenFile]
    opened: tuple[str, ...] = ()
    unread: str = ""
    """Why runs may be missing: what the script has too much of to follow."""


def read_script(
    snippet: Snippet,
    open_file: Opener = lambda name: None,
    variables: Mapping[str, Variable] | None = None,
) -> Script:
    """The runs that a script starts, in its order. `variables`: those that it finds set."""
    found = evaluate(snippet, open_file, variables, _queued)
    runs = [run for command in found.commands if (run := run_of_command(command)) is not None]
    missing = any(word == UNOPENED or LAUNCH_LINE.match(word) for word in found.passed)
    return Script(tuple(runs), dict(found.files), found.opened, found.unread if missing else "")


def _queued(snippet: Snippet) -> Mapping[str, Variable]:
    """What a batch script finds set by its header."""
    return scheduler_variables(of_batch_script(snippet.text), snippet)


def runs_in(text: str, document: str | None = None) -> tuple[Run, ...]:
    """The runs of a script that is read alone."""
    return read_script(Snippet.whole(text, document)).runs


def runs_in_comments(comments: tuple[Comment, ...]) -> tuple[Run, ...]:
    """The runs that the comments at the head of a config say it is started with."""
    text = ""
    pieces: list[Piece] = []
    going, last = False, -1
    for comment in comments:
        if not comment.own_line or comment.line != last + 1:
            break
        last = comment.line
        line = comment.text.lstrip("#").strip().strip("`").removeprefix("$ ")
        if going or LAUNCH_LINE.match(line):
            at = comment.span.start + comment.text.find(line)
            pieces.append(Piece(len(text), Place(Span(at, at + len(line)))))
            text += line + "\n"
            going = line.endswith("\\")
        else:
            going = False
    return read_script(Snippet(text, tuple(pieces))).runs if pieces else ()


def run_of_command(command: Command) -> Run | None:
    """The run that a command starts; None where it starts none."""
    words = [_word(value, place) for value, place in zip(command.words, command.places, strict=True)]
    peeled = peel(words, command.place)
    if peeled is None or not peeled.words:
        return None
    peeled.by[:0] = [word for word in command.through if word in _AROUND]
    environment = {name: _word(value, command.place) for name, value in command.visible.items()}
    environment |= {name: _word(value, command.place, "env-prefix") for name, value in command.prefix.items()}
    environment = {name: given for name, given in environment.items() if peeled.kept(name)}
    environment |= peeled.environment
    known = {name: given for name, given in environment.items() if OPEN not in given.value}
    run = run_of(peeled, known)
    return replace(run, folder=command.folder) if run is not None and command.folder else run


_AROUND = frozenset(("srun", "sbatch", "mpirun", "uv", "docker"))


def _word(value: Value, used: Place, how: How | None = None) -> Given:
    """A word with the place that decides it."""
    text = "".join(OPEN if fragment.text is None else fragment.text for fragment in value)
    why = why_open(value)
    if not why and _PLACEHOLDER.search(text):
        text, why = OPEN, f"{text} is to be filled in"
    if why.startswith("arguments of the script"):
        why = REST
    came = how_of(value)
    place = place_of(_decisive(value), used)
    return Given(text, place, how if how and came == "literal" else came, used, why)


def _decisive(value: Value) -> Value:
    """The pieces that decide a word: of `--lr=$LR` and `a.b=$X` the value."""
    for index, fragment in enumerate(value[:-1]):
        if fragment.text is not None and fragment.text.endswith("=") and fragment.text.count("=") == 1:
            return value[index + 1 :]
    return value
