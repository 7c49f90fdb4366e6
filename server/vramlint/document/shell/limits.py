"""How much of a script is walked, and what it starts beyond that."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vramlint.document.place import Snippet
from vramlint.document.shell import tree

MOST_STEPS = 2_000
"""Commands that are walked; nobody reads more, and a loop in a loop can ask for any number."""
MOST_COMMANDS = 200
MOST_TEXT = 1 << 18
"""Characters that are read, those of scripts and variables that are run included."""
UNOPENED = "source"
"""Stands for what a script does that was not opened."""
_FIRST_WORD = re.compile(r"^[ \t]*(?:\w+=\S*[ \t]+)*([\w./-]+)", re.MULTILINE)


class Limits:
    """What was walked. `why` says what there was too much of; `passed` are the first words of the commands
    that were passed over for it.
    """

    def __init__(self) -> None:
        self.why = ""
        self.passed: set[str] = set()
        self._steps = 0
        self._read = 0
        self._seen: dict[int, object] = {}

    def reads(self, snippet: Snippet) -> bool:
        """Whether a text is still read."""
        self._read += len(snippet.text)
        if self._read > MOST_TEXT:
            self.why = self.why or f"more than {MOST_TEXT:,} characters"
            self.passed |= {found[1] for found in _FIRST_WORD.finditer(snippet.text)}
        return self._read <= MOST_TEXT

    def opens(self) -> bool:
        """Whether a further script is opened."""
        if self._read > MOST_TEXT:
            self.passed.add(UNOPENED)
        return self._read <= MOST_TEXT

    def walks(self, command: tree.Command, found: int) -> bool:
        """Whether a command is still walked, where so many are `found` that start something."""
        self._steps += 1
        if self._steps <= MOST_STEPS and found < MOST_COMMANDS:
            return True
        most = MOST_COMMANDS if found >= MOST_COMMANDS else MOST_STEPS
        self.why = self.why or f"more than {most:,} commands"
        if id(command) not in self._seen:
            self._seen[id(command)] = command
            self.passed |= {each.words[0].literal or "" for each in _simple(command) if each.words}
        return False


def _simple(node: object) -> Iterator[tree.Simple]:
    """The simple commands in one."""
    if isinstance(node, tree.Simple):
        yield node
    elif isinstance(node, tuple):
        for each in node:
            yield from _simple(each)
