"""Who answers which request about one document. Loaded when the first is asked, or the server has time:
it brings the memory model along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from lsprotocol import types

from vramlint.lsp.code_lens import code_lenses
from vramlint.lsp.completion import completions
from vramlint.lsp.hover import hover
from vramlint.lsp.inlay_hint import inlay_hints
from vramlint.lsp.links import definition, document_links
from vramlint.lsp.session import Session
from vramlint.lsp.symbols import document_symbols
from vramlint.lsp.view import View

Answer: TypeAlias = Callable[[Session, View, Any], Any]
ANSWERS: Mapping[str, Answer] = {
    types.TEXT_DOCUMENT_HOVER: hover,
    types.TEXT_DOCUMENT_CODE_LENS: code_lenses,
    types.TEXT_DOCUMENT_INLAY_HINT: inlay_hints,
    types.TEXT_DOCUMENT_COMPLETION: completions,
    types.TEXT_DOCUMENT_DOCUMENT_LINK: document_links,
    types.TEXT_DOCUMENT_DEFINITION: definition,
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: document_symbols,
}
