"""VL110."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.rule import Rule
from vramlint.memory.estimate import STEP_MOMENTS

_SHORT = 0.25
"""Share of the longest row below which most data have a row in the first steps already."""
_PADDED = "pad_to_sequence_len"


class LongRows(Rule):
    """Rows are as long as their samples: the run works until a batch of long ones comes.

    ## What it finds

    A run that does not fit with rows of the longest length, or only just, and that does with shorter ones,
    where samples are not packed and so most rows are shorter.

    ## Why it matters

    Activations grow with the tokens of the longest sample of a batch. In the example 4 × 2,048 tokens keep
    14.6 GiB beside 5 of everything else, and the GPU has 11.7: batches of up to about 4 × 800 tokens fit. The
    run trains well on shorter samples, for hours perhaps, and runs out of memory at the first long ones.
    Packed rows all have one length, so a run that survives its first step goes on.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-3060-12GB
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: lora
    adapter: {r: 16}
    micro_batch_size: 4
    sequence_length: 2048
    gradient_checkpointing: full
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-3060-12GB
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: lora
    adapter: {r: 16}
    micro_batch_size: 1
    gradient_accumulation_steps: 4
    sequence_length: 2048
    gradient_checkpointing: full
    ```
    """

    code = "VL110"
    name = "long-rows"
    severity = "information"
    summary = "the run works until a batch of long rows comes"
    needs_verdict = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Say from what length on it fails: activations are taken in proportion to the tokens."""
        job, estimate, gpu = context.job, context.estimate, context.gpu
        if job is None or estimate is None or gpu is None or job.packing:
            return
        if context.verdict not in ("does_not_fit", "tight") or estimate.worst.name not in STEP_MOMENTS:
            return
        if isinstance(context.values, dict) and context.values.get(_PADDED):
            return
        activations = estimate.components["activations"]
        room = gpu.usable_bytes / (1 + estimate.error_band) - (estimate.device_bytes - activations)
        share = room / activations if activations else 0
        key = context.key("sequence_length") or context.key("micro_batch_size")
        if key is None or not _SHORT <= share < 1:
            return
        longest = int(job.sequence_length * share) // 100 * 100
        batch = f"{job.micro_batch_size} × " if job.micro_batch_size > 1 else ""
        full = f"{batch}{job.sequence_length:,} tokens need {gib(estimate.device_bytes)} GiB"
        yield self.finding(
            f"rows are as long as their samples: batches up to about {batch}{longest:,} tokens fit "
            f"{gpu_name(gpu)}, and {full}; such a batch runs out of memory",
            key,
        )
