"""VL415."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint.memory.objectives import has_reference
from vramlint_rules._fixes import checked

_SHARE = 0.1
CAN_PRECOMPUTE = frozenset({"trl", "axolotl"})
"""Dialects whose trainers can compute the reference model's scores once, before training."""
_LOSSES = frozenset(
    {
        "aot", "aot_pair", "aot_unpaired", "apo_down", "apo_zero", "apo_zero_unpaired", "bco_pair",
        "discopop", "exo_pair", "hinge", "ipo", "kto", "nca_pair", "robust", "sft", "sigmoid",
        "sigmoid_norm", "sppo_hard",
    }
)  # fmt: skip
"""The losses of TRL's DPO and KTO trainers (trl 1.16, trainer/dpo_config.py and kto_config.py)."""


class ResidentReference(Rule):
    """A second copy of the model stays on the GPU for log-probabilities that could be computed once.

    ## What it finds

    DPO or KTO with all weights trained, in a file of TRL or Axolotl, where the frozen reference model takes a
    tenth or more of the run's memory and `precompute_ref_log_probs` is not on.

    ## Why it matters

    The reference's log-probabilities of a sample never change. Computed for all samples before the training
    starts, two numbers a sample are kept, and its weights leave the GPU. In the example the second copy of
    1.5 billion weights is 2.9 GiB.

    ## Example

    ```yaml
    # vramlint: versions=trl@1.16
    model_name_or_path: Qwen/Qwen2.5-1.5B
    dataset_name: trl-lib/ultrafeedback_binarized
    output_dir: ./outputs
    loss_type: sigmoid
    beta: 0.1
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_length: 1024
    bf16: true
    dtype: bfloat16
    precompute_ref_log_probs: false
    ```

    ## Use instead

    ```yaml
    # vramlint: versions=trl@1.16
    model_name_or_path: Qwen/Qwen2.5-1.5B
    dataset_name: trl-lib/ultrafeedback_binarized
    output_dir: ./outputs
    loss_type: sigmoid
    beta: 0.1
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_length: 1024
    bf16: true
    dtype: bfloat16
    precompute_ref_log_probs: true
    ```

    ## Fixes

    `precompute_ref_log_probs: true`, for one pass over the data before training, which stays the same.
    """

    code = "VL415"
    name = "resident-reference"
    severity = "information"
    summary = "a reference model whose answers could be computed once"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where the reference is the trained model's own copy."""
        job, estimate, dialect = context.job, context.estimate, context.dialect
        if job is None or estimate is None or dialect is None or dialect.name not in CAN_PRECOMPUTE:
            return
        if job.objective not in ("dpo", "kto") or not has_reference(job) or job.roles.reference != "auto":
            return
        if job.parallel.strategy.startswith("fsdp"):  # it stays (trl 1.16, dpo_trainer.py)
            return
        if dialect.name == "trl" and not _of_trl(context.values):
            return
        shared = job.parallel.data if job.parallel.strategy in ("zero3", "fsdp1", "fsdp2") else 1
        width = 4 if job.precision.weights == "float32" else 2
        reference = width * estimate.parameters / shared
        key = context.key("reference_model") or context.key("objective") or context.key("model")
        if key is None or reference < _SHARE * estimate.device_bytes:
            return
        yield self.finding(
            f"the reference model keeps {gib(reference)} GiB of {gib(estimate.device_bytes)} on the GPU, and "
            "its log-probabilities never change: precompute_ref_log_probs: true computes them once",
            key,
        )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Ask it beforehand."""
        return checked(context, {"reference_model": "none"}, "compute them beforehand", safe=True)


def _of_trl(values: Mapping[str, Any]) -> bool:
    """Whether the file speaks to TRL's own preference trainers: other scripts go their own way."""
    losses = values.get("loss_type", ())
    named = (losses,) if isinstance(losses, str) else losses
    if not isinstance(named, list | tuple) or not _LOSSES.issuperset(map(str, named)):
        return False
    return any(name in values for name in ("beta", "loss_type", "precompute_ref_log_probs"))
