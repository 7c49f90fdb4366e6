"""`vramlint check`: check training configs for memory and consistency problems."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence

from vramlint.cli import INTERRUPTED
from vramlint.cli.check_file import Checker
from vramlint.cli.check_options import parser
from vramlint.cli.console import Failure, complain, paint_for, said_of, say
from vramlint.cli.content import STDIN
from vramlint.cli.options import (
    Task,
    codes,
    refuse_unknown_gpu,
    refuse_unknown_rules,
    refuse_unusable_config,
    refuse_unusable_patterns,
)
from vramlint.cli.output import FORMATS, render
from vramlint.cli.parallel import in_order
from vramlint.cli.report import FileReport, at_or_above
from vramlint.lazy_dataclasses import replace
from vramlint.project.ignored import Ignored
from vramlint.project.overrides import Overrides
from vramlint.project.selection import Selection
from vramlint.project.settings import SettingsResolver
from vramlint.project.walk import files_in

__all__ = ["main", "parser"]
MANY_FILES = 24
"""Configs from which on a second process saves more than its start costs."""
PROGRESS_FROM = 200
"""Files from which on they are counted on a terminal."""


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    resolver = SettingsResolver(options.config, options.isolated)
    _refuse(options, resolver)
    unread: list[FileReport] = []
    whole = _files(options, resolver, unread)
    files = _shard(whole, options.shard)
    if options.show_settings:
        from vramlint.cli.show_settings import shown  # imported late: a check needs none of it

        say(shown(files, _task(options).overrides))
        return 0
    if not whole and not unread and not options.force_exclude:
        raise Failure(_why_nothing(options.paths or ["."]))
    users: list[str] = []
    if options.with_users:
        from vramlint.cli.users import possible_users, reads_any  # late: hooks alone ask for it

        users = possible_users(files)
    task = replace(_task(options), copies=len(files) >= MANY_FILES)
    answers = in_order(Checker, task, files + users, MANY_FILES, options.jobs, Checker(task).at_once)
    reports, interrupted = _all(_progress(answers, len(files) + len(users)))
    if users and not interrupted:
        own = reports[: len(files)]
        reports = own + [each for each in reports[len(files) :] if reads_any(each, files)]
    reports += unread
    for report in reports:
        if report.failure:
            complain(report.failure)
    failed = any(report.untrusted for report in reports)
    if options.generate_baseline and not interrupted:
        from vramlint.cli.baseline import write

        say(write(options.generate_baseline, reports))
        return 2 if failed else 0
    if options.baseline:
        from vramlint.cli.baseline import without

        reports = without(options.baseline, reports, resolver)
    found = _print(options, reports, files)
    if interrupted:
        complain(f"interrupted: {len(reports):,} of {len(files) + len(users):,} files were checked")
        return INTERRUPTED
    if options.require_verdict:
        found |= any("unknown" in report.verdicts for report in reports)
    return 2 if failed else int(found and not options.exit_zero)


def _all(reports: Iterator[FileReport]) -> tuple[list[FileReport], bool]:
    """The reports, and whether the user broke off: what was found until then is printed all the same."""
    found: list[FileReport] = []
    try:
        for report in reports:
            found.append(report)
    except KeyboardInterrupt:
        return found, True
    return found, False


def _refuse(options: Namespace, resolver: SettingsResolver) -> None:
    """Whatever is wrong with the flags ends the run before anything is read. Raises Failure."""
    refuse_unknown_gpu(options.gpu)
    refuse_unusable_config(options.config, options.isolated, resolver)
    refuse_unusable_patterns(options.exclude)
    for flag in ("select", "ignore", "extend_select", "extend_ignore"):
        refuse_unknown_rules(f"--{flag.replace('_', '-')}", codes(getattr(options, flag)), resolver)


def _files(options: Namespace, resolver: SettingsResolver, unread: list[FileReport]) -> list[str]:
    """What is looked at; the folders that cannot be read join `unread`."""
    if options.stdin_filename and not options.paths:
        return [STDIN]
    respects = not options.no_gitignore and resolver.for_file(None).respect_gitignore
    passed = Ignored(resolver, tuple(options.exclude), gitignore=respects)
    files = files_in(
        options.paths or ["."],
        passed=passed,
        unread=lambda error: unread.append(FileReport(str(error.filename), failure=said_of(error))),
    )
    if not options.force_exclude:
        return list(files)
    return [file for file in files if file == STDIN or not passed.holds_for(file)]


def _why_nothing(paths: Sequence[str]) -> str:
    """A gate that looks at nothing would stay open whatever comes through it."""
    if next(files_in(paths), None) is not None:
        return "nothing to check: `exclude` and .gitignore leave out every file (--no-gitignore)"
    return f"nothing to check: no config, script or notebook in {', '.join(paths)}"


def _shard(files: list[str], shard: tuple[int, int] | None) -> list[str]:
    """One share of the files: together the shares are all of them; each folder is spread evenly."""
    return files if shard is None else files[shard[0] - 1 :: shard[1]]


def _print(options: Namespace, reports: Sequence[FileReport], files: Sequence[str]) -> bool:
    """Print what was found; whether it makes the run fail."""
    if options.diff:
        for report in reports:
            sys.stdout.write(report.change)
        return any(report.change for report in reports if not report.failure)
    read = (
        reports if FORMATS[options.output_format].failures else [each for each in reports if not each.failure]
    )
    paint = paint_for(sys.stdout, "never" if options.output_file else options.color)
    if options.statistics:
        from vramlint.cli.output.statistics import statistics

        text = statistics(read, options.output_format, paint)
    else:
        text = render(options.output_format, read, paint)
    if options.output_file:
        _write(options.output_file, text)
    elif text:
        to_stderr = options.fix and STDIN in files  # standard output holds the fixed file
        say(text, sys.stderr if to_stderr else sys.stdout)
    return at_or_above(reports, options.fail_on)


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123
            file.write(f"{text}\n" if text else "")
    except OSError as error:
        raise Failure(f"--output-file {path}: {(error.strerror or str(error)).lower()}") from None


def _task(options: Namespace) -> Task:
    overrides = Overrides(
        gpu=options.gpu,
        rules=Selection(
            codes(options.select),
            (*codes(options.ignore), *codes(options.extend_ignore)),
            codes(options.extend_select),
        ),
        config=options.config,
        isolated=options.isolated,
        ignore_comments=options.no_ignores,
        require_verdict=options.require_verdict,
    )
    with_fixes = FORMATS[options.output_format].fixes and not options.generate_baseline
    return Task(
        overrides,
        options.stdin_filename,
        with_fixes and not (options.statistics and options.output_format == "full"),
        options.fix or options.diff,
        options.unsafe_fixes,
        options.diff,
    )


def _progress(reports: Iterator[FileReport], total: int) -> Iterator[FileReport]:
    """The reports; on a terminal a line on standard error counts them while there are many."""
    if total <= PROGRESS_FROM or not sys.stderr.isatty():
        yield from reports
        return
    for number, report in enumerate(reports, 1):
        if number % 50 == 0:
            print(f"\r{number:,} of {total:,} files", end="", file=sys.stderr, flush=True)
        yield report
    print("\r\033[K", end="", file=sys.stderr, flush=True)
