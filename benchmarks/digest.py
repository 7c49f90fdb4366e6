"""One line of SHA-256 for each of a few hundred files: of all that is said of its run, as JSON.

    python benchmarks/digest.py [--configs 300]

Whatever Python and whatever versions of the dependencies run it, the lines are the same
(`scripts/compatibility` compares them). The files are the examples and the configs of `varied_configs`; of
every fifth the allocator is replayed too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [
    str(ROOT / "server"),
    str(ROOT / "rules"),
    str(ROOT / "schemas"),
    str(Path(__file__).resolve().parent),
]

from varied_configs import varied  # noqa: E402

from vramlint.analysis.analyse import analyse  # noqa: E402
from vramlint.document import Document  # noqa: E402
from vramlint.explain.estimate_facts import estimate_facts  # noqa: E402
from vramlint.project.overrides import Overrides  # noqa: E402
from vramlint.project.workspace import Workspace  # noqa: E402

NOWHERE = Path("/nowhere/at/all")
REPLAYED = 5
"""Of so many files one is replayed."""


def files(configs: int) -> Iterator[tuple[str, str]]:
    """Names and texts."""
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.is_file() and path.suffix in (".yaml", ".yml", ".toml", ".json", ".sh", ".ipynb"):
            yield path.name, path.read_text(encoding="utf-8")
    for number in range(configs):
        name, text = varied(number, number)
        yield f"{number}-{name}", text


def said(name: str, text: str, *, replayed: bool) -> str:
    """What is said of the run of a file, and what the rules find in it."""
    workspace = Workspace(NOWHERE)
    analysis = analyse(Document.parse(text, str(NOWHERE / name)), workspace, Overrides())
    estimate = analysis.estimate
    facts = estimate_facts(analysis, estimate, replayed=replayed) if estimate else None
    findings = [[each.code, each.severity, each.message] for each in analysis.findings]
    return json.dumps([facts, analysis.verdict, findings], sort_keys=True)


def main() -> int:
    """Print the lines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configs", type=int, default=300)
    options = parser.parse_args()
    for number, (name, text) in enumerate(files(options.configs)):
        digest = hashlib.sha256(said(name, text, replayed=number % REPLAYED == 0).encode()).hexdigest()
        print(digest, name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
