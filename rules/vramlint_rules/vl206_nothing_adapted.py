"""VL206."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule


class NothingAdapted(Rule):
    """The adapter's targets match no layer of the model.

    ## What it finds

    Target modules that are the name of no linear layer: a typing error, another family's names, or an
    expression that does not match the whole name.

    ## Why it matters

    PEFT compares a list with the end of each module's name, and an expression with all of it: the query
    projection of a Llama is `model.layers.0.self_attn.q_proj`. Where nothing matches, it stops the run.

    ## Example

    ```yaml
    base_model: meta-llama/Llama-3.2-1B
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_modules: 'self_attn.(q|k|v|o)_proj'
    ```

    ## Use instead

    ```yaml
    base_model: meta-llama/Llama-3.2-1B
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_modules: 'model.layers.[0-9]+.self_attn.(q|k|v|o)_proj'
    ```
    """

    code = "VL206"
    name = "nothing-adapted"
    severity = "error"
    summary = "the adapter's targets match no layer"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where the memory model found no layer for the adapter, and the targets are written in the file."""
        cannot = context.cannot
        if cannot is None or cannot.code != "nothing-adapted" or not cannot.key:
            return
        yield self.finding(
            f"{cannot.message}: PEFT stops the run; names are like `model.layers.0.self_attn.q_proj`",
            cannot.key,
        )
