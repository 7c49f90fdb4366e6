"""VL202."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Problem
from vramlint_rules._problems import CLAIMED, ProblemRule


class NoEffect(ProblemRule):
    """A setting that the framework overrides, ignores, or only takes together with another.

    ## What it finds

    Keys that are known and well typed and still do not do what they say, because another key decides first.

    ## Why it matters

    The file promises memory that the run does not save. Whoever reads it plans with the wrong number.

    ## Example

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    attn_implementation: flash_attention_2
    liger_fused_linear_cross_entropy: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    ```

    ## Use instead

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    attn_implementation: flash_attention_2
    plugins: [axolotl.integrations.liger.LigerPlugin]
    liger_fused_linear_cross_entropy: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    ```
    """

    code = "VL202"
    name = "no-effect"
    severity = "warning"
    summary = "the framework does not do what this key says"

    def takes(self, problem: Problem) -> bool:
        """What does not stop the framework and has no rule of its own."""
        return problem.severity != "error" and problem.kind not in CLAIMED
