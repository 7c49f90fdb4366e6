"""VL307."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint_rules._problems import ProblemRule

_DEGREES = ("data", "replicate", "tensor", "context", "pipeline")


class MoreRanksThanGpus(ProblemRule):
    """The file shares the run over more GPUs than there are.

    ## What it finds

    Degrees of parallelism whose product is more than the declared number of GPUs, or not what the file itself
    says of the number of ranks.

    ## Why it matters

    Each rank needs a GPU of its own. The launcher stops ("invalid device ordinal", or a world size that does
    not match), and until then every number in a plan is wrong: what is shared by 16 is half as much as what
    is shared by 8.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x8
    vramlint: 1
    model: meta-llama/Llama-3.1-8B
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 8, tensor: 2}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x8
    vramlint: 1
    model: meta-llama/Llama-3.1-8B
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 4, tensor: 2}
    ```
    """

    code = "VL307"
    name = "more-ranks-than-gpus"
    severity = "warning"
    summary = "the run is shared over more GPUs than are declared"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """What the dialect says of them; else the product of the degrees, where one of them is written."""
        said = list(super().check(context))
        if said:
            yield from said
            return
        job, declared = context.job, context.declared
        if job is None or declared is None or not declared.counted:
            return
        parallel, there = job.parallel, declared.count * max(declared.nodes, job.nodes)
        if parallel.world_size <= there:
            return
        degrees = {name: getattr(parallel, name) for name in _DEGREES}
        keys = [context.key(f"parallel.{name}") for name, degree in degrees.items() if degree > 1]
        key = next((key for key in keys if key is not None), None)
        if key is None:
            return
        product = " × ".join(f"{name} {degree}" for name, degree in degrees.items() if degree > 1)
        yield self.finding(
            f"{product} makes {parallel.world_size} ranks, and {there} GPU{'s' * (there > 1)} "
            f"{'are' if there > 1 else 'is'} declared: lower a degree, or declare all GPUs",
            key,
        )
