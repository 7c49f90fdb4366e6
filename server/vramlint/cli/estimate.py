"""`vramlint estimate`: print what a run will hold in GPU memory, component by component."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from vramlint.cli.arguments import add_color, add_gpu, command_parser
from vramlint.cli.console import Failure, Paint, complain, paint_for, say
from vramlint.cli.files import Reader
from vramlint.cli.options import refuse_unknown_gpu
from vramlint.document import Document
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.result import Analysis
from vramlint.memory import Estimate
from vramlint.project.overrides import Overrides


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "estimate",
        "Print what a run will hold in GPU memory, component by component. "
        "Exit code 0: every file was estimated; 2: some could not be, standard error says why.",
    )
    result.add_argument("files", nargs="+", metavar="FILE", help="a training config; - reads standard input")
    result.add_argument(
        "--format",
        choices=("text", "json", "jsonl"),
        default="text",
        help="jsonl: one object a line, errors included",
    )
    add_gpu(result)
    result.add_argument(
        "--show-job", action="store_true", help="print the run as a job file, vramlint's own dialect, instead"
    )
    add_color(result)
    return result


@dataclass(frozen=True, slots=True)
class Estimated:
    """A file that was estimated."""

    analysis: Analysis
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file cannot be estimated.

    `code` is stable; `line` counts from 0; `analysis` is there if the file could be read.
    """

    code: str
    message: str
    line: int | None = None
    analysis: Analysis | None = None


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    refuse_unknown_gpu(options.gpu)
    reader = Reader(Overrides(gpu=options.gpu, named=True))
    paint = paint_for(sys.stdout, options.color)
    objects: list[dict[str, Any]] = []
    failed = False
    for number, path in enumerate(options.files):
        outcome = examine(reader, path)
        if isinstance(outcome, Refusal):
            failed = True
            complain(located(path, outcome))
        if options.show_job:
            _show_job(outcome.analysis)
        elif options.format == "text":
            _show_text(path, outcome, paint, first=number == 0)
        elif options.format == "jsonl":
            print(_dumps(_object(path, outcome)))
        else:
            objects.append(_object(path, outcome))
    if objects:
        print(_dumps(objects[0] if len(options.files) == 1 else objects, indent=1))
    return 2 if failed else 0


def examine(reader: Reader, path: str) -> Estimated | Refusal:
    """The estimate of the file at `path`, or why there is none."""
    try:
        document = reader.document(path)
    except Failure as failure:
        return Refusal("unreadable-file", str(failure).removeprefix(f"{path}: "))
    analysis = reader.analyse(document)
    if analysis.estimate is not None:
        return Estimated(analysis, analysis.estimate)
    code, message, line = _reason(analysis)
    return Refusal(code, message, line, analysis)


def _reason(analysis: Analysis) -> tuple[str, str, int | None]:
    """Code, message and line of what stands between a file and its estimate."""
    document, cannot = analysis.document, analysis.cannot
    if cannot is not None:
        line = document.lines.line(document.nearest_span(cannot.key).start) if cannot.key else None
        return cannot.code, cannot.message, line
    if document.problems and not isinstance(analysis.values, dict):
        problem = document.problems[0]
        return problem.kind, problem.message, document.lines.line(problem.span.start)
    if not isinstance(analysis.values, dict):
        return "not-a-training-file", f"not a training config: {_shape(document, analysis.values)}", None
    return "unknown-dialect", f"not a training config that vramlint knows: {_evidence(analysis)}", None


def _shape(document: Document, values: Any) -> str:
    if values is None or not document.text.strip():
        return "the file is empty"
    return (
        "the top level is a list, not a mapping"
        if isinstance(values, list)
        else "there are no keys at the top level"
    )


def _evidence(analysis: Analysis) -> str:
    seen = analysis.detection.evidence[:2] if analysis.detection else ()
    said = [
        f"{', '.join(evidence.keys[:4])} could be {entry.load().title}"
        for entry, evidence in seen
        if evidence.keys
    ]
    return "; ".join([*said, "not enough to be sure"]) if said else "none of its keys says so"


def located(path: str, refusal: Refusal) -> str:
    """The reason with its place, as `path:line: …` counted from 1."""
    place = path if refusal.line is None else f"{path}:{refusal.line + 1}"
    return f"{place}: {refusal.message}"


def _object(path: str, outcome: Estimated | Refusal) -> dict[str, Any]:
    from vramlint.cli.output.estimate_json import error_object, estimate_object

    if isinstance(outcome, Estimated):
        return estimate_object(path, outcome.analysis, outcome.estimate)
    dialect = outcome.analysis.dialect if outcome.analysis else None
    return error_object(path, dialect.name if dialect else None, outcome.code, outcome.message, outcome.line)


def _dumps(value: Any, indent: int | None = None) -> str:
    import json

    return json.dumps(value, indent=indent)


def _show_text(path: str, outcome: Estimated | Refusal, paint: Paint, *, first: bool) -> None:
    from vramlint.cli.output.estimate_text import estimate_text

    if isinstance(outcome, Estimated):
        say(("" if first else "\n\n") + estimate_text(path, outcome.analysis, outcome.estimate, paint))


def _show_job(analysis: Analysis | None) -> None:
    if analysis is None or analysis.job is None:
        return
    import yaml

    from vramlint.dialects.job_file.read import write_job

    print(yaml.safe_dump(write_job(analysis.job), sort_keys=False, allow_unicode=True, width=100), end="")
