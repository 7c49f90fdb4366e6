"""What the server tells a client that it can do, by name: known before the modules that do it are loaded."""

from __future__ import annotations

from lsprotocol import types

SHOW_BREAKDOWN = "vramlint.showBreakdown"
MAKE_IT_FIT = "vramlint.makeItFit"
BREAKDOWN = "vramlint.breakdown"
DEBUG_INFORMATION = "vramlint.debugInformation"
ADD_MODEL = "vramlint.addModel"
MAXIMIZE = "vramlint.maximize"
DECLARE_GPU = "vramlint.declareGpu"
COMPARE = "vramlint.sinceCommit"
"""Commands."""

ESTIMATE = "vramlint/estimate"
WHAT_IF = "vramlint/whatIf"
GPUS = "vramlint/gpus"
SINCE_COMMIT = "vramlint/sinceCommit"
"""Requests of our own."""

FIX_ALL = "source.fixAll.vramlint"
KINDS = (types.CodeActionKind.QuickFix, FIX_ALL)
"""Kinds of code actions."""

TRIGGERS = ["=", " ", "/", '"', "[", "@", ","]
"""Characters after which completion is asked for."""

SYNC = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithNotebook(
            notebook=types.NotebookDocumentFilterNotebookType(notebook_type="jupyter-notebook"),
            cells=[types.NotebookCellLanguage(language="python")],
        )
    ]
)
"""Notebooks."""

OFFERS = {
    types.TEXT_DOCUMENT_HOVER: None,
    types.TEXT_DOCUMENT_CODE_LENS: types.CodeLensOptions(resolve_provider=True),
    types.TEXT_DOCUMENT_INLAY_HINT: None,
    types.TEXT_DOCUMENT_COMPLETION: types.CompletionOptions(
        trigger_characters=TRIGGERS, resolve_provider=True
    ),
    types.TEXT_DOCUMENT_DOCUMENT_LINK: None,
    types.TEXT_DOCUMENT_DEFINITION: None,
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: types.DocumentSymbolOptions(label="vramlint"),
}
"""Requests about one document, with what is told of each."""
