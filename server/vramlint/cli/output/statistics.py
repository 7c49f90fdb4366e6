"""How often each rule spoke, in how many files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vramlint.cli.console import Paint
from vramlint.cli.output.concise import STYLES, summary
from vramlint.cli.report import FileReport, pairs
from vramlint.lint.escape import json_text
from vramlint.project.severity import SEVERITIES, Severity


def statistics(reports: Sequence[FileReport], output_format: str, paint: Paint) -> str:
    """A row a rule and severity, the most severe first, then the most frequent; as JSON where that is asked
    for.
    """
    found: Counter[tuple[Severity, str, str]] = Counter()
    files: dict[tuple[Severity, str, str], set[str]] = {}
    for report, placed in pairs(reports):
        row = placed.finding.severity, placed.finding.code, placed.finding.name
        found[row] += 1
        files.setdefault(row, set()).add(report.path)
    rows = sorted(found, key=lambda row: (SEVERITIES.index(row[0]), -found[row], row[1]))
    if output_format in ("json", "jsonl"):
        objects = [
            {"code": code, "name": name, "severity": severity, "count": found[row], "files": len(files[row])}
            for row in rows
            for severity, code, name in [row]
        ]
        return json_text(objects, indent=1)
    width = len(f"{max(found.values(), default=0):,}")
    lines = [
        f"{found[row]:>{width},}  {row[1]}  {paint(STYLES[row[0]], f'{row[0]:<11}')}  {row[2]}"
        for row in rows
    ]
    return "\n".join([*lines, *([""] if lines else []), summary(reports)])
