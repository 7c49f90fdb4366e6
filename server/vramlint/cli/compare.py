"""`vramlint compare`: two versions of a run side by side, or a folder against an older revision of it."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from vramlint.cli.arguments import add_color, add_gpu, command_parser
from vramlint.cli.console import Failure, complain, complain_unread, paint_for, say
from vramlint.cli.estimate import Estimated, examine, located
from vramlint.cli.files import Reader
from vramlint.cli.options import refuse_unknown_gpu
from vramlint.compare.difference import Difference, Side, side
from vramlint.files import is_regular
from vramlint.project.ignored import Ignored
from vramlint.project.lock_files import NAMES as LOCK_FILES
from vramlint.project.overrides import Overrides
from vramlint.project.settings import SETTINGS_FILES, SettingsResolver
from vramlint.project.walk import files_in, is_wanted

Format: TypeAlias = Literal["text", "json", "markdown", "html"]
_NO_RUN = ("not-a-training-file", "unknown-dialect")
"""Codes of files in which no run is described."""


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "compare",
        "Compare two versions of a run, component by component; with --against, the runs of files and "
        "folders with those of an older revision in git, companions and settings included. "
        "Exit code 0: compared; 2: vramlint could not (no such revision, no estimate).",
    )
    result.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="two files; with --against, files and folders (default: the current folder)",
    )
    result.add_argument(
        "--against", metavar="REVISION", help="a commit, branch or tag that is compared with the files now"
    )
    result.add_argument(
        "--format",
        choices=get_args(Format),
        default="text",
        help="markdown: for the summary of a pull request; html: a page",
    )
    add_gpu(result)
    add_color(result)
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    refuse_unknown_gpu(options.gpu)
    overrides = Overrides(gpu=options.gpu, named=True)
    if options.against is None:
        if len(options.paths) != 2:
            raise Failure("compare takes two files, or --against REVISION with files and folders")
        differences, failed = _two(options.paths, overrides)
    else:
        differences, failed = _against(options, overrides), False
    if not failed:
        _print(options, differences)
    return 2 if failed else 0


def _print(options: Namespace, differences: Sequence[Difference]) -> None:
    if options.format == "json":
        from vramlint.cli.output.compare_json import compare_json

        say(compare_json(differences, options.against))
    elif options.format == "markdown":
        from vramlint.cli.output.compare_markdown import compare_markdown

        say(compare_markdown(differences, options.against))
    elif options.format == "html":
        from vramlint.cli.output.compare_html import compare_html

        say(compare_html(differences, options.against))
    else:
        from vramlint.cli.output.compare_text import compare_text

        say(compare_text(differences, options.against, paint_for(sys.stdout, options.color)))


def _two(paths: Sequence[str], overrides: Overrides) -> tuple[list[Difference], bool]:
    """The comparison of two files, and whether one has no estimate."""
    reader, sides = Reader(overrides), list[Side]()
    for path in paths:
        outcome = examine(reader, path)
        if isinstance(outcome, Estimated):
            sides.append(side(path, outcome.analysis))
        else:
            complain(located(path, outcome))
    return ([Difference(*sides)], False) if len(sides) == 2 else ([], True)


def _against(options: Namespace, overrides: Overrides) -> list[Difference]:
    """The runs below the paths that are not what they were, in the order of their paths."""
    from tempfile import TemporaryDirectory

    from vramlint.compare.revision import NoRevision, revision

    try:
        base = revision(options.against, str(Path.cwd()))
        changed = base.changed()
        for path in options.paths:
            if not Path(path).exists() and not any(_is_below(each, [path]) for each in changed):
                raise Failure(f"{path}: no such file or directory, nor was there one in {options.against}")
        with TemporaryDirectory(prefix="vramlint-") as target:
            before = base.write(target, _holds_facts) if changed else target
            return list(_differences(options.paths, changed, before, overrides))
    except NoRevision as problem:
        raise Failure(f"--against {options.against}: {problem}") from None


def _differences(
    paths: Sequence[str], changed: Sequence[str], before: str, overrides: Overrides
) -> Iterator[Difference]:
    then, now = Reader(overrides, root=before), Reader(overrides)
    for path in _candidates(paths, changed):
        pair = Difference(_side(then, path, before), _side(now, path, "."))
        if not pair.is_none:
            yield pair


def _side(reader: Reader, path: str, folder: str) -> Side | None:
    """The run of a file in a folder; None where it describes none."""
    file = os.path.normpath(os.path.join(folder, path))  # noqa: PTH118 (shown as it is named)
    if not is_regular(file):
        return None
    outcome = examine(reader, file)
    if isinstance(outcome, Estimated):
        return side(path, outcome.analysis)
    if outcome.code in _NO_RUN:
        return None
    if outcome.analysis is not None:
        return side(path, outcome.analysis) if outcome.analysis.is_run else None
    return Side(path, "unknown", problem=outcome.message)


def _candidates(paths: Sequence[str], changed: Sequence[str]) -> list[str]:
    """The files whose run may be another now: those that changed, and those that read one that did; all of
    them where the settings or the locked releases changed.
    """
    from vramlint.cli.users import possible_users

    passed = Ignored(SettingsResolver())
    if any(_name(path) in (*SETTINGS_FILES, *LOCK_FILES) for path in changed):
        others = list(files_in(["."], passed=passed, unread=complain_unread))
    else:
        others = possible_users(changed) if changed else []
    found = (path.replace(os.sep, "/") for path in (*changed, *others))
    return sorted(
        path
        for path in dict.fromkeys(found)
        if is_wanted(path) and _is_below(path, paths) and not passed.holds_for(path)
    )


def _is_below(path: str, tops: Sequence[str]) -> bool:
    shown = [os.path.relpath(top).replace(os.sep, "/") for top in tops or ["."]]
    return any(top in (".", path) or path.startswith(f"{top}/") for top in shown)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _holds_facts(name: str) -> bool:
    """Whether a file of this name can take part in an estimate."""
    return is_wanted(name) or name in (*SETTINGS_FILES, *LOCK_FILES) or name.endswith(".env")
