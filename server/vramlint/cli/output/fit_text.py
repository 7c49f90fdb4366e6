"""What would make a run fit, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from vramlint.advice.advise import Advice
from vramlint.advice.hardware import Hardware
from vramlint.cli.console import Paint
from vramlint.cli.output.estimate_text import STYLES, WIDTH
from vramlint.cli.output.fit_report import FitReport
from vramlint.cli.output.snippet import snippet
from vramlint.explain.format import WORDS, size
from vramlint.explain.verdict import needs
from vramlint.lint.fit_fixes import WayToFit
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.inert import inert_path

_SAVINGS_SHOWN = 6


def fit_text(report: FitReport, paint: Paint) -> str:
    """The whole report."""
    return "\n".join(_lines(report, paint))


def _lines(report: FitReport, paint: Paint) -> Iterator[str]:
    analysis = report.analysis
    verdict = paint(STYLES[analysis.verdict], WORDS[analysis.verdict])
    yield f"{inert_path(report.path)}: {verdict}: {needs(report.estimate, analysis.gpu)}"
    if report.expandable:
        yield "\nexport PYTORCH_ALLOC_CONF=expandable_segments:True makes it fit, and trains the same"
    if report.ways:
        yield f"\n{_introduction(report)}"
    for number, way in enumerate(report.ways, 1):
        yield from _way(number, way, report, paint)
    if report.maximized and not report.ways:
        yield "\nnothing to change: it has the largest that fits, or none does"
    elif report.nothing_fits:
        yield "\nno change of settings that vramlint knows makes it fit"
        yield from _savings(report.savings, report.estimate.device_bytes)
    yield from _hardware(report)
    if report.limits:
        yield "\nwith everything else as it is, the largest that fits:"
    width = max((len(name) for name, *_ in report.limits), default=0)
    for name, largest, now in report.limits:
        yield f"  {name:<{width}}  {'none' if largest is None else f'{largest:,}'} (now {now:,})"


def _introduction(report: FitReport) -> str:
    if report.maximized:
        return "the largest that fits, tried on the edited file:"
    return "any one of these makes it fit, tried on the edited file, the least harmful first:"


def _way(number: int, way: WayToFit, report: FitReport, paint: Paint) -> Iterator[str]:
    left = f"{size(way.device_bytes)}, {size(report.capacity - way.device_bytes)} left"
    yield ""
    yield from wrap(f"{number}. {way.title} → {left}", WIDTH, initial_indent="  ", subsequent_indent="     ")
    for note in _notes(way.advice):
        yield from wrap(paint("dim", note), WIDTH, initial_indent="     ", subsequent_indent="     ")
    yield from (f"       {line}" for line in snippet(way.keys, report.analysis.document.language))


def _notes(advice: Advice) -> Iterator[str]:
    """Cost and effect, a line each."""
    yield "; ".join(advice.effects) if advice.effects else "training stays the same"
    costs = (
        [f"{advice.compute_percent:.0f} % more arithmetic a step"] if advice.compute_percent >= 0.5 else []
    )
    costs += advice.traffic
    if costs:
        yield "cost: " + "; ".join(costs)


def _savings(savings: Sequence[Advice], before: int) -> Iterator[str]:
    if savings:
        yield "by itself each of these saves:"
    for advice in savings[:_SAVINGS_SHOWN]:
        after = advice.estimate.rough.device_bytes
        yield f"  {size(before - after):>9}  {advice.title} → {size(after)}"


def _hardware(report: FitReport) -> Iterator[str]:
    if report.hardware:
        yield "\nto train the same, it fits on:"
    for each in report.hardware:
        yield f"  {each.count:>3} × {gpu_name(each.gpu):<16}  {_use(report, each)}"


def _use(report: FitReport, hardware: Hardware) -> str:
    needed = f"{gib(hardware.estimate.rough.device_bytes)} of {gib(hardware.gpu.usable_bytes)} GiB"
    words = {"zero3": "ZeRO-3", "fsdp2": "FSDP"}
    changed = (
        [words[hardware.changes["parallel.strategy"]]] if "parallel.strategy" in hardware.changes else []
    )
    if "gradient_checkpointing" in hardware.changes:
        changed.append("gradient checkpointing")
    return needed + (f", with {' and '.join(changed)}" if changed else "")
