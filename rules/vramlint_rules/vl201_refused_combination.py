"""VL201."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Problem
from vramlint_rules._problems import CLAIMED, ProblemRule


class RefusedCombination(ProblemRule):
    """Keys that the framework refuses together.

    ## What it finds

    Combinations of keys on which the framework itself stops with an error, as its validators are written in
    the version assumed. The message says which keys contradict each other.

    ## Why it matters

    The check runs after the machine is rented and the environment built; the contradiction can be seen now.

    ## Example

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    adapter: qlora
    load_in_8bit: true
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    ```

    ## Use instead

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    adapter: qlora
    load_in_4bit: true
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    ```

    ## Fixes

    What the message says is to be written, where there is one such thing and no other error takes its place.
    The run is another one with it, so it is not called safe.
    """

    code = "VL201"
    name = "refused-combination"
    severity = "error"
    summary = "the framework refuses these keys together"

    def takes(self, problem: Problem) -> bool:
        """What stops the framework and has no rule of its own."""
        return problem.severity == "error" and problem.kind not in CLAIMED
