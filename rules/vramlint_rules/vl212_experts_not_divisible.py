"""VL212."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.catalog.expert_counts import EXPERTS
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import model_name
from vramlint.lint.rule import Rule
from vramlint_rules._degrees import next_divisor, said_already, size


class ExpertsNotDivisible(Rule):
    """The expert-parallel degree does not divide the model's experts.

    ## What it finds

    An expert-parallel degree that does not divide the number of the model's experts.

    ## Why it matters

    Each rank holds the same number of whole experts. Megatron stops at the start ("Number of experts should
    be divisible by expert model parallel size"); torch cannot shard the experts' tensors evenly. The
    example's 8 experts cannot be shared by 3, and what was planned as a third a GPU is not there.

    ## Example

    ```yaml
    # vramlint: gpu=H100-80GB x6
    vramlint: 1
    model: mistralai/Mixtral-8x7B-v0.1
    method: lora
    adapter: {r: 16, targets: [q_proj, k_proj, v_proj, o_proj]}
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 6, expert: 3}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=H100-80GB x6
    vramlint: 1
    model: mistralai/Mixtral-8x7B-v0.1
    method: lora
    adapter: {r: 16, targets: [q_proj, k_proj, v_proj, o_proj]}
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 6, expert: 2}
    ```
    """

    code = "VL212"
    name = "experts-not-divisible"
    severity = "error"
    summary = "the expert-parallel degree does not divide the experts"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Divide experts by the degree."""
        job, key = context.job, context.key("parallel.expert")
        if job is None or key is None or job.parallel.expert < 2 or said_already(context, key):
            return
        degree, called = job.parallel.expert, context.called("parallel.expert")
        experts = size(job, *EXPERTS)
        if experts is None or experts % degree == 0:
            return
        yield self.finding(
            f"{called} {degree} does not divide the {experts} experts of {model_name(job.model)}: use "
            f"{next_divisor(experts, degree)}",
            key,
        )
