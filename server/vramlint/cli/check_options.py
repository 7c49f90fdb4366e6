"""The options of `vramlint check`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

from vramlint.cli.arguments import add_color, add_gpu, command_parser
from vramlint.cli.output import FORMATS
from vramlint.project.severity import SEVERITIES


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "check",
        "Check training configs for memory and consistency problems. "
        "Files that are not training configs are left alone. "
        "Exit code 0: no finding at or above the failing severity; 1: there is one; "
        "2: vramlint could not run (bad option, unreadable file).",
    )
    result.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="files and folders (default: the current folder; -: standard input)",
    )
    add_gpu(result)
    _add_output(result)
    _add_rules(result)
    _add_gate(result)
    _add_fixes(result)
    _add_files(result)
    add_color(result)
    return result


def _add_output(result: ArgumentParser) -> None:
    result.add_argument("--output-format", choices=FORMATS, default="full")
    result.add_argument("--output-file", metavar="FILE", help="write the report to this file")
    result.add_argument(
        "--statistics",
        action="store_true",
        help="print the number of findings by rule instead of the findings",
    )


def _add_rules(result: ArgumentParser) -> None:
    codes = "rule codes, code prefixes or names, comma-separated"
    result.add_argument("--select", action="append", metavar="CODES", help=f"only these rules: {codes}")
    result.add_argument("--ignore", action="append", metavar="CODES", help="not these rules")
    result.add_argument(
        "--extend-select",
        action="append",
        metavar="CODES",
        help="these rules too, even if settings ignore them",
    )
    result.add_argument(
        "--extend-ignore",
        action="append",
        metavar="CODES",
        help="not these rules either; the same as --ignore",
    )
    result.add_argument("--config", metavar="FILE", help="use this settings file for all files")
    result.add_argument("--isolated", action="store_true", help="use no settings file")
    result.add_argument(
        "--show-settings", action="store_true", help="print the settings of each path, and check nothing"
    )


def _add_gate(result: ArgumentParser) -> None:
    result.add_argument(
        "--fail-on",
        choices=SEVERITIES,
        default="error",
        metavar="LEVEL",
        help=f"lowest severity that makes the exit code 1: {', '.join(SEVERITIES)} (default: %(default)s)",
    )
    result.add_argument(
        "--require-verdict",
        action="store_true",
        help="a run without a verdict is an error, whatever is ignored",
    )
    result.add_argument("--exit-zero", action="store_true", help="exit with 0 regardless of findings")
    result.add_argument("--no-ignores", action="store_true", help="also report what comments suppress")
    result.add_argument("--baseline", metavar="FILE", help="report only what is not in this baseline")
    result.add_argument(
        "--generate-baseline", metavar="FILE", help="write the findings as a baseline, and exit with 0"
    )


def _add_fixes(result: ArgumentParser) -> None:
    result.add_argument(
        "--fix", action="store_true", help="apply safe fixes: those that do not change what is trained"
    )
    result.add_argument(
        "--unsafe-fixes",
        action="store_true",
        help="with --fix or --diff: also fixes that change what is trained",
    )
    result.add_argument(
        "--diff", action="store_true", help="print what --fix would change, and change nothing"
    )


def _add_files(result: ArgumentParser) -> None:
    result.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="files and folders to skip, as in a .gitignore; in addition to those of the settings",
    )
    result.add_argument(
        "--force-exclude", action="store_true", help="skip excluded files even if they are named"
    )
    result.add_argument("--no-gitignore", action="store_true", help="also check what .gitignore excludes")
    result.add_argument(
        "--with-users",
        action="store_true",
        help="also check the files below the current folder that read one of those named",
    )
    result.add_argument(
        "--jobs", type=_jobs, metavar="N", help="at most this many processes (default: one per processor)"
    )
    result.add_argument(
        "--shard", type=_shard, metavar="I/N", help="only every N-th of the files, from the I-th on"
    )
    result.add_argument(
        "--stdin-filename", metavar="NAME", help="read standard input as if it were this file"
    )


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not slash or not (index.isdecimal() and count.isdecimal()) or not 1 <= int(index) <= int(count):
        raise ArgumentTypeError(f"'{text[:20]}' is not like 2/5")
    return int(index), int(count)


def _jobs(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of processes")
    return number
