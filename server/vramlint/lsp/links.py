"""Links and definitions: from a key to the model's page or to the companion file that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types

from vramlint.document.node import Span, walk
from vramlint.job import Written
from vramlint.job_fields import FIELDS
from vramlint.lint.format import model_name
from vramlint.lsp.diagnostics import companion_uri
from vramlint.lsp.session import Session
from vramlint.lsp.view import View

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_TOP = types.Range(types.Position(0, 0), types.Position(0, 0))
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
    """The companion file named under the cursor, at the key of it that decides most of the run."""
    offset = view.offset(params.position)
    return [_decides(view, uri) for span, uri in _companions(view) if span.start <= offset <= span.end]


def _decides(view: View, uri: str) -> types.Location:
    """The place of a companion that decides the first of the job's fields, who shares the run before all
    else: that is what such files are about. Its first line where it decides none.
    """
    job = view.analysis.job
    for name in sorted(FIELDS, key=lambda name: not name.startswith("parallel")):
        origin = job.origins.get(name) if job else None
        if isinstance(origin, Written) and origin.document and companion_uri(view, origin.document) == uri:
            return _location(view, uri, origin)
    return types.Location(uri, _TOP)


def _location(view: View, uri: str, origin: Written) -> types.Location:
    """The place of a key in a companion as it was read."""
    told = view.analysis.dialect_context
    companion = told.open(origin.document) if told and origin.document else None
    document = companion.document if companion else None
    span = document.key_span(origin.key) if document else None
    if document is None or span is None:
        return types.Location(uri, _TOP)
    start, end = (
        types.Position(*document.lines.line_character(at, view.client.encoding))
        for at in (span.start, span.end)
    )
    return types.Location(uri, types.Range(start, end))


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
