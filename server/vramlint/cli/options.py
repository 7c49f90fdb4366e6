"""What flags say about every file."""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.cli.console import Failure
from vramlint.lazy_dataclasses import dataclass
from vramlint.project.overrides import Overrides
from vramlint.project.settings import SettingsResolver


@dataclass(frozen=True, slots=True)
class Task:
    """What is done with every file. Plain data: it is sent to worker processes."""

    overrides: Overrides
    stdin_name: str | None = None
    with_fixes: bool = False
    fix: bool = False
    unsafe: bool = False
    diff: bool = False
    copies: bool = False
    """Whether files of the same text are to be expected."""


def refuse_unknown_gpu(text: str | None) -> None:
    """A GPU that was asked for by flag and is none fails the run, with the nearest names."""
    if text is None:
        return
    from vramlint.project.hardware import declaration

    declared = declaration(text, "flag")
    if declared.gpu is None:
        if declared.name == "auto":
            raise Failure("--gpu auto: this machine has no GPU")
        near = ", ".join(declared.nearest)
        raise Failure(
            f'--gpu: no GPU "{text}"; ' + (f"nearest: {near}" if near else "`vramlint gpus` lists all")
        )


def refuse_unknown_rules(flag: str, entries: Sequence[str], resolver: SettingsResolver) -> None:
    """A rule that was asked for by flag and is none fails the run, with the nearest name."""
    if not entries:
        return
    from vramlint.analysis.registry import rules_in_force, unknown_selectors

    rules, _ = rules_in_force(resolver.for_file(None).rules)
    for problem in unknown_selectors(flag, entries, rules):
        raise Failure(problem)


def refuse_unusable_config(config: str | None, isolated: bool, resolver: SettingsResolver) -> None:
    """A settings file that was asked for by flag and cannot be read fails the run."""
    if config is not None:
        if isolated:
            raise Failure("--config and --isolated: one names a settings file, the other wants none")
        for problem in resolver.for_file(None).problems:
            raise Failure(f"--config {config}: {problem}")


def refuse_unusable_patterns(patterns: Sequence[str]) -> None:
    """A pattern that was given by flag and is none fails the run."""
    from vramlint.project.glob import is_pattern

    for each in patterns:
        if not is_pattern(each):
            raise Failure(f"--exclude: {each!r} is not a pattern")


def codes(lists: Sequence[str] | None) -> tuple[str, ...]:
    """`--select VL1,VL2 --select syntax` as one tuple."""
    return tuple(code.strip() for text in lists or () for code in text.split(",") if code.strip())
