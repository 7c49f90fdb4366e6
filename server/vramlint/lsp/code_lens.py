"""Code lenses: the whole run in one line above the document, and what would make it fit."""

from __future__ import annotations

from lsprotocol import types

from vramlint.explain.lines import fit_line
from vramlint.lsp.session import Session
from vramlint.lsp.view import View

SHOW_BREAKDOWN = "vramlint.showBreakdown"
MAKE_IT_FIT = "vramlint.makeItFit"


def code_lenses(session: Session, view: View, params: types.CodeLensParams) -> list[types.CodeLens]:
    """The fit line, and "make it fit" where a checked fix exists."""
    if view.shown.estimate is None and view.shown.cannot is None:
        return []
    top = types.Range(types.Position(0, 0), types.Position(0, 0))
    stale = " (as last parsed)" if view.stale else ""
    title = fit_line(view.shown) + stale
    lenses = [types.CodeLens(top, command=types.Command(title, SHOW_BREAKDOWN, arguments=[view.uri]))]
    if not view.stale and (fixes := session.fit_fixes(view)):
        fit = types.Command(f"make it fit: {fixes[0].title}", MAKE_IT_FIT, arguments=[view.uri])
        lenses.append(types.CodeLens(top, command=fit))
    return lenses
