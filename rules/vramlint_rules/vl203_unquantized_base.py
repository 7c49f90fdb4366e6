"""VL203."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class UnquantizedBase(ProblemRule):
    """The file asks for a quantized base, and the framework loads a full one.

    ## What it finds

    Axolotl quantizes to 4 bits for `adapter: qlora` only. With `adapter: lora` and `load_in_4bit: true` it
    drops the 4-bit loading, and the base is held in float32.

    ## Why it matters

    For 8 billion parameters that is 30 GiB of weights where 5.5 were planned: eight times too much.

    ## Example

    ```yaml
    base_model: NousResearch/Meta-Llama-3-8B
    adapter: lora
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

    ## Use instead

    ```yaml
    base_model: NousResearch/Meta-Llama-3-8B
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

    code = "VL203"
    name = "unquantized-base"
    severity = "warning"
    summary = "the base is not quantized although the file asks for it"
