"""`vramlint runs`: print every run that scripts and configs describe."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vramlint.cli.arguments import add_color, add_gpu, command_parser
from vramlint.cli.console import Failure, complain, complain_unread, say
from vramlint.cli.files import Reader
from vramlint.cli.options import refuse_unknown_gpu
from vramlint.document import PROGRAMS, Document
from vramlint.document.place import Place
from vramlint.lint.escape import json_text
from vramlint.lint.inert import inert, inert_path
from vramlint.project.overrides import Overrides
from vramlint.project.walk import files_in

if TYPE_CHECKING:
    from vramlint.analysis.describe import Described


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "runs",
        "Print every training run that launch scripts and configs describe, with the line that decides each "
        "value. Exit code 0: every file was read; 2: some could not be, with the reason on standard error.",
    )
    result.add_argument(
        "paths", nargs="*", metavar="PATH", help="scripts, configs and folders (default: the current folder)"
    )
    result.add_argument("--format", choices=("text", "json"), default="text")
    add_gpu(result)
    add_color(result)
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    refuse_unknown_gpu(options.gpu)
    reader = Reader(Overrides(gpu=options.gpu, named=True))
    objects: list[dict[str, Any]] = []
    failed = False
    for path in files_in(options.paths or ["."], unread=complain_unread):
        try:
            document = reader.document(path)
        except Failure as failure:
            complain(str(failure))
            failed = True
            continue
        objects.extend(_runs(document, reader))
    if options.format == "json":
        print(json_text(objects, indent=1))
    else:
        say("\n\n".join(_text(each) for each in objects))
    return 2 if failed else 0


def _runs(document: Document, reader: Reader) -> Iterator[dict[str, Any]]:
    for each in _described(document, reader):
        unknown = [
            {"field": item.field, "why": item.why, **_place(item.place, document, reader)}
            for item in each.open
        ]
        yield {
            "path": document.path,
            **_place(each.run.launch.place, document, reader),
            "fields": {
                name: {"value": field.value, **_place(field.place, document, reader)}
                for name, field in each.fields.items()
            },
            "open": unknown,
            "verdict": each.verdict,
            "device_bytes": each.estimate.device_bytes
            if each.estimate and each.verdict != "unknown"
            else None,
        }


def _described(document: Document, reader: Reader) -> tuple[Described, ...]:
    if document.language in PROGRAMS:
        from vramlint.analysis.programs import all_runs

        around = reader.workspace.surroundings(document.path, reader.overrides)
        return all_runs(document, around, reader.overrides)
    from vramlint.analysis.runs import runs_of

    return runs_of(document, reader.workspace, reader.overrides)


def _place(place: Place | None, document: Document, reader: Reader) -> dict[str, Any]:
    """The line, counted from 1, and the file where it is another."""
    if place is None:
        return {}
    if place.document is None:
        return {"line": document.lines.line(place.span.start) + 1}
    text = reader.workspace.text(document.path, place.document)
    line = None if text is None else text.count("\n", 0, place.span.start) + 1
    return {"line": line, "file": place.document}


def _text(run: dict[str, Any]) -> str:
    start = inert_path(run.get("file", run["path"]))
    lines = [f"{start}:{run['line']}: {run['verdict'].replace('_', ' ')}"]
    for name, field in run["fields"].items():
        if (
            name == "lora_r"
            and "line" not in field
            and run["fields"].get("adapter", {}).get("value") == "none"
        ):
            continue  # the default of an adapter that there is none of
        where = f"{field.get('file', run['path'])}:{field['line']}" if "line" in field else "default"
        lines.append(f"  {name:12} {inert(str(field['value']))}  ({inert(where)})")
    lines += [f"  {item['field']:12} open: {inert(item['why'])}" for item in run["open"]]
    return "\n".join(lines)
