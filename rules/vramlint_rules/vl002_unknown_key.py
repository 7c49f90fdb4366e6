"""VL002."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.document.node import KeyPath
from vramlint.lint.context import RuleContext
from vramlint.lint.editing import rewrite
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import key_text
from vramlint.lint.rule import Rule
from vramlint.lint.schema import schema_of
from vramlint.lint.unknown_keys import UnknownKeyAt, unknown_keys

_FATE = {
    "dropped": " and drops it: it has no effect",
    "refused": " and refuses it",
    "launcher": "; the launcher gets it",
}


class UnknownKey(Rule):
    """A key that the framework does not know.

    ## What it finds

    Keys that are not in the framework's schema, at the top level and in sections, with the nearest spelling.
    Keys of older releases are named with the release that dropped them and what replaces them.

    ## Why it matters

    Axolotl and TRL's scripts drop unknown keys silently: the run starts and does not do what the file says.
    A misspelt `micro_batch_size` trains with the default, so the memory is not what you planned either.
    Frameworks that refuse unknown keys stop at once; there the finding is an error, unless a newer release
    may have added the key. Formats that people's own scripts read too (TRL's, torchtune's, torchtitan's) are
    checked for misspelt keys only.

    ## Example

    ```yaml
    vramlint: 1
    model: mistralai/Mistral-7B-v0.1
    micro_batchsize: 4
    ```

    ## Use instead

    ```yaml
    vramlint: 1
    model: mistralai/Mistral-7B-v0.1
    micro_batch_size: 4
    ```

    ## Fixes

    The nearest spelling, or what replaces a key that is gone. What the key then does changes the run, so it
    is not called safe.
    """

    code = "VL002"
    name = "unknown-key"
    severity = "warning"
    summary = "the framework does not know this key"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Compare the keys with the schema, or with the dialect's table where that is complete."""
        broken = {context.document.lines.line(problem.span.start) for problem in context.document.problems}
        for unknown in unknown_keys(context):
            if broken and _line_of(context, unknown.path) in broken:
                continue  # the parser only guessed what is there
            message, name = _gone(unknown) or _never_known(unknown, _framework(context))
            yield self.finding(
                message,
                unknown.path,
                part="key",
                severity="error" if unknown.fate == "refused" and unknown.certain else "warning",
                fixes=_rename(context, unknown.path, name) if name else (),
                unnecessary=unknown.fate == "dropped",
            )


def _line_of(context: RuleContext, path: KeyPath) -> int | None:
    span = context.document.key_span(path)
    return None if span is None else context.document.lines.line(span.start)


def _framework(context: RuleContext) -> str:
    """The framework in a sentence, with the release whose keys are listed."""
    if context.dialect is None:
        return "the framework"
    schema = schema_of(context.dialect) or {}
    return f"{schema.get('x-framework', context.dialect.title)} {schema.get('x-version', '')}".strip()


def _gone(unknown: UnknownKeyAt) -> tuple[str, str | None] | None:
    """What to say of a key of older releases, and the name to write where it went to its own section."""
    gone = unknown.gone
    if gone is None:
        return None
    written = key_text(unknown.path)
    message = f"`{written}` is gone: {gone.release} was the last release that knew it"
    if not gone.last:
        message = f"`{written}` is gone since {gone.release}"
    if gone.replacement is None:
        return message, None
    section, _, name = gone.replacement.rpartition(".")
    same = section == ".".join(str(part) for part in unknown.path[:-1])
    return f"{message}: use `{gone.replacement}`", name if same else None


def _never_known(unknown: UnknownKeyAt, title: str) -> tuple[str, str | None]:
    """What to say of any other key, and the name that was probably meant."""
    message = f"{title} does not know `{key_text(unknown.path)}`{_FATE[unknown.fate]}"
    return (
        (f"{message}; did you mean `{unknown.close}`?", unknown.close) if unknown.close else (message, None)
    )


def _rename(context: RuleContext, path: KeyPath, name: str) -> tuple[Fix, ...]:
    """The quick fix that writes the right name, unless it is already there."""
    pair = context.document.pair(path)
    if pair is None or pair.merged_from is not None or context.document.node((*path[:-1], name)):
        return ()
    return (Fix(f"rename to `{name}`", (rewrite(context.document, pair.key.span, name),)),)
