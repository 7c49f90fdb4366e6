"""VL003."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from vramlint.catalog.nearest import nearest
from vramlint.dialects.kit.dialect import Unusable
from vramlint.dialects.kit.interpolation import composed
from vramlint.document.edit import TextEdit
from vramlint.document.node import KeyPath
from vramlint.lint.context import RuleContext
from vramlint.lint.editing import rewrite
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import is_open, key_text, shorten
from vramlint.lint.rule import Rule
from vramlint.lint.schema import Violation, violations

_EXPONENT = re.compile(r"([+-]?\d[\d_]*)(\.\d*)?[eE]([+-]?)(\d+)")
"""What looks like a number in scientific notation; YAML 1.1 wants both a dot and a sign."""
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "list": "a list",
    "dict": "a mapping",
}
_JSON_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "a text",
    "array": "a list",
    "object": "a mapping",
}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}


class WrongType(Rule):
    """A value that the framework cannot take at this key.

    ## What it finds

    Values of a type, or outside the choices, that the framework's own reader refuses: the schema knows which
    texts each framework still turns into numbers. A special case is `1e-5`: YAML 1.1, which trainers read
    their files with, takes a number in scientific notation only with a dot and a signed exponent, so `1e-5`
    is a text. The finding is made only for frameworks that do not convert it.

    ## Why it matters

    The run stops while it reads its config, on a machine that is already paid for.

    ## Example

    ```json
    {
      "train_micro_batch_size_per_gpu": 1,
      "zero_optimization": {"stage": 3, "overlap_comm": "sometimes"}
    }
    ```

    ## Use instead

    ```json
    {
      "train_micro_batch_size_per_gpu": 1,
      "zero_optimization": {"stage": 3, "overlap_comm": true}
    }
    ```

    ## Fixes

    The value as the framework reads it, where it can mean only one.
    """

    code = "VL003"
    name = "wrong-type"
    severity = "error"
    summary = "the framework cannot take this value"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Validate against the dialect's schema."""
        if context.dialect is None:
            return
        refused: list[KeyPath] = []
        for violation in violations(context.dialect, context.values):
            finding = self._finding(context, violation)
            if finding is not None:
                refused.append(violation.path)
                yield finding
        for value in context.reading.unusable if context.reading else ():
            if not is_open(value.value) and (value.document or value.key not in refused):
                yield self._unusable(context, value)

    def _unusable(self, context: RuleContext, value: Unusable) -> Finding:
        """A value that no schema refuses and that no run can have."""
        title = context.dialect.title if context.dialect and not context.dialect.own else "a job file"
        wanted = f"; {title} takes {value.wanted}" if value.wanted else ""
        message = (
            f"`{key_text(value.key)}` is {_said(value.value)}{wanted}: there is no verdict until it is fixed"
        )
        return self.finding(message, value.key, document=value.document)

    def _finding(self, context: RuleContext, violation: Violation) -> Finding | None:
        value, path = violation.value, violation.path
        node = context.document.node(path)
        if not path or value is None or node is None or node.resolved().recovered:
            return None
        if isinstance(value, str) and (is_open(value) or not value):
            return None
        title = context.dialect.title if context.dialect else "the framework"
        title = "a job file" if context.dialect and context.dialect.own else title
        key = key_text(path)
        exponent = _EXPONENT.fullmatch(value) if isinstance(value, str) else None
        if exponent and node.kind == "scalar" and node.style == "plain":
            if composed(context.values):
                return None
            whole = (violation.declared or "").split("|")[0] == "int" and float(value).is_integer()
            written = f"{float(value):.0f}" if whole else _with_dot(exponent)
            message = f"`{key}` is the text '{value}': YAML 1.1 needs a dot to read a number; write {written}"
            fix = Fix(f"write {written}", (TextEdit(node.span.start, node.span.end, written),))
            return self.finding(message, path, fixes=(fix,))
        message = f"`{key}` is {_said(value)}; {title} takes {_wanted(violation)}"
        close = nearest(value, list(_choices(violation.schema)), 1) if isinstance(value, str) else []
        if not close or node.kind != "scalar":
            return self.finding(message, path)
        fix = Fix(f"write {close[0]}", (rewrite(context.document, node.span, close[0]),))
        return self.finding(f"{message}: did you mean {close[0]}?", path, fixes=(fix,))


def _with_dot(number: re.Match[str]) -> str:
    """1e-5 → 1.0e-5, as YAML 1.1 wants it."""
    fraction = number[2] if number[2] and len(number[2]) > 1 else ".0"
    return f"{number[1]}{fraction}e{number[3] or '+'}{number[4]}"


def _said(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text '{shorten(value)}'"
    if isinstance(value, list):
        return "a list"
    return "a mapping" if isinstance(value, dict) else shorten(value)


def _wanted(violation: Violation) -> str:
    """What the schema would take, in words."""
    if violation.keyword in _BOUNDS:
        return f"{_BOUNDS[violation.keyword]} {violation.expected}"
    declared = [word for word in (violation.declared or "").split("|") if word]
    if declared and violation.keyword != "enum":
        return _listed(_WORDS.get(word, word) for word in declared)
    return _listed(_alternatives(violation.schema)) or "another type"


def _choices(schema: dict[str, Any]) -> Iterator[str]:
    """The values that a schema lists, as they are written; null stands for a key that is not set."""
    for choice in schema.get("enum", []):
        if choice is not None:
            yield str(choice).lower() if isinstance(choice, bool) else str(choice)
    for inner in schema.get("anyOf", []):
        yield from _choices(inner)


def _alternatives(schema: dict[str, Any]) -> Iterator[str]:
    """What a schema takes, one by one, in words."""
    yield from _choices({"enum": schema.get("enum", [])})
    names = schema.get("type", [])
    yield from (
        _JSON_WORDS[name] for name in ([names] if isinstance(names, str) else names) if name != "null"
    )
    for inner in schema.get("anyOf", []):
        yield from _alternatives(inner)


def _listed(words: Iterable[str]) -> str:
    """ "a", "a or b", "a, b or c"."""
    *first, last = dict.fromkeys(words) or [""]
    return f"{', '.join(first)} or {last}" if first else last
