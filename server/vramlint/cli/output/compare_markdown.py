"""A comparison as Markdown, for the summary of a pull request: a table of the runs, the details folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vramlint.cli.output.compare_text import cells, summary, verdicts
from vramlint.compare.difference import Difference, Side
from vramlint.explain.format import LABELS, MARKS, difference
from vramlint.lint.format import gib
from vramlint.lint.inert import inert

_SPECIAL = {ord(sign): f"&#{ord(sign)};" for sign in "&<>|`*_[]\\~#@"}
"""What means something in Markdown or HTML, or calls a person; a config is other people's text."""


def compare_markdown(differences: Sequence[Difference], against: str | None) -> str:
    """A heading, a row a run, and a folded table of components for each."""
    lines = [f"### GPU memory: {_plain(summary(differences, against))}" if against else "### GPU memory"]
    if not differences:
        return lines[0]
    lines += ["", "| run | before | now | change | verdict |", "|---|--:|--:|--:|---|"]
    lines += [_row(each) for each in differences]
    for each in differences:
        lines += _details(each)
    return "\n".join(lines)


def _row(each: Difference) -> str:
    change = each.change_bytes
    before, after = verdicts(each)
    said = _verdict(after, each.after) if before == after else f"{before} → {_verdict(after, each.after)}"
    on = f" on {_plain(each.after.gpu)}" if each.after and each.after.gpu else ""
    cells = (
        _code(each.path),
        _size(each.before),
        _size(each.after),
        "" if change is None else "none" if change == 0 else difference(change),
        f"{said}{on}",
    )
    return f"| {' | '.join(cells)} |"


def _verdict(word: str, side: Side | None) -> str:
    if side is None or side.device_bytes is None:
        return word
    return f"{MARKS[side.verdict]} **{word}**".strip()


def _size(side: Side | None) -> str:
    return "" if side is None or side.device_bytes is None else f"{gib(side.device_bytes)} GiB"


def _details(each: Difference) -> Iterator[str]:
    components, settings = list(each.components), each.settings
    problems = [side.problem for side in (each.before, each.after) if side and side.problem]
    if not (components or settings or problems):
        return
    yield ""
    yield f"<details><summary>{_code(each.path)}</summary>"
    yield ""
    yield from (f"- {_plain(problem)}" for problem in dict.fromkeys(problems))
    yield from (
        f"- {_code(setting.key)}: {_plain(setting.before or 'none')} → {_plain(setting.after or 'none')}"
        for setting in settings
    )
    if components:
        yield ""
        yield "| GiB per GPU | before | now | change |"
        yield "|---|--:|--:|--:|"
    for name, before, after in components:
        yield f"| {LABELS[name]} | {' | '.join(cells(each, before, after))} |"
    yield ""
    yield "</details>"


def _plain(text: str) -> str:
    """Text that stays text."""
    return inert(text).translate(_SPECIAL)


def _code(text: str) -> str:
    return f"<code>{_plain(text)}</code>"
