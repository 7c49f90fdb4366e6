"""Tables of pages that are otherwise written by hand: the dialects of the README, the formats of docs/cli.md.

A table is the text after a marker, `<!-- NAME: written by scripts/generate -->`, up to the next empty line.
"""

from __future__ import annotations

import re
from pathlib import Path

from vramlint.cli.output import FORMATS
from vramlint.dialects import REGISTRY

DOCS = Path(__file__).resolve().parent
_ROW = re.compile(r"^\| \[[^]]+\]\(docs/dialects/([\w-]+)\.md\) \| [^ |]+ \| (.*?) ?\|$", re.MULTILINE)


def readme() -> str:
    """The README with a row for each dialect. The remarks are written by hand, and the order too; a dialect
    that has no row yet comes last.
    """
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    remarks = dict(_ROW.findall(text))
    order = [*remarks, *(entry.name for entry in REGISTRY if entry.name not in remarks)]
    rows = ["| config of | known up to | |", "| --- | --- | --- |"]
    for entry in sorted(REGISTRY, key=lambda entry: order.index(entry.name)):
        dialect = entry.load()
        cells = (f"[{dialect.title}](docs/dialects/{entry.name}.md)", dialect.version)
        rows.append(f"| {' | '.join(cells)} | {remarks.get(entry.name, '')}".rstrip() + " |")
    return with_table(text, "dialects", rows)


def cli_page() -> str:
    """The page of the command line with a row for each output format."""
    rows = ["| format | what it prints |", "|---|---|"]
    rows += [f"| `{name}` | {row.summary} |" for name, row in FORMATS.items()]
    return with_table((DOCS / "cli.md").read_text(encoding="utf-8"), "formats", rows)


def with_table(text: str, name: str, rows: list[str]) -> str:
    """A page with the lines of a table after its marker."""
    marker = f"<!-- {name}: written by scripts/generate -->\n"
    before, found, after = text.partition(marker)
    assert found, f"no marker of the table {name}"
    rest = after.partition("\n\n")[2]
    return before + marker + "\n".join(rows) + "\n\n" + rest
