"""Degrees of parallelism that must divide something of the model."""

from __future__ import annotations

from vramlint.document.node import KeyPath
from vramlint.job import TrainingJob
from vramlint.lint.context import RuleContext


def size(job: TrainingJob, *keys: str) -> int | None:
    """The first of these keys of config.json that is a number, in its text part where it has one."""
    config = job.model.config
    inner = config.get("text_config")
    for part in (config, inner if isinstance(inner, dict) else {}):
        for key in keys:
            if isinstance(part.get(key), int) and not isinstance(part[key], bool):
                return int(part[key])
    return None


def said_already(context: RuleContext, *keys: KeyPath | None) -> bool:
    """Whether the dialect itself has found an error at one of these keys."""
    problems = context.reading.problems if context.reading else ()
    return any(problem.severity == "error" and problem.key in keys for problem in problems)


MOST = 10_000
"""No plausible model has more heads, layers or experts to share out."""


def next_divisor(number: int, degree: int) -> int:
    """The largest degree below this one, and not above MOST, that divides the number."""
    return next(each for each in range(min(degree - 1, number, MOST), 0, -1) if number % each == 0)
