"""VL104."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from vramlint.document.comment_edit import comment_at_top
from vramlint.explain.verdict import needs
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.rule import Rule
from vramlint.project.severity import Severity

_SAID_ELSEWHERE = frozenset({"not-a-training-file", "too-large", "too-deep"})
"""Why there is no estimate → VL001 says so already, or there is no run to speak of."""
_SEVERITIES: Mapping[str, Severity] = {
    "internal-error": "error",
    "open-value": "information",
    "too-many-runs": "information",
}
"""Of obstacles: a script that takes a value from its command line is not wrong."""
_GPUS_OFFERED = 3


class NoVerdict(Rule):
    """A training run was recognised, and whether it fits is not known.

    ## What it finds

    A run for which no GPU is declared, or of which no size can be worked out: the method is not modelled, a
    deciding value is filled in elsewhere, a companion is missing. With `vramlint check --require-verdict` the
    finding is an error.

    ## Why it matters

    "Nothing found" would read as "fits". In the example full fine-tuning needs 125 GiB; on which GPU it runs
    is written nowhere, so nothing says that it cannot.

    ## Example

    ```yaml
    vramlint: 1
    model: meta-llama/Llama-3.1-8B
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=H200
    vramlint: 1
    model: meta-llama/Llama-3.1-8B
    ```

    ## Fixes

    A comment that declares one of the smallest GPUs that the run fits. Only a person may choose it.
    """

    code = "VL104"
    name = "no-verdict"
    severity = "warning"
    summary = "nothing can be said about whether the run fits"
    about_missing_verdicts = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Say what is missing."""
        if not context.is_run or context.verdict != "unknown":
            return
        entry = context.detection.entry if context.detection else None
        if context.estimate is None and entry is not None and entry.fallback:
            return  # somebody's own file that says too little: nobody asked for a verdict
        if context.estimate is None:
            yield from self._no_estimate(context)
        elif context.estimate.refused:
            return  # an error says so already
        elif context.gpu is not None and context.estimate.why_unknown:
            least = needs(context.estimate, context.gpu)
            yield self.finding(f"no verdict: {least}; {'; '.join(context.estimate.why_unknown)}", part="file")
        elif context.declared is None:
            auto = (context.settings.gpu or "").strip().lower() == "auto"
            why = 'the settings say gpu = "auto" and this machine has none' if auto else "no GPU is declared"
            yield self.finding(
                f"no verdict: {needs(context.estimate, band=True)}, and {why}; "
                "name it in a comment, `vramlint: gpu=A100-80GB x8`, or in the settings",
                part="file",
                severity="warning" if auto else "information",
            )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Declare one of the smallest GPUs that are easily had and that the run fits."""
        if context.estimate is None or context.declared is not None or not context.document.takes_comments:
            return
        from vramlint.catalog.gpus import widely_had  # imported late: only fixes need the table

        large = (gpu for gpu in widely_had("nvidia") if gpu.usable_bytes >= context.estimate.high_bytes)
        for gpu in islice(large, _GPUS_OFFERED):
            name = gpu.name.replace(" ", "-")
            edit = comment_at_top(context.document, f"vramlint: gpu={name}")
            yield Fix(f"declare {gpu.name}, which it fits", (edit,), by_hand=True)

    def _no_estimate(self, context: RuleContext) -> Iterator[Finding]:
        cannot = context.cannot
        if cannot is None or cannot.code in _SAID_ELSEWHERE:
            return
        if cannot.code in ("unknown-model", "no-model") and cannot.key:
            return  # VL903
        if cannot.code == "unusable-value" and not cannot.open:
            return  # VL003
        yield self.finding(
            f"no verdict: {cannot.message}",
            cannot.key,
            part="value" if cannot.key else "file",
            severity=_SEVERITIES.get(cannot.code),
        )
