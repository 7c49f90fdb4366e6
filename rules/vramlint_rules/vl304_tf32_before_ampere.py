"""VL304."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vramlint.lint.context import RuleContext
from vramlint.lint.editing import edits_of_keys
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gpu_name
from vramlint.lint.rule import Rule

DIALECTS = frozenset({"axolotl", "trl", "llamafactory"})
"""Front ends that hand `tf32` to transformers' TrainingArguments."""


class Tf32BeforeAmpere(Rule):
    """TF32 is asked of a GPU that has none.

    ## What it finds

    `tf32: true` in a file of transformers' Trainer, or of a front end that hands it on, where the declared
    GPU is NVIDIA's and older than Ampere.

    ## Why it matters

    The Trainer stops while it reads its arguments: "--tf32 requires Ampere or a newer GPU arch" (transformers
    5.23, training_args.py). TF32 saves no memory: its matrices are float32, 4 bytes a number, of which the
    multiplication reads 19 bits.

    ## Example

    ```yaml
    # vramlint: gpu=V100-32GB
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    use_peft: true
    lora_target_modules: all-linear
    dtype: float16
    gradient_checkpointing: true
    tf32: true
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=V100-32GB
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    use_peft: true
    lora_target_modules: all-linear
    dtype: float16
    gradient_checkpointing: true
    tf32: false
    ```

    ## Fixes

    `tf32: false`. It is what the GPU does anyway.
    """

    code = "VL304"
    name = "tf32-before-ampere"
    severity = "error"
    summary = "the GPU has no TF32 units"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Only for a plain true; Axolotl's "auto" asks the GPU."""
        gpu, values = context.gpu, context.values
        if gpu is None or context.dialect is None or context.dialect.name not in DIALECTS:
            return
        if gpu.vendor != "nvidia" or gpu.supports.get("tf32") is not False or not isinstance(values, Mapping):
            return
        if values.get("tf32") is True:
            generation = f" is {gpu.architecture}" if gpu.architecture else " is older"
            yield self.finding(
                f"`tf32: true` needs Ampere or newer, and {gpu_name(gpu)}{generation}: the Trainer refuses "
                "to start; write tf32: false",
                ("tf32",),
            )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Switch it off."""
        from vramlint.dialects.kit.dialect import SetKey  # imported late: only fixes need it

        edits = edits_of_keys(context.document, (SetKey(("tf32",), False),))
        if edits:
            yield Fix("set tf32 to false", edits, safe=True)
