"""Walks a script as the shell would when it is started without arguments, and collects the commands it runs.

Nothing is executed. Both sides of a condition that is not known are walked, and what differs between them is
open afterwards. A loop over known items is walked once for each; the option parser of a script keeps the
defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from pathlib import PurePosixPath

from vramlint.document.node import Span
from vramlint.document.place import Place, Snippet
from vramlint.document.shell import conditions, tree
from vramlint.document.shell.conditions import Operand, Truth
from vramlint.document.shell.expand import Expander
from vramlint.document.shell.found import Command, Evaluated, given_to, written_by
from vramlint.document.shell.lexer import Word, tokenize
from vramlint.document.shell.limits import Limits
from vramlint.document.shell.options import assigned, export_flags, parses_options
from vramlint.document.shell.values import (
    Fragment,
    Value,
    Variable,
    as_snippet,
    pattern_of,
    requoted,
    spaced,
    text_of,
)
from vramlint.document.shell.variables import Variables

_MOST_TURNS = 16
_DEEPEST = 20
_SHELLS = frozenset(("bash", "sh", "zsh", "dash"))
_SIZES = ("--nodes", "-N", "--gres", "--gpus", "-G", "-n", "--ntasks")
"""Options of sbatch that beat what a script's own header says of nodes and GPUs."""
_HANDED = frozenset(("ssh", "tmux", "screen", "sbatch", "su"))
"""Commands whose last word may be a text that a shell runs elsewhere."""
_DECLARING = frozenset(("export", "declare", "local", "readonly", "typeset"))
_SILENT = frozenset(
    (
        "pushd", "popd", "mkdir", "rm", "cp", "mv", "touch", "sleep", "pwd", "conda", "module", "pip",
        "kill", "trap", "ulimit", "wait", "printf", "let", "which", "hostname", "nvidia-smi", "git", "wget",
        "curl", "ls", "df", "date", "grep", "sed", "awk", "tail",
    )
)  # fmt: skip
"""Commands that start no run; what they do to files and variables is not known."""


Opener = Callable[[str], "Snippet | None"]
"""A script or settings file by the name that is written."""


def evaluate(
    snippet: Snippet,
    open_file: Opener = lambda name: None,
    variables: Mapping[str, Variable] | None = None,
    queued: Callable[[Snippet], Mapping[str, Variable]] = lambda snippet: {},
) -> Evaluated:
    """What the script in `snippet` does. `variables`: those that it finds set; `queued`: those that a script
    handed to `sbatch` finds set by its own header.
    """
    walk = _Walk(open_file, queued)
    walk.variables.update(variables or {})
    with suppress(_Exit, _Break):
        walk.text(snippet)
    passed = frozenset(walk.limits.passed)
    return Evaluated(tuple(walk.commands), walk.files, tuple(walk.opened), walk.limits.why, passed)


class _Exit(Exception):
    pass


class _Walk:
    def __init__(self, open_file: Opener, queued: Callable[[Snippet], Mapping[str, Variable]]) -> None:
        self.open_file, self.queued = open_file, queued
        self.variables = Variables()
        self.functions: dict[str, tuple[tree.Command, Snippet]] = {}
        self.files: dict[str, Value] = {}
        self.commands: list[Command] = []
        self.opened: list[str] = []
        self.through: tuple[str, ...] = ()
        self.expander = Expander(Snippet("", ()), self.variables)
        self.limits = Limits()
        self.scripts: dict[str, Snippet | None] = {}
        self.depth = 0

    def text(self, snippet: Snippet, opened: Mapping[str, Fragment] | None = None) -> Truth:
        """Walk a text; `opened` are the open pieces that private characters in it stand for."""
        if not self.limits.reads(snippet):
            return None
        tokens = tokenize(snippet.text)
        outer = self.expander
        self.expander = Expander(snippet, self.variables)
        self.expander.arguments = outer.arguments
        self.expander.opened = dict(opened or {})
        try:
            return self.sequence(tree.parse(tokens, snippet.text))
        finally:
            self.expander = outer

    def sequence(self, commands: tree.Sequence) -> Truth:
        status: Truth = True
        for before, command in commands.items:
            if before == "!":
                status = conditions.negated(self.command(command))
            elif before in ("&&", "||") and status is (before == "||"):
                continue
            elif before in ("&&", "||") and status is None:
                self._maybe([lambda command=command: self.command(command)])  # type: ignore[misc]
            else:
                status = self.command(command)
        return status

    def command(self, command: tree.Command) -> Truth:
        self.depth += 1
        try:
            if not self.limits.walks(command, len(self.commands)) or self.depth > _DEEPEST:
                return None
            return self._command(command)
        finally:
            self.depth -= 1

    def _command(self, command: tree.Command) -> Truth:
        if isinstance(command, tree.Simple):
            return self.simple(command)
        if isinstance(command, tree.Sequence):
            return self.sequence(command)
        if isinstance(command, tree.Arithmetic):
            result = self.expander.calculated(command.span)
            return None if result is None else bool(result)
        if isinstance(command, tree.If):
            return self._if(command)
        if isinstance(command, tree.For):
            return self._for(command)
        if isinstance(command, tree.While):
            return self._while(command)
        if isinstance(command, tree.Case):
            return self._case(command)
        if isinstance(command, tree.Function):
            self.functions[command.name] = (command.body, self.expander.snippet)
            return True
        if command.subshell:
            before = dict(self.variables)
            try:
                return self.sequence(command.body)
            except _Exit:
                return None
            finally:
                self.variables.restore(before)
        return self.sequence(command.body)

    def _if(self, command: tree.If) -> Truth:
        possible: list[tree.Sequence] = []
        for condition, body in command.branches:
            known = True if condition is None else self.sequence(condition)
            if known is False:
                continue
            possible.append(body)
            if known:
                break
        else:
            possible.append(tree.EMPTY)
        if len(possible) == 1:
            return self.sequence(possible[0])
        self._maybe([lambda body=body: self.sequence(body) for body in possible], whole=True)  # type: ignore[misc]
        return None

    def _case(self, command: tree.Case) -> Truth:
        subject = text_of(self.expander.value(command.word)) if command.word else None
        possible: list[tree.Sequence] = []
        for patterns, body in command.branches:
            texts = [text_of(self.expander.value(pattern)) for pattern in patterns]
            if "*" in texts:
                possible.append(body)
                break
            if subject is None or None in texts:
                possible.append(body)
            elif any(fnmatchcase(subject, text or "") for text in texts):
                possible.append(body)
                break
        else:
            possible.append(tree.EMPTY)
        if len(possible) == 1:
            return self.sequence(possible[0])
        self._maybe([lambda body=body: self.sequence(body) for body in possible], whole=True)  # type: ignore[misc]
        return None

    def _for(self, command: tree.For) -> Truth:
        items = [item for word in command.words or () for item in self.expander.braces(word)]
        known = command.words is not None and 0 < len(items) <= _MOST_TURNS
        if not known or any(text_of(item) is None for item in items):
            place = self.expander.snippet.locate(command.span)
            open_item = Fragment(
                None, place, "loop", why=f"{command.name} goes through a list that is not known"
            )
            items = [(open_item,)]
        for item in items:
            if command.name:
                self.variables.put(command.name, requoted(item, quoted=False, how="loop"))
            try:
                self.sequence(command.body)
            except _Break as ended:
                if ended.args[0] != "continue":
                    break
        return None

    def _while(self, command: tree.While) -> Truth:
        if parses_options(command, self.expander.snippet.text):
            place = self.expander.snippet.locate(command.span)
            self.variables.without_options(assigned(command.body), place)
            return True
        known = self.sequence(command.condition)
        if known is command.until:
            return True
        with suppress(_Break):
            if known is None:
                self._maybe([lambda: self.sequence(command.body)])
            else:
                self.sequence(command.body)
        return None

    def _maybe(self, ways: Iterable[Callable[[], object]], *, whole: bool = False) -> None:
        """Walk ways of which one is taken, and keep of the variables what they agree on. Without `whole` none
        may be taken.
        """
        before = dict(self.variables)
        ends = [] if whole else [before]
        for way in ways:
            self.variables.restore(dict(before))
            try:
                way()
            except _Exit:
                continue
            except _Break:
                pass
            ends.append(dict(self.variables))
        self.variables.agree(ends or [before])

    def _assign(self, assignment: tree.Assignment, *, exported: bool = False) -> None:
        name, appended = assignment.name, assignment.appended
        if assignment.value.items is None:
            value = self.expander.value(assignment.value)
            self.variables.put(name, value, exported=exported, appended=appended)
            return
        items = tuple(self.expander.words(assignment.value.items))
        self.variables.put_items(name, items, exported=exported, appended=appended)

    def simple(self, command: tree.Simple) -> Truth:
        placed = self.expander.placed(command.words)
        words = [value for value, _ in placed]
        if not words:
            for assignment in command.assignments:
                self._assign(assignment)
            return True
        if (written := written_by(command, words, self.expander)) is not None:
            before = self.files.get(written.name, ()) if written.appended else ()
            self.files[written.name] = before + written.text
        name = text_of(words[0])
        if name in ("[", "[[", "test"):
            return self._test(command.words, name)
        if name in _DECLARING:
            self._declare(name, command.words[1:])
            return True
        if name is not None and (done := self._builtin(name, words, command)) is not NotImplemented:
            return done  # type: ignore[return-value]
        self._emit(command, words, tuple(place for _, place in placed))
        return None

    def _builtin(self, name: str, words: list[Value], command: tree.Simple) -> object:
        if name in ("true", ":", "echo", "cat", "tee"):
            return True
        if name == "false":
            return False
        if name == "exit":
            raise _Exit
        if name == "exec" and len(words) == 1:  # only redirections
            return True
        if name in ("break", "continue", "return"):
            raise _Break(name)
        if name == "set":
            self.variables.flags(words[1:])
            return True
        if name == "unset":
            for word in words[1:]:
                self.variables.pop(text_of(word) or "", None)
            return True
        if name in ("source", ".") and len(words) > 1:
            self._script(words[1], words[2:])
            return None
        if name == "eval":
            self._again(spaced(words[1:]))
            return None
        if name in self.functions:
            return self._call(name, words[1:])
        if name == "cd":
            self.variables.go_to(words[1:])
            return None
        if name in ("read", "mapfile", "readarray"):
            if name != "read" or not self.variables.put_text(words[1:], given_to(command, self.expander)):
                self.variables.put_read(words[1:])
            return None
        if name == "conda" and len(words) > 1 and text_of(words[1]) == "run":
            return NotImplemented
        return None if name in _SILENT else NotImplemented

    def _call(self, name: str, arguments: list[Value]) -> Truth:
        body, snippet = self.functions[name]
        outer = self.expander
        self.expander = Expander(snippet, self.variables)
        self.expander.arguments = tuple(arguments)
        try:
            return self.command(body)
        except _Break:
            return None
        finally:
            self.expander = outer

    def _declare(self, name: str, words: tuple[Word, ...]) -> None:
        on, withdrawn = export_flags(name, [word.literal or "" for word in words])
        for word in words:
            found = tree.assignment(word)
            if found is not None:
                self._assign(found, exported=on)
            if on or withdrawn:
                self.variables.export(found.name if found is not None else word.literal, on=on)

    def _test(self, words: tuple[Word, ...], name: str) -> Truth:
        inner = words[1 : len(words) - (name != "test")]
        operands = []
        for word in inner:
            value = self.expander.value(word)
            bare = any(part.kind == "text" and not part.quoted for part in word.parts)
            operands.append(Operand(text_of(value), name == "[[" and bare))
        return conditions.holds(operands)

    def _emit(self, command: tree.Simple, words: list[Value], places: tuple[Place, ...]) -> None:
        """A command that is neither the shell's own nor a function."""
        prefix = {each.name: self.expander.value(each.value) for each in command.assignments}
        for index, word in enumerate(words):
            name = PurePosixPath(text_of(word) or "").name
            if name in _SHELLS:
                self._shell(words, index, prefix)
                return
        first = text_of(words[0]) or ""
        if PurePosixPath(first).name in _HANDED and " " in pattern_of(words[-1]):
            before, self.through = self.through, (*self.through, first)
            self._again(words[-1])
            self.through = before
            return
        if first.endswith(".sh") and self._under(prefix, lambda: self._script(words[0], words[1:])):
            return
        if PurePosixPath(first).name == "sbatch" and self._queued(words, prefix):
            return
        place = self.expander.snippet.locate(Span(command.span.start, command.span.end))
        seen, folder = self.variables.exported, self.variables.folder or ""
        self.commands.append(Command(tuple(words), place, prefix, seen, self.through, places, folder))

    def _shell(self, words: list[Value], index: int, prefix: dict[str, Value]) -> None:
        """`bash script.sh` or `bash -c "…"`, itself handed to the words before it."""
        before, self.through = self.through, self.through + tuple(pattern_of(word) for word in words[:index])
        self._under(prefix, lambda: self._handed(words[index + 1 :]), words[:index])
        self.through = before

    def _queued(self, words: list[Value], prefix: dict[str, Value]) -> bool:
        """`sbatch OPTIONS script ARGUMENTS`: the first word that is a file; a value of an option is none."""
        for index, word in enumerate(words[1:], 1):
            if (text_of(word) or "-").startswith("-"):
                continue
            asks = any((text_of(each) or "-N").startswith(_SIZES) for each in words[1:index])
            before, self.through = self.through, self.through if asks else (*self.through, "sbatch")
            walk = partial(self._script, word, words[index + 1 :], queued=not asks)
            found = self._under(prefix, walk, words[:index])
            self.through = before
            if found:
                return True
        return False

    def _under(
        self, prefix: Mapping[str, Value], walk: Callable[[], bool], words: Sequence[Value] = ()
    ) -> bool:
        """Walk what sees the assignments before a command and what its words set; nothing after it does."""
        saved = dict(self.variables)
        for name, value in prefix.items():
            self.variables.put(name, value, exported=True)
        self.variables.hand_on(words)
        self.variables.keep_exported()
        try:
            return walk()
        finally:
            self.variables.restore(saved)

    def _handed(self, rest: list[Value]) -> bool:
        """What follows `bash`: options, and a text or a script with its arguments."""
        while rest and (flag := text_of(rest[0]) or "").startswith("-"):
            if "c" in flag and not flag.startswith("--") and len(rest) > 1:
                self._again(rest[1])
                return True
            rest = rest[1:]
        return bool(rest) and self._script(rest[0], rest[1:])

    def _script(self, name: Value, arguments: list[Value], queued: bool = False) -> bool:
        """Walk another file of the workspace."""
        if self.depth >= _DEEPEST or not self.limits.opens():
            return False
        path = pattern_of(name)
        if path not in self.scripts:
            self.scripts[path] = self.open_file(path)
        found = self.scripts[path]
        if found is None:
            return False
        shown = found.pieces[0].place.document
        if shown is not None and shown not in self.opened:
            self.opened.append(shown)
        if queued:
            self.variables.update(self.queued(found))
        outer = self.expander.arguments
        self.expander.arguments = tuple(arguments) or None
        try:
            with suppress(_Exit, _Break):
                self.text(found)
        finally:
            self.expander.arguments = outer
        return True

    def _again(self, value: Value) -> None:
        """Read a value as shell text."""
        if self.depth < _DEEPEST:
            snippet, opened = as_snippet(value)
            self.depth += 4
            self.text(snippet, opened)
            self.depth -= 4


class _Break(Exception):
    pass
