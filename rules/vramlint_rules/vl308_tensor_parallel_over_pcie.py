"""VL308."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gpu_name
from vramlint.lint.rule import Rule


class TensorParallelOverPcie(Rule):
    """Tensor parallelism over GPUs that have no fast links between them.

    ## What it finds

    A tensor-parallel degree above 1 where the declared GPU has no NVLink: Ada, consumer and workstation
    Blackwell, T4, A10 and the like.

    ## Why it matters

    Each layer sums its outputs over all ranks twice in the forward pass and twice in the backward pass. For
    Llama 3.1 8B and 2,048 tokens that is 2,048 × 4,096 × 2 bytes = 16 MiB, 4 times in each of 32 layers: 2
    GiB a row and step, with nothing to overlap it. NVLink moves that in 5 ms, PCIe 4 in 80. FSDP and ZeRO
    divide the same weights and hide their messages under the computation.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-4090 x4
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    gradient_checkpointing: full
    parallel: {tensor: 4}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-4090 x4
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 4}
    ```
    """

    code = "VL308"
    name = "tensor-parallel-over-pcie"
    severity = "information"
    summary = "tensor parallelism over GPUs without NVLink"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Only for a degree that the file itself sets."""
        job, gpu, key = context.job, context.gpu, context.key("parallel.tensor")
        if job is None or gpu is None or key is None or job.parallel.tensor < 2:
            return
        if gpu.supports.get("nvlink") is False:
            called = context.called("parallel.tensor")
            yield self.finding(
                f"{called} {job.parallel.tensor} sums every layer's outputs over PCIe, and {gpu_name(gpu)} "
                "has no NVLink: FSDP or ZeRO-3 divide the weights too, and hide their messages",
                key,
            )
