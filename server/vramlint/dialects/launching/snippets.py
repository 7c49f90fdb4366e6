"""The shell text in files of other kinds: recipes of a Makefile, fences of Markdown, values of YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath

from vramlint.dialects.launching.builder import Builder
from vramlint.dialects.launching.lists import listed_commands
from vramlint.dialects.launching.recipes import JUST, MAKE, recipes
from vramlint.dialects.launching.words import LAUNCH_LINE
from vramlint.document.place import Snippet
from vramlint.files import MARKDOWN_SUFFIXES, SCRIPT_NAMES

SHELL = (".sh", ".bash", ".zsh", ".slurm", ".sbatch", ".sub", ".pbs", ".env")
_JUST = frozenset(name for name in SCRIPT_NAMES if "just" in name.lower())
_MAKE = SCRIPT_NAMES - _JUST
_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[ \t]*([^\n]*)\n(.*?)^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_SHELLS = re.compile(r"\{?\.?(?:bash|sh|shell|console|zsh|shell-session)\b", re.IGNORECASE)
"""The languages of fences that hold shell text."""
_RUN_KEY = re.compile(
    r"^([ \t]*(?:- )?)(?:run|setup|command|script):[ \t]*(?:[|>][-+]?[ \t]*(?:#.*)?)?$", re.MULTILINE
)

_LIST = re.compile(
    r"^[ \t]*(?:- )?(?:command|args|script|before_script):[ \t]*(?:\[|(?:#.*)?$)", re.MULTILINE
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
        yield recipes(text, MAKE)
    elif name.name in _JUST or name.suffix == ".just":
        yield recipes(text, JUST)
    elif name.suffix in MARKDOWN_SUFFIXES:
        yield from fences(text)
    elif name.suffix in (".yaml", ".yml"):
        yield from run_values(text)
        if _LIST.search(text):
            yield from listed_commands(text, partial(_take_given, text, tuple(_VARIABLES.finditer(text))))


def fences(text: str) -> Iterator[Snippet]:
    """The shell in the fences of a Markdown file, each alone, without prompts and what is printed below
    them. A fence that names no language is shell where a line of it is a launch line.
    """
    for found in _FENCE.finditer(text):
        unnamed = not found[2].strip() and any(LAUNCH_LINE.match(line) for line in found[3].splitlines())
        if not unnamed and not _SHELLS.match(found[2]):
            continue
        built = Builder()
        offset = found.start(3)
        lines = found[3].splitlines(keepends=True)
        prompted = any(_PROMPT.match(line) for line in lines)
        shown = goes_on = False
        for line in lines:
            prompt = _PROMPT.match(line)
            shown = not prompted or goes_on or prompt is not None
            begin = prompt.end() if prompt else 0
            if shown:
                built.take(line[begin:], offset + begin, offset + len(line))
            goes_on = shown and line.rstrip().endswith("\\")
            offset += len(line)
        yield built.snippet()


_PROMPT = re.compile(r"[ \t]*(?:\([\w.-]+\) ?)?[$%>] ")
_PLAIN = re.compile(
    r"""^(?P<before>[ \t]*(?:- )?)(?:run|script|command):[ \t]+(?P<value>[^\s|>&*!{\[#].*)$""", re.MULTILINE
)
_VARIABLES = re.compile(r"^(?P<before>[ \t]*(?:- )?)(?:env|envs|variables):[ \t]*(?:#.*)?$", re.MULTILINE)
_VARIABLE = re.compile(
    r"""[ \t]+["']?([A-Za-z_]\w*)["']?:[ \t]+(?:"([^"\\\n]*)"|'([^'\n]*)'|([^\s"'#|>&*!{\[][^#\n]*?))"""
    r"[ \t]*(?:#.*)?$"
)


def run_values(text: str) -> Iterator[Snippet]:
    """The values of `run` and its like in a YAML file: SkyPilot tasks, workflows. Each has the variables
    that the file gives to the step, its job or all.
    """
    found = [(each.start(), each) for each in (*_RUN_KEY.finditer(text), *_PLAIN.finditer(text))]
    given = tuple(_VARIABLES.finditer(text))
    for start, match in sorted(found, key=lambda pair: pair[0]):
        built = Builder()
        _take_given(text, given, built, start)
        before = len(built.text)
        if "value" in match.re.groupindex:
            value = match["value"].rstrip()
            quoted = value[0] in "\"'" and value[-1] == value[0] and len(value) > 1
            at = match.start("value") + quoted
            _take_shell(built, value[1:-1] if quoted else value, at)
            built.take("\n", match.end(), match.end())
        else:
            _take_block(built, text, match)
        if built.text[before:].strip():
            yield built.snippet()


def _take_given(text: str, given: Sequence[re.Match[str]], built: Builder, at: int) -> None:
    """The variables that a file gives to what is at an offset."""
    for variables in given:
        if _encloses(text, variables, at):
            _take_variables(built, text, variables)


def _take_block(built: Builder, text: str, found: re.Match[str]) -> None:
    """The lines of a block value, without their indentation; those of a folded one as one."""
    indent = len(found[1])
    offset = found.end() + 1
    folded = ">" in found[0]
    for line in _lines(text, offset, len(text)):
        begin = len(line) - len(line.lstrip(" "))
        if line.strip() and begin <= indent - (2 if "- " in found[1] else 0):
            break
        if line.strip() and begin <= indent and "- " not in found[1]:
            break
        if folded and line.strip():
            bare = line.rstrip("\r\n")
            _take_shell(built, bare.lstrip(" "), offset + begin)
            built.take(" ", offset + len(bare), offset + len(line))
        else:
            _take_shell(built, line.lstrip(" "), offset + begin)
        offset += len(line)
    if folded:
        built.take("\n", offset, offset)


_VARIABLE_OF_WORKFLOW = re.compile(r"\$\{\{\s*env\.(\w+)\s*\}\}")


def _take_shell(built: Builder, text: str, offset: int) -> None:
    """Shell text, in which a workflow's `${{ env.NAME }}` is the variable."""
    at = 0
    for found in _VARIABLE_OF_WORKFLOW.finditer(text):
        built.take(text[at : found.start()], offset + at, offset + found.start())
        built.take(f"${{{found[1]}}}", offset + found.start(), offset + found.end())
        at = found.end()
    built.take(text[at:], offset + at, offset + len(text))


def _lines(text: str, start: int, end: int) -> Iterator[str]:
    """The lines of a part of a text with their breaks, one after the other: most who ask stop soon."""
    while start < end:
        found = text.find("\n", start, end)
        after = end if found < 0 else found + 1
        yield text[start:after]
        start = after


def _encloses(text: str, variables: re.Match[str], at: int) -> bool:
    """Whether a mapping of variables belongs to the mapping around an offset, or to one
    around it: no line between them is further out.
    """
    indent = len(variables["before"])
    first, last = sorted((variables.start(), at))
    between = _lines(text, text.find("\n", first) + 1, last)
    inside = not indent or all(
        len(line) - len(line.lstrip(" ")) >= indent for line in between if line.strip()
    )
    line = text[at : text.find("\n", at)]
    return (
        inside and len(line) - len(line.lstrip(" ")) + (2 if line.lstrip().startswith("- ") else 0) >= indent
    )


def _take_variables(built: Builder, text: str, variables: re.Match[str]) -> None:
    """A mapping of variables as assignments; a value that is worked out elsewhere stays open."""
    offset = variables.end() + 1
    for line in _lines(text, offset, len(text)):
        found = _VARIABLE.match(line.rstrip("\r\n"))
        begin = len(line) - len(line.lstrip(" "))
        if line.strip() and begin <= len(variables["before"]):
            return
        if found:
            group = next(number for number in (2, 3, 4) if found[number] is not None)
            value, start = found[group], offset + found.start(group)
            built.take(f"export {found[1]}=", offset + found.start(1), offset + found.end(1))
            if "${{" in value or "'" in value:
                built.take("$(workflow)", start, start + len(value))
            else:
                built.take("'", start, start)
                built.take(value, start, start + len(value))
                built.take("'", start + len(value), start + len(value))
            built.take("\n", start + len(value), start + len(value))
        offset += len(line)
