"""The shell text in files of other kinds: recipes of a Makefile, fences of Markdown, values of YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from vramlint.document.node import Span
from vramlint.document.place import Piece, Place, Snippet
from vramlint.files import SCRIPT_NAMES

SHELL = (".sh", ".bash", ".zsh", ".slurm", ".sbatch", ".sub", ".pbs", ".env")
_JUST = frozenset(name for name in SCRIPT_NAMES if "just" in name.lower())
_MAKE = SCRIPT_NAMES - _JUST
_FENCE = re.compile(
    r"^[ \t]*(```+|~~~+)[ \t]*(?:bash|sh|shell|console|zsh|shell-session)\b[^\n]*\n(.*?)^[ \t]*\1[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_RUN_KEY = re.compile(
    r"^([ \t]*(?:- )?)(?:run|setup|command|script):[ \t]*(?:[|>][-+]?[ \t]*(?:#.*)?)?$", re.MULTILINE
)


def is_config(path: str) -> bool:
    """Whether a file is a config by its name, and no script."""
    return PurePosixPath(path).suffix in (".yaml", ".yml", ".json", ".jsonc", ".toml")


def snippets(text: str, path: str) -> Iterator[Snippet]:
    """The shell text of a file, by its name; a script is one snippet."""
    name = PurePosixPath(path)
    if name.suffix in SHELL or (not name.suffix and text.startswith("#!")):
        yield Snippet.whole(text)
    elif name.name in _MAKE or name.suffix == ".mk":
        yield make_recipes(text, variable=r"\$\((\w+)\)")
    elif name.name in _JUST or name.suffix == ".just":
        yield make_recipes(text, variable=r"\{\{\s*(\w+)\s*\}\}")
    elif name.suffix in (".md", ".markdown", ".mdx"):
        yield from fences(text)
    elif name.suffix in (".yaml", ".yml"):
        yield from run_values(text)


class _Builder:
    """Shell text put together from pieces of a file."""

    def __init__(self) -> None:
        self.text = ""
        self.pieces: list[Piece] = []

    def take(self, text: str, start: int, end: int) -> None:
        """Text that stands for the stretch from `start` to `end` of the file."""
        self.pieces.append(Piece(len(self.text), Place(Span(start, end)), len(text) == end - start))
        self.text += text

    def snippet(self) -> Snippet:
        return Snippet(self.text, tuple(self.pieces) or (Piece(0, Place(Span(0, 0))),))


_ASSIGNED = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)[ \t]*(\?|:{0,2})=[ \t]*(.*)")


def make_recipes(text: str, variable: str) -> Snippet:
    """The recipes of a Makefile or justfile as one script, its variables assigned before them."""
    built = _Builder()
    offset = 0
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        assigned = _ASSIGNED.match(bare)
        if bare[:1] in ("\t", " ") and bare.strip():
            begin = len(bare) - len(bare.lstrip(" \t@-"))
            _recipe(built, bare[begin:], offset + begin, variable)
            built.take("\n", offset + len(bare), offset + len(line))
        elif assigned:
            value = assigned[3].split(" #")[0].strip()
            quoted = value if value[:1] in "\"'" else f'"{value}"'
            start = offset + assigned.start(3)
            name = assigned[1]
            built.take(
                f"{name}=${{{name}:-" if assigned[2] == "?" else f"{name}=", offset, offset + len(name)
            )
            if quoted is not value:
                built.take('"', start, start)
            _recipe(built, value, start, variable)
            built.take(
                ('"' if quoted is not value else "") + ("}" if assigned[2] == "?" else ""), start, start
            )
            built.take("\n", offset + len(bare), offset + len(line))
        offset += len(line)
    return built.snippet()


def _recipe(built: _Builder, line: str, offset: int, variable: str) -> None:
    """A line with the file's own variables written as the shell's, and `$$` as `$`."""
    at = 0
    for found in re.finditer(variable + r"|\$\$", line):
        built.take(line[at : found.start()], offset + at, offset + found.start())
        new = "$" if found[0] == "$$" else f"${{{found[1]}}}"
        built.take(new, offset + found.start(), offset + found.end())
        at = found.end()
    built.take(line[at:], offset + at, offset + len(line))


def fences(text: str) -> Iterator[Snippet]:
    """The shell in the fences of a Markdown file, each alone, without prompts."""
    for found in _FENCE.finditer(text):
        built = _Builder()
        offset = found.start(2)
        for line in found[2].splitlines(keepends=True):
            prompt = re.match(r"[ \t]*[$%>] ", line)
            begin = prompt.end() if prompt else 0
            built.take(line[begin:], offset + begin, offset + len(line))
            offset += len(line)
        yield built.snippet()


def run_values(text: str) -> Iterator[Snippet]:
    """The block values of `run` and its like in a YAML file: SkyPilot tasks, workflows."""
    for found in _RUN_KEY.finditer(text):
        indent = len(found[1])
        built = _Builder()
        offset = found.end() + 1
        for line in text[offset:].splitlines(keepends=True):
            begin = len(line) - len(line.lstrip(" "))
            if line.strip() and begin <= indent - (2 if "- " in found[1] else 0):
                break
            if line.strip() and begin <= indent and "- " not in found[1]:
                break
            built.take(line.lstrip(" "), offset + begin, offset + len(line))
            offset += len(line)
        if built.text.strip():
            yield built.snippet()
