"""VL215."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule

SHARDING = frozenset({"zero3", "fsdp1", "fsdp2"})


class UnshardedBase(Rule):
    """The base is packed in buffers, which the engine does not shard: every GPU holds all of it.

    ## What it finds

    A base in GPTQ or AWQ form under ZeRO-3 or FSDP over several GPUs, where the loader keeps it in
    buffers, as transformers does.

    ## Why it matters

    These engines divide parameters. GPTQ and AWQ keep their packed weights as buffers (gptqmodel,
    nn_modules/qlinear/__init__.py; autoawq, awq/modules/linear/gemm.py: `register_buffer("qweight", …)`),
    so each GPU holds the whole base. In the example that is 3.5 GiB on each of four, where a quarter was
    planned. bitsandbytes packs into parameters, which are divided.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x4
    vramlint: 1
    model: mistralai/Mistral-7B-v0.1
    method: lora
    adapter: {r: 16}
    quantization: {scheme: gptq-int4, packed: buffers}
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 4}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x4
    vramlint: 1
    model: mistralai/Mistral-7B-v0.1
    method: lora
    adapter: {r: 16}
    quantization: {scheme: bnb-nf4}
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 4}
    ```
    """

    code = "VL215"
    name = "unsharded-base"
    severity = "warning"
    summary = "a GPTQ or AWQ base is not sharded"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where an engine shares weights and the base's are none of its parameters."""
        job, estimate = context.job, context.estimate
        if job is None or estimate is None or job.quantization is None:
            return
        ranks = job.parallel.data
        if job.quantization.packed != "buffers" or job.parallel.strategy not in SHARDING or ranks < 2:
            return
        key = context.key("parallel.strategy") or context.key("quantization.scheme") or context.key("model")
        weights = gib(estimate.component_sizes["weights"])
        yield self.finding(
            f"{job.quantization.scheme} keeps the base in buffers, which {job.parallel.strategy} does not "
            f"shard: each of {ranks} GPUs holds {weights} GiB of weights; use a bitsandbytes base, or no "
            "sharding",
            key or (),
        )
