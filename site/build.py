"""Builds the documentation site into out/site/html: `python site/build.py`.

The pages are the texts of docs/ and the project's own files, the rules' pages, and tables that are worked
out now. Every command on them is run; the build fails if a page shows something else than it prints, if a
link leads nowhere, or if zensical has anything to warn of. `--playground` also builds the playground, which
needs Node and a network; without it an already built one is taken. VRAMLINT_SITE_URL is where the site will
be.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
for folder in (HERE, ROOT / "docs"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import console  # noqa: E402
import made_pages  # noqa: E402
import site_pages  # noqa: E402
import yaml  # noqa: E402

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OUT = ROOT / "out"
PLAYGROUND = OUT / "playground"


class Stale(Exception):
    """A page shows something else than a command prints."""


def assemble(folder: Path) -> dict[str, str]:
    """Write all pages and the files that they link to into a folder; page → text."""
    texts = {page: (source, site_pages.text_of(source)) for source, page in site_pages.sources().items()}
    texts |= {page: (f"docs/{page}", text) for page, text in made_pages.pages().items()}
    _run_commands({page: text for page, (_, text) in texts.items()})
    written = {}
    for page, (source, text) in texts.items():
        written[page] = site_pages.linked(text, source, page, lambda wanted: _asset(wanted, folder))
        _write(folder / page, written[page])
    shutil.copytree(HERE / "stylesheets", folder / "stylesheets", dirs_exist_ok=True)
    return written


def _run_commands(texts: dict[str, str]) -> None:
    """Raises Stale if a page shows something else than a command prints, RuntimeError if one fails."""
    console.run_all(list(texts.values()))
    if stale := [page for page, text in texts.items() if console.rewritten(text) != text]:
        raise Stale(f"{', '.join(stale)}: a command prints something else now: run scripts/generate")


def _asset(wanted: str, folder: Path) -> str:
    """Copy a file of the project; where it is on the site. Raises FileNotFoundError if it is not there."""
    there = wanted.removeprefix("docs/")
    copy = folder / there
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / wanted, copy)
    return there


def configuration(texts: dict[str, str]) -> dict[str, Any]:
    """What zensical is told, beside the folder of pages. Raises ValueError if a page is in no section."""
    settings = tomllib.loads((HERE / "zensical.toml").read_text("utf-8"))
    project: dict[str, Any] = settings["project"]
    nav = [{section["title"]: list(_section(section, texts))} for section in settings["nav"]]
    shown = {page for entry in nav for listed in entry.values() for page in listed}
    if lost := set(texts) - shown:
        raise ValueError(f"in no section of site/zensical.toml: {', '.join(sorted(lost))}")
    if url := os.environ.get("VRAMLINT_SITE_URL"):
        project["site_url"] = url
    return {**project, "docs_dir": "pages", "site_dir": "html", "nav": nav}


def _section(section: dict[str, Any], texts: dict[str, str]) -> Iterator[str]:
    """The pages of a section: those of a folder, its index first, then the listed ones."""
    inside = sorted(page for page in texts if page.startswith(f"{section.get('folder', '//')}/"))
    yield from sorted(inside, key=lambda page: not page.endswith("/index.md"))
    yield from section.get("pages", ())


def build(work: Path, playground: Path = PLAYGROUND) -> Path:
    """Build the whole site in a folder; where it is. Raises CalledProcessError if zensical has warnings."""
    shutil.rmtree(work, ignore_errors=True)
    texts = assemble(work / "pages")
    _write(work / "mkdocs.yml", yaml.safe_dump(configuration(texts), sort_keys=False))
    zensical = Path(sys.executable).with_name("zensical")
    subprocess.run([zensical, "build", "--strict", "--clean"], cwd=work, check=True)
    if playground.is_dir():
        shutil.copytree(playground, work / "html" / "playground")
    return work / "html"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


def main(arguments: list[str] | None = None) -> int:
    """Build, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--playground", action="store_true", help="build the playground anew, with Node")
    options = parser.parse_args(arguments)
    if options.playground:
        subprocess.run([sys.executable, HERE / "playground" / "build.py", PLAYGROUND], check=True)
    try:
        build(OUT / "site")
    except (Stale, subprocess.CalledProcessError, RuntimeError, ValueError, FileNotFoundError) as reason:
        print(f"site: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
