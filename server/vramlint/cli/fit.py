"""`vramlint fit`: print what would make a run fit, and the largest batch and sequence that do; write it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from itertools import islice

from vramlint.advice.hardware import smallest_hardware
from vramlint.advice.limits import confirmed, largest_micro_batch, largest_sequence
from vramlint.cli.arguments import add_color, add_gpu, command_parser
from vramlint.cli.console import Failure, complain, paint_for, say
from vramlint.cli.estimate import Estimated, Refusal, examine, located
from vramlint.cli.files import Reader
from vramlint.cli.options import refuse_unknown_gpu
from vramlint.cli.output.fit_report import FitReport
from vramlint.explain.verdict import needs
from vramlint.lint.escape import json_text
from vramlint.lint.fit_fixes import Grown, WayToFit, largest_ways, partial_savings, ways_to_fit
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides

SHOWN = 6
"""How many ways to fit are printed."""
_FIELDS: dict[str, Grown] = {"micro_batch": "micro_batch_size", "sequence_length": "sequence_length"}


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "fit",
        "Print changes that make a run fit, each checked with the memory model, the least harmful first; "
        "and the largest batch and sequence that fit. "
        "Exit code 0: it fits, or a known change makes it fit; 1: none does; "
        "2: vramlint could not run (bad option, unreadable file).",
    )
    result.add_argument("file", metavar="FILE", help="a training config; - reads standard input")
    add_gpu(result)
    result.add_argument("--format", choices=("text", "json"), default="text")
    result.add_argument(
        "--maximize",
        choices=tuple(_FIELDS),
        help="print the largest micro batch or sequence that fits instead; for micro batches, the one that "
        "keeps the batch of a step comes first",
    )
    result.add_argument(
        "--apply",
        type=int,
        metavar="N",
        help="write the N-th printed change into the file (to standard output for -)",
    )
    add_color(result)
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    refuse_unknown_gpu(options.gpu)
    reader = Reader(Overrides(gpu=options.gpu, named=True))
    outcome = examine(reader, options.file)
    reasons = refusals(options.file, outcome)
    for reason in reasons:
        complain(reason)
    if isinstance(outcome, Refusal) or reasons:
        return 2
    report = report_of(options.file, outcome, options.maximize, options.apply)
    if options.apply is not None:
        return _apply(options, report)
    if options.format == "json":
        from vramlint.cli.output.fit_json import fit_object

        print(json_text(fit_object(report), indent=1))
    else:
        from vramlint.cli.output.fit_text import fit_text

        say(fit_text(report, paint_for(sys.stdout, options.color)))
    return int(report.nothing_fits)


def refusals(path: str, outcome: Estimated | Refusal) -> list[str]:
    """Why nothing can be said about the file."""
    if isinstance(outcome, Refusal):
        return [located(path, outcome)]
    analysis = outcome.analysis
    if analysis.job is None or analysis.capacity is None:
        return [
            f"{path}: no GPU is declared: say --gpu RTX-4090, "
            "or write the comment # vramlint: gpu=RTX-4090 into the file"
        ]
    if analysis.verdict == "unknown":
        said = needs(outcome.estimate, analysis.gpu)
        return [f"{path}: {each}" for each in (said, *outcome.estimate.why_unknown)]
    return []


def report_of(
    path: str, outcome: Estimated, maximize: str | None = None, apply: int | None = None
) -> FitReport:
    """What would make a file fit that can be judged: all that is printed, or no more than the way that is to
    be applied, by its number.
    """
    analysis, estimate = outcome.analysis, outcome.estimate
    job, capacity = analysis.job, analysis.capacity
    assert job is not None
    assert capacity is not None
    shown = max(SHOWN, apply or 0)
    if maximize:
        ways = tuple(largest_ways(analysis, _FIELDS[maximize]))
        return FitReport(path, analysis, estimate, capacity, ways, maximized=True)
    fits = analysis.verdict == "fits"
    ways = () if fits else tuple(islice(ways_to_fit(analysis), shown))
    expandable = estimate.fits_expandable
    report = FitReport(path, analysis, estimate, capacity, ways, expandable=expandable)
    if apply is not None:
        return report
    same = fits or expandable or any(way.safe for way in ways)
    return FitReport(
        path,
        analysis,
        estimate,
        capacity,
        ways,
        expandable=expandable,
        savings=partial_savings(analysis) if report.nothing_fits else (),
        hardware=() if same else smallest_hardware(job),
        limits=_limits(analysis),
    )


def _limits(analysis: Analysis) -> tuple[tuple[str, int | None, int], ...]:
    job, capacity = analysis.job, analysis.capacity
    if job is None or capacity is None:
        return ()
    found = {
        "micro_batch_size": largest_micro_batch(job, capacity),
        "sequence_length": largest_sequence(job, capacity),
    }
    return tuple(
        (analysis.called(name), confirmed(job, name, largest, capacity), getattr(job, name))
        for name, largest in found.items()
    )


def _apply(options: Namespace, report: FitReport) -> int:
    """Write one of the ways into the file."""
    from vramlint.cli.writing import write_edits  # imported late: most runs write nothing

    way = _chosen(options.apply, report)
    if write_edits(options.file, report.analysis.document, way.edits):
        say(f"{options.file}: {way.title}: {needs(report.estimate)} → fits")
    return 0


def _chosen(number: int, report: FitReport) -> WayToFit:
    """The way of that number. Raises Failure where there is none."""
    if not 1 <= number <= len(report.ways):
        known = f"there are {len(report.ways)}" if report.ways else "there is none"
        raise Failure(f"--apply {number}: no such way to make {report.path} fit; {known}")
    return report.ways[number - 1]
