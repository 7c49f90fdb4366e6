"""VL108."""

from __future__ import annotations

from vramlint_rules._moments import MomentRule


class GenerationPeak(MomentRule):
    """Making completions needs more memory than training on them.

    ## What it finds

    An online method (GRPO, RLOO, PPO) whose generation is the worst moment, a tenth or more above the
    training step, where the step alone fits the declared GPU, or none is declared.

    ## Why it matters

    Completions are made in larger batches than they are trained on. Each token of each row that is generated
    keeps its keys and values in every layer; an engine on the same GPU takes its share of the whole of it.
    In the example 256 rows of 4,096 tokens keep 29 GiB, and the step needs 7.1.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    objective: grpo
    method: lora
    adapter: {r: 16}
    sequence_length: 4096
    gradient_checkpointing: full
    generation: {engine: in-process, batch: 256, completion_length: 2048}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    objective: grpo
    method: lora
    adapter: {r: 16}
    sequence_length: 4096
    gradient_checkpointing: full
    generation: {engine: in-process, batch: 32, completion_length: 2048}
    ```
    """

    code = "VL108"
    name = "generation-peak"
    severity = "information"
    summary = "generation needs more memory than the training step"
    moment = "generation"
    fails = "while generating the first completions"
    advice = "generate fewer rows at once, or give the engine a smaller share"
