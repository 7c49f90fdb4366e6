"""VL417."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.dialects.kit.dialect import UNSET
from vramlint.dialects.kit.reader import look_up
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import count, gib
from vramlint.lint.rule import Rule
from vramlint_rules._degrees import size

_WORTH = 2**30
_LARGE = ("embed_tokens", "lm_head", "wte", "embed_in", "embed_out", "word_embeddings")
"""Modules of vocabulary × width."""
_KEYS = ("lora_modules_to_save", "modules_to_save", "additional_target")


class WholeModules(Rule):
    """The adapter run trains embeddings or output head whole.

    ## What it finds

    `modules_to_save` with modules as large as the vocabulary, where their copies, gradients and states take 1
    GiB or more.

    ## Why it matters

    PEFT keeps the frozen original and trains a copy beside it. A copy in bfloat16 takes 2 bytes a weight, its
    gradient 2, AdamW's moments 4. In the example 2 × 152,064 × 3,584 weights are 1.09 billion, 8.4 GiB, and
    the adapter itself is 40 million. It pays where tokens were added to the vocabulary; else the
    adapter learns as well without. PEFT's `trainable_token_indices` trains the rows of new tokens only.

    ## Example

    ```yaml
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    method: lora
    adapter: {r: 16, modules_to_save: [embed_tokens, lm_head]}
    gradient_checkpointing: full
    ```

    ## Use instead

    ```yaml
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    method: lora
    adapter: {r: 16}
    gradient_checkpointing: full
    ```
    """

    code = "VL417"
    name = "whole-modules"
    severity = "information"
    summary = "an adapter run trains embeddings or head whole"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Work out what the large modules take."""
        job, estimate = context.job, context.estimate
        if job is None or estimate is None or job.adapter is None:
            return
        large = [name for name in job.adapter.modules_to_save if name.rpartition(".")[2] in _LARGE]
        vocabulary, width = size(job, "vocab_size"), size(job, "hidden_size", "n_embd")
        if not large or vocabulary is None or width is None:
            return
        weights = len(large) * vocabulary * width
        sizes, trained = estimate.component_sizes, max(estimate.trainable_parameters, weights)
        kept = weights / trained * (2 * sizes["gradients"] + sizes["optimizer_states"])
        named = next(((name,) for name in _KEYS if look_up(context.values, name) is not UNSET), None)
        key = named or context.key("adapter.modules_to_save") or context.key("method")
        if key is None or kept < _WORTH:
            return
        yield self.finding(
            f"{' and '.join(large)} {'are' if len(large) > 1 else 'is'} trained whole beside the adapter: "
            f"{count(weights)} weights, about {gib(kept)} GiB with gradients and states; needed "
            "only where the vocabulary changes",
            key,
        )
