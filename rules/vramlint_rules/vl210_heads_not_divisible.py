"""VL210."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.job import TrainingJob
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import model_name
from vramlint.lint.rule import Rule
from vramlint_rules._degrees import next_divisor, size


class HeadsNotDivisible(Rule):
    """The tensor-parallel degree does not divide the model's attention heads.

    ## What it finds

    A tensor-parallel degree that does not divide the attention heads; or not the heads of keys and values,
    which only Megatron copies where there are fewer of them than ranks.

    ## Why it matters

    Each rank computes whole heads. transformers and torch cut the projections by columns and then view them
    as heads, which fails in the first forward pass; Megatron checks it at the start ("num_attention_heads
    must be a multiple of tensor_model_parallel_size"). The example's 14 heads cannot be shared by 4.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x4
    vramlint: 1
    model: Qwen/Qwen2.5-0.5B
    parallel: {tensor: 4}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x2
    vramlint: 1
    model: Qwen/Qwen2.5-0.5B
    parallel: {tensor: 2}
    ```
    """

    code = "VL210"
    name = "heads-not-divisible"
    severity = "error"
    summary = "the tensor-parallel degree does not divide the heads"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Divide heads by the degree."""
        job, key = context.job, context.key("parallel.tensor")
        if job is None or key is None or job.parallel.tensor < 2:
            return
        degree, called = job.parallel.tensor, context.called("parallel.tensor")
        for heads, what in _shared(job):
            if heads % degree:
                yield self.finding(
                    f"{called} {degree} does not divide the {heads} {what} of {model_name(job.model)}: use "
                    f"{next_divisor(heads, degree)}",
                    key,
                )
                return


def _shared(job: TrainingJob) -> Iterator[tuple[int, str]]:
    """The heads that the ranks share, with their name."""
    heads = size(job, "num_attention_heads", "n_head", "n_heads")
    if heads is None:
        return
    yield heads, "attention heads"
    groups = size(job, "num_key_value_heads")
    if groups is not None and job.runtime != "megatron":
        yield groups, "heads of keys and values"
