"""Commands: the breakdown as Markdown, the debug information, and applying the best fix."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping
from functools import partial

from lsprotocol import types

from vramlint import __version__
from vramlint.advice.limits import largest_micro_batch, largest_sequence
from vramlint.analysis.trial import gpu_edits, try_changes, value_of
from vramlint.explain.breakdown import breakdown
from vramlint.explain.verdict import verdict_line
from vramlint.job import TrainingJob
from vramlint.lint.finding import Fix
from vramlint.lint.inert import inert
from vramlint.lint.result import Analysis
from vramlint.lsp.background import beside
from vramlint.lsp.estimates import harmless
from vramlint.lsp.hover import STALE
from vramlint.lsp.search import fit_fixes
from vramlint.lsp.session import Session
from vramlint.lsp.view import View

_LARGEST: Mapping[str, Callable[[TrainingJob, int], int | None]] = {
    "micro_batch_size": largest_micro_batch,
    "sequence_length": largest_sequence,
}


def breakdown_of(view: View) -> str | None:
    """The breakdown page of a document, None for a file that is not a training config."""
    page = breakdown(view.shown)
    if page is None or not view.stale:
        return page
    return f"{STALE}\n\n{page}"


async def largest_edit(view: View, field: object) -> types.WorkspaceEdit | None:
    """What writes the largest micro batch, or the longest sequence, with which the run fits; None where the
    file has it already, cannot say it, or no GPU is declared.
    """
    analysis = view.analysis
    job, capacity = analysis.job, analysis.capacity
    search = _LARGEST.get(field) if isinstance(field, str) else None
    if view.stale or job is None or capacity is None or search is None:
        return None
    largest = await beside(partial(search, job, capacity))
    if largest is None or largest == value_of(job, str(field)):
        return None
    trial = try_changes(analysis, {str(field): largest})
    return view.workspace_edit(trial.edits) if trial and trial.edits else None


def gpu_edit(view: View, gpu: object) -> types.WorkspaceEdit | None:
    """What declares a GPU in the file; None where it cannot, or an editor's setting decides."""
    if view.stale or not isinstance(gpu, str) or not harmless(gpu):
        return None
    edits = gpu_edits(view.analysis, gpu)
    return view.workspace_edit(edits) if edits else None


async def best_fix(session: Session, view: View) -> Fix | None:
    """The first fix after which the run fits."""
    return None if view.stale else next(iter(await fit_fixes(session, view)), None)


def debug_information(session: Session, view: View | None) -> str:
    """What somebody needs to know to tell why the server says what it says."""
    client = session.client
    rows = {
        "vramlint": __version__,
        "python": f"{platform.python_version()} {sys.executable}",
        "position encoding": client.encoding,
        "diagnostics": "pulled" if client.pulls_diagnostics else "pushed",
        "open documents": str(len(session.uris())),
    }
    if view is not None:
        rows |= _of_document(view.analysis)
        rows["last analysis"] = f"{1000 * session.cost(view.uri):.1f} ms"
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {inert(value)}" for name, value in rows.items())


def _of_document(analysis: Analysis) -> dict[str, str]:
    document, reading, declared = analysis.document, analysis.reading, analysis.declared
    version = f" {reading.version}" if reading else ""
    seen = analysis.detection.evidence if analysis.detection else ()
    return {
        "document": document.path or "untitled",
        "language": f"{document.language}, {len(document.problems)} syntax problems",
        "dialect": f"{analysis.dialect.name}{version}" if analysis.dialect else "none",
        "evidence": "; ".join(f"{d.name} {e.score:.2f} ({', '.join(e.keys[:6])})" for d, e in seen) or "none",
        "settings": analysis.settings.source or "none found",
        "gpu": f"{declared.text} ({declared.source})" if declared else "not declared",
        "companions": ", ".join(reading.companions) if reading and reading.companions else "none",
        "findings": ", ".join(finding.code for finding in analysis.findings) or "none",
        "verdict": verdict_line(analysis).replace("*", ""),
    }
