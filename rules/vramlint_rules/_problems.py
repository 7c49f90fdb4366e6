"""Rules that pass on what a dialect saw while reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

from vramlint.dialects.kit.dialect import Problem
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import At, Finding, Related
from vramlint.lint.rule import Rule

CLAIMS: Mapping[str, frozenset[str]] = {
    "VL203": frozenset({"four-bit-lora", "quantization-without-bits"}),
    "VL204": frozenset({"checkpointing-twice"}),
    "VL216": frozenset({"unsharded-quantized-base"}),
    "VL217": frozenset({"packing-without-isolation"}),
    "VL218": frozenset({"indivisible-generation", "single-generation", "two-generation-sizes"}),
    "VL219": frozenset({"two-mixed-precisions", "both-half-precisions"}),
    "VL220": frozenset({"quantized-without-adapter", "quantized-full-finetuning"}),
    "VL221": frozenset({"two-engines"}),
    "VL222": frozenset({"two-batch-sizes", "indivisible-batch", "deepspeed-mismatch"}),
    "VL223": frozenset(
        {
            "context-without-flash-attention",
            "context-with-packed-batch",
            "context-with-packing",
            "context-with-generation",
        }
    ),
    "VL224": frozenset(
        {
            "fsdp2-with-eight-bit-optimizer",
            "offload-with-eight-bit-optimizer",
            "eight-bit-optimizer-with-tensor-parallel",
            "muon-engine",
            "optimizer-conflict",
            "galore-with-adapter",
        }
    ),
    "VL225": frozenset({"offload-without-checkpointing"}),
    "VL226": frozenset({"best-model-strategies", "best-model-steps"}),
    "VL227": frozenset({"quantized-sharding", "fsdp2-quantized-loading", "fsdp2-quantized-preference"}),
    "VL228": frozenset(
        {
            "two-schedules",
            "endless-data",
            "two-validation-sets",
            "evaluation-without-data",
            "fractional-steps",
        }
    ),
    "VL229": frozenset({"older-release"}),
    "VL307": frozenset({"degrees-exceed-world"}),
}
"""The kinds of problems that have a rule of their own, by its code."""
CLAIMED = frozenset[str]().union(*CLAIMS.values())


def claimed_by(code: str) -> Callable[[RuleContext], bool]:
    """Files with a problem that the rule of this code claims."""
    kinds = CLAIMS[code]
    return lambda context: (
        context.reading is not None and any(problem.kind in kinds for problem in context.reading.problems)
    )


class ProblemRule(Rule):
    """Base of the rules that report a dialect's problems. Not a rule itself."""

    unnecessary: ClassVar[bool] = False

    def takes(self, problem: Problem) -> bool:
        """Whether the problem belongs to this rule."""
        return problem.kind in CLAIMS[self.code]

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
