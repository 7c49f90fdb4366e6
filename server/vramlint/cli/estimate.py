"""`vramlint estimate`: print the GPU memory that a run needs, component by component."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias, get_args

from vramlint.cli.arguments import add_color, add_gpu, command_parser
from vramlint.cli.console import Failure, Paint, complain, paint_for, say
from vramlint.cli.files import Reader
from vramlint.cli.options import refuse_unknown_gpu
from vramlint.cli.parallel import in_order
from vramlint.explain.why_not import why_not
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.lint.escape import json_text
from vramlint.lint.inert import inert, inert_path
from vramlint.lint.result import Analysis
from vramlint.memory import Estimate
from vramlint.project.overrides import Overrides

Format: TypeAlias = Literal["text", "json", "jsonl", "svg", "html"]
MANY_FILES = 16
"""From here on a second process saves more than its start costs."""


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "estimate",
        "Print the GPU memory that a run needs, component by component. "
        "Exit code 0: every file was estimated; 2: some could not be, with the reason on standard error.",
    )
    result.add_argument("files", nargs="+", metavar="FILE", help="a training config; - reads standard input")
    result.add_argument(
        "--format",
        choices=get_args(Format),
        default="text",
        help="jsonl: one object per line, errors included; svg: a picture; html: a page",
    )
    add_gpu(result)
    result.add_argument(
        "--show-job", action="store_true", help="print the run as a job file (vramlint's own format) instead"
    )
    result.add_argument(
        "--explain", action="store_true", help="print how each figure is worked out, factor by factor"
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What is printed of every file. Plain data: it is sent to worker processes."""

    overrides: Overrides
    format: Format
    show_job: bool
    explain: bool
    color: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What is printed of one file: `text` for people or one line of JSON, `object` in a JSON array."""

    text: str = ""
    object: dict[str, Any] | None = None
    complaint: str = ""
    unread: tuple[str, ...] = ()
    """The file's comments to vramlint that cannot be read."""


class Estimator:
    """Estimates one file after the other."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._reader = Reader(asked.overrides)

    def __call__(self, path: str) -> Answer:
        """What is printed of the file at `path`."""
        outcome = examine(self._reader, path)
        return replace(self._answer(path, outcome), unread=tuple(_unread(path, outcome.analysis)))

    def _answer(self, path: str, outcome: Estimated | Refusal) -> Answer:
        complaint = located(path, outcome) if isinstance(outcome, Refusal) else ""
        if self.asked.show_job:
            return Answer(_job(outcome.analysis), complaint=complaint)
        if self.asked.format in ("text", "svg", "html"):
            text = "" if isinstance(outcome, Refusal) else self._written(path, outcome)
            return Answer(text, complaint=complaint)
        made = outcome_object(path, outcome)
        if self.asked.format == "jsonl":
            return Answer(_dumps(made), complaint=complaint)
        return Answer(object=made, complaint=complaint)

    def _written(self, path: str, outcome: Estimated) -> str:
        analysis, estimate = outcome.analysis, outcome.estimate
        if self.asked.format == "svg":
            from vramlint.cli.output.timeline_svg import timeline

            return timeline(analysis, estimate)
        if self.asked.format == "html":
            from vramlint.cli.output.estimate_html import section

            return section(path, analysis, estimate)
        paint = Paint(self.asked.color)
        if self.asked.explain:
            from vramlint.explain.worked import worked

            return "\n".join([paint("bold", inert_path(path)), *worked(analysis)])
        from vramlint.cli.output.estimate_text import estimate_text

        return estimate_text(path, analysis, estimate, paint)


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    refuse_unknown_gpu(options.gpu)
    if options.format == "svg" and len(options.files) > 1:
        raise Failure("--format svg: a picture shows one file; --format html takes several")
    color = paint_for(sys.stdout, options.color).enabled
    asked = Asked(
        Overrides(gpu=options.gpu, named=True), options.format, options.show_job, options.explain, color
    )
    between = "\n\n" if options.format == "text" and not options.show_job else ""
    objects: list[dict[str, Any]] = []
    sections: list[str] = []
    failed = False
    for number, answer in enumerate(in_order(Estimator, asked, options.files, MANY_FILES)):
        for comment in answer.unread:
            complain(comment)
        if answer.complaint:
            failed = True
            complain(answer.complaint)
        if answer.object is not None:
            objects.append(answer.object)
        elif answer.text and options.format == "html":
            sections.append(answer.text)
        elif answer.text:
            say((between if number else "") + answer.text)
    if objects:
        print(_dumps(objects[0] if len(options.files) == 1 else objects, indent=1))
    if sections:
        from vramlint.cli.output.estimate_html import page

        say(page(sections))
    return 2 if failed else 0


def examine(reader: Reader, path: str) -> Estimated | Refusal:
    """The estimate of the file at `path`, or why there is none."""
    try:
        document = reader.document(path)
    except Failure as failure:
        return Refusal("unreadable-file", str(failure).removeprefix(f"{path}: "))
    return outcome_of(reader.analyse(document))


def outcome_of(analysis: Analysis) -> Estimated | Refusal:
    """The estimate of a document that was analysed, or why there is none."""
    if analysis.estimate is not None:
        return Estimated(analysis, analysis.estimate)
    code, message, line = why_not(analysis)
    return Refusal(code, message, line, analysis)


def located(path: str, refusal: Refusal) -> str:
    """The reason with its place, as `path:line: …` counted from 1."""
    place = path if refusal.line is None else f"{path}:{refusal.line + 1}"
    return f"{place}: {refusal.message}"


def _unread(path: str, analysis: Analysis | None) -> Iterator[str]:
    """The comments to vramlint that cannot be read, each with its place."""
    if analysis is None:
        return
    for problem in analysis.directives.problems:
        line = analysis.document.lines.line(problem.span.start)
        yield f"{path}:{line + 1}: {problem.message}"


def outcome_object(path: str, outcome: Estimated | Refusal) -> dict[str, Any]:
    """What programs read of a file, estimated or not."""
    from vramlint.cli.output.estimate_json import error_object, estimate_object

    if isinstance(outcome, Estimated):
        return estimate_object(path, outcome.analysis, outcome.estimate)
    dialect = outcome.analysis.dialect if outcome.analysis else None
    return error_object(path, dialect.name if dialect else None, outcome.code, outcome.message, outcome.line)


def _dumps(value: Any, indent: int | None = None) -> str:
    return json_text(value, indent=indent)


def _job(analysis: Analysis | None) -> str:
    if analysis is None or analysis.job is None:
        return ""
    import yaml

    from vramlint.dialects.job_file.read import write_job

    written = yaml.safe_dump(write_job(analysis.job), sort_keys=False, allow_unicode=True, width=100)
    why = analysis.estimate.why_unknown if analysis.estimate else ()
    comments = "".join(f"# no verdict: {inert(reason)}\n" for reason in why)
    return comments + str(written).removesuffix("\n")
