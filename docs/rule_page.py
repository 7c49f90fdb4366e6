"""The page docs/rules.md, from the rules' own pages; `scripts/generate` writes it."""

from __future__ import annotations

import inspect

from vramlint.analysis.registry import built_in

HEAD = """# The rules

Each rule has a stable code, a name, a severity that the [settings](settings.md) can change, and a page
that `vramlint explain CODE` prints. The two examples of every page are run as tests. This page is made from
the rules by `scripts/generate`.

Rules "asked for by name" would report many runs that are as their authors intend. Such a rule is off unless
`select` or `severity` in the settings, or `--select`, has its name, its code or a prefix of its code;
`--select ALL` turns all rules on.

VL0xx: the file itself · VL1xx: memory · VL2xx: contradictions · VL3xx: the hardware · VL4xx: waste ·
VL5xx: disk · VL9xx: vramlint's own

"""


def page() -> str:
    """A table of all rules, then the page of each."""
    rows = ["| code | name | severity | finds |", "|---|---|---|---|"]
    for rule in built_in():
        link = f"[{rule.code}](#{rule.code.lower()}-{rule.name})"
        severity = f"{rule.severity}, asked for by name" if rule.opt_in else rule.severity
        rows.append(f"| {link} | {rule.name} | {severity} | {rule.summary} |")
    sections = []
    for rule in built_in():
        text = inspect.cleandoc(rule.__doc__ or "").replace("\n## ", "\n### ")
        sections.append(f"## {rule.code} {rule.name}\n\n{text}\n")
    return HEAD + "\n".join(rows) + "\n\n" + "\n".join(sections)
