"""Writes docs/corpus-verdicts.md: every verdict on a folder of real configs that changed between two commits,
and the commit that changed it.

    python docs/corpus_verdicts.py BEFORE AFTER CORPUS

The folder holds `index.jsonl`, a line a file with its `path`. Each file is estimated for each of GPUS, by the
code of both commits. Where the verdicts differ, the commits between are searched by halves for one that has
the new verdict and whose parent does not. Takes dozens of minutes on one core.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "corpus-verdicts.md"
REASONS = ROOT / "docs" / "corpus-verdicts.json"
"""Why, in a sentence or two, by the first seven digits of the commit."""
GPUS = ("RTX-4090", "H100-80GBx8")
"""Declared for every file, whatever its author had: a small GPU alone, and a node of large ones."""
NONE = "no estimate"
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Run:
    """A file on a declared GPU."""

    path: str
    gpu: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of a run: the verdict, the bytes that the GPU must have, and why there is no estimate."""

    verdict: str
    device_bytes: int | None = None
    why: str = ""

    def __str__(self) -> str:
        """As in "fits (21.3 GiB)"."""
        words = self.verdict.replace("_", " ")
        return words if self.device_bytes is None else f"{words} ({self.device_bytes / _GIB:,.1f} GiB)"


class Trees:
    """The code of commits, unpacked as they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, commit: str) -> Path:
        """The folder with the code of a commit."""
        tree = self.folder / commit
        if not tree.is_dir():
            packed = subprocess.run(
                ["git", "archive", commit, "server", "rules", "schemas"],
                cwd=ROOT,
                check=True,
                capture_output=True,
            ).stdout
            with tarfile.open(fileobj=BytesIO(packed)) as archive:
                archive.extractall(tree, filter="data")
        return tree


def answers(tree: Path, corpus: Path, runs: Iterable[Run]) -> dict[Run, Answer]:
    """What the code in `tree` says of the runs."""
    by_gpu: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        by_gpu[run.gpu].append(run.path)
    paths = os.pathsep.join(str(tree / part) for part in ("server", "rules", "schemas"))
    environment = {**os.environ, "PYTHONPATH": paths}
    found = {}
    for gpu, files in by_gpu.items():
        command = [sys.executable, "-m", "vramlint", "estimate", "--format", "jsonl", "--gpu", gpu, *files]
        printed = subprocess.run(
            command, cwd=corpus, env=environment, capture_output=True, text=True, check=False
        ).stdout
        for line in printed.splitlines():
            row = json.loads(line)
            found[Run(row["path"], gpu)] = _answer(row)
    return found


def _answer(row: Mapping[str, object]) -> Answer:
    if "verdict" not in row:
        error = row.get("error") or row.get("cannot") or ""
        return Answer(NONE, None, str(error.get("message", "") if isinstance(error, Mapping) else error))
    size = row.get("device_bytes")
    return Answer(str(row["verdict"]), size if isinstance(size, int) else None)


def causes(
    changed: Mapping[Run, str], commits: Sequence[str], trees: Trees, corpus: Path
) -> dict[Run, tuple[str, ...]]:
    """For each run with its new verdict the commit that gives it where the one before gives another, first of
    a row of commits where the others do not run at all. `commits` are those after the oldest, which gives
    another, up to the newest, which gives it.
    """
    ends = dict.fromkeys(changed, (-1, len(commits) - 1))
    broken: set[int] = set()
    while True:
        by_middle: dict[int, list[Run]] = defaultdict(list)
        for run, (low, high) in ends.items():
            between = [place for place in range(low + 1, high) if place not in broken]
            if between:
                by_middle[between[len(between) // 2]].append(run)
        if not by_middle:
            return {run: tuple(reversed(commits[low + 1 : high + 1])) for run, (low, high) in ends.items()}
        for middle, runs in by_middle.items():
            said = answers(trees.of(commits[middle]), corpus, runs)
            for run in runs:
                low, high = ends[run]
                if run not in said:
                    broken.add(middle)
                elif said[run].verdict == changed[run]:
                    ends[run] = low, middle
                else:
                    ends[run] = middle, high
        print(f"{sum(map(len, by_middle.values()))} of {len(changed)} runs open", file=sys.stderr)


def git(*words: str) -> str:
    """What git prints."""
    return subprocess.run(
        ["git", *words], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def page(
    span: tuple[str, str],
    files: int,
    old: Mapping[Run, Answer],
    new: Mapping[Run, Answer],
    causes: Mapping[Run, tuple[str, ...]],
) -> str:
    """The page in Markdown."""
    kinds = Counter((old[run].verdict, new[run].verdict) for run in causes)
    lines = [
        "# Verdicts that changed on real configs",
        "",
        f"`vramlint estimate` over {files} config files of public repositories, once with "
        f"{' and once with '.join(f'`--gpu {gpu}`' for gpu in GPUS)}, whatever hardware the author had. "
        f"Between `{span[0][:7]}` and `{span[1][:7]}`, {len(causes)} of {len(new)} verdicts changed. "
        "They are listed by the commit that changed them. If several commits changed a figure, it is the one "
        "at which the verdict became what it is now. `docs/corpus_verdicts.py` writes this page.",
        "",
        "| before | after | runs |",
        "|---|---|--:|",
    ]
    lines += [
        f"| {one.replace('_', ' ')} | {other.replace('_', ' ')} | {count} |"
        for (one, other), count in kinds.most_common()
    ]
    grouped: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run, found in causes.items():
        grouped[found].append(run)
    reasons: dict[str, str] = json.loads(REASONS.read_text(encoding="utf-8"))
    for found in sorted(grouped, key=lambda each: (-len(grouped[each]), each)):
        subjects = [git("log", "-1", "--format=%h %s", commit) for commit in found]
        if len(found) == 1:
            hashed, _, subject = subjects[0].partition(" ")
            lines += ["", f"## {subject}", "", f"`{hashed}`. {reasons.get(found[0][:7], '')}".rstrip()]
        else:
            lines += ["", "## One of several commits that run only together", ""]
            lines += [f"- {subject}" for subject in subjects]
            lines += ["", reasons[found[0][:7]]] if found[0][:7] in reasons else []
        lines += ["", "| file | GPU | before | after |", "|---|---|---|---|"]
        lines += [
            f"| {run.path} | {run.gpu} | {old[run]} | {new[run]} |"
            for run in sorted(grouped[found], key=lambda each: (each.path, each.gpu))
        ]
    return "\n".join(lines) + "\n"


def main(before: str, after: str, corpus: Path) -> None:
    """Write the page."""
    before, after = git("rev-parse", before), git("rev-parse", after)
    files = [json.loads(line)["path"] for line in (corpus / "index.jsonl").read_text("utf-8").splitlines()]
    runs = [Run(path, gpu) for gpu in GPUS for path in files]
    commits = git("rev-list", "--reverse", "--first-parent", f"{before}..{after}").splitlines()
    with tempfile.TemporaryDirectory() as folder:
        trees = Trees(Path(folder))
        old, new = (
            dict.fromkeys(runs, Answer(NONE)) | answers(trees.of(commit), corpus, runs)
            for commit in (before, after)
        )
        changed = {run: new[run].verdict for run in runs if old[run].verdict != new[run].verdict}
        found = causes(changed, commits, trees, corpus)
    PAGE.write_text(page((before, after), len(files), old, new, found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
