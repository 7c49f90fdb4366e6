"""VL601."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.job import TrainingJob
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint.memory import CannotEstimate
from vramlint.memory.broken_releases import BrokenRelease, broken_releases
from vramlint.memory.versions import version_of


class BrokenReleaseRule(Rule):
    """A library's release is known to hold much more memory in such a run than the ones before and after it.

    ## What it finds

    A declared release, or one that a framework's release brings along, with a fault that this run meets:

    - DeepSpeed 0.16.0 to 0.16.7 under ZeRO-3 with checkpointing that is not reentrant: what is gathered for a
      layer's backward stays until the optimizer's step (issue 7116), so that each GPU ends up with the whole
      model in 16 bit;
    - Accelerate 1.8 to 1.14 under FSDP2 with `activation_checkpointing`: the norms, attention and MLP of a
      layer are checkpointed each by itself (pull request 4172), so that four tensors a layer stay, not one;
    - transformers 5.0 to 5.3 where bitsandbytes quantizes the weights: threads read them to the GPU in 16 bit
      while the first still wait to be quantized. How many are there at one time depends on the disk and the
      processor: at most all.

    ## Why it matters

    The estimate counts what these releases do. An 8 B model holds 15 GiB of gathered weights at the end of
    backward; a checkpointed layer of width 4,096 keeps 32 KiB a token in place of 8; a 32 B model that trains
    in 22 GiB may need 63 to load.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x8 versions=accelerate@1.14
    model_name_or_path: Qwen/Qwen2.5-7B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 8
    gradient_checkpointing: false
    bf16: true
    fsdp: full_shard auto_wrap
    fsdp_config:
      fsdp_version: 2
      activation_checkpointing: true
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x8 versions=accelerate@1.15
    model_name_or_path: Qwen/Qwen2.5-7B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 8
    gradient_checkpointing: false
    bf16: true
    fsdp: full_shard auto_wrap
    fsdp_config:
      fsdp_version: 2
      activation_checkpointing: true
    ```
    """

    code = "VL601"
    name = "broken-release"
    severity = "warning"
    summary = "a release is known to hold much more memory in such a run"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Speak where a newer release would hold less."""
        job, estimate = context.job, context.estimate
        if job is None or estimate is None:
            return
        for broken in broken_releases(job):
            saved = estimate.device_bytes - (_device_bytes(job, broken) or estimate.device_bytes)
            key = context.key(broken.field) or context.key("parallel.strategy") or context.key("model")
            if saved <= 0 or key is None or (broken.at_most and context.fits):
                continue
            release, most = version_of(broken.library, job), "up to " if broken.at_most else ""
            yield self.finding(
                f"{broken.library} {release} {broken.does}: {most}{gib(saved)} GiB more than with "
                f"{broken.fixed}; use {broken.library} {broken.fixed} or newer",
                key,
            )


def _device_bytes(job: TrainingJob, broken: BrokenRelease) -> int | None:
    from vramlint.memory import estimate_job  # imported late: few files get here

    try:
        return estimate_job(broken.without(job)).device_bytes
    except CannotEstimate:
        return None
