"""What a walk through a script finds: the commands that it runs, and the files that it writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vramlint.document.place import Place
from vramlint.document.shell.expand import Expander
from vramlint.document.shell.tree import Simple
from vramlint.document.shell.values import Value, pattern_of, spaced, text_of


class Command(NamedTuple):
    """A command that the script runs. `prefix`: the assignments before it; `visible`: what it sees otherwise.

    `through`: the words of commands that it was handed to as text or as a script (`srun bash -c "…"`).
    """

    words: tuple[Value, ...]
    place: Place
    prefix: Mapping[str, Value]
    visible: Mapping[str, Value]
    through: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    """Of the words on the command line."""
    folder: str = ""
    """The folder that the script has gone to, from its own."""


class Evaluated(NamedTuple):
    """What a script does: its commands, and the files that it writes by their names ("*": what is open)."""

    commands: tuple[Command, ...]
    files: Mapping[str, Value]
    opened: tuple[str, ...] = ()
    """Scripts that took part, as shown."""
    unread: str = ""
    """What there was too much of; empty where all was walked."""
    passed: frozenset[str] = frozenset()
    """The first words of commands that were passed over for it."""


class Written(NamedTuple):
    """The text that a command writes to a file."""

    name: str
    text: Value
    appended: bool


def written_by(command: Simple, words: Sequence[Value], expander: Expander) -> Written | None:
    """What `cat > f <<END`, `echo … > f` and `tee f <<END` write."""
    target: Value | None = None
    body: Value | None = None
    appended = False
    for redirection in command.redirections:
        if redirection.operator in (">", ">>", ">|"):
            target = expander.value(redirection.target)
            appended = redirection.operator == ">>"
        elif redirection.heredoc is not None:
            heredoc = redirection.heredoc
            body = expander.heredoc(heredoc.span, expands=heredoc.expands)
    name = text_of(words[0])
    if name == "tee" and body is not None and len(words) > 1:
        target = words[-1]
    if name == "echo" and target is not None and body is None:
        body = spaced([word for word in words[1:] if text_of(word) not in ("-e", "-n")], end="\n")
    if target is None or body is None or name not in ("cat", "tee", "echo"):
        return None
    return Written(pattern_of(target), body, appended)


def given_to(command: Simple, expander: Expander) -> Value | None:
    """The text of the heredoc or the here-string that a command reads; None where it reads something else."""
    for redirection in reversed(command.redirections):
        if redirection.heredoc is not None:
            return expander.heredoc(redirection.heredoc.span, expands=redirection.heredoc.expands)
        if redirection.operator == "<<<":
            return expander.value(redirection.target)
        if redirection.operator == "<":
            return None
    return None
