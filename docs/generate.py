"""Writes every generated file of the project; `scripts/generate` is the way to call it.

Without options: what follows from the code alone, which a test holds against what is committed. `--measured`
also writes the pages that compare with measurements; of those that lie beside the checkout (../shared) the
pages are left out where they are missing. `--schemas [NAME …]` also writes the JSON Schemas, from the
frameworks' released packages, which it downloads.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
SHARED = ROOT.parent / "shared"
if str(DOCS) not in sys.path:
    sys.path.insert(0, str(DOCS))

import console  # noqa: E402
import dialect_pages  # noqa: E402
import job_schema  # noqa: E402
import notebook_page  # noqa: E402
import rule_page  # noqa: E402
import tables  # noqa: E402
import worked_examples  # noqa: E402

import vramlint  # noqa: E402
from vramlint.analysis.registry import built_in  # noqa: E402
from vramlint.memory.architectures import FAMILIES  # noqa: E402

WHITELIST = ROOT / "scripts" / "vulture_whitelist.py"
_NAMED = "# What FAMILIES and the rule pack name as text. Written by scripts/generate.\n"

Generator = Callable[[], str]


def generated() -> dict[Path, Generator]:
    """Every file that follows from the code alone, with what makes its text."""
    files: dict[Path, Generator] = {}
    for name, text in dialect_pages.pages().items():
        files[DOCS / "dialects" / f"{name}.md"] = lambda text=text: text
    files[DOCS / "rules.md"] = rule_page.page
    files[DOCS / "memory-model.md"] = worked_examples.page
    files[ROOT / "schemas" / "vramlint_schemas" / "dialects" / "job.json"] = job_schema.text
    files[ROOT / "README.md"] = tables.readme
    files[DOCS / "cli.md"] = tables.cli_page
    for file in (DOCS / "tutorial.md", ROOT / "site" / "home.md"):
        files[file] = lambda file=file: console.rewritten(file.read_text(encoding="utf-8"))
    files[notebook_page.NOTEBOOK] = notebook_page.executed
    files[WHITELIST] = whitelist
    for name in ("package.json", "package-lock.json"):
        file = ROOT / "client-vscode" / name
        files[file] = lambda file=file: versioned(file.read_text(encoding="utf-8"))
    return files


def whitelist() -> str:
    """What vulture is told is in use: its written part, then what FAMILIES and the rule pack name."""
    written = WHITELIST.read_text(encoding="utf-8").partition(_NAMED)[0]
    rules = {type(rule).__name__ for rule in built_in()}
    names = sorted(rules | {path.rpartition(".")[2] for path in FAMILIES.values()})
    return written + _NAMED + "".join(f"{name}\n" for name in names)


def versioned(text: str) -> str:
    """The extension's package file, or its lock, with the version of the server."""
    return re.sub(
        r'("name": "vramlint",(?:\n.*?){0,4}\n\s*"version": )"[^"]+"',
        lambda found: f"{found[1]}{json.dumps(vramlint.__version__)}",
        text,
    )


def measured() -> Iterator[list[str]]:
    """The scripts that write pages from measurements."""
    yield ["benchmarks/classes_page.py"]
    if (SHARED / "corpus").is_dir():
        yield ["docs/corpus_findings.py"]
        yield ["docs/corpus_coverage.py", str(SHARED / "corpus")]
    if (SHARED / "truth").is_dir() and (SHARED / "published").is_dir():
        yield ["benchmarks/accuracy.py"]


def main(arguments: list[str] | None = None) -> int:
    """Write the files; the status of the first script that fails."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--measured", action="store_true")
    parser.add_argument("--schemas", nargs="*", metavar="NAME")
    options = parser.parse_args(arguments)
    scripts = list(measured()) if options.measured else []
    if options.schemas is not None:
        scripts.insert(0, ["schemas/generate.py", *options.schemas])
    for script in scripts:
        status = subprocess.run([sys.executable, *script], cwd=ROOT, check=False).returncode
        if status:
            return status
    changed = 0
    for file, text in generated().items():
        now = text()
        if not file.is_file() or file.read_text(encoding="utf-8") != now:
            file.write_text(now, encoding="utf-8", newline="\n")
            print(f"wrote {file.relative_to(ROOT)}")
            changed += 1
    print(f"{changed} files changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
