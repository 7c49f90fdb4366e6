"""Which file of the project is which page of the site, and links between them.

Pages link to each other as files of the project do, so that they can be read there too. On the site the same
links lead to pages, or to copies of files.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "site/home.md": "index.md",
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "examples/README.md": "examples.md",
    "docs/python-api.ipynb": "notebook.md",
    "client-vscode/README.md": "editors/vscode.md",
    "benchmarks/trainers.md": "trainers.md",
    "benchmarks/classes.md": "classes.md",
    "docs/rules.md": "rules/index.md",
}
"""Pages that are not made of the file of the same name in docs/."""
RETITLED = {"client-vscode/README.md": "VS Code"}
"""Pages whose own heading says too little among the others."""
MADE = ("README.md", "docs/rules.md", "docs/python-api.ipynb")
"""Of these, those whose text is made from something else; other pages link to them by these names."""
_FENCED = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_RULE = re.compile(r"#(vl\d{3}-[\w-]+)$")


def sources() -> dict[str, str]:
    """Every page with a text of its own: file of the project → page."""
    docs = {
        f"docs/{path}": path
        for path in sorted(
            file.relative_to(ROOT / "docs").as_posix() for file in (ROOT / "docs").rglob("*.md")
        )
    }
    return {source: page for source, page in (docs | ELSEWHERE).items() if source not in MADE}


def text_of(source: str) -> str:
    """The text of a page as its file has it, under a heading that says what it is about."""
    text = (ROOT / source).read_text(encoding="utf-8")
    title = RETITLED.get(source)
    return re.sub(r"^# .*", f"# {title}", text, count=1, flags=re.MULTILINE) if title else text


def page_of(source: str) -> str | None:
    """The page of a file of the project; None if it has none."""
    if source in ELSEWHERE:
        return ELSEWHERE[source]
    if source.startswith("docs/") and source.endswith(".md"):
        return source.removeprefix("docs/")
    return None


def linked(text: str, source: str, page: str, asset: Callable[[str], str]) -> str:
    """A text with its links as the page needs them. `asset` is told of each file of the project that is
    linked to and is not a page, and says where on the site it is.
    """

    def link(found: re.Match[str]) -> str:
        before, target, after = found.groups()
        return before + _target(target, source, page, asset) + after

    parts = _FENCED.split(text)
    parts[::2] = [_LINK.sub(link, part) for part in parts[::2]]
    return "".join(parts)


def _target(target: str, source: str, page: str, asset: Callable[[str], str]) -> str:
    if re.match(r"[a-z]+:|#|playground/", target):
        return target
    path, hash_mark, fragment = target.partition("#")
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    rule = _RULE.search(target)
    there = page_of(wanted)
    if wanted == "docs/rules.md" and rule is not None:
        there, hash_mark, fragment = f"rules/{rule[1]}.md", "", ""
    elif there is None:
        there = asset(wanted)
    return os.path.relpath(there, posixpath.dirname(page) or ".").replace(os.sep, "/") + hash_mark + fragment
