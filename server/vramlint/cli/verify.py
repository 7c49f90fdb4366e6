"""`vramlint verify`: an estimate beside what was measured, and the component that differs."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any

from vramlint.cli.arguments import add_gpu, command_parser
from vramlint.cli.console import complain, say
from vramlint.cli.estimate import Refusal, examine, located
from vramlint.cli.files import Reader
from vramlint.cli.options import refuse_unknown_gpu
from vramlint.explain.format import difference, size
from vramlint.explain.measured import Verification, verify
from vramlint.lint.escape import json_text
from vramlint.lint.format import gib
from vramlint.measured import NotAMeasurement, read_measured
from vramlint.project.overrides import Overrides


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "verify",
        "Compare an estimate with a measurement, and name the component that differs. "
        "Exit code 0: they agree within the estimate's band; 1: they differ; 2: vramlint could not run.",
    )
    result.add_argument("file", metavar="FILE", help="a training config; - reads standard input")
    result.add_argument(
        "--measured",
        required=True,
        metavar="SIZE|FILE",
        help="41.2GiB, a trainer_state.json, or a snapshot of torch.cuda.memory (pickle or JSON)",
    )
    result.add_argument(
        "--as",
        dest="total",
        choices=("allocated", "reserved", "process"),
        default="allocated",
        help="what the size measures: max_memory_allocated (the default), max_memory_reserved, or nvidia-smi",
    )
    result.add_argument("--format", choices=("text", "json"), default="text")
    add_gpu(result)
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    refuse_unknown_gpu(options.gpu)
    try:
        measured = read_measured(options.measured, options.total)
    except NotAMeasurement as error:
        complain(f"--measured: {error}")
        return 2
    outcome = examine(Reader(Overrides(gpu=options.gpu, named=True)), options.file)
    if isinstance(outcome, Refusal):
        complain(located(options.file, outcome))
        return 2
    job = outcome.analysis.job
    assert job is not None
    found = verify(job, outcome.estimate, measured)
    if options.format == "json":
        print(json_text(verification_object(options.file, found), indent=1))
    else:
        say("\n".join(_lines(options.file, found)))
    return 0 if found.agrees else 1


def _lines(path: str, found: Verification) -> Iterator[str]:
    measured = found.measured
    share = 100 * (found.estimated - measured.bytes) / measured.bytes if measured.bytes else 0.0
    yield (
        f"{path}: {size(measured.bytes)} {measured.total} ({measured.source}), estimated "
        f"{size(found.estimated)} ({share:+.1f} %, band ± {100 * found.band:.0f} %)"
    )
    if found.parts:
        width = max(len(part.label) for part in found.parts)
        yield f"\n  {'GiB':<{width}}  measured  estimated"
        for part in found.parts:
            apart = difference(part.estimated - part.measured) if part.estimated != part.measured else "0"
            yield f"  {part.label:<{width}}  {gib(part.measured):>8}  {gib(part.estimated):>9}  {apart}"
        yield ""
    if found.agrees:
        yield "agrees"
        return
    yield f"differs: {found.differs or 'nothing that the file leaves open makes the difference'}"
    for explanation in found.explanations:
        yield f"  with {explanation.field}: {explanation.value} it would be {size(explanation.bytes)}"


def verification_object(path: str, found: Verification) -> dict[str, Any]:
    """The object that `--format json` prints."""
    return {
        "schema_version": 1,
        "path": path,
        "total": found.measured.total,
        "measured_bytes": found.measured.bytes,
        "estimated_bytes": found.estimated,
        "error_band": found.band,
        "agrees": found.agrees,
        "differs": found.differs,
        "parts": [
            {
                "components": list(part.components),
                "measured_bytes": part.measured,
                "estimated_bytes": part.estimated,
            }
            for part in found.parts
        ],
        "explanations": [
            {"field": each.field, "value": each.value, "component": each.component, "bytes": each.bytes}
            for each in found.explanations
        ],
    }
