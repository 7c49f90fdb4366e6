"""What scripts/generate writes from the code alone is committed; `--snapshot-update` writes it too."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_scripts import DOCS, script

generate = script("generate")
FILES = generate.generated()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_generated_file_is_up_to_date(file: Path, request: pytest.FixtureRequest) -> None:
    now = FILES[file]()
    if request.config.getoption("--snapshot-update"):
        file.write_text(now, encoding="utf-8", newline="\n")
    assert file.read_text(encoding="utf-8") == now, "run scripts/generate"


def test_no_page_of_a_dialect_is_left_over() -> None:
    assert {file for file in FILES if file.parent == DOCS / "dialects"} == set(
        (DOCS / "dialects").glob("*.md")
    )


def test_the_version_of_the_extension_is_that_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    version = generate.vramlint.__version__
    monkeypatch.setattr(generate.vramlint, "__version__", "9.8.7")
    for name in ("package.json", "package-lock.json"):
        text = (DOCS.parent / "client-vscode" / name).read_text(encoding="utf-8")
        after = generate.versioned(text)
        assert after.count('"9.8.7"') == (1 if name == "package.json" else 2)
        assert after.replace("9.8.7", version) == text
