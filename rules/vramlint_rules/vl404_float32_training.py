"""VL404."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.job import FrameworkDefault
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint_rules._fixes import checked


class Float32Training(Rule):
    """Everything is in float32, and nobody asked for it.

    ## What it finds

    A run that trains all weights, or some of the base's own, in float32 without mixed precision, because the
    file says nothing of dtypes and the framework's default is float32. Adapters over such a base are VL401's.

    ## Why it matters

    Weights, gradients and AdamW's two moments take 16 bytes a weight instead of 8, activations and logits
    twice what they need, and the GPU's 16-bit units are idle. In the example 1.2 billion weights are 18.4
    GiB before the first activation.
    transformers before 5 loaded in float32 unless told otherwise.

    ## Example

    ```yaml
    # vramlint: versions=trl@0.15,transformers@4.48
    model_name_or_path: meta-llama/Llama-3.2-1B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_seq_length: 1024
    optim: adamw_torch_fused
    ```

    ## Use instead

    ```yaml
    # vramlint: versions=trl@0.15,transformers@4.48
    model_name_or_path: meta-llama/Llama-3.2-1B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_seq_length: 1024
    optim: adamw_torch_fused
    torch_dtype: bfloat16
    ```

    ## Fixes

    bfloat16 throughout, where the file can say so. It changes the rounding, so it is not called safe.
    """

    code = "VL404"
    name = "float32-training"
    severity = "information"
    summary = "everything is trained in float32 by default"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where the default decides, and the model was released in 16 bits."""
        job, estimate = context.job, context.estimate
        if job is None or estimate is None or job.method not in ("full", "freeze"):
            return
        precision, origin = job.precision, job.origin("precision.weights")
        if precision.weights != "float32" or precision.autocast != "none" or precision.fp8 != "none":
            return
        if not isinstance(origin, FrameworkDefault) or job.parallel.param_dtype != "none":
            return
        if job.runtime == "torchtitan":  # its weights are float32 by design, and FSDP gathers them in 16 bits
            return
        key = context.key("model")
        if key is not None and job.model.dtype != "float32":
            yield self.finding(
                f"no dtype is set, so everything is trained in float32 ({origin}): "
                f"{gib(estimate.device_bytes)} GiB; ask for bfloat16",
                key,
            )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Hold everything in bfloat16."""
        return checked(context, {"precision.weights": "bfloat16"}, "train in bfloat16", safe=False)
