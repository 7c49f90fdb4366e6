"""Pages of the site that are made of what the code says: rules, frameworks, requirements, the notebook."""

from __future__ import annotations

import inspect
import re

import notebook_page
import requirements_page

from vramlint.analysis.registry import built_in
from vramlint.dialects import REGISTRY
from vramlint.lint.rule import Rule

RULES = """# Rules

Each rule has a stable code, a name, and a severity that the [settings](../settings.md) can change.
Its page is also what `vramlint explain CODE` prints. The two examples of every page are run as
tests.

Rules "asked for by name" would report many runs that are as their authors intend. Such a rule is
off unless `select` or `severity` in the settings, or `--select`, has its name, its code or a prefix
of its code; `--select ALL` turns all rules on.

"""
FRAMEWORKS = """# Frameworks

What is read of each framework: its keys, their defaults and since when, what its releases changed,
and what is not modelled. A config is recognised by its keys, never by its name.

"""


def pages() -> dict[str, str]:
    """Page → text."""
    made = {"rules/index.md": _rules(), "dialects/index.md": _frameworks()}
    made |= {f"rules/{_stem(rule)}.md": _rule(rule) for rule in built_in()}
    made["requirements.md"] = requirements_page.page()
    made["notebook.md"] = notebook_page.page(notebook_page.NOTEBOOK.read_text(encoding="utf-8"))
    return made


def _stem(rule: Rule) -> str:
    return f"{rule.code}-{rule.name}".lower()


def _rules() -> str:
    rows = ["| code | name | severity | finds |", "|---|---|---|---|"]
    for rule in built_in():
        severity = f"{rule.severity}, asked for by name" if rule.opt_in else rule.severity
        rows.append(f"| [{rule.code}]({_stem(rule)}.md) | {rule.name} | {severity} | {rule.summary} |")
    return RULES + "\n".join(rows) + "\n"


def _rule(rule: Rule) -> str:
    """The rule's own page, under a heading with its code. Codes of other rules lead to their pages."""
    text = inspect.cleandoc(rule.__doc__ or "")
    stems = {each.code: _stem(each) for each in built_in() if each.code != rule.code}
    parts = re.split(r"(^```.*?^```|`[^`\n]+`|\[[^]]*\]\([^)]*\))", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [
        re.sub(
            r"\bVL\d{3}\b",
            lambda code: f"[{code[0]}]({stems[code[0]]}.md)" if code[0] in stems else code[0],
            part,
        )
        for part in parts[::2]
    ]
    named = "asked for by name" if rule.opt_in else "on unless the settings say otherwise"
    return f"# {rule.code} {rule.name}\n\n_{rule.severity}, {named}_\n\n{''.join(parts)}\n"


def _frameworks() -> str:
    rows = ["| framework | known up to |", "|---|---|"]
    for entry in sorted(REGISTRY, key=lambda entry: entry.load().title.lower()):
        dialect = entry.load()
        rows.append(f"| [{dialect.title}]({entry.name}.md) | {dialect.version} |")
    return FRAMEWORKS + "\n".join(rows) + "\n"
