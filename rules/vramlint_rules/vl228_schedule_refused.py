"""VL228."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class ScheduleRefused(ProblemRule):
    """The run's schedule contradicts itself.

    ## What it finds

    Two keys that each say when to save, evaluate or warm up; data without an end and no number of steps;
    evaluation without data for it; a number of steps with a fraction.

    ## Why it matters

    The frameworks refuse the file before they load anything. How many steps there are also decides how
    often a checkpoint is written, and what the run leaves on the disk.

    ## Example

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    attn_implementation: flash_attention_2
    bf16: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    gradient_checkpointing: true
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    num_epochs: 1
    saves_per_epoch: 2
    save_steps: 100
    ```

    ## Use instead

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    attn_implementation: flash_attention_2
    bf16: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    gradient_checkpointing: true
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    num_epochs: 1
    saves_per_epoch: 2
    ```
    """

    code = "VL228"
    name = "schedule-refused"
    severity = "error"
    summary = "the run's schedule contradicts itself"
