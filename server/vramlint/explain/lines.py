"""The short forms: one line for the whole file, one figure for a key."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.document.node import KeyPath
from vramlint.explain.format import LABELS, MARKS, size
from vramlint.job_fields import FIELDS, moves_of
from vramlint.lint.format import count, gib, gpu_name
from vramlint.lint.inert import inert_message
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Component

_NEGLIGIBLE = 2**26
"""Components under 64 MiB are left out of one-line summaries."""


def fit_head(analysis: Analysis) -> str:
    """ "98.5 of 23.5 GiB ✗ RTX 4090"; without a GPU "98.5 GiB per GPU"; why, where there is no estimate."""
    estimate = analysis.estimate
    if estimate is None:
        return f"no estimate: {inert_message(analysis.cannot.message)}" if analysis.cannot else ""
    if analysis.capacity is None or analysis.gpu is None:
        return f"{size(estimate.device_bytes)} per GPU"
    mark = MARKS[analysis.verdict]
    return f"{gib(estimate.device_bytes)} of {gib(analysis.capacity)} GiB {mark} {gpu_name(analysis.gpu)}"


def fit_line(analysis: Analysis) -> str:
    """ "98.5 of 23.5 GiB ✗ RTX 4090 · weights 15.0 · gradients 15.0 · activations 55.1"."""
    estimate = analysis.estimate
    if estimate is None:
        return fit_head(analysis)
    shown = [name for name in estimate.parts if estimate.component_sizes.get(name, 0) > _NEGLIGIBLE]
    parts = [f"{LABELS[name]} {gib(estimate.component_sizes[name])}" for name in shown]
    return " · ".join([fit_head(analysis), *parts])


def component_keys(analysis: Analysis) -> Iterator[tuple[Component, KeyPath]]:
    """The key that decides most of each component: the first that is written."""
    named: set[Component] = set()
    for row in FIELDS.values():
        path = analysis.key(row.path) if row.holds is not None and row.holds not in named else None
        if row.holds is not None and path is not None:
            named.add(row.holds)
            yield row.holds, path


def key_shares(analysis: Analysis) -> Iterator[tuple[KeyPath, str]]:
    """The keys that decide most of the memory, each component at the first that is written."""
    job, estimate = analysis.job, analysis.estimate
    if job is None or estimate is None:
        return
    named: set[Component] = set()
    for row in FIELDS.values():
        path = job.written(row.path) if row.hinted else None
        if path is None or analysis.document.node(path) is None:
            continue
        component = moves_of(row.path).component
        if component is None:
            yield path, f"{count(estimate.trainable_parameters)} trained"
        elif component not in named:
            named.add(component)
            yield path, f"{size(estimate.component_sizes.get(component, 0))} of {LABELS[component]}"
