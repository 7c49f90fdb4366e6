"""VL416."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.rule import Rule

_MARGIN = 1.05


class OffloadNotNeeded(Rule):
    """Weights or states wait in host memory although the GPU has room for them.

    ## What it finds

    Offloading under ZeRO or FSDP where what waits on the host fits the declared GPU beside the rest of the
    run, with the estimate's whole error band.

    ## Why it matters

    Offloaded states are stepped by the CPU, and offloaded weights cross PCIe in every forward and backward
    pass: a step takes several times as long. In the example 11.7 GiB wait on the host of a run that leaves 65
    GiB of its GPU free.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x2
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    precision: {master_weights: float32, optimizer_states: float32}
    sequence_length: 1024
    gradient_checkpointing: full
    parallel: {strategy: zero2, data: 2, offload: optimizer}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x2
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    precision: {master_weights: float32, optimizer_states: float32}
    sequence_length: 1024
    gradient_checkpointing: full
    parallel: {strategy: zero2, data: 2}
    ```
    """

    code = "VL416"
    name = "offload-not-needed"
    severity = "hint"
    summary = "what is offloaded would fit the GPU"
    needs_verdict = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Add what waits on the host to what the run needs."""
        job, estimate, gpu = context.job, context.estimate, context.gpu
        if job is None or estimate is None or gpu is None or estimate.host is None:
            return
        if context.verdict != "fits" or job.parallel.offload == "none":
            return
        away = estimate.host.bytes_per_rank
        if not away:  # the host is needed to load alone
            return
        whole = _MARGIN * (estimate.device_bytes + away) * (1 + estimate.error_band)
        key = context.key("parallel.offload") or context.key("parallel.strategy")
        if key is None or whole > gpu.usable_bytes:
            return
        yield self.finding(
            f"{gib(away)} GiB wait in host memory, and with them the run needs "
            f"{gib(estimate.device_bytes + away)} of {gib(gpu.usable_bytes)} GiB of {gpu_name(gpu)}: without "
            "offloading it fits too, and steps faster",
            key,
        )
