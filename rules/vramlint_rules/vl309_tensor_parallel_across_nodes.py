"""VL309."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule


class TensorParallelAcrossNodes(Rule):
    """A tensor-parallel group is larger than a node.

    ## What it finds

    A tensor-parallel degree above the number of GPUs of a node.

    ## Why it matters

    Every layer waits four times a step for a sum over all ranks of the group. Inside a node that goes over
    NVLink, 300 to 900 GB/s a GPU; between nodes over the network, 25 to 50. Pipeline or data parallelism
    across nodes and tensor parallelism inside them divides the weights by the same number.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x4
    vramlint: 1
    nodes: 2
    model: meta-llama/Llama-3.1-8B
    gradient_checkpointing: full
    parallel: {tensor: 8}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x4
    vramlint: 1
    nodes: 2
    model: meta-llama/Llama-3.1-8B
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 2, tensor: 4}
    ```
    """

    code = "VL309"
    name = "tensor-parallel-across-nodes"
    severity = "warning"
    summary = "a tensor-parallel group is larger than a node"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Only for a degree that the file itself sets, over several nodes."""
        job, declared, key = context.job, context.declared, context.key("parallel.tensor")
        if job is None or declared is None or key is None or not declared.counted or job.nodes < 2:
            return
        if job.parallel.tensor > declared.count:
            called = context.called("parallel.tensor")
            yield self.finding(
                f"{called} {job.parallel.tensor} spans nodes of {declared.count} GPUs: every layer waits for "
                f"the network; use {declared.count}, and pipeline or data parallelism across nodes",
                key,
            )
