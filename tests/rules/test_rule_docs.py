"""docs/rules.md is made from the rules' own pages: `pytest --snapshot-update` writes it anew."""

import inspect
from pathlib import Path

import pytest

from vramlint.analysis.registry import built_in

FILE = Path(__file__).parent.parent.parent / "docs" / "rules.md"
HEAD = """# The rules

Each rule has a stable code, a name, a severity that the [settings](settings.md) can change, and a page
that `vramlint explain CODE` prints. The two examples of every page are run as tests. This page is made from
the rules.

VL0xx: the file itself · VL1xx: memory · VL2xx: contradictions · VL3xx: the hardware · VL4xx: waste ·
VL9xx: vramlint's own

"""


def page() -> str:
    rows = ["| code | name | severity | finds |", "|---|---|---|---|"]
    for rule in built_in():
        link = f"[{rule.code}](#{rule.code.lower()}-{rule.name})"
        rows.append(f"| {link} | {rule.name} | {rule.severity} | {rule.summary} |")
    sections = []
    for rule in built_in():
        text = inspect.cleandoc(rule.__doc__ or "").replace("\n## ", "\n### ")
        sections.append(f"## {rule.code} {rule.name}\n\n{text}\n")
    return HEAD + "\n".join(rows) + "\n\n" + "\n".join(sections)


def test_the_page_is_up_to_date(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--snapshot-update"):
        FILE.write_text(page(), encoding="utf-8")
    assert FILE.read_text(encoding="utf-8") == page()
