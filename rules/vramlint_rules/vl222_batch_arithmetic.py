"""VL222."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class BatchArithmetic(ProblemRule):
    """The numbers of the batch do not multiply to what the file says.

    ## What it finds

    A whole batch that rows × accumulation × GPUs do not divide, a DeepSpeed file that says another batch
    than the file that names it, and two keys that each fix the batch.

    ## Why it matters

    DeepSpeed checks that `train_batch_size` is the product of rows a GPU, accumulation and GPUs, and stops
    where it is not. In the example 4 rows × 3 steps are 12, and no number of GPUs makes 32 of them.

    ## Example

    ```json
    {
      "train_batch_size": 32,
      "train_micro_batch_size_per_gpu": 4,
      "gradient_accumulation_steps": 3,
      "bf16": {"enabled": true},
      "zero_optimization": {"stage": 2}
    }
    ```

    ## Use instead

    ```json
    {
      "train_batch_size": 32,
      "train_micro_batch_size_per_gpu": 4,
      "gradient_accumulation_steps": 2,
      "bf16": {"enabled": true},
      "zero_optimization": {"stage": 2}
    }
    ```

    ## Fixes

    What the message says is to be written, where there is one such thing and no other error takes its place.
    The run is another one with it, so it is not called safe.
    """

    code = "VL222"
    name = "batch-arithmetic"
    severity = "error"
    summary = "rows, accumulation and GPUs do not make the batch"
