"""The moments of a run as a picture: stacked components of each, and the end of the GPU.

One SVG that needs nothing else: no script, no font, no network. It follows the reader's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil, log10

from vramlint.catalog.facts import GIB
from vramlint.explain.format import LABELS, size
from vramlint.explain.summary import PHASES
from vramlint.lint.escape import xml
from vramlint.lint.format import gib
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Component, Estimate, Moment

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 34, 44
LARGEST = 5
"""Tensors that a hover over the activations of the worst moment lists."""
COLOURS: dict[Component, tuple[str, str]] = {
    "weights": ("#1a85ff", "#3794ff"),
    "gradients": ("#bf8803", "#cca700"),
    "optimizer_states": ("#652d90", "#b180d7"),
    "activations": ("#388a34", "#89d185"),
    "generation": ("#d18616", "#d18616"),
    "overhead": ("#8c959f", "#6e7681"),
}
"""On light and on dark ground: those of the editor's charts, which the panel uses too."""


def timeline(analysis: Analysis, estimate: Estimate) -> str:
    """The picture."""
    capacity = analysis.gpu.usable_bytes if analysis.gpu else None
    top = _top(max(estimate.device_bytes, capacity or 0))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12">',
        f'<title id="title">{xml(_summary(analysis, estimate))}</title>',
        f"<style>{style()}</style>",
        *_grid(top),
        *_bars(estimate, top),
        *_limit(analysis, capacity, top),
        *_figures(estimate, top),
        *legend(estimate.parts, LEFT, HEIGHT - 14),
        "</svg>",
    ]
    return "\n".join(parts)


def _summary(analysis: Analysis, estimate: Estimate) -> str:
    said = f"GPU memory by moment: {size(estimate.device_bytes)} at most"
    return f"{said}, {PHASES.get(estimate.peak_phase, estimate.peak_phase)}"


def style() -> str:
    """The colours of components, ink and limits, on light and on dark ground."""
    light = "".join(f".{name}{{fill:{pair[0]}}}" for name, pair in COLOURS.items())
    dark = "".join(f".{name}{{fill:{pair[1]}}}" for name, pair in COLOURS.items())
    return (
        f".ink{{fill:#1f2328}}.figure{{paint-order:stroke;stroke:#fff;stroke-width:5px}}"
        f".faint{{stroke:#d0d7de}}.end{{stroke:#cf222e}}.over{{fill:#cf222e}}{light}"
        f"@media (prefers-color-scheme:dark){{.ink{{fill:#e6edf3}}.figure{{stroke:#121212}}"
        f".faint{{stroke:#3d444d}}.end{{stroke:#ff7b72}}.over{{fill:#ff7b72}}{dark}}}"
    )


def _top(most: int) -> float:
    """The end of the axis in bytes, a round number of GiB over `most`."""
    wanted = max(most / GIB, 0.1) * 1.04
    step = _step(wanted)
    return ceil(wanted / step) * step * GIB


def _step(most: float) -> float:
    """Between lines of the grid, in GiB: 1, 2 or 5 times a power of ten, four to eight lines."""
    power = 10.0 ** int(log10(most) - (most < 1))
    return next(step * power for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if most / (step * power) <= 8)


def _y(amount: float, top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - amount / top)


def _grid(top: float) -> Iterator[str]:
    step = _step(top / GIB)
    for line in range(round(top / GIB / step) + 1):
        y, value = _y(line * step * GIB, top), line * step
        yield f'<line class="faint" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="ink" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
    yield f'<text class="ink" x="8" y="{TOP - 16}">GiB</text>'


def _bars(estimate: Estimate, top: float) -> Iterator[str]:
    worst = _worst(estimate)
    for moment, middle, width in _places(estimate):
        yield from _bar(estimate, moment, middle - width / 2, width, top, moment == worst)


def _places(estimate: Estimate) -> Iterator[tuple[Moment, float, float]]:
    """Each moment with the middle and the width of its bar."""
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(estimate.moments))
    for number, moment in enumerate(estimate.moments):
        yield moment, LEFT + slot * (number + 0.5), min(72.0, slot * 0.62)


def _worst(estimate: Estimate) -> Moment | None:
    return max(estimate.moments, key=lambda moment: moment.device_bytes, default=None)


def _figures(estimate: Estimate, top: float) -> Iterator[str]:
    """The size over each bar and the name below it, over the line where the GPU ends."""
    worst = _worst(estimate)
    for moment, middle, _ in _places(estimate):
        weight = ' font-weight="600"' if moment == worst else ""
        y = _y(moment.device_bytes, top) - 6
        yield (
            f'<text class="ink figure" x="{middle:.1f}" y="{y:.1f}" text-anchor="middle"{weight}>'
            f"{gib(moment.device_bytes)}</text>"
        )
        yield (
            f'<text class="ink" x="{middle:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle"{weight}>'
            f"{xml(moment.name)}</text>"
        )


def _bar(
    estimate: Estimate, moment: Moment, left: float, width: float, top: float, worst: bool
) -> Iterator[str]:
    below = 0
    for component in estimate.parts:
        held = moment.components.get(component, 0)
        if held <= 0:
            continue
        y, height = _y(below + held, top), _y(below, top) - _y(below + held, top)
        said = [f"{moment.name}: {LABELS[component]} {size(held)}"]
        if worst and component == "activations":
            said += _largest(estimate)
        lines = "\n".join(map(xml, said))
        yield (
            f'<rect class="{component}" x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
            f"<title>{lines}</title></rect>"
        )
        below += held


def _largest(estimate: Estimate) -> Iterator[str]:
    """The largest tensors alive at the peak, a line each."""
    for tensor in sorted(estimate.tensors, key=lambda tensor: -tensor.bytes)[:LARGEST]:
        times = f"{tensor.count:,} × " if tensor.count > 1 else ""
        yield f"{times}{tensor.name} {list(tensor.shape)} {tensor.dtype}: {size(tensor.bytes)}"


def _limit(analysis: Analysis, capacity: int | None, top: float) -> Iterator[str]:
    """A dashed line where the GPU ends, named above the bars, where nothing covers it."""
    if capacity is None or analysis.gpu is None:
        return
    y = _y(capacity, top)
    dashed = 'class="end" stroke-width="2" stroke-dasharray="6 4"'
    yield f'<line {dashed} x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    said = f"{analysis.gpu.name}: {gib(capacity)} GiB usable"
    yield f'<line {dashed} x1="{LEFT}" x2="{LEFT + 28}" y1="{TOP - 20}" y2="{TOP - 20}"/>'
    yield f'<text class="over" x="{LEFT + 36}" y="{TOP - 16}">{xml(said)}</text>'


def legend(parts: Iterable[Component], x: int, y: int) -> Iterator[str]:
    """The colour of each component, in a row."""
    for component in parts:
        label = LABELS[component]
        yield f'<rect class="{component}" x="{x}" y="{y}" width="10" height="10"/>'
        yield f'<text class="ink" x="{x + 14}" y="{y + 9}">{xml(label)}</text>'
        x += 30 + 7 * len(label)
