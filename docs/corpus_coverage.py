"""Writes docs/coverage.md: of a folder of real configs, how many files of each framework are recognised and
estimated, and why the others are not; then how many files of other projects are taken for a config.

    python docs/corpus_coverage.py CORPUS [FOLDER …]

CORPUS has `index.jsonl`, a line per file with its `path`, its `framework` and its `kind` (training,
companion, launch, overrides, component). The FOLDERs have files that are not training configs, such as
installed packages. Without them that part of the page stays as it is.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "coverage.md"
OTHERS = "## Files of other projects"
GPU = "H100-80GBx8"
"""Declared for every file: estimates do not depend on it, but some read the number of GPUs."""
_REASONS = {
    "unknown-model": "the model is not in the catalog",
    "missing-parent": "a parent is not in the folder",
    "no-model": "names no model: estimated with the config that it belongs to",
    "not-a-training-file": "a part of a config",
    "unknown-dialect": "not recognised",
}
"""By the code of an error; any other has its message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one file: the dialect (None: not recognised), and why there is no estimate ("" where
    there is one). `open`: an estimate without a verdict.
    """

    framework: str
    kind: str
    dialect: str | None
    why: str
    open: bool


def vramlint(folder: Path, *arguments: str) -> str:
    """What a command prints, run in a folder."""
    command = [sys.executable, "-m", "vramlint", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def answers(corpus: Path) -> list[Answer]:
    """What `vramlint estimate` says of each file of the index."""
    lines = (corpus / "index.jsonl").read_text(encoding="utf-8").splitlines()
    index = {row["path"]: row for row in map(json.loads, lines)}
    printed = vramlint(corpus, "estimate", "--format", "jsonl", "--gpu", GPU, *index).splitlines()
    said = {row["path"]: row for row in map(json.loads, printed)}
    return [
        Answer(
            row["framework"],
            row["kind"],
            said[path].get("dialect"),
            _why(said[path]),
            said[path].get("verdict") == "unknown",
        )
        for path, row in index.items()
    ]


def _why(row: Mapping[str, Any]) -> str:
    error = row.get("error")
    return "" if error is None else _REASONS.get(error["code"], re.sub(r"'[^']*'", "'…'", error["message"]))


def coverage(found: Iterable[Answer]) -> Iterator[str]:
    """The table: a row for each framework and kind, training configs first."""
    groups: dict[tuple[bool, str, str], list[Answer]] = defaultdict(list)
    for answer in found:
        groups[answer.kind != "training", answer.framework, answer.kind].append(answer)
    yield "| framework | kind | files | recognised | estimated | without a verdict | why the others are not |"
    yield "|---|---|--:|--:|--:|--:|---|"
    for (_, framework, kind), group in sorted(groups.items()):
        recognised = sum(answer.dialect is not None for answer in group)
        estimated = sum(not answer.why for answer in group)
        reasons = Counter(answer.why for answer in group if answer.why)
        why = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
        counts = (len(group), recognised, estimated, sum(answer.open for answer in group))
        cells = (framework, kind, *map(str, counts), why.replace("|", "\\|"))
        yield f"| {' | '.join(cells)} |"


def claimed(folders: Sequence[Path]) -> Iterator[str]:
    """The part on files of other projects: how many there are, and which of them are taken for a config."""
    looked_at = 0
    rows = []
    for folder in folders:
        options = ("--output-format", "json", "--exit-zero", "--no-gitignore", "--isolated")
        files = json.loads(vramlint(folder, "check", *options))["files"]
        looked_at += len(files)
        rows += [(file["path"], file["dialect"]) for file in files if file["dialect"] is not None]
    yield OTHERS
    yield (
        f"`vramlint check` over {len(folders)} folders of installed packages: of {looked_at:,} YAML, JSON, "
        f"TOML, shell and Python files and Makefiles, {len(rows)} are recognised. They are listed here, so "
        "that anyone can see whether each describes a training run or belongs to one."
    )
    yield "\n".join(
        ["| file | recognised as |", "|---|---|", *(f"| {path} | {name} |" for path, name in rows)]
    )


def page(found: Sequence[Answer], others: Iterable[str]) -> str:
    """The page in Markdown."""
    training = [answer for answer in found if answer.kind == "training"]
    recognised = sum(answer.dialect is not None for answer in training)
    estimated = sum(not answer.why for answer in training)
    head = (
        f"`vramlint estimate` over {len(found)} config files of public repositories. Of {len(training)} that "
        f"describe a training run, {recognised} are recognised and {estimated} estimated. An estimate has no "
        "verdict if the file leaves a deciding value to the command line. Companions, launch files, and "
        "overrides without the files that they override are not estimated on their own. "
        "`docs/corpus_coverage.py` writes this page."
    )
    parts = ["# Coverage of real configs", head, "\n".join(coverage(found)), *others]
    return "\n\n".join(parts) + "\n"


def main(corpus: Path, folders: Sequence[Path]) -> None:
    """Write the page."""
    before = PAGE.read_text(encoding="utf-8").partition(OTHERS) if PAGE.is_file() else ("", "", "")
    kept = ["".join(before[1:]).rstrip()] if before[1] else []
    others = list(claimed(folders)) if folders else kept
    PAGE.write_text(page(answers(corpus), others), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
