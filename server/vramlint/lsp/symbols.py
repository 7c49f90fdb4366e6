"""Document symbols: the run of a document, and in it the keys that decide its memory, with their sizes."""

from __future__ import annotations

from lsprotocol import types

from vramlint.document.node import Span
from vramlint.explain.lines import fit_line, key_shares
from vramlint.lint.format import key_text
from vramlint.lsp.session import Session
from vramlint.lsp.view import View


def document_symbols(
    session: Session, view: View, params: types.DocumentSymbolParams
) -> list[types.DocumentSymbol] | list[types.SymbolInformation]:
    """The outline. Empty for a file that describes no run, and while the text says too little for one."""
    analysis = view.analysis
    if analysis.dialect is None or analysis.estimate is None:
        return []
    keys = []
    for path, share in key_shares(analysis):
        key, value = analysis.document.key_span(path), analysis.document.value_span(path)
        if key is not None and value is not None and view.shows(key):
            pair = Span(key.start, max(key.end, value.end))
            keys.append(
                types.DocumentSymbol(
                    key_text(path), types.SymbolKind.Key, view.range(pair), view.range(key), detail=share
                )
            )
    keys.sort(key=lambda each: (each.range.start.line, each.range.start.character))
    if not view.client.nests_symbols:
        return [
            types.SymbolInformation(
                location=types.Location(view.uri, each.range),
                name=f"{each.name}: {each.detail}",
                kind=each.kind,
            )
            for each in keys
        ]
    everything = view.range(Span(0, len(view.document.text)))
    top = types.Range(everything.start, everything.start)
    title = analysis.dialect.title
    run = types.DocumentSymbol(
        title, types.SymbolKind.Module, everything, top, detail=fit_line(analysis), children=keys
    )
    return [run]
