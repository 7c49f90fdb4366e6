"""VL205."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.job import Written
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule

_TITLES = {"zero1": "ZeRO-1", "zero2": "ZeRO-2", "zero3": "ZeRO-3"}


class ShardingOnOneGpu(Rule):
    """DeepSpeed's sharding on a single GPU: nothing is shared, and a float32 copy of the weights is added.

    ## What it finds

    A ZeRO stage without offloading where one GPU is declared.

    ## Why it matters

    ZeRO divides states by the number of GPUs. On one, it divides by one, but DeepSpeed still keeps its own
    float32 master weights and moments: 16 bytes a trained parameter where plain bf16 training keeps 8. With
    offloading it does save memory, so then the rule is silent.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x1
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    precision: {master_weights: float32}
    parallel: {strategy: zero2}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x1
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    ```
    """

    code = "VL205"
    name = "sharding-on-one-gpu"
    severity = "warning"
    summary = "ZeRO on one GPU shares nothing and costs memory"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Only where the one GPU is declared and the stage is written."""
        job, declared = context.job, context.declared
        if job is None or declared is None or not declared.counted or declared.count * declared.nodes != 1:
            return
        parallel = job.parallel
        origin = job.origin("parallel.strategy")
        if parallel.strategy not in _TITLES or parallel.world_size != 1 or parallel.offload != "none":
            return
        if not isinstance(origin, Written):
            return
        title = _TITLES[parallel.strategy]
        message = (
            f"{title} on one GPU shares nothing, and DeepSpeed keeps a float32 copy of the trained weights"
        )
        if job.precision.master_weights != "float32":
            message = f"{title} on one GPU shares nothing"
        yield self.finding(message, origin.key, document=origin.document)
