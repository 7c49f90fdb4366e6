"""VL401."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.editing import edits_of_changes
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gib, key_text
from vramlint.lint.rule import Rule

_CHANGE = {"precision.weights": "bfloat16"}


class Float32FrozenBase(Rule):
    """The frozen base of an adapter run is held in float32.

    ## What it finds

    LoRA, or another adapter, over an unquantized base whose weights are kept in float32: by the file, or by
    the default of the framework and version that is assumed.

    ## Why it matters

    Frozen weights are never updated, so float32 buys nothing that the released checkpoint (nearly always
    16-bit) has. It doubles the largest part of the run: for 1.5 billion parameters 5.8 GiB instead of 2.9.

    ## Example

    ```yaml
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: lora
    adapter: {r: 16}
    precision: {weights: float32}
    ```

    ## Use instead

    ```yaml
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: lora
    adapter: {r: 16}
    precision: {weights: bfloat16}
    ```

    ## Fixes

    The base in bfloat16. The rounding of the forward pass is another one, so it is not called safe.
    """

    code = "VL401"
    name = "float32-frozen-base"
    severity = "information"
    summary = "a frozen base in float32 takes twice the memory it needs"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Speak where the base is frozen, whole, in float32, and was released in 16 bits."""
        job, estimate = context.job, context.estimate
        if (
            job is None
            or estimate is None
            or job.method not in ("lora", "dora", "ia3", "vera", "loha", "lokr")
        ):
            return
        if job.precision.weights != "float32" or job.quantization is not None or job.model.dtype == "float32":
            return
        key = context.key("precision.weights") or context.key("method") or context.key("model")
        weights = estimate.component_sizes["weights"]
        if key is None or not weights:  # all of them wait on the host
            return
        where = "" if context.key("precision.weights") else f" ({job.origin('precision.weights')})"
        half = f"{gib(weights)} GiB, half of it in bfloat16"
        yield self.finding(f"the frozen base is held in float32{where}: {half}; see `{key_text(key)}`", key)

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Hold it in bfloat16."""
        edits = edits_of_changes(context, _CHANGE)
        after = context.recheck(edits) if edits else None
        if edits is None or after is None or after.estimate is None or context.estimate is None:
            return
        if after.estimate.device_bytes >= context.estimate.device_bytes:
            return
        sizes = f"{gib(context.estimate.device_bytes)} → {gib(after.estimate.device_bytes)} GiB"
        title = f"hold the frozen base in bf16: {sizes}"
        yield Fix(title, edits, False, after.estimate.device_bytes, after.verdict)
