"""Comments that speak to vramlint.

`# vramlint: gpu=A100-80GB x8 versions=axolotl@0.18,torch@2.13 dialect=axolotl`
`# vramlint: run=torchrun --nproc_per_node 8 train.py --model gpt2`: what starts this script, up to the end
`# vramlint: ignore[VL101] because …` on the line, or alone on the line before it
`# vramlint: ignore-file[VL101,VL3] …`
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from vramlint.catalog.amounts import memory_bytes
from vramlint.document import PROGRAMS, Document
from vramlint.document.node import Comment, Span
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.patterns import pattern
from vramlint.project.lock_files import unknown_library
from vramlint.versions import refusal

_MARK = re.compile(r"(?:#+|//+)\s*vramlint\s*:[ \t]*", re.IGNORECASE)
_SETTING = re.compile(r"(?<![A-Za-z_-])([A-Za-z_-]+)\s*=(?!=)\s*")
"""Begins where a name does: from the middle of a long word it would be tried again at every letter."""
_RELEASE = pattern(r"([^@=]+)(?:@|==)([^@=]+)")
"""`trl@1.16`, or as pip writes it, `trl==1.16`."""
_IGNORE = re.compile(r"(ignore(?:-file)?)\b[ \t]*(\[([^\]\n]*)(\])?)?", re.IGNORECASE)
_CODE = pattern(r"[A-Za-z][A-Za-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One code of an `ignore[…]` that holds on `line` (None: the whole file). An empty code is every rule."""

    code: str
    span: Span
    comment: Span
    line: int | None
    reason: str = ""
    others: int = 0
    """How many other codes the same comment names."""

    def covers(self, code: str, name: str) -> bool:
        """Whether it silences the rule: by code, by the beginning of a code, or by name."""
        return not self.code or self.code.lower() == name or code.startswith(self.code.upper())


@dataclass(frozen=True, slots=True)
class DirectiveProblem:
    """A directive that cannot be read."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Directives:
    """What the comments of one file say."""

    gpu: tuple[str, Span] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    dialect: tuple[str, Span] | None = None
    suppressions: tuple[Suppression, ...] = ()
    problems: tuple[DirectiveProblem, ...] = ()
    ram: int | None = None
    """Host memory of a node, bytes."""
    run: tuple[str, Span] | None = None
    """The launch line of a script, or its arguments alone."""
    length: tuple[int, Span] | None = None
    """Tokens of a row at most, of a script whose data alone decides it."""


def read_directives(document: Document) -> Directives:
    """Read the comments of a document."""
    gpu: tuple[str, Span] | None = None
    dialect: tuple[str, Span] | None = None
    ram: int | None = None
    run: tuple[str, Span] | None = None
    length: tuple[int, Span] | None = None
    versions: dict[str, str] = {}
    suppressions: list[Suppression] = []
    problems: list[DirectiveProblem] = []
    meant = _lines_meant(document) if any("ignore" in each.text for each in document.comments) else {}
    for comment in document.comments:
        mark = _MARK.match(comment.text)
        if mark is None:
            continue
        body, start = comment.text[mark.end() :], comment.span.start + mark.end()
        ignore = _IGNORE.match(body)
        if ignore:
            if ignore[2] and not _CODE.search(ignore[3]):
                problems.append(DirectiveProblem(comment.span, f"{ignore[1]}[] names no rule"))
            suppressions += _suppressions(document, comment, body, start, ignore, meant)
            continue
        settings = list(_settings(body, start))
        if not settings:
            problems.append(DirectiveProblem(comment.span, _NOTHING_READ))
        for name, value, span in settings:
            if name == "gpu":
                if gpu is not None and gpu[0] != value:
                    problems.append(DirectiveProblem(span, f"gpu is '{gpu[0]}' in a comment above: name one"))
                gpu = (value, span)
            elif name == "ram":
                ram = memory_bytes(value)
                if ram is None:
                    problems.append(
                        DirectiveProblem(span, f"'{value}' is not an amount of memory: ram=512GiB")
                    )
            elif name == "dialect":
                dialect = (value.lower(), span)
            elif name in _OF_PROGRAMS and document.language not in PROGRAMS:
                problems.append(DirectiveProblem(span, f"{name}= {_OF_PROGRAMS[name]}"))
            elif name == "run":
                run = (value, span)
            elif name == "sequence_length" and value.isdecimal() and int(value) > 0:
                length = (int(value), span)
            elif name == "sequence_length":
                problems.append(DirectiveProblem(span, f"'{value}' is no number of tokens"))
            elif name == "versions":
                for part in filter(None, re.split(r"[,\s]+", value)):
                    release = _RELEASE.fullmatch(part)
                    framework, version = release.groups() if release else ("", "")
                    if release is None:
                        refused: str | None = f"'{part}' is not a version: write versions=NAME@VERSION"
                    else:
                        refused = unknown_library(framework, framework) or refusal(framework, version)
                    if refused is None:
                        versions[framework.lower()] = version
                    else:
                        problems.append(DirectiveProblem(span, refused))
            else:
                problems.append(
                    DirectiveProblem(span, f"unknown option '{name}' in a vramlint comment: {_KNOWN}")
                )
    return Directives(gpu, versions, dialect, tuple(suppressions), tuple(problems), ram, run, length)


_OF_PROGRAMS = {
    "run": "says what starts a Python script or a notebook",
    "sequence_length": "says how long the rows are that a Python script or a notebook makes",
}
_KNOWN = "use gpu=, ram=, versions=, dialect=, run=, sequence_length=, ignore[CODE] or ignore-file[CODE]"
_NOTHING_READ = f"unknown vramlint directive: {_KNOWN}"


def _settings(body: str, start: int) -> Iterable[tuple[str, str, Span]]:
    """The `name=value` parts; a value reaches up to the next name, that of `run` up to the end."""
    heads = list(_SETTING.finditer(body))
    last = next((index for index, head in enumerate(heads) if head[1].lower() == "run"), len(heads))
    heads = heads[: last + 1]
    for index, head in enumerate(heads):
        end = heads[index + 1].start() if index + 1 < len(heads) else len(body)
        value = body[head.end() : end].rstrip().removesuffix("*/").rstrip(" ;")
        yield head[1].lower(), value, Span(start + head.end(), start + head.end() + len(value))


def _suppressions(
    document: Document,
    comment: Comment,
    body: str,
    start: int,
    ignore: re.Match[str],
    meant: Mapping[int, int],
) -> Iterable[Suppression]:
    scope: Literal["file", "line"] = "file" if ignore[1].lower() == "ignore-file" else "line"
    line = None if scope == "file" else meant.get(comment.line, comment.line)
    reason = body[ignore.end() :].strip()
    if ignore[2] is None:
        yield Suppression(
            "", Span(start + ignore.start(1), start + ignore.end(1)), comment.span, line, reason, 0
        )
        return
    codes = list(_CODE.finditer(body, ignore.start(3), ignore.end(3)))
    for code in codes:
        span = Span(start + code.start(), start + code.end())
        yield Suppression(code[0], span, comment.span, line, reason, len(codes) - 1)


def _lines_meant(document: Document) -> Mapping[int, int]:
    """For each line that holds only a comment, the next line that is neither blank nor such a comment."""
    alone = {comment.line for comment in document.comments if comment.own_line}
    meant: dict[int, int] = {}
    following: int | None = None
    for line in range(max(alone, default=-1) + 1, document.lines.count):
        if _has_content(document, line):
            following = line
            break
    for line in range(max(alone, default=-1), -1, -1):
        if line in alone:
            meant[line] = line if following is None else following
        elif _has_content(document, line):
            following = line
    return meant


def _has_content(document: Document, line: int) -> bool:
    span = document.lines.line_span(line)
    return bool(document.text[span.start : span.end].strip())
