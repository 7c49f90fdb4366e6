"""VL107."""

from __future__ import annotations

from vramlint_rules._moments import MomentRule


class SavingPeak(MomentRule):
    """The sharded model is gathered on one GPU to be saved: the run fails at its first checkpoint.

    ## What it finds

    A sharded run whose saving is the worst moment, a tenth or more above the training step, where the step
    alone fits the declared GPU, or none is declared.

    ## Why it matters

    A checkpoint of one file needs the weights in one place. Some settings gather all of them on the GPU
    before they go to the disk. In the example 33 billion parameters are 61 GiB of bfloat16 on a GPU of 40,
    beside the shards, and the step needs 15.8. The first checkpoint comes after an hour or a day, and all of
    it is lost.

    ## Example

    ```yaml
    # vramlint: gpu=A100-40GB x8
    vramlint: 1
    model: Qwen/Qwen2.5-32B
    method: lora
    adapter: {r: 16}
    sequence_length: 1024
    gradient_checkpointing: full
    parallel: {strategy: zero3, data: 8, buckets: {reduce: 1.0e+8}}
    saving: device
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-40GB x8
    vramlint: 1
    model: Qwen/Qwen2.5-32B
    method: lora
    adapter: {r: 16}
    sequence_length: 1024
    gradient_checkpointing: full
    parallel: {strategy: zero3, data: 8, buckets: {reduce: 1.0e+8}}
    saving: sharded
    ```
    """

    code = "VL107"
    name = "saving-peak"
    severity = "information"
    summary = "saving needs more memory than the training step"
    moment = "save"
    fails = "at the first checkpoint"
    advice = "save a sharded checkpoint"
