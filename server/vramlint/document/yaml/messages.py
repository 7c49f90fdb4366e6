"""What libyaml complains about, said so that one knows what to do, and placed where the mistake began."""

from __future__ import annotations

from typing import NamedTuple

import yaml

from vramlint.document.node import Span, SyntaxProblem
from vramlint.patterns import pattern


class _Complaint(NamedTuple):
    """Words of the loader's context and of its problem; what we say; whether the mistake is where the
    context began.
    """

    context: str
    problem: str
    message: str
    at_context: bool = False


_COMPLAINTS = (
    _Complaint("flow sequence", "", "this bracket is not closed, or a ',' is missing in it: add ']'", True),
    _Complaint("flow mapping", "", "this brace is not closed, or a ',' is missing in it: add '}'", True),
    _Complaint(
        "quoted scalar",
        "end of stream",
        "this quote is never closed: add the closing quote after the value",
        True,
    ),
    _Complaint(
        "quoted scalar", "document", "this quote is never closed: add the closing quote after the value", True
    ),
    _Complaint(
        "", "expected ':'", "{text} is not a pair: write 'key: value', with a space after the colon", True
    ),
    _Complaint(
        "",
        "values are not allowed",
        "unexpected ':' in a value: quote the value, or fix this line's indentation",
    ),
    _Complaint("", "expected key", "inconsistent indentation: expected the same column as the keys above"),
    _Complaint("", "expected '-'", "inconsistent indentation: expected the same column as the dashes above"),
    _Complaint(
        "", "expected <block end>", "inconsistent indentation: expected the same column as the lines above"
    ),
    _Complaint(
        "block scalar", "line break", "a block scalar begins on the line below: quote the value", True
    ),
    _Complaint(
        "", "sequence entries are not allowed", "unexpected '-' where no list can begin: fix its indentation"
    ),
)
_ROOT_OPEN = "a ',' is missing here, or what closes the file's outer bracket"
_BEFORE_ROOT = pattern(r"(?:\s|#.*|---)*")
_REST = pattern(r"[^\r\n]*")


def problem_of(error: yaml.MarkedYAMLError, text: str, base: int) -> SyntaxProblem:
    """The problem for a loader's error in `text`, which begins at `base`."""
    context, problem = error.context or "", error.problem or ""
    index, message = _index(error.problem_mark, text), ": ".join(part for part in (context, problem) if part)
    if "cannot start any token" in problem:
        first = text[index : index + 1]
        message = f"a value cannot begin with {first!r}: quote it"
        if first == "\t":
            message = "tabs are not allowed as indentation in YAML: use spaces"
    for known in _COMPLAINTS:
        if known.context in context and known.problem in problem:
            message = known.message
            if known.at_context and error.context_mark is not None:
                opened = _index(error.context_mark, text)
                if opened == _BEFORE_ROOT.match(text).end():  # type: ignore[union-attr]  # it matches nothing too
                    index, message = max(len(text[:index].rstrip()) - 1, 0), _ROOT_OPEN
                else:
                    index = opened
            break
    rest = _REST.match(text, index)
    end = max(rest.end() if rest else index, min(index + 1, len(text)))
    message = message.replace("{text}", repr(text[index:end][:40]))
    return SyntaxProblem(Span(base + index, base + end), message or "not readable as YAML")


def _index(mark: yaml.Mark | None, text: str) -> int:
    """The mark's offset; of one at the end of the text, the end of what is written."""
    index = mark.index if mark is not None else 0
    return index if index < len(text) else len(text.rstrip())
