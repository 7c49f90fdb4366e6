"""Rules about runs whose worst moment is beside the training step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.rule import Rule
from vramlint.memory.estimate import STEP_MOMENTS, Estimate, MomentName
from vramlint_rules._fit import moment_key, moment_reason

_WORTH, _WORTH_ANYWHERE = 1.1, 1.5
"""How far above the step a moment must be to be worth a word; the second where no GPU is declared."""
_SMALL = 8 * 2**30
"""Bytes that nearly every GPU has."""


def step_bytes(estimate: Estimate) -> int:
    """What the GPU must offer for the training step alone."""
    return max(moment.device_bytes for moment in estimate.counted if moment.name in STEP_MOMENTS)


class MomentRule(Rule):
    """Base of the rules that each report one moment of the run. Not a rule itself."""

    moment: ClassVar[MomentName]
    fails: ClassVar[str]
    """When a run ends whose step fits and whose moment does not."""
    advice: ClassVar[str]

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Speak where the moment decides: the step alone would fit, or no GPU says whether it does."""
        job, estimate, gpu = context.job, context.estimate, context.gpu
        if job is None or estimate is None or estimate.worst.name != self.moment or not estimate.modelled:
            return
        step = step_bytes(estimate)
        if estimate.device_bytes < (_WORTH if gpu is not None else _WORTH_ANYWHERE) * step:
            return
        if gpu is None and estimate.device_bytes < _SMALL:
            return
        fate = f"{self.moment} needs more than the training step"
        compared = f"needs {gib(estimate.device_bytes)} GiB, the training step {gib(step)}"
        if gpu is not None:
            fits = step * (1 + estimate.error_band) <= gpu.usable_bytes
            if context.verdict not in ("does_not_fit", "tight") or not fits:
                return
            certain = context.verdict == "does_not_fit"
            fate = f"{'runs' if certain else 'may run'} out of memory {self.fails}"
            compared += f", {gpu_name(gpu)} has {gib(gpu.usable_bytes)}"
        key = moment_key(context, job, estimate) or context.key("model") or ()
        yield self.finding(f"{fate}: {moment_reason(job, estimate)}; {compared}: {self.advice}", key)
