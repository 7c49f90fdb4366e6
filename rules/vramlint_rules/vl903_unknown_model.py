"""VL903."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.catalog.nearest import nearest
from vramlint.lint.context import RuleContext
from vramlint.lint.editing import rewrite
from vramlint.lint.finding import Append, Finding, Fix
from vramlint.lint.rule import Rule
from vramlint.project.settings_models import pin_text

_PINS = 1
"""Of the nearest models, those that an entry in the settings is offered for."""


class UnknownModel(Rule):
    """Nothing is known of the model, so there is no estimate.

    ## What it finds

    A model name that is neither in the catalog, nor in the local hub cache, nor a folder with a
    `config.json`.

    ## Why it matters

    Every size starts from the model's shapes. vramlint asks no server for them; name a local folder, put the
    model's own keys into a job file, or say in the project's settings which model has the same shapes:

        [tool.vramlint.models."acme/support-7b"]
        like = "mistralai/Mistral-7B-v0.1"

    ## Example

    ```yaml
    vramlint: 1
    model: mistralai/Mistral-7B-v0.l
    ```

    ## Use instead

    ```yaml
    vramlint: 1
    model: mistralai/Mistral-7B-v0.1
    ```

    ## Fixes

    An entry of the settings that names a model of the same shapes, or the nearest id. Only a person may
    choose it: another model is another run.
    """

    code = "VL903"
    name = "unknown-model"
    severity = "information"
    summary = "nothing is known about the model"
    about_missing_verdicts = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Name the nearest ids of the catalog."""
        cannot = context.cannot
        if cannot is None or cannot.code not in ("unknown-model", "no-model") or not cannot.key:
            return
        if cannot.code == "no-model":
            yield self.finding(f"there is no estimate: {cannot.message}", cannot.key)
            return
        node = context.document.node(cannot.key)
        name = node.resolved().value if node is not None else None
        close = _alike(name, context.catalog.nearest(name, 3)) if isinstance(name, str) else []
        hint = f": nearest are {', '.join(close)}" if close else ""
        fixes: tuple[Fix, ...] = ()
        if node is not None and node.kind == "scalar":
            fixes = tuple(
                Fix(f"use {other}", (rewrite(context.document, node.span, other),), by_hand=True)
                for other in close
            )
        if not isinstance(name, str):  # it is named in another file
            yield self.finding(f"there is no estimate: {cannot.message}", cannot.key)
            return
        fixes += tuple(_pins(context, name, close))
        yield self.finding(
            f"nothing is known about the model '{name}', so there is no estimate{hint}",
            cannot.key,
            fixes=fixes,
        )


def _alike(name: str, close: list[str]) -> list[str]:
    """Those that are alike after the owner's name too: one owner has many models."""
    return [other for other in close if nearest(name.rpartition("/")[2], [other.rpartition("/")[2]], 1)]


def _pins(context: RuleContext, name: str, close: list[str]) -> Iterator[Fix]:
    """Entries in the settings that give the model the shapes of a listed one."""
    file = context.settings_file
    if file is None:
        return
    for other in close[:_PINS]:
        text = pin_text(name, other, in_pyproject=file.endswith("pyproject.toml"))
        title = f"say in {file.replace(chr(92), '/').rpartition('/')[2]} that it has the shapes of {other}"
        yield Fix(title, (), elsewhere=Append(file, text))
