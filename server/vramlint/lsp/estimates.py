"""Requests of our own: the estimate of a document, the same with changes, and the GPUs to choose from.

docs/editor.md describes what goes in and what comes out. Nothing is written: an edit is handed to the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from vramlint.analysis.controls import Control, controls
from vramlint.analysis.trial import gpu_edits, try_changes, value_of
from vramlint.catalog.facts import Gpu
from vramlint.catalog.gpus import all_gpus
from vramlint.document.node import KeyPath
from vramlint.explain.estimate_facts import estimate_facts
from vramlint.explain.format import LABELS
from vramlint.explain.lines import component_keys
from vramlint.lint.format import key_text
from vramlint.lint.inert import inert
from vramlint.lint.result import Analysis
from vramlint.lsp.background import beside
from vramlint.lsp.gpus import installed, verdict_on
from vramlint.lsp.session import Session
from vramlint.lsp.view import View


async def estimate(session: Session, params: object) -> dict[str, Any] | None:
    """The estimate of a document."""
    view = _view(session, params)
    return None if view is None else await estimate_of(view, replay=_mapping(params).get("replay") is True)


def what_if(session: Session, params: object) -> dict[str, Any] | None:
    """The same with changes."""
    view = _view(session, params)
    return None if view is None else what_if_of(view, _mapping(params))


def gpus(session: Session, params: object) -> dict[str, Any]:
    """The GPUs to choose from."""
    return gpus_for(_view(session, params))


async def estimate_of(view: View, *, replay: bool = False) -> dict[str, Any] | None:
    """What is known of a document's run; None for a file that describes none."""
    analysis = view.shown
    if analysis.dialect is None or not (analysis.estimate or analysis.cannot):
        return None
    work = partial(_answer, view, analysis, replay=replay)
    answer = await beside(work) if replay else work()
    return answer | {
        "controls": [] if view.stale else [_control(view, each) for each in controls(analysis)],
        "places": {} if view.stale else _places(view),
        "gpu_writable": not view.stale and gpu_edits(analysis, "auto") is not None,
    }


def what_if_of(view: View, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """The estimate with `changes` of job fields, and on another `gpu`; with the edit that writes them."""
    gpu = params.get("gpu")
    changes = _changes(view.analysis, params.get("changes"))
    trial = try_changes(view.analysis, changes, gpu if isinstance(gpu, str) and harmless(gpu) else None)
    if trial is None:
        return None
    return _answer(view, trial.analysis) | {
        "edit": None if not trial.edits else view.workspace_edit(trial.edits),
        "unwritten": list(trial.unwritten),
    }


def gpus_for(view: View | None) -> dict[str, Any]:
    """The GPUs of this machine, and all that are known, each with the verdict on a document's run."""
    analysis = view.shown if view else None
    known = sorted(all_gpus(), key=lambda gpu: (gpu.vendor != "nvidia", gpu.usable_bytes, gpu.name))
    return {
        "installed": [_gpu(analysis, gpu) | {"count": number} for gpu, number in installed()],
        "known": [_gpu(analysis, gpu) for gpu in known],
        "declared": inert(analysis.declared.text) if analysis and analysis.declared else None,
        "count": analysis.declared.count if analysis and analysis.declared else 1,
        "writable": view is not None and not view.stale and gpu_edits(view.analysis, "auto") is not None,
    }


def _gpu(analysis: Analysis | None, gpu: Gpu) -> dict[str, Any]:
    return {
        "name": gpu.name,
        "spelling": gpu.name.replace(" ", "-"),
        "vendor": gpu.vendor,
        "memory_bytes": gpu.memory_bytes,
        "usable_bytes": gpu.usable_bytes,
        "verdict": verdict_on(analysis, gpu),
    }


def _answer(view: View, analysis: Analysis, *, replay: bool = False) -> dict[str, Any]:
    estimate = analysis.estimate
    return {
        "version": view.version,
        "stale": view.stale,
        "estimate": None if estimate is None else _shown(estimate_facts(analysis, estimate, replayed=replay)),
        "cannot": analysis.cannot.message if analysis.cannot else None,
        "bound": estimate.bound if estimate else "",
        "why_unknown": list(estimate.why_unknown) if estimate else [],
        "labels": dict(LABELS),
    }


def _shown(facts: Any) -> Any:
    """The facts with every text inert: a model's name and its architecture are the config's own."""
    if isinstance(facts, str):
        return inert(facts)
    if isinstance(facts, dict):
        return {name: _shown(each) for name, each in facts.items()}
    return [_shown(each) for each in facts] if isinstance(facts, list) else facts


def _control(view: View, control: Control) -> dict[str, Any]:
    return {
        "field": control.field,
        "title": control.title,
        "label": control.label,
        "effect": control.effect,
        "value": control.value,
        "choices": [{"value": each.value, "writable": each.writable} for each in control.choices],
        "range": _key_range(view, control.key),
    }


def _places(view: View) -> dict[str, Any]:
    """Where the keys are that decide most of each component."""
    return {
        component: {"key": key_text(path), "range": _key_range(view, path)}
        for component, path in component_keys(view.analysis)
    }


def _key_range(view: View, key: KeyPath | None) -> Any:
    span = view.document.key_span(key) if key else None
    return None if span is None or not view.shows(span) else view.range(span)


def _changes(analysis: Analysis, asked: object) -> dict[str, Any]:
    """The changes that are among the choices of the controls; anything else is left out."""
    if not isinstance(asked, Mapping) or analysis.job is None:
        return {}
    offered = {each.field: each for each in controls(analysis)}
    return {
        name: value
        for name, value in asked.items()
        if name in offered
        and value != value_of(analysis.job, name)
        and (
            any(choice.value == value for choice in offered[name].choices)
            or (_counted(offered[name].value) and _counted(value))
        )
    }


def _counted(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31


def harmless(gpu: str) -> bool:
    """Whether it can be written in a comment: one line of names and numbers."""
    return 0 < len(gpu) <= 80 and gpu.isprintable() and not set(gpu) & set("#/*")


def _view(session: Session, params: object) -> View | None:
    document = _mapping(_mapping(params).get("textDocument"))
    uri = document.get("uri")
    return session.view(uri) if isinstance(uri, str) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
