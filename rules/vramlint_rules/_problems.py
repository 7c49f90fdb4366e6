"""Rules that pass on what a dialect saw while reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar

from vramlint.dialects.kit.dialect import REMOVE, Problem, SetKey
from vramlint.lint.context import RuleContext
from vramlint.lint.editing import edits_of_keys
from vramlint.lint.finding import At, Finding, Fix, Related
from vramlint.lint.format import key_text, shorten
from vramlint.lint.inert import inert_message
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

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """What the dialect says is to be written, where it goes with that and no error takes its place."""
        problems = context.reading.problems if context.reading else ()
        here = (each for each in problems if self.takes(each) and _is(each, finding))
        keys = next((each.fix for each in here if each.document is None), ())
        edits = edits_of_keys(context.document, keys) if keys else None
        if edits is None:
            return
        after = context.recheck(edits)
        if _errors(after.findings) - _errors(context.recheck(()).findings) or any(
            each.code == self.code and each.message == finding.message for each in after.findings
        ):
            return
        needed = after.estimate.device_bytes if after.estimate is not None else None
        yield Fix("; ".join(map(_said, keys)), edits, device_bytes_after=needed, verdict_after=after.verdict)


def _is(problem: Problem, finding: Finding) -> bool:
    return problem.key == finding.at.key and inert_message(problem.message) == finding.message


def _errors(findings: Iterable[Finding]) -> set[str]:
    """The codes of errors, but for whether it fits, which may be known only once the framework runs it."""
    return {each.code for each in findings if each.severity == "error" and each.code != "VL101"}


def _said(item: SetKey) -> str:
    key = key_text(item.path)
    if item.value is REMOVE:
        return f"remove `{key}`"
    return f"write `{key}: {'null' if item.value is None else shorten(item.value)}`"
