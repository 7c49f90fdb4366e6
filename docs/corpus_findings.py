"""Writes docs/corpus-findings.md: every error on a folder of real configs, and why it is a true mistake; then
what the other rules find there, and how ten of each rule's findings were judged.

    python docs/corpus_findings.py [CORPUS]

The folder holds `index.jsonl`, a line a file with its `path`. A finding without a reason in
docs/corpus-justifications.json ends the run with status 1: it is either a mistake of the file, and somebody
writes down why, or a mistake of ours, and is fixed. The counts and judgements of the second part are kept in
docs/corpus-judged.json; `--count` counts again, and says of which rules fewer than ten were judged.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.lint.finding import Finding
from vramlint.lint.format import key_text
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.selection import Selection
from vramlint.project.workspace import Workspace

DOCS = Path(__file__).parent
PAGE = DOCS / "corpus-findings.md"
REASONS = DOCS / "corpus-justifications.json"
JUDGED = DOCS / "corpus-judged.json"
GPUS = (None, "RTX-4090", "A100-80GB x8", "T4 x2")
"""What the folder was checked for, each time with all rules on."""
ENOUGH = 10
"""Findings of a rule that are judged, or all where there are fewer."""
_LONGEST = 40
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One error-level finding: no more of the file than the key and its value."""

    file: str
    code: str
    key: str
    value: str
    message: str


def mistakes(corpus: Path) -> tuple[int, list[Mistake]]:
    """How many files were read, and the errors found in them."""
    workspace, found, files = Workspace(corpus), [], 0
    for line in (corpus / "index.jsonl").read_text(encoding="utf-8").splitlines():
        name = json.loads(line)["path"]
        path = corpus / name
        files += 1
        analysis = analyse(Document.parse(path.read_text(encoding="utf-8"), str(path)), workspace)
        found += [
            _mistake(name, analysis, finding) for finding in analysis.findings if finding.severity == "error"
        ]
    return files, found


def _mistake(name: str, analysis: Analysis, finding: Finding) -> Mistake:
    key = finding.at.key
    node = analysis.document.node(key) if key else None
    plain = node.resolved() if node is not None else None
    value = (
        ""
        if plain is None
        else str(plain.value)
        if plain.kind == "scalar"
        else "a mapping"
        if plain.kind == "map"
        else f"a {plain.kind}"
    )
    shown = value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    return Mistake(name, finding.code, key_text(key) if key else "", shown, finding.message)


def reasons() -> dict[tuple[str, str, str], str]:
    """What was written down, by file, code and key."""
    rows = json.loads(REASONS.read_text(encoding="utf-8"))
    return {(row["file"], row["code"], row["key"]): row["why"] for row in rows}


def page(files: int, found: list[Mistake]) -> str:
    """The page; findings without a reason are marked as open."""
    why = reasons()
    lines = [*_head(files, len(found)), *(_row(item, why) for item in found), *_judgements()]
    return "\n".join(lines) + "\n"


def _head(files: int, errors: int) -> Iterator[str]:
    yield "# Errors on real configs"
    yield ""
    yield (
        f"Errors that `vramlint check` reports over {files} config files of public repositories: {errors}. "
        "Each is listed here with the reason why it is a mistake in the file. `docs/corpus_findings.py` "
        "writes this page from the findings and `docs/corpus-justifications.json`; a test checks that it is "
        "current."
    )
    yield ""
    yield "| file | code | key | value | message | why it is a mistake |"
    yield "|---|---|---|---|---|---|"


def _row(item: Mistake, why: dict[tuple[str, str, str], Any]) -> str:
    reason = why.get((item.file, item.code, item.key), "**open**")
    cells = (item.file, item.code, f"`{item.key}`", f"`{item.value}`", item.message, reason)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def judged() -> dict[str, Any]:
    """By rule: findings under each of GPUS, how they were judged, and the judgements."""
    rules: dict[str, Any] = json.loads(JUDGED.read_text(encoding="utf-8"))
    return rules


def _judgements() -> Iterator[str]:
    rules = judged()
    whole = [item for rule in rules.values() for item in rule["judged"]]
    wrong = sum(not item["right"] for item in whole)
    columns = [gpu or "no GPU" for gpu in GPUS]
    yield ""
    yield "# Findings of each rule, and what a sample of them is worth"
    yield ""
    yield (
        "The same files with all rules on, including those that are asked for by name, without a GPU and "
        f"for three. Up to {ENOUGH} findings per rule, chosen at random, were compared with the file, or "
        f"with its framework's source: {len(whole)} in all, {wrong} of them wrong. Rules that "
        "are not listed found nothing."
    )
    yield ""
    yield "| rule | " + " | ".join(columns) + " | judged | wrong | a finding is right where |"
    yield "|---|" + "--:|" * (len(columns) + 2) + "---|"
    for code, rule in rules.items():
        bad = sum(not item["right"] for item in rule["judged"])
        counts = " | ".join(str(count) for count in rule["findings"])
        yield f"| {code} | {counts} | {len(rule['judged'])} | {bad} | {rule['how']} |"


def count(corpus: Path) -> dict[str, list[int]]:
    """Findings by rule under each of GPUS, all rules on."""
    workspace = Workspace(corpus)
    names = [json.loads(line)["path"] for line in (corpus / "index.jsonl").read_text("utf-8").splitlines()]
    counts: dict[str, list[int]] = {}
    everything = Selection(select=("ALL",))
    for place, gpu in enumerate(GPUS):
        for name in names:
            document = Document.parse((corpus / name).read_text(encoding="utf-8"), str(corpus / name))
            for finding in analyse(document, workspace, Overrides(gpu=gpu, rules=everything)).findings:
                counts.setdefault(finding.code, [0] * len(GPUS))[place] += 1
    return counts


def recount(corpus: Path) -> None:
    """Write the counts anew, and print the rules that want more judgements."""
    rules = judged()
    for code, counts in sorted(count(corpus).items()):
        rule = rules.setdefault(code, {"findings": counts, "how": "", "judged": []})
        rule["findings"] = counts
        if len(rule["judged"]) < min(ENOUGH, max(counts)):
            print(f"{code}: {len(rule['judged'])} judged of {max(counts)}")
    text = json.dumps(dict(sorted(rules.items())), indent=1, ensure_ascii=False)
    JUDGED.write_text(text + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write the page; 1 where a finding has no reason."""
    folders = [argument for argument in arguments if argument != "--count"]
    corpus = Path(folders[0]) if folders else DOCS.parents[1] / "shared" / "corpus"
    if "--count" in arguments:
        recount(corpus)
    files, found = mistakes(corpus)
    PAGE.write_text(page(files, found), encoding="utf-8")
    unexplained = [item for item in found if (item.file, item.code, item.key) not in reasons()]
    for item in unexplained:
        print(f"no reason yet: {item.file}: {item.code} {item.key}: {item.message}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
