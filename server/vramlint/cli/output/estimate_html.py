"""Estimates as a page: picture, components, tensors, sums, assumptions. One file, no script, no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vramlint.cli.console import Paint
from vramlint.cli.output.estimate_text import head, verdict
from vramlint.cli.output.timeline_svg import timeline
from vramlint.explain.assumptions import assumptions
from vramlint.explain.format import LABELS, percent, size, value_text
from vramlint.explain.worked import worked
from vramlint.lint.escape import xml
from vramlint.lint.format import gib
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Estimate

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 760px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.2rem; } h2 { font-size: 1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 0.2rem 0.6rem; text-align: left; border-bottom: 1px solid #8886; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { white-space: pre-wrap; font-size: 13px; }
svg { width: 100%; height: auto; }
.verdict { font-weight: 600; }
"""
LARGEST = 10
"""How many of the tensors at the peak are shown."""
_PLAIN = Paint(False)


def page(sections: Iterable[str]) -> str:
    """The page of the files that were estimated."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>GPU memory by vramlint</title>\n<style>{STYLE}</style>\n</head>\n"
        "<body>\n<main>\n" + "\n".join(sections) + "\n</main>\n</body>\n</html>"
    )


def section(path: str, analysis: Analysis, estimate: Estimate) -> str:
    """The part of one file."""
    _, *said = head(path, analysis)
    parts = [
        "<section>",
        f"<h1>{xml(path)}</h1>",
        f"<p>{xml(' '.join(said))}</p>",
        f'<p class="verdict">{xml(verdict(analysis, estimate, _PLAIN))}</p>',
        timeline(analysis, estimate),
        *_components(estimate),
        *_largest(estimate),
        *_pre("How it is worked out", worked(analysis)),
        *_assumed(analysis, estimate),
        "</section>",
    ]
    return "\n".join(parts)


def _components(estimate: Estimate) -> Iterator[str]:
    rows = [
        (
            LABELS[name],
            gib(estimate.component_sizes.get(name, 0)),
            gib(estimate.components.get(name, 0)),
            percent(estimate.components.get(name, 0), estimate.device_bytes),
        )
        for name in estimate.parts
    ]
    rows.append(("total", "", gib(estimate.device_bytes), ""))
    yield from table("Components", ("GiB per GPU", "whole", "at the peak", "share"), rows)


def _largest(estimate: Estimate) -> Iterator[str]:
    rows = [
        (
            tensor.name,
            f"[{', '.join(map(str, tensor.shape))}] {tensor.dtype}",
            f"{tensor.count:,}",
            size(tensor.bytes),
        )
        for tensor in sorted(estimate.tensors, key=lambda tensor: -tensor.bytes)[:LARGEST]
    ]
    if rows:
        yield from table("Largest tensors at the peak", ("tensor", "shape", "count", "in all"), rows)


def _assumed(analysis: Analysis, estimate: Estimate) -> Iterator[str]:
    lines = [f"{each.field} {value_text(each.value)}: {each.origin}" for each in assumptions(analysis)]
    if lines or estimate.notes:
        items = "".join(f"<li>{xml(line)}</li>" for line in (*lines, *estimate.notes))
        yield f"<h2>Assumed</h2>\n<ul>{items}</ul>"


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table with its heading; the first cell of a row names it, the others are set as numbers."""
    yield f"<h2>{xml(title)}</h2>\n<table>"
    first, *others = heads
    numbers = "".join(f'<th class="number" scope="col">{xml(each)}</th>' for each in others)
    yield f'<thead><tr><th scope="col">{xml(first)}</th>{numbers}</tr></thead>\n<tbody>'
    for name, *cells in rows:
        said = "".join(f'<td class="number">{xml(cell)}</td>' for cell in cells)
        yield f'<tr><th scope="row">{xml(name)}</th>{said}</tr>'
    yield "</tbody></table>"


def _pre(title: str, lines: Iterable[str]) -> Iterator[str]:
    text = "\n".join(xml(line) for line in lines)
    yield f"<h2>{xml(title)}</h2>\n<pre>{text}</pre>"
