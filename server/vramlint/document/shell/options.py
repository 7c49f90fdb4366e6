"""Options: of a script, the loop that goes through its own arguments, and what it can set; of `export` and
`declare`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from vramlint.document.shell import tree
from vramlint.document.shell.lexer import Word


def parses_options(command: tree.While, text: str) -> bool:
    """Whether a loop goes through the script's own arguments."""
    words = [word for item in command.condition.items for word in _words(item[1])]
    source = " ".join(text[word.span.start : word.span.end] for word in words)
    spans = [item[1].span for item in command.condition.items if isinstance(item[1], tree.Arithmetic)]
    source += " ".join(text[span.start : span.end] for span in spans)
    return bool(re.search(r"\$[#@*1]|\$\{[#@*1]|\bgetopts\b", source))


def _words(command: tree.Command) -> tuple[Word, ...]:
    return command.words if isinstance(command, tree.Simple) else ()


def assigned(command: tree.Command) -> Iterator[str]:
    """The names that are assigned anywhere in a command."""
    if isinstance(command, tree.Simple):
        yield from (each.name for each in command.assignments if not command.words)
        yield from (found.name for word in command.words if (found := tree.assignment(word)))
    elif isinstance(command, tree.Sequence):
        for _, each in command.items:
            yield from assigned(each)
    elif isinstance(command, tree.If | tree.Case):
        for _, body in command.branches:
            yield from assigned(body)
    elif isinstance(command, tree.For | tree.While | tree.Group):
        yield from assigned(command.body)


def export_flags(name: str, words: Sequence[str]) -> tuple[bool, bool]:
    """Whether `export`, `declare -x` and their like export what they name, and whether they take that back
    (`export -n`, `declare +x`).
    """
    flags = [word for word in words if re.fullmatch(r"[-+][A-Za-z]+", word)]
    given = "".join(word[1:] for word in flags if word[0] == "-")
    withdrawn = "n" in given if name == "export" else any("x" in word for word in flags if word[0] == "+")
    return not withdrawn and (name == "export" or "x" in given), withdrawn
