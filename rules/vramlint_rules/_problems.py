"""Rules that pass on what a dialect saw while reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from vramlint.dialects.kit.dialect import Problem
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import At, Finding, Related
from vramlint.lint.rule import Rule

UNQUANTIZED_BASE = frozenset({"four-bit-lora", "quantization-without-bits"})
CLAIMED = UNQUANTIZED_BASE
"""Kinds of problems that have a rule of their own."""


class ProblemRule(Rule):
    """Base of the rules that report a dialect's problems. Not a rule itself."""

    kinds: ClassVar[frozenset[str]] = frozenset()
    unnecessary: ClassVar[bool] = False

    def takes(self, problem: Problem) -> bool:
        """Whether the problem belongs to this rule."""
        return problem.kind in self.kinds

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """One finding a problem."""
        if context.reading is None:
            return
        for problem in context.reading.problems:
            if self.takes(problem):
                related = tuple(Related(At(key), "takes part") for key in problem.related)
                yield self.finding(
                    problem.message,
                    problem.key,
                    document=problem.document,
                    severity=problem.severity,
                    related=related,
                    unnecessary=self.unnecessary,
                )
