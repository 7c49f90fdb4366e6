"""Findings: what a rule says, at which keys, and what could be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from vramlint.lazy_dataclasses import dataclass
from vramlint.project.severity import Severity

if TYPE_CHECKING:  # so that printing an empty report loads neither parser nor memory model
    from vramlint.document.edit import TextEdit
    from vramlint.document.node import KeyPath, Span
    from vramlint.memory.estimate import Verdict

Part: TypeAlias = Literal["key", "value", "pair", "file"]


@dataclass(frozen=True, slots=True)
class At:
    """A place named by key. `part` "file" is the first line; `span` overrides all (comments, syntax)."""

    key: KeyPath = ()
    part: Part = "value"
    document: str | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that takes part, with a short annotation."""

    at: At
    message: str


@dataclass(frozen=True, slots=True)
class Append:
    """Text for the end of another file of the project, which may not be there yet."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """An edit of the analysed file, or of the project's settings (`elsewhere`, with no `edits`). `safe`: it
    does not change what is trained.

    The figures are those of the edited file, analysed again.
    """

    title: str
    edits: tuple[TextEdit, ...]
    safe: bool = False
    device_bytes_after: int | None = None
    verdict_after: Verdict | None = None
    elsewhere: Append | None = None
    by_hand: bool = False
    """Only a person may choose it: `--fix` never applies it, whatever is asked for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found by one rule. `related` names the other keys that feed the sum."""

    code: str
    name: str
    severity: Severity
    message: str
    at: At
    related: tuple[Related, ...] = ()
    fixes: tuple[Fix, ...] = ()
    unnecessary: bool = False
    """The key has no effect (editors grey it out)."""
    no_verdict: bool = False
    """The run has no verdict for it, or none to rely on: an error where verdicts are required."""
    always: bool = False
    """It speaks of what the user told vramlint: no setting, comment or baseline hides it."""
