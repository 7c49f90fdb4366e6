"""Links and definitions: from a key to the model's page or to the companion file that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types

from vramlint.document.node import Span, walk
from vramlint.lint.format import model_name
from vramlint.lsp.diagnostics import companion_uri
from vramlint.lsp.session import Session
from vramlint.lsp.view import View

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
HUB = "https://huggingface.co"


def document_links(
    session: Session, view: View, params: types.DocumentLinkParams
) -> list[types.DocumentLink]:
    """The model's page on the hub, and the companion files."""
    links = [_link(view, span, uri, Path(uri).name) for span, uri in _companions(view) if view.shows(span)]
    analysis = view.analysis
    key = analysis.key("model")
    node = view.document.node(key) if key else None
    if (
        analysis.job is not None
        and node is not None
        and view.shows(node.span)
        and _HUB_ID.fullmatch(str(node.value))
    ):
        model = analysis.job.model
        if model.source not in ("config.json", "the file itself"):
            links.append(_link(view, node.span, f"{HUB}/{node.value}", model_name(model)))
    return links


def _link(view: View, span: Span, target: str, tooltip: str) -> types.DocumentLink:
    shown = tooltip if view.client.link_tooltips else None
    return types.DocumentLink(view.range(span), target=target, tooltip=shown)


def definition(session: Session, view: View, params: types.DefinitionParams) -> list[types.Location]:
    """The companion file named under the cursor."""
    offset = view.offset(params.position)
    top = types.Range(types.Position(0, 0), types.Position(0, 0))
    return [types.Location(uri, top) for span, uri in _companions(view) if span.start <= offset <= span.end]


def _companions(view: View) -> Iterator[tuple[Span, str]]:
    """The places that name a companion that was read, with its URI."""
    reading = view.analysis.reading
    root = view.document.root
    if reading is None or root is None:
        return
    by_name = {Path(path).name: path for path in reading.companions}
    for _, node in walk(root):
        if node.kind == "scalar" and isinstance(node.value, str) and Path(node.value).name in by_name:
            yield node.span, companion_uri(view, by_name[Path(node.value).name])
