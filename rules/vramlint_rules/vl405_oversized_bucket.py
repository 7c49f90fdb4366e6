"""VL405."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.job import FrameworkDefault, Written
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import count, gib
from vramlint.lint.rule import Rule

_WORTH = 2**28
"""Bytes that must be lost."""


class OversizedBucket(Rule):
    """DeepSpeed's reduction bucket is larger than all gradients together.

    ## What it finds

    A ZeRO run whose `reduce_bucket_size` is above the number of trained weights, so that part of the bucket
    is never written, where that part is 256 MiB or more.

    ## Why it matters

    Stages 1 to 3 allocate the bucket whole, in the dtype of the gradients, and twice where `overlap_comm` is
    on (deepspeed 0.19.8, runtime/zero/stage_1_and_2.py and stage3.py: `torch.empty(reduce_bucket_size)`). The
    default of 5e8 elements is 0.93 GiB in 16 bits. In the example an adapter of 20 million weights needs 40
    MiB of it.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-4090 x2
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: lora
    adapter: {r: 16}
    gradient_checkpointing: full
    parallel: {strategy: zero2, data: 2}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-4090 x2
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: lora
    adapter: {r: 16}
    gradient_checkpointing: full
    parallel: {strategy: zero2, data: 2, buckets: {reduce: 2.0e+7}}
    ```
    """

    code = "VL405"
    name = "oversized-bucket"
    severity = "information"
    summary = "DeepSpeed's bucket is larger than all gradients"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Compare the bucket with the weights whose gradients go through it."""
        job, estimate = context.job, context.estimate
        if job is None or estimate is None or not job.parallel.strategy.startswith("zero"):
            return
        if context.reading is None or context.reading.missing_companions:
            return  # what DeepSpeed's file says is not known
        buckets, trained = job.parallel.buckets, estimate.trainable_parameters
        width = 4 if "float32" in (job.precision.gradients, job.precision.weights) else 2
        copies = 2 if buckets.overlap_comm else 1
        lost = (buckets.reduce - trained) * width * copies
        if lost < _WORTH or job.parallel.world_size < 2:
            return
        origin = job.origin("parallel.buckets.reduce")
        place = origin if isinstance(origin, Written) else job.origin("parallel.strategy")
        if not isinstance(place, Written):
            return
        by = "" if isinstance(origin, Written) else " by default"
        if isinstance(origin, FrameworkDefault):
            by = f" ({origin})"
        twice = " × 2 for overlap_comm" if copies == 2 else ""
        yield self.finding(
            f"reduce_bucket_size is {buckets.reduce:.3g} elements{by}, and {count(trained)} are trained: of "
            f"{gib(buckets.reduce * width * copies)} GiB ({width} bytes each{twice}) {gib(lost)} are never "
            f"used; set it to {trained:.1g}",
            place.key,
            document=place.document,
        )
