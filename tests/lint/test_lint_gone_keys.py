"""What is said of keys that releases have removed or renamed, and of ones that nobody knows, under the
release that is known, an older and a newer one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dialect_seeds import seed_of, with_values

from vramlint.analysis.analyse import analyse
from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Dialect
from vramlint.document import Document
from vramlint.lint.unknown_keys import _close
from vramlint.project.workspace import Workspace
from vramlint_schemas import load_schema

RELEASES = ("", "0.0.1", "999.0")
NEW = ("surely_unknown", "model.surely_unknown", "training.surely_unknown")
MOST = 40
"""Removed keys of a dialect that are tried."""


def keys(dialect: Dialect) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Keys that are gone, with the releases around which that counts; then new ones."""
    removed = load_schema(dialect.schema).get("x-removed", {}) if dialect.schema else {}
    for path, last in list(removed.items())[:MOST]:
        yield path, (*RELEASES, last)
    for row in dialect.renamed:
        yield row.path, (*RELEASES, row.removed_in)
    yield from ((path, RELEASES) for path in NEW)


@pytest.mark.parametrize(
    "dialect", [each for each in load_all() if each.schema], ids=lambda dialect: dialect.name
)
def test_what_is_said_of_a_key_that_is_gone(
    dialect: Dialect, tmp_path: Path, snapshot: Callable[[str, str], None]
) -> None:
    workspace = Workspace(tmp_path)
    lines = []
    for path, releases in keys(dialect):
        by_said: dict[str, list[str]] = {}
        for release in dict.fromkeys(releases):
            framework, _, version = release.rpartition(" ")
            told = f" versions={framework or dialect.name}@{version}" if release else ""
            values = json.dumps(with_values(seed_of(dialect), {path: 3}))
            text = f"// vramlint: dialect={dialect.name}{told}\n{values}"
            analysis = analyse(Document.parse(text, str(tmp_path / "x.jsonc")), workspace)
            name = path.rpartition(".")[2]
            found = [each for each in analysis.findings if name in each.message]
            said = "; ".join(
                f"{each.code} {each.severity}: {each.message}"
                + "".join(f", {fix.title}" for fix in each.fixes)
                for each in found
            )
            by_said.setdefault(said or "nothing", []).append(release or "as known")
        lines += [f"{path} ({', '.join(whose)}): {said}" for said, whose in by_said.items()]
    snapshot(f"gone-{dialect.name}.txt", "\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("name", "known", "close"),
    [
        ("sample", "sample_packing", True),
        ("sampl", "sample_packing", False),
        ("optimi", "optimizer_name", True),
        ("sample", "sample_packing_length", False),
    ],
)
def test_a_beginning_of_six_letters_stands_for_a_key_of_one_more_word(
    name: str, known: str, close: bool
) -> None:
    assert _close(name, (known,), False) == (known if close else None)
    assert _close(name, (known,), True) is None
