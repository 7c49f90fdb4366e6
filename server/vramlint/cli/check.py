"""`vramlint check`: check training configs for memory and consistency problems."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from vramlint.cli.arguments import add_color, add_gpu, command_parser
from vramlint.cli.check_file import Checker
from vramlint.cli.console import complain, paint_for, say
from vramlint.cli.options import Task, codes, refuse_unknown_gpu, refuse_unknown_rules
from vramlint.cli.output import FORMATS, render
from vramlint.cli.parallel import in_order
from vramlint.cli.prefilter import STDIN
from vramlint.cli.report import at_or_above
from vramlint.cli.walk import files_in
from vramlint.project.overrides import Overrides
from vramlint.project.severity import SEVERITIES

MANY_FILES = 200
"""From here on a second process saves more than its start costs."""


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "check",
        "Check training configs for memory and consistency problems. "
        "Files that are not training configs are left alone. "
        "Exit code 0: nothing at or above the failing severity; 1: something is; "
        "2: vramlint could not run (bad option, unreadable file).",
    )
    result.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="files and folders (default: the current folder; -: standard input)",
    )
    add_gpu(result)
    result.add_argument("--output-format", choices=FORMATS, default="full")
    result.add_argument(
        "--select",
        action="append",
        metavar="CODES",
        help="only these rules: rule codes, code prefixes or names, comma-separated",
    )
    result.add_argument("--ignore", action="append", metavar="CODES", help="all rules but these")
    result.add_argument(
        "--fail-on",
        choices=SEVERITIES,
        default="error",
        metavar="LEVEL",
        help=f"the least severity that makes the exit code 1: {', '.join(SEVERITIES)} (default: %(default)s)",
    )
    result.add_argument(
        "--require-verdict",
        action="store_true",
        help="a run without a verdict is an error, whatever is ignored",
    )
    result.add_argument("--exit-zero", action="store_true", help="exit with 0 whatever is found")
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
    result.add_argument("--no-ignores", action="store_true", help="also report what comments suppress")
    result.add_argument(
        "--stdin-filename", metavar="NAME", help="read standard input as if it were this file"
    )
    result.add_argument(
        "--with-users",
        action="store_true",
        help="check also the files below the current folder that read one of those named",
    )
    add_color(result)
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    refuse_unknown_gpu(options.gpu)
    refuse_unknown_rules("--select", codes(options.select))
    refuse_unknown_rules("--ignore", codes(options.ignore))
    stdin_only = options.stdin_filename and not options.paths
    files = [STDIN] if stdin_only else list(files_in(options.paths or ["."]))
    users: list[str] = []
    if options.with_users:
        from vramlint.cli.users import possible_users, reads_any  # late: hooks alone ask for it

        users = possible_users(files)
    reports = list(in_order(Checker, _task(options), files + users, MANY_FILES))
    if users:
        own = reports[: len(files)]
        reports = own + [each for each in reports[len(files) :] if reads_any(each, files)]
    for report in reports:
        if report.failure:
            complain(report.failure)
    failed = any(report.failure or report.invalid_settings for report in reports)
    reports = [report for report in reports if not report.failure]
    if options.diff:
        for report in reports:
            sys.stdout.write(report.change)
        found = any(report.change for report in reports)
    else:
        text = render(options.output_format, reports, paint_for(sys.stdout, options.color))
        to_stderr = options.fix and STDIN in files  # standard output holds the mended file
        if text:
            say(text, sys.stderr if to_stderr else sys.stdout)
        found = at_or_above(reports, options.fail_on)
        found |= options.require_verdict and any(report.verdict == "unknown" for report in reports)
    return 2 if failed else int(found and not options.exit_zero)


def _task(options: Namespace) -> Task:
    overrides = Overrides(
        gpu=options.gpu,
        select=codes(options.select),
        ignore=codes(options.ignore),
        ignore_comments=options.no_ignores,
        require_verdict=options.require_verdict,
    )
    with_fixes = FORMATS[options.output_format].fixes
    return Task(
        overrides,
        options.stdin_filename,
        with_fixes,
        options.fix or options.diff,
        options.unsafe_fixes,
        options.diff,
    )
