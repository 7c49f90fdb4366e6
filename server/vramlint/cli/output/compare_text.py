"""A comparison for people at a terminal: verdict, the sum by component, and what was changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vramlint.cli.console import Paint, Style
from vramlint.cli.report import count
from vramlint.compare.difference import Difference, Side
from vramlint.explain.format import LABELS, WORDS, difference
from vramlint.lint.format import gib
from vramlint.lint.inert import inert
from vramlint.memory.estimate import Verdict

_STYLES: dict[Verdict, Style] = {"fits": "green", "tight": "yellow", "does_not_fit": "red", "unknown": "bold"}


def compare_text(differences: Sequence[Difference], against: str | None, paint: Paint) -> str:
    """A block for each comparison; with `against`, their number."""
    blocks = ["\n".join(_block(each, paint)) for each in differences]
    return "\n\n".join([*blocks, summary(differences, against)] if against else blocks)


def summary(differences: Sequence[Difference], against: str | None) -> str:
    """ "2 runs differ from main, 1 is new" in one line."""
    new = sum(each.before is None for each in differences)
    gone = sum(each.after is None for each in differences)
    others = len(differences) - new - gone
    verb = "differ" if others > 1 else "differs"
    parts = [f"{count(others, 'run') if others else 'no run'} {verb} from {inert(against or '')}"]
    parts += [f"{new} new"] if new else []
    parts += [f"{gone} gone"] if gone else []
    return ", ".join(parts)


def verdicts(each: Difference) -> tuple[str, str]:
    """Both verdicts in words."""
    return _word(each.before), _word(each.after)


def _word(side: Side | None) -> str:
    if side is None:
        return "no run"
    return "no estimate" if side.device_bytes is None else WORDS[side.verdict]


def _block(each: Difference, paint: Paint) -> Iterator[str]:
    before, after = each.before, each.after
    named = inert(each.path)
    if before and after and before.path != after.path:
        named = f"{inert(before.path)} → {inert(after.path)}"
    yield f"{paint('bold', named)}: {_headline(each, paint)}"
    for side in (before, after):
        if side is not None and side.problem:
            yield f"  {'before' if side is before else 'now'}: {inert(side.problem)}"
    yield from _table(each)
    for setting in each.settings:
        yield f"  {setting.key}: {_value(setting.before)} → {_value(setting.after)}"


def _headline(each: Difference, paint: Paint) -> str:
    said = [
        word if side is None else paint(_STYLES[side.verdict], word.upper())
        for word, side in zip(verdicts(each), (each.before, each.after), strict=True)
    ]
    gpu = each.after and each.after.gpu and f" on {each.after.gpu}"
    words = said[:1] if said[0] == said[1] else said
    return f"{' → '.join(words)}{gpu or ''}"


def _table(each: Difference) -> Iterator[str]:
    rows = [(LABELS[name], before, after) for name, before, after in each.components]
    if not rows:
        return
    sides = each.before, each.after
    total = tuple(side.device_bytes or 0 if side else 0 for side in sides)
    yield ""
    yield f"  {'GiB per GPU':<17} {'before':>8} {'now':>8}  change"
    for label, before, after in (*rows, ("total", total[0], total[1])):
        first, second, change = cells(each, before, after)
        yield f"  {label:<17} {first:>8} {second:>8}  {change}".rstrip()
    limit = each.after and each.after.usable_bytes
    if limit:
        yield f"  {'usable':<17} {'':>8} {gib(limit):>8}"
    if each.settings:
        yield ""


def cells(each: Difference, before: int, after: int) -> tuple[str, str, str]:
    """Two sizes and their difference, empty where there is no estimate to take them from."""
    known = [side is not None and side.device_bytes is not None for side in (each.before, each.after)]
    change = difference(after - before) if all(known) and gib(after) != gib(before) else ""
    return gib(before) if known[0] else "", gib(after) if known[1] else "", change


def _value(value: str | None) -> str:
    return "none" if value is None else inert(value)
