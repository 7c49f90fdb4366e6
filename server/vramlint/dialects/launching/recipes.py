"""The recipes of a Makefile or justfile as one shell script, its variables assigned before them."""

from __future__ import annotations

import re
from typing import NamedTuple

from vramlint.dialects.launching.builder import Builder
from vramlint.document.place import Snippet


class Syntax(NamedTuple):
    """How a tool writes the use of a variable; `functions`: whether a value is an expression."""

    variable: str
    functions: bool


MAKE = Syntax(r"\$\((\w+)\)", False)
JUST = Syntax(r"\{\{\s*(\w+)\s*\}\}", True)
_ASSIGNED = re.compile(r"(?:export\s+|override\s+)*([A-Za-z_][\w-]*)[ \t]*(\?|:{0,3})=[ \t]*(.*)")
_FROM_ENVIRONMENT = re.compile(
    r"""(?:env_var_or_default|env)\(\s*['"](\w+)['"]\s*,\s*(['"][^'"]*['"])\s*\)\s*\Z"""
)
_PLAIN = re.compile(r"""(?:'[^']*'|"[^"\\]*"|\d+)\s*(?:#.*)?\Z""")
_HEADER = re.compile(r"@?([\w-]+)((?:[ \t]+[+*$]*\w+(?:=(?:'[^']*'|\"[^\"]*\"|\w+))?)*)[ \t]*:(?!=)")
_PARAMETER = re.compile(r"[+*$]*(\w+)=('[^']*'|\"[^\"]*\"|\w+)")
_MARKS = re.compile(r"[ \t]*[@+-]*[ \t]*")
"""Before a recipe's line: do not echo, go on after an error, run always."""


def recipes(text: str, syntax: Syntax) -> Snippet:
    """The recipes of a file as one script."""
    built = Builder()
    offset = 0
    goes_on = False
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        assigned = _ASSIGNED.match(bare)
        if (bare[:1] in ("\t", " ") or goes_on) and bare.strip():
            marks = _MARKS.match(bare)
            begin = marks.end() if marks and not goes_on else 0
            _line(built, bare[begin:], offset + begin, syntax)
            built.take("\n", offset + len(bare), offset + len(line))
            goes_on = bare.endswith("\\")
            if not goes_on:
                built.take("cd\n", offset + len(line), offset + len(line))  # each line has a shell of its own
        elif assigned:
            _assignment(built, assigned, offset, syntax)
            built.take("\n", offset + len(bare), offset + len(line))
        elif syntax.functions and (header := _HEADER.match(bare)):
            for found in _PARAMETER.finditer(bare, header.start(2), header.end(2)):
                _default(built, found[1], found[2], offset + found.start(1), offset + found.start(2))
                built.take("\n", offset + len(bare), offset + len(line))
        offset += len(line)
    return built.snippet()


def _assignment(built: Builder, assigned: re.Match[str], offset: int, syntax: Syntax) -> None:
    """A variable of the file as one of the shell."""
    name, value = assigned[1], assigned[3].split(" #")[0].strip()
    start = offset + assigned.start(3)
    if syntax.functions:
        asked = _FROM_ENVIRONMENT.match(value)
        if asked:
            inner = start + asked.start(2)
            _default(built, name, asked[2], start, inner, asked[1])
            return
        if not _PLAIN.match(value):
            built.take(f"{name}=$(just)", offset, offset + assigned.end())  # an expression of just's own
            return
    quoted = value[:1] in "\"'" and value != ""
    maybe = assigned[2] == "?"
    built.take(f"{name}=${{{name}:-" if maybe else f"{name}=", offset, offset + len(name))
    if not quoted:
        built.take('"', start, start)
    _line(built, value, start, syntax)
    built.take(("" if quoted else '"') + ("}" if maybe else ""), start, start)


def _default(built: Builder, name: str, value: str, start: int, at: int, asked: str = "") -> None:
    """A variable that has a default."""
    built.take(f"{name}=${{{asked or name}:-", start, start + len(name))
    built.take(value, at, at + len(value))
    built.take("}", at + len(value), at + len(value))


def _line(built: Builder, line: str, offset: int, syntax: Syntax) -> None:
    """A line with the file's own variables written as the shell's, and `$$` as `$`."""
    at = 0
    for found in re.finditer(syntax.variable + r"|\$\$", line):
        built.take(line[at : found.start()], offset + at, offset + found.start())
        new = "$" if found[0] == "$$" else f"${{{found[1]}}}"
        built.take(new, offset + found.start(), offset + found.end())
        at = found.end()
    built.take(line[at:], offset + at, offset + len(line))
