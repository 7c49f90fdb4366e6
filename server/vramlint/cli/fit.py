"""`vramlint fit`: print what would make a run fit, and the largest batch and sequence that do."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from itertools import islice

from vramlint.advice import largest_micro_batch, largest_sequence
from vramlint.cli.arguments import add_color, add_gpu, command_parser
from vramlint.cli.console import Paint, complain, paint_for, say
from vramlint.cli.estimate import Estimated, Refusal, examine, located
from vramlint.cli.files import Reader
from vramlint.cli.options import refuse_unknown_gpu
from vramlint.cli.output.estimate_text import STYLES
from vramlint.dialects.kit.dialect import REMOVE
from vramlint.explain.format import WORDS, size, value_text
from vramlint.explain.verdict import needs
from vramlint.job import TrainingJob
from vramlint.lint.fit_fixes import WayToFit, ways_to_fit
from vramlint.lint.format import key_text
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides

SHOWN = 6
"""How many ways to fit are printed."""


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "fit",
        "Print what would make a run fit, each change tried by the memory model, the smallest "
        "first; and the largest batch and sequence that fit. "
        "Exit code 0: it fits, or something would make it; 1: nothing known would; "
        "2: vramlint could not run (bad option, unreadable file).",
    )
    result.add_argument("file", metavar="FILE", help="a training config; - reads standard input")
    add_gpu(result)
    add_color(result)
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    refuse_unknown_gpu(options.gpu)
    outcome = examine(Reader(Overrides(gpu=options.gpu, named=True)), options.file)
    if isinstance(outcome, Refusal):
        complain(located(options.file, outcome))
        return 2
    analysis = outcome.analysis
    job, capacity = analysis.job, analysis.capacity
    if job is None or capacity is None:
        complain(
            f"{options.file}: no GPU is declared: say --gpu RTX-4090, "
            "or write the comment # vramlint: gpu=RTX-4090 into the file"
        )
        return 2
    if analysis.verdict == "unknown":
        complain(f"{options.file}: {needs(outcome.estimate, analysis.gpu)}")
        for reason in outcome.estimate.why_unknown:
            complain(f"{options.file}: {reason}")
        return 2
    paint = paint_for(sys.stdout, options.color)
    say("\n".join(_head(options.file, outcome, paint)))
    if outcome.estimate.fits_expandable:
        say("\nexport PYTORCH_ALLOC_CONF=expandable_segments:True makes it fit, and trains the same")
    ways = [] if analysis.verdict == "fits" else list(islice(ways_to_fit(analysis), SHOWN))
    if ways:
        say("\nany one of these makes it fit, tried on the edited file, the least harmful first:")
    for way in ways:
        say("\n".join(_way(way, capacity)))
    if not ways and analysis.verdict != "fits":
        say(f"\nno change of settings that vramlint knows makes it fit: {_instead(analysis)}")
    say("\n".join(("", *_limits(analysis, job, capacity))))
    return int(not ways and analysis.verdict != "fits")


def _head(path: str, outcome: Estimated, paint: Paint) -> Iterator[str]:
    analysis = outcome.analysis
    verdict = paint(STYLES[analysis.verdict], WORDS[analysis.verdict])
    yield f"{path}: {verdict}: {needs(outcome.estimate, analysis.gpu)}"


def _way(way: WayToFit, capacity: int) -> Iterator[str]:
    changed = "" if way.safe else "   (changes what is trained)"
    yield f"\n  {way.title} → {size(way.device_bytes)}, {size(capacity - way.device_bytes)} left{changed}"
    for key in way.keys:
        where = key_text(key.path)
        yield f"    remove {where}" if key.value is REMOVE else f"    {where}: {value_text(key.value)}"


def _instead(analysis: Analysis) -> str:
    return f"a larger GPU or more of them; the next: vramlint estimate {analysis.document.path or '-'}"


def _limits(analysis: Analysis, job: TrainingJob, capacity: int) -> Iterator[str]:
    yield "with everything else as it is, the largest that fits:"
    batch, length = largest_micro_batch(job, capacity), largest_sequence(job, capacity)
    rows = (
        (analysis.called("micro_batch_size"), batch, job.micro_batch_size),
        (analysis.called("sequence_length"), length, job.sequence_length),
    )
    width = max(len(name) for name, *_ in rows)
    for name, largest, now in rows:
        yield f"  {name:<{width}}  {'none' if largest is None else f'{largest:,}'} (now {now:,})"
