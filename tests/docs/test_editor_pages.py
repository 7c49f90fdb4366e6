"""The pages about editors: what they have a user write can be read, and starts the server."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "editors").glob("*.md"))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def test_each_page_is_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(PAGES) == 6
    for page in PAGES:
        assert f"docs/editors/{page.name}" in readme


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_to_be_written_can_be_read(page: Path) -> None:
    written = [*map(tomllib.loads, blocks(page, "toml")), *map(json.loads, blocks(page, "json"))]
    assert written or page.stem in ("neovim", "emacs", "jetbrains")
    assert re.search(r"\bvramlint\W+server\b|`vramlint server`", page.read_text(encoding="utf-8")) or written


def test_helix_starts_the_server_for_each_language() -> None:
    (text,) = blocks(ROOT / "docs" / "editors" / "helix.md", "toml")
    settings: dict[str, Any] = tomllib.loads(text)
    server = settings["language-server"]["vramlint"]
    assert [server["command"], *server["args"]] == ["vramlint", "server"]
    assert {each["name"] for each in settings["language"]} == {"yaml", "json", "toml"}
    assert all(each["language-servers"][-1] == "vramlint" for each in settings["language"])
