"""Configs cut off anywhere, as they are while somebody types: no error is claimed of what stands above, and
the hovers there are as before.

    python tests/lsp/test_lsp_cut.py FILES PLACES    # as many files of the corpus, where it lies beside
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lsprotocol import types

from vramlint.document.node import KeyPath, Span, walk
from vramlint.lsp.client import Client
from vramlint.lsp.diagnostics import diagnostics
from vramlint.lsp.hover import hover
from vramlint.lsp.session import Session
from vramlint.lsp.view import View

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
LANGUAGES = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
EXAMPLES = sorted(file for file in (ROOT / "examples").rglob("*") if file.suffix in LANGUAGES)


def hover_at(session: Session, view: View, span: Span) -> types.Hover | None:
    place = types.HoverParams(types.TextDocumentIdentifier(view.uri), view.position(span.start))
    return hover(session, view, place)


def faults(file: Path, places: int) -> Iterator[str]:
    """What goes wrong at so many places of a file."""
    text = file.read_text("utf-8")
    chosen = random.Random(file.name)
    session, uri = Session(), file.as_uri()
    session.client = Client(markdown=True)
    session.open(uri, LANGUAGES[file.suffix], 0, text)
    for number in range(places):
        session.change(uri, 2 * number, text)
        whole = session.view(uri)
        assert whole is not None
        root = whole.document.root
        if root is None or whole.analysis.dialect is None:
            return
        cut = chosen.randrange(1, len(text))
        last = max((pair.key.span.start for pair in root.pairs if pair.key.span.start < cut), default=0)
        keys = [(path, span) for path, _ in walk(root) if path and (span := whole.document.key_span(path))]
        above = [(path, span) for path, span in keys if span.end < last]
        shown = {
            path: hover_at(session, whole, span) for path, span in chosen.sample(above, min(8, len(above)))
        }
        known = {found.code for found in diagnostics(whole)}
        session.change(uri, 2 * number + 1, text[:cut])
        half = session.view(uri)
        assert half is not None
        yield from lost(session, half, dict(above), shown, f"{file.name} cut at {cut}")
        if half.document.problems:  # what parses is a config of its own
            limit = half.position(last)
            for found in diagnostics(half):
                if found.severity == types.DiagnosticSeverity.Error and found.code not in known:
                    end = (found.range.end.line, found.range.end.character)
                    if end < (limit.line, limit.character):
                        yield f"{file.name} cut at {cut}: {found.code} {found.message}"


def lost(
    session: Session,
    view: View,
    spans: dict[KeyPath, Span],
    before: dict[KeyPath, types.Hover | None],
    where: str,
) -> Iterator[str]:
    for path, there in before.items():
        here = hover_at(session, view, spans[path])
        if there is not None and (here is None or here.range != there.range):
            yield f"{where}: the hover of {path} is gone"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_what_stands_above_a_cut_is_left_alone(file: Path) -> None:
    assert not list(faults(file, 12))


def corpus(number: int) -> list[Path]:
    files = sorted(
        file for file in CORPUS.rglob("*") if file.suffix in LANGUAGES and file.name != "index.jsonl"
    )
    return random.Random(1).sample(files, min(number, len(files)))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
def test_in_configs_of_others() -> None:
    assert not [fault for file in corpus(25) for fault in faults(file, 4)]


if __name__ == "__main__":
    found = [fault for file in corpus(int(sys.argv[1])) for fault in faults(file, int(sys.argv[2]))]
    print("\n".join(found) or "no faults")
