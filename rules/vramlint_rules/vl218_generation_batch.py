"""VL218."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class GenerationBatch(ProblemRule):
    """The batch of completions does not hold whole groups.

    ## What it finds

    GRPO in TRL or Axolotl with a number of completions that does not divide the generation batch, with
    fewer than two completions a prompt, or with the batch's size given twice.

    ## Why it matters

    GRPO compares the completions of one prompt with each other, so all of them must be in one batch: TRL
    refuses a `generation_batch_size` that is not a multiple of `num_generations`, and one completion alone
    has nothing to be compared with. In the example 30 completions are 3 groups of 8 and 6 that belong to
    none.

    ## Example

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/tldr
    output_dir: ./outputs
    per_device_train_batch_size: 2
    gradient_checkpointing: true
    max_completion_length: 256
    dtype: bfloat16
    num_generations: 8
    generation_batch_size: 30
    ```

    ## Use instead

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/tldr
    output_dir: ./outputs
    per_device_train_batch_size: 2
    gradient_checkpointing: true
    max_completion_length: 256
    dtype: bfloat16
    num_generations: 8
    generation_batch_size: 32
    ```
    """

    code = "VL218"
    name = "generation-batch"
    severity = "error"
    summary = "the batch of completions does not hold whole groups"
