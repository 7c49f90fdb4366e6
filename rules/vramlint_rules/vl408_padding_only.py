"""VL408."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.rule import Rule

_PADS, _PACKS = "pad_to_sequence_len", "sample_packing"


class PaddingOnly(Rule):
    """Every row is padded to the full length, and nothing is packed into it.

    ## What it finds

    Axolotl's `pad_to_sequence_len: true` without `sample_packing: true`.

    ## Why it matters

    A sample of 300 tokens becomes a row of `sequence_len`: at 4,096 the other 3,796 are padding, which goes
    through all layers and is kept for the backward pass like any token. Padding to the full length keeps
    packed rows at one size. Alone it makes every batch as expensive as the longest one. Without it a batch is
    padded to its own longest sample.

    ## Example

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 4096
    sample_packing: false
    pad_to_sequence_len: true
    bf16: true
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    ```

    ## Use instead

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 4096
    sample_packing: false
    pad_to_sequence_len: false
    bf16: true
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    ```

    ## Fixes

    `pad_to_sequence_len: false`. The loss does not see padding, so the training is the same.
    """

    code = "VL408"
    name = "padding-only"
    severity = "information"
    summary = "rows are padded to the full length and not packed"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where padding is written, and packing is not on."""
        job, values = context.job, context.values
        if job is None or context.dialect is None or context.dialect.name != "axolotl":
            return
        if isinstance(values, Mapping) and values.get(_PADS) is True and not values.get(_PACKS):
            yield self.finding(
                f"{_PADS}: true without {_PACKS} makes every row {job.sequence_length:,} tokens long, most "
                f"of them padding that costs memory and time: set it to false, or {_PACKS} to true",
                (_PADS,),
            )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Pad to the batch's own longest sample."""
        from vramlint.dialects.kit.dialect import SetKey  # imported late: only fixes need it
        from vramlint.lint.editing import edits_of_keys

        edits = edits_of_keys(context.document, (SetKey((_PADS,), False),))
        if edits:
            yield Fix(f"set {_PADS} to false", edits, safe=True)
