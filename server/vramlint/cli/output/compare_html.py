"""A comparison as a page: both versions as bars, component by component, and what was changed. One file, no
script, no network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vramlint.cli.output.compare_text import cells, summary, verdicts
from vramlint.cli.output.estimate_html import page, table
from vramlint.cli.output.timeline_svg import legend, style
from vramlint.compare.difference import Difference, Side
from vramlint.explain.format import LABELS, size
from vramlint.lint.escape import xml
from vramlint.lint.format import gib

WIDTH, BAR, GAP, LEFT, RIGHT, TOP, LEGEND = 720, 28, 14, 64, 84, 22, 18


def compare_html(differences: Sequence[Difference], against: str | None) -> str:
    """The page of all comparisons; with `against`, their number first."""
    said = [f"<p>{xml(summary(differences, against))}</p>"] if against else []
    return page([*said, *("\n".join(_section(each)) for each in differences)])


def _section(each: Difference) -> Iterator[str]:
    before, after = each.before, each.after
    named = each.path
    if before and after and before.path != after.path:
        named = f"{before.path} → {after.path}"
    words = verdicts(each)
    said = words[0] if words[0] == words[1] else " → ".join(words)
    on = f" on {after.gpu}" if after and after.gpu else ""
    yield f'<section>\n<h1>{xml(named)}</h1>\n<p class="verdict">{xml(said + on)}</p>'
    for name, side in (("before", before), ("now", after)):
        if side is not None and side.problem:
            yield f"<p>{name}: {xml(side.problem)}</p>"
    yield from _picture(each)
    if rows := [(LABELS[name], *cells(each, one, other)) for name, one, other in each.components]:
        total = [side.device_bytes or 0 if side else 0 for side in (before, after)]
        rows.append(("total", *cells(each, *total)))
        if after and after.usable_bytes:
            rows.append(("usable", "", gib(after.usable_bytes), ""))
        yield from table("Components", ("GiB per GPU", "before", "now", "change"), rows)
    if each.settings:
        changed = [(row.key, row.before or "none", row.after or "none") for row in each.settings]
        yield from table("What was changed", ("setting", "before", "now"), changed)
    yield "</section>"


def _picture(each: Difference) -> Iterator[str]:
    """Both versions as stacked bars over one scale, with the end of the GPU."""
    bars = [
        (name, side)
        for name, side in (("before", each.before), ("now", each.after))
        if side is not None and side.device_bytes is not None
    ]
    if not bars:
        return
    limit = each.after.usable_bytes if each.after else None
    most = max(*(side.device_bytes or 0 for _, side in bars), limit or 0)
    scale = (WIDTH - LEFT - RIGHT) / max(1, most)
    below = TOP + len(bars) * (BAR + GAP)
    height = below + LEGEND
    said = "; ".join(f"{name} {size(side.device_bytes or 0)}" for name, side in bars)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{xml(f"GPU memory: {said}")}" font-family="system-ui, sans-serif" font-size="12">'
        f"<style>{style()}</style>"
    )
    for number, (name, side) in enumerate(bars):
        yield from _bar(name, side, TOP + number * (BAR + GAP), scale)
    yield from legend((name for name, *_ in each.components), LEFT, below)
    if limit is not None and each.after is not None:
        x, word = LEFT + limit * scale, xml(f"{each.after.gpu}: {gib(limit)} GiB usable")
        yield (
            f'<line class="end" stroke-width="2" stroke-dasharray="6 4" x1="{x:.1f}" x2="{x:.1f}" '
            f'y1="{TOP - 4}" y2="{below - GAP + 4}"/>'
        )
        anchor = "end" if x > WIDTH / 2 else "start"
        yield f'<text class="over" x="{x:.1f}" y="{TOP - 9}" text-anchor="{anchor}">{word}</text>'
    for number, (_, side) in enumerate(bars):
        x, y = LEFT + sum(side.components.values()) * scale + 6, TOP + number * (BAR + GAP) + BAR / 2 + 4
        yield f'<text class="ink figure" x="{x:.1f}" y="{y}">{xml(size(side.device_bytes or 0))}</text>'
    yield "</svg>"


def _bar(name: str, side: Side, y: int, scale: float) -> Iterator[str]:
    middle, x = y + BAR / 2 + 4, float(LEFT)
    yield f'<text class="ink" x="{LEFT - 8}" y="{middle}" text-anchor="end">{name}</text>'
    for component, held in side.components.items():
        if held <= 0:
            continue
        said = xml(f"{name}: {LABELS[component]} {size(held)}")
        yield (
            f'<rect class="{component}" x="{x:.1f}" y="{y}" width="{held * scale:.1f}" height="{BAR}">'
            f"<title>{said}</title></rect>"
        )
        x += held * scale
