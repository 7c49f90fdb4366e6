"""VL413."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.catalog.optimizers import OPTIMIZERS, optimizer_named
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.rule import Rule

_WORTH = 2**29
"""Bytes of states that are worth a word."""


class PagingUnused(Rule):
    """Paged optimizer states would fit the GPU and never leave it.

    ## What it finds

    A paged optimizer of bitsandbytes, where the run fits the declared GPU with all of its states on it, and
    these are 512 MiB or more.

    ## Why it matters

    Paged states are in unified memory, which CUDA moves to the host when the GPU is full. Where it never is,
    nothing is saved: the same bytes are on the GPU, found page by page at the first touch and prefetched
    before each step. In the example the states are 11.5 GiB, and with them the run needs 18 of 79.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    sequence_length: 1024
    gradient_checkpointing: full
    optimizer: paged_adamw_32bit
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    sequence_length: 1024
    gradient_checkpointing: full
    optimizer: adamw_torch_fused
    ```
    """

    code = "VL413"
    name = "paging-unused"
    severity = "hint"
    summary = "paged optimizer states never leave the GPU"
    needs_verdict = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Add the states to what the run needs anyway."""
        job, estimate, gpu = context.job, context.estimate, context.gpu
        key = context.key("optimizer")
        if job is None or estimate is None or gpu is None or key is None or context.verdict != "fits":
            return
        row = optimizer_named(job.optimizer)
        if row is None or not row.paged:
            return
        states = estimate.component_sizes["optimizer_states"]
        whole = estimate.device_bytes + states
        if states < _WORTH or whole * (1 + estimate.error_band) > gpu.usable_bytes:
            return
        plain = job.optimizer.removeprefix("paged_")
        use = plain if plain in OPTIMIZERS else "one that is not paged"
        yield self.finding(
            f"{job.optimizer} pages its states out of a full GPU, and with all {gib(states)} GiB of them the "
            f"run needs {gib(whole)} of {gib(gpu.usable_bytes)} GiB of {gpu_name(gpu)}: use {use}",
            key,
        )
