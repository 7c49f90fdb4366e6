"""The documentation site: built strictly, complete, and without anything from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest

import vramlint
from vramlint.analysis.registry import built_in
from vramlint.dialects import REGISTRY
from vramlint.explain.topics import TOPICS

ROOT = Path(__file__).parents[2]


LOADED = ("stylesheet", "preload", "modulepreload", "icon", "preconnect")
"""Links that a browser follows by itself."""


class Page(HTMLParser):
    """What a page links to, what it loads, and where in it one can link to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if "src" in values:
            self.loaded.append(values["src"])
        if tag == "link" and values.get("rel") in LOADED:
            self.loaded.append(values["href"])


@pytest.fixture(scope="module")
def site_pages(built: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in sorted(built.rglob("*.html")) if file.name != "404.html"}


def there(target: str, page: Path, site: Path) -> Path:
    """The file of the site that a link leads to."""
    path = unquote(urlsplit(target).path)
    file = site / path.lstrip("/") if path.startswith("/") else page.parent / path
    return (file / "index.html" if path == "" or file.is_dir() or path.endswith("/") else file).resolve()


def test_no_link_is_dead(built: Path, site_pages: dict[Path, Page]) -> None:
    assert len(site_pages) > 120
    by_path = {file.resolve(): page for file, page in site_pages.items()}
    dead = []
    for file, page in site_pages.items():
        for target in (*page.links, *page.loaded):
            parts = urlsplit(target)
            if parts.scheme or "playground/" in target:
                continue
            wanted = there(target, file, built)
            if target.startswith("#"):
                wanted = file.resolve()
            known = by_path.get(wanted)
            if not wanted.exists() or (
                known and parts.fragment and unquote(parts.fragment) not in known.anchors
            ):
                dead.append(f"{file.relative_to(built)}: {target}")
    assert dead == []


def test_the_playground_and_the_pages_link_to_each_other(built: Path, site_pages: dict[Path, Page]) -> None:
    page = ROOT / "site" / "playground" / "index.html"
    linked = {target for page in site_pages.values() for target in page.links if "playground/" in target}
    assert {Path(urlsplit(target).path).name for target in linked} == {page.name}
    back = [target for target in Page(page).links if target.startswith("../")]
    assert len(back) >= 2
    assert [
        target for target in back if not there(target, built / "playground" / page.name, built).exists()
    ] == []


def test_nothing_is_loaded_from_elsewhere(built: Path, site_pages: dict[Path, Page]) -> None:
    assert [
        (file, url) for file, page in site_pages.items() for url in page.loaded if urlsplit(url).netloc
    ] == []


def test_each_rule_and_framework_has_a_page_and_each_topic_a_chapter(
    built: Path, site_pages: dict[Path, Page]
) -> None:
    for rule in built_in():
        page = (built / "rules" / f"{rule.code}-{rule.name}".lower() / "index.html").read_text("utf-8")
        assert "What it finds" in page
        assert "Use instead" in page
    for entry in REGISTRY:
        assert built / "dialects" / entry.name / "index.html" in site_pages
    assert ">VS Code<" in (built / "editors" / "vscode" / "index.html").read_text("utf-8")
    chapters = re.findall(r"<h[23] [^>]*>([^<]+)", (built / "memory-model" / "index.html").read_text("utf-8"))
    assert set(TOPICS.values()) <= set(chapters)


def test_requirements_are_what_estimates_say(built: Path, builder: ModuleType) -> None:
    import requirements_page

    page = requirements_page.page()
    for method in requirements_page.METHODS:
        section = page.partition(f"## {method[0].upper()}{method[1:]}\n")[2].partition("\n## ")[0]
        rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
        assert [row[0].strip("`") for row in rows] == list(requirements_page.MODELS)
        for row in rows:
            said = vramlint.estimate(
                requirements_page.job(row[0].strip("`"), method), gpu="A100-80GB"
            ).verdict
            cell = re.sub(r"<[^>]+>", "", row[3 + requirements_page.GPUS.index("A100-80GB")])
            assert cell == requirements_page.MARKS[said]


def test_a_page_that_shows_something_else_than_a_command_prints_stops_the_build(builder: ModuleType) -> None:
    right = builder.console.rewritten("```console\n$ vramlint --version\n```\n")
    assert vramlint.__version__ in right
    builder._run_commands({"right.md": right})
    with pytest.raises(builder.Stale, match=r"wrong\.md"):
        builder._run_commands({"wrong.md": right.replace(vramlint.__version__, "0.0.0")})


@pytest.mark.parametrize(
    "block",
    [
        "```console\n$ vramlint estimate no-such-file.yaml\n```\n",
        "```console\n$ curl example.org\n```\n",
        "```sh\nvramlint estimate no-such-file.yaml  # says why\n```\n",
        "Say:\n\n    vramlint no-such-command\n",
    ],
)
def test_a_command_that_fails_stops_the_build(builder: ModuleType, block: str) -> None:
    with pytest.raises(RuntimeError):
        builder._run_commands({"page.md": block})


def test_a_file_that_is_not_there_stops_the_build(builder: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        builder.site_pages.linked(
            "[x](no-such.yaml)", "docs/a.md", "a.md", lambda wanted: builder._asset(wanted, tmp_path)
        )


def test_links_lead_to_pages_wherever_they_are(builder: ModuleType) -> None:
    text = (
        "[a](../CONTRIBUTING.md#style) `[b](c.md)` [d](rules.md#vl101-does-not-fit)\n\n```\n[e](f.md)\n```\n"
    )
    assert builder.site_pages.linked(text, "docs/x.md", "x.md", str) == (
        "[a](contributing.md#style) `[b](c.md)` [d](rules/vl101-does-not-fit.md)\n\n```\n[e](f.md)\n```\n"
    )


def test_the_tutorial_starts_at_the_textbook_sum() -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    assert "before the first token: 14 + 14 + 56 = 84 GB" in text
    assert re.search(r"3 \+ 3 \+ 12 = 18 GB", text)
