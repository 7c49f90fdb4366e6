"""VL111."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.job import Assumed
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.rule import Rule
from vramlint.memory.estimate import STEP_MOMENTS

_MARGIN = 2.0
"""Times the assumed length up to which a run that fits must go on fitting for the rule to be silent."""


class AssumedToFit(Rule):
    """The run fits, but only with something that the file does not say.

    ## What it finds

    A run that fits the declared GPU with an assumed length of its rows and not with rows twice as long; and
    one that fits with a model that is assumed from its name, and not with the largest that the name can mean.

    ## Why it matters

    "Fits" is only as good as the values it was worked out from. Where no key cuts the samples, the longest
    decides, and no config says how long that is. In the example no length is written, 2,048 tokens are
    taken, and from about 2,700 on the run does not fit.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-4090
    model:
      _component_: torchtune.models.llama3_2.llama3_2_1b
    tokenizer:
      _component_: torchtune.models.llama3.llama3_tokenizer
      path: /tmp/Llama-3.2-1B/original/tokenizer.model
      max_seq_len: null
    dataset:
      _component_: torchtune.datasets.alpaca_dataset
    checkpointer:
      _component_: torchtune.training.FullModelHFCheckpointer
      checkpoint_dir: /tmp/Llama-3.2-1B
      checkpoint_files: [model.safetensors]
      model_type: LLAMA3_2
      output_dir: /tmp/out
    optimizer:
      _component_: torch.optim.AdamW
      fused: true
    loss:
      _component_: torchtune.modules.loss.LinearCrossEntropyLoss
    batch_size: 2
    epochs: 1
    dtype: bf16
    device: cuda
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-4090
    model:
      _component_: torchtune.models.llama3_2.llama3_2_1b
    tokenizer:
      _component_: torchtune.models.llama3.llama3_tokenizer
      path: /tmp/Llama-3.2-1B/original/tokenizer.model
      max_seq_len: 2048
    dataset:
      _component_: torchtune.datasets.alpaca_dataset
    checkpointer:
      _component_: torchtune.training.FullModelHFCheckpointer
      checkpoint_dir: /tmp/Llama-3.2-1B
      checkpoint_files: [model.safetensors]
      model_type: LLAMA3_2
      output_dir: /tmp/out
    optimizer:
      _component_: torch.optim.AdamW
      fused: true
    loss:
      _component_: torchtune.modules.loss.LinearCrossEntropyLoss
    batch_size: 2
    epochs: 1
    dtype: bf16
    device: cuda
    ```
    """

    code = "VL111"
    name = "assumed-to-fit"
    severity = "information"
    summary = "the run fits only with something that the file does not say"
    needs_verdict = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Say what is assumed, and from where on the verdict is another."""
        job, estimate, gpu = context.job, context.estimate, context.gpu
        if job is None or estimate is None or gpu is None or context.verdict != "fits":
            return
        limit = gpu.usable_bytes / (1 + estimate.error_band)
        if job.model.spread and estimate.device_bytes * (1 + job.model.spread) > limit:
            yield self.finding(
                f"fits only if the model is what its name says: {job.model.source}, and the largest that it "
                f"can mean is {job.model.spread:.0%} larger; name a folder with a config.json",
                context.key("model") or (),
            )
        assumed = job.origins.get("sequence_length")
        activations = estimate.components["activations"]
        if not isinstance(assumed, Assumed) or estimate.worst.name not in STEP_MOMENTS or not activations:
            return
        room = (limit - (estimate.device_bytes - activations)) / activations
        if room >= _MARGIN:
            return
        longest = int(job.sequence_length * room) // 100 * 100
        yield self.finding(
            f"fits with rows of {job.sequence_length:,} tokens ({gib(estimate.device_bytes)} GiB), which is "
            f"assumed: {assumed}; on {gpu_name(gpu)} rows of more than about {longest:,} tokens do not fit",
            context.key("micro_batch_size") or context.key("model") or (),
        )
