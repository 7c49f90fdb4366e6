"""VL103."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule

_WORTH_A_WORD = 64 * 2**30
"""Bytes a node that are worth a word where its memory is not declared."""


class HostMemoryShort(Rule):
    """What is offloaded, or read while loading, needs more host memory than the node has, or much of it.

    ## What it finds

    A run that offloads weights, optimizer states or activations whose sum on one node is more than the host
    memory that is declared: `ram=512GiB` in the comment, `ram` in a job file or the settings, or a cloud
    machine's name as the GPU. The same for a model that one rank of each node reads whole. Where none is
    declared, what is offloaded is told as information from 64 GiB on.

    ## Why it matters

    Offloading moves bytes, it does not save them: DeepSpeed keeps 16 bytes a trained parameter on the host,
    and 18 with the weights. A run that outgrows the host is killed by the system, without an error of
    PyTorch's, often while the model is prepared. In the example 7.6 billion parameters take 128 GiB.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB ram=96GiB
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    precision: {master_weights: float32, optimizer_states: float32}
    gradient_checkpointing: full
    parallel: {strategy: zero3, offload: both}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB ram=256GiB
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    precision: {master_weights: float32, optimizer_states: float32}
    gradient_checkpointing: full
    parallel: {strategy: zero3, offload: both}
    ```
    """

    code = "VL103"
    name = "host-memory"
    severity = "error"
    summary = "what is offloaded or loaded needs more host memory than the node has"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Say the sum where it is too much, or where nobody said how much there is."""
        estimate = context.estimate
        host = estimate.host if estimate is not None else None
        if host is None or host.verdict == "fits":
            return
        offloads = "parallel.offload", "activation_offload", "parallel.strategy"
        key = next(filter(None, map(context.key, offloads)), ())
        needed = f"offloading keeps {gib(host.bytes_per_node)} GiB in host memory on each node"
        if host.declared_bytes is not None:
            limit = f"{gib(host.declared_bytes)} GiB are declared"
            if host.bytes_per_node > host.declared_bytes:
                yield self.finding(f"{needed}, {limit}: use more GPUs or offload less", key)
                return
            if context.job is not None and context.job.loading == "host":
                return  # VL113 counts the ranks
            read = f"loading reads {gib(host.loading_bytes_per_node)} GiB into host memory on each node"
            yield self.finding(f"{read}, {limit}", context.key("model") or ())
        elif host.bytes_per_node >= _WORTH_A_WORD:
            advice = "declare what there is with ram=512GiB in the vramlint comment"
            yield self.finding(f"{needed}: {advice}", key, severity="information")
