"""Code actions: the fixes of findings, silencing one, declaring a GPU, and all safe fixes at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from lsprotocol import types

from vramlint.catalog.gpus import find_gpu
from vramlint.document.comment_edit import comment_at_top
from vramlint.document.edit import TextEdit
from vramlint.document.node import Span
from vramlint.explain.format import WORDS
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gib, gpu_name
from vramlint.lsp.add_model import add_model_action
from vramlint.lsp.diagnostics import diagnostic
from vramlint.lsp.offers import FIX_ALL
from vramlint.lsp.search import all_fixes, still_unknown
from vramlint.lsp.session import Session
from vramlint.lsp.suppress_action import may_be_suppressed, suppression_edit
from vramlint.lsp.view import View

_PATIENCE: Mapping[types.CodeActionTriggerKind | int | None, float] = {
    types.CodeActionTriggerKind.Automatic: 0.0,
    types.CodeActionTriggerKind.Invoked: 0.02,
}
_OFFERED_GPUS = ("RTX-4090", "A100-80GB", "H100-80GB")


async def code_actions(
    session: Session, view: View, params: types.CodeActionParams
) -> list[types.CodeAction]:
    """What can be done about the findings in a range."""
    wanted, patience = params.context.only, _patience(view, params.context)
    actions: list[types.CodeAction] = []
    if _wants(wanted, types.CodeActionKind.QuickFix):
        here = Span(view.offset(params.range.start), view.offset(params.range.end))
        there = [each for each in view.analysis.findings if _meets(view.analysis.span(each.at), here)]
        later: list[Finding] = []
        if patience is not None:
            later = await still_unknown(session, view, there, patience)
        for finding in there:
            actions += await _quick_fixes(session, view, finding, searched=finding not in later)
        actions += _declarations(view, here)
    if _wants(wanted, FIX_ALL, asked_for=True):
        actions += await _fix_all(session, view)
    return actions


def _patience(view: View, context: types.CodeActionContext) -> float | None:
    """Seconds that the answer may wait for a search, where what it has not found can be asked for later: not
    at all where the editor asks by itself, for its light bulb. None: until the end.
    """
    return _PATIENCE.get(context.trigger_kind) if view.client.resolves_edits else None


async def _quick_fixes(
    session: Session, view: View, finding: Finding, *, searched: bool
) -> list[types.CodeAction]:
    """The fixes of one finding, those that keep the training the same first, and the comment that silences
    it. Only the first of those is preferred: editors apply preferred ones unasked. Unless they are `searched`
    for, one action stands for those that make a run fit, and is looked for when it is chosen.
    """
    shown = [diagnostic(view, finding)]
    actions = []
    fixes = await all_fixes(session, view, view.analysis, finding) if searched else finding.fixes
    if not searched and finding is view.unfit:
        actions.append(_later(view, "make it fit: the change that does least", shown, finding, "fit"))
    for index, fix in enumerate(sorted(fixes, key=lambda fix: not fix.safe)):
        if fix.elsewhere is None:
            preferred = index == 0 and fix.safe
            actions.append(_action(view, _title(fix), fix.edits, shown, preferred=preferred))
        elif edit := view.append_edit(fix.elsewhere):
            kind = types.CodeActionKind.QuickFix
            actions.append(types.CodeAction(title=fix.title, kind=kind, diagnostics=shown, edit=edit))
    if session.trusted and (asked := add_model_action(view, finding, shown)):
        actions.append(asked)
    title = f"ignore {finding.code} on this line"
    if view.client.resolves_edits and may_be_suppressed(view.analysis):
        actions.append(_later(view, title, shown, finding, "ignore"))
    elif comment := suppression_edit(view.analysis, finding):
        actions.append(_action(view, title, (comment,), shown))
    return actions


def _title(fix: Fix) -> str:
    """Of changes that make a run fit also what they do to the training: editors show no groups of fixes."""
    if fix.verdict_after is None:
        return fix.title
    what, _, figures = fix.title.rpartition(": ")
    return f"{what} ({'keeps the training the same' if fix.safe else 'changes the training'}): {figures}"


def _later(
    view: View,
    title: str,
    shown: list[types.Diagnostic],
    finding: Finding,
    what: Literal["fit", "ignore"],
) -> types.CodeAction:
    """What is looked for when it is chosen, since it is tried by an analysis: the comment that suppresses a
    finding, or the first of its fixes.
    """
    place = view.analysis.findings.index(finding)
    data = {"uri": view.uri, "version": view.version, "finding": place, "what": what}
    return types.CodeAction(title, kind=types.CodeActionKind.QuickFix, diagnostics=shown, data=data)


async def resolve_code_action(session: Session, action: types.CodeAction) -> types.CodeAction:
    """The action with its edit; without one where the document has changed, or no comment is possible."""
    data: Any = action.data
    uri = data.get("uri") if isinstance(data, dict) else None
    view = session.view(uri) if isinstance(uri, str) else None
    index = data.get("finding") if isinstance(data, dict) else None
    if view is None or not isinstance(index, int) or data.get("version") != view.version:
        return action
    if 0 <= index < len(view.analysis.findings):
        finding = view.analysis.findings[index]
        if data.get("what") == "fit":
            fixes = await all_fixes(session, view, view.analysis, finding)
            first = min(
                (fix for fix in fixes if fix.elsewhere is None), key=lambda fix: not fix.safe, default=None
            )
            edits = first.edits if first else ()
        else:
            comment = suppression_edit(view.analysis, finding)
            edits = (comment,) if comment else ()
        action.edit = view.workspace_edit(edits) if edits else None
    return action


def _declarations(view: View, here: Span) -> Iterator[types.CodeAction]:
    """Where no GPU is declared: comments that declare one, offered at the first line and at the model."""
    analysis = view.analysis
    if analysis.declared is not None or analysis.estimate is None or not analysis.document.takes_comments:
        return
    key = analysis.key("model")
    model = analysis.document.key_span(key) if key else None
    first = view.cells[0].line if view.cells else 0
    if here.start > view.document.lines.line_span(first).end and not (model and _meets(model, here)):
        return
    for name in _OFFERED_GPUS:
        gpu = find_gpu(name)
        if gpu is not None:
            verdict = WORDS[analysis.estimate.verdict(gpu.usable_bytes)]
            title = f"declare the GPU: {gpu_name(gpu)} ({gib(gpu.usable_bytes)} GiB: {verdict})"
            yield _action(view, title, (comment_at_top(analysis.document, f"vramlint: gpu={name}"),), [])


async def _fix_all(session: Session, view: View) -> list[types.CodeAction]:
    """One action with the first safe fix of every finding, where they do not touch each other."""
    chosen: list[Fix] = []
    for finding in view.analysis.findings:
        for fix in await all_fixes(session, view, view.analysis, finding):
            if fix.safe and not any(_overlap(fix, other) for other in chosen):
                chosen.append(fix)
                break
    if not chosen:
        return []
    edits = tuple(edit for fix in chosen for edit in fix.edits)
    title = f"fix all that vramlint can fix safely ({len(chosen)})"
    return [_action(view, title, edits, [], kind=FIX_ALL)]


def _action(
    view: View,
    title: str,
    edits: tuple[TextEdit, ...],
    shown: list[types.Diagnostic],
    *,
    preferred: bool = False,
    kind: str = types.CodeActionKind.QuickFix,
) -> types.CodeAction:
    return types.CodeAction(
        title=title,
        kind=kind,
        diagnostics=shown or None,
        is_preferred=preferred or None,
        edit=view.workspace_edit(edits),
    )


def _wants(only: Sequence[str] | None, kind: str, asked_for: bool = False) -> bool:
    """Whether the client wants a kind: "source" wants all below it. Unasked only quick fixes come."""
    if not only:
        return not asked_for
    return any(wanted in ("", kind) or kind.startswith(wanted + ".") for wanted in only)


def _meets(span: Span, here: Span) -> bool:
    return span.start <= here.end and here.start <= span.end


def _overlap(one: Fix, other: Fix) -> bool:
    return any(
        edit.start <= against.end and against.start <= edit.end
        for edit in one.edits
        for against in other.edits
    )
