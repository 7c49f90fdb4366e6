"""VL213."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule
from vramlint_rules._degrees import said_already


class ContextNotDividing(Rule):
    """The context-parallel degree does not divide the rows evenly.

    ## What it finds

    A context-parallel degree N where the row's length is not a multiple of 2 × N, in Megatron's files and in
    job files. Axolotl, TRL and LLaMA-Factory pad such rows themselves.

    ## Why it matters

    So that all ranks compute the same number of scores under a causal mask, each gets two pieces of the row,
    one from its front and one from its back. Megatron refuses a length that 2 × N does not divide; torch's
    context parallelism asks for the same of the tensors that it splits. In the example 4,098 tokens over 4
    GPUs would be 8 pieces of 512.25.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x4
    vramlint: 1
    model: meta-llama/Llama-3.2-1B
    sequence_length: 4098
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 1, context: 4}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x4
    vramlint: 1
    model: meta-llama/Llama-3.2-1B
    sequence_length: 4096
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 1, context: 4}
    ```
    """

    code = "VL213"
    name = "context-not-dividing"
    severity = "warning"
    summary = "the context-parallel degree does not divide the rows"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Divide a written length by two pieces a rank."""
        job, key = context.job, context.key("parallel.context")
        length = context.key("sequence_length")
        if job is None or key is None or length is None or said_already(context, key, length):
            return
        if job.runtime != "megatron" and not (context.dialect and context.dialect.own):
            return
        pieces = 2 * job.parallel.context
        if job.parallel.context < 2 or job.sequence_length % pieces == 0:
            return
        called = context.quoted("sequence_length", job.sequence_length)
        near = job.sequence_length // pieces * pieces
        yield self.finding(
            f"{context.called('parallel.context')} {job.parallel.context} cuts each row into {pieces} "
            f"pieces, and {called} is not a multiple of it: use {near or pieces}",
            key,
        )
