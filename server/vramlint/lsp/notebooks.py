"""Notebooks in an editor: which of them are open, and with which cells."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types
from pygls.uris import to_fs_path

from vramlint.lsp.language_server import Server


def register(server: Server) -> None:
    """Follow the notebooks that the client opens."""

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def opened(ls: Server, params: types.DidOpenNotebookDocumentParams) -> None:
        _follow(ls, params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def changed(ls: Server, params: types.DidChangeNotebookDocumentParams) -> None:
        for cell in _closed(params):
            ls.publisher.closed(cell)
        _follow(ls, params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def closed(ls: Server, params: types.DidCloseNotebookDocumentParams) -> None:
        ls.session.close_notebook(params.notebook_document.uri)
        for cell in params.cell_text_documents:
            ls.publisher.closed(cell.uri)


def _closed(params: types.DidChangeNotebookDocumentParams) -> Iterator[str]:
    cells = params.change.cells
    for each in (cells.structure.did_close if cells and cells.structure else None) or ():
        yield each.uri


def _follow(server: Server, uri: str) -> None:
    """Take the cells as they are now."""
    from vramlint.lsp.cells import joined  # late: `initialize` does not wait for it

    notebook = server.workspace.get_notebook_document(notebook_uri=uri)
    if notebook is None:
        return
    documents = [
        server.workspace.get_text_document(cell.document)
        for cell in notebook.cells
        if cell.kind == types.NotebookCellKind.Code
    ]
    text, cells = joined((each.uri, each.version, each.source) for each in documents)
    server.session.open_notebook(uri, to_fs_path(uri), notebook.version, text, cells)
    server.publisher.changed(uri)
