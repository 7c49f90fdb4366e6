"""VL113."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint.memory.ledger import DTYPE_BYTES

_WORTH_A_WORD = 256 * 2**30
"""Bytes a node that are worth a word where its memory is not declared."""


class LoadingHostMemory(Rule):
    """Every rank of a node reads the whole model into host memory.

    ## What it finds

    A sharded run whose ranks each read all the weights on the host before they are sharded, where that is
    more than the node's declared memory (`ram=256GiB` in the comment, `ram` in a job file), or 256 GiB and
    more where none is declared.

    ## Why it matters

    Sharding divides what is on the GPUs. On the host eight ranks hold eight whole models while they load: in
    the example 8 × 61.3 GiB = 490 GiB. The system kills the run, without an error of PyTorch's, before the
    first step. With efficient loading one rank of a node reads the weights and sends them out.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x8 ram=256GiB
    vramlint: 1
    model: Qwen/Qwen2.5-32B
    method: lora
    adapter: {r: 16}
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 8}
    loading: host
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x8 ram=256GiB
    vramlint: 1
    model: Qwen/Qwen2.5-32B
    method: lora
    adapter: {r: 16}
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 8}
    loading: rank-0
    ```

    ## Fixes

    Efficient loading, where the file has FSDP's options. The training is the same.
    """

    code = "VL113"
    name = "loading-host-memory"
    severity = "warning"
    summary = "every rank reads the whole model into host memory"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Add up what the ranks of a node read."""
        job, estimate = context.job, context.estimate
        if job is None or estimate is None or job.loading != "host" or job.gpu_count < 2:
            return
        ranks = min(job.gpu_count, job.parallel.world_size)
        one = estimate.parameters * DTYPE_BYTES[job.precision.weights]
        needed = ranks * one
        if needed < _WORTH_A_WORD if job.ram is None else needed <= job.ram:
            return
        limit = "nothing says how much there is" if job.ram is None else f"{gib(job.ram)} GiB are declared"
        key = context.key("loading") or context.key("parallel.strategy") or context.key("model") or ()
        yield self.finding(
            f"each of {ranks} ranks reads all weights into host memory: {ranks} × {gib(one)} = {gib(needed)} "
            f"GiB on a node, and {limit}; turn efficient loading on",
            key,
            severity="information" if job.ram is None else None,
        )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Read by one rank."""
        from vramlint.lint.editing import edits_of_changes  # imported late: only fixes need it

        edits = edits_of_changes(context, {"loading": "rank-0"})
        if edits:
            yield Fix("let one rank of a node read the weights", edits, safe=True)
