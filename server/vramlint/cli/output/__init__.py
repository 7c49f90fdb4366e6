"""The output formats of `check`.

A row each, and a module of its name with `render(reports, paint) -> str`, imported when asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

from vramlint.cli.console import Paint
from vramlint.cli.report import FileReport


class Format(NamedTuple):
    """One output format."""

    summary: str
    """What it prints, as the documentation says it."""
    fixes: bool = False
    """Whether it shows fixes, which are worked out for it."""
    failures: bool = False
    """Whether it says which files could not be read."""


FORMATS: Mapping[str, Format] = {
    "full": Format(
        "the source with carets, and the fixes; what many files share once (the default)", fixes=True
    ),
    "concise": Format("one line a finding"),
    "json": Format("all that is known, with the fixes ([its keys](json.md))", fixes=True),
    "jsonl": Format("one object per line and finding, with its fixes", fixes=True),
    "github": Format("annotations in a GitHub workflow"),
    "gitlab": Format("a code quality report for GitLab"),
    "sarif": Format("SARIF 2.1.0, with the fixes", fixes=True, failures=True),
    "junit": Format("JUnit's XML"),
}


def render(name: str, reports: Sequence[FileReport], paint: Paint) -> str:
    """The reports in the format of that name."""
    text: str = import_module(f"vramlint.cli.output.{name}").render(reports, paint)
    return text
