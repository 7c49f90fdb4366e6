"""Counts what is claimed among the files of ordinary software: configs that are recognised, runs that are
found in scripts and programs. Each file of the same content counts once.

    python benchmarks/ordinary_files.py FOLDER [FOLDER ...]

Every claim is printed, to be looked at: in a folder of packages only training libraries may have one. Exits 1
where reading a file fails.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "rules"), str(ROOT / "schemas")]

from vramlint.analysis.analyse import analyse  # noqa: E402
from vramlint.analysis.programs import program_runs, script_runs  # noqa: E402
from vramlint.document import PROGRAMS, Document  # noqa: E402
from vramlint.project.overrides import Overrides  # noqa: E402
from vramlint.project.prefilter import could_be_config, is_text  # noqa: E402
from vramlint.project.walk import is_wanted  # noqa: E402
from vramlint.project.workspace import Workspace  # noqa: E402

LARGEST = 1 << 21


def wanted(folder: str) -> Iterator[Path]:
    """The files below a folder that a check would look at."""
    for above, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in (".git", "__pycache__")]
        for name in filter(is_wanted, names):
            path = Path(above, name)
            if not path.is_symlink() and path.is_file() and path.stat().st_size <= LARGEST:
                yield path


def claim(path: Path) -> str | None:
    """What a file is taken for; None where for nothing."""
    document, workspace = Document.read(str(path)), Workspace(path.parent)
    overrides = Overrides(gpu="RTX4090")
    around = workspace.surroundings(document.path, overrides)
    if document.language in PROGRAMS or document.language == "shell":
        read = script_runs if document.language == "shell" else program_runs
        found = [run.fields["framework"].value for run in read(document, around, overrides) if run.fields]
        return f"a run of {found[0]}" if found else None
    dialect = analyse(document, workspace, overrides).dialect
    return dialect.name if dialect is not None else None


def main(folders: Sequence[str]) -> int:
    """Print the claims and the counts; the exit status."""
    count: Counter[str] = Counter()
    seen: set[int] = set()
    for path in (path for folder in folders for path in wanted(folder)):
        data = path.read_bytes()
        if hash(data) in seen:
            continue
        seen.add(hash(data))
        count["files"] += 1
        if not is_text(data) or not could_be_config(data, str(path)):
            continue
        count["looked into"] += 1
        try:
            said = claim(path)
        except Exception as error:
            count["failed"] += 1
            print(f"FAILED {path}: {error!r}", flush=True)
            continue
        if said is not None:
            count["claimed"] += 1
            print(f"{path}: {said}", flush=True)
    print(", ".join(f"{number} {name}" for name, number in count.items()))
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
