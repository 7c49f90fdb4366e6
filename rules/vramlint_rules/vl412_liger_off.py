"""VL412."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.catalog.liger import liger_family
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import model_name
from vramlint.lint.rule import Rule
from vramlint.memory.objectives import objective_of
from vramlint_rules._fixes import checked


class LigerOff(Rule):
    """Liger has kernels for the model's layers, and they are off.

    ## What it finds

    A run through transformers of a model whose family liger-kernel knows, with none of its kernels, where the
    file's framework can switch them on.

    ## Why it matters

    Liger's norms write over their input's gradient, its gated activation keeps its inputs only, its loss
    makes no whole logits: same mathematics, fewer tensors kept. They need another package, and some setups
    cannot have it, so the rule is asked for by name.

    ## Example

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-1.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    bf16: true
    dtype: bfloat16
    ```

    ## Use instead

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-1.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    bf16: true
    dtype: bfloat16
    use_liger_kernel: true
    ```

    ## Fixes

    Liger's loss and layers, where the file can ask for them. The training is the same, to rounding.
    """

    code = "VL412"
    name = "liger-off"
    severity = "hint"
    summary = "Liger's kernels for this model are off"
    opt_in = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where Liger knows the family and nothing of it is on."""
        job, key = context.job, context.key("model")
        if job is None or key is None or context.estimate is None or context.dialect is None:
            return
        if job.runtime != "transformers" or job.kernels.liger or job.loss == "fused-linear":
            return
        family = liger_family(job.model.model_type, job.versions.get("liger-kernel"))
        if family is None or context.dialect.name not in ("trl", "axolotl", "llamafactory"):
            return
        fused = family.fuses_head and objective_of(job).loss == "language"
        kernels = ", ".join((*family.kernels, *(("loss",) if fused else ())))
        yield self.finding(
            f"Liger has kernels for {model_name(job.model)} ({kernels}) that save activations, and none is "
            "on: switch them on where liger-kernel can be installed",
            key,
        )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Liger, as the framework switches it on with the loss."""
        return checked(context, {"loss": "fused-linear"}, "use Liger's kernels", safe=True)
