"""VL406."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint_rules._degrees import size
from vramlint_rules._fixes import checked

_WORTH = 2**28
"""Bytes of scores in one layer that are worth a word."""
_SOFTCAP = ("attn_logit_softcapping", "attn_logit_softcap")
_WITHOUT_SDPA = frozenset(
    {
        "bloom", "codegen", "deberta-v2", "deepseek_v4", "gemma2", "gpt_neo", "gpt_oss", "gptj",
        "granite_swa", "mimo_v2_flash", "mpnet", "mpt",
    }
)  # fmt: skip
"""Types of models without `_supports_sdpa` (transformers 5.23, models/*/modeling_*.py)."""


class EagerAttention(Rule):
    """Eager attention keeps the scores of every pair of tokens.

    ## What it finds

    `eager` attention written in the file, where the scores of one layer take 256 MiB or more. Models that
    have no other attention in transformers, or cap their scores (Gemma 2), are left alone.

    ## Why it matters

    Rows × heads × length² scores are written to memory, in 16 bits and for the softmax in float32, and kept
    for the backward pass. In the example 4 × 15 heads × 2,048² × 2 bytes are 480 MiB, twice and more in each
    layer that is not checkpointed. SDPA and FlashAttention compute the same in tiles and keep none.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    sequence_length: 2048
    micro_batch_size: 4
    gradient_checkpointing: full
    attention: eager
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    sequence_length: 2048
    micro_batch_size: 4
    gradient_checkpointing: full
    attention: sdpa
    ```

    ## Fixes

    SDPA. The sums are the same, to rounding.
    """

    code = "VL406"
    name = "eager-attention"
    severity = "warning"
    summary = "eager attention keeps heads × length² scores"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Only where the file itself asks for it."""
        job, estimate, key = context.job, context.estimate, context.key("attention")
        if job is None or estimate is None or key is None or job.attention not in ("eager", "sdpa-math"):
            return
        if job.model.model_type in _WITHOUT_SDPA or not estimate.modelled:
            return
        heads = size(job, "num_attention_heads", "n_head")
        if heads is None or size(job, *_SOFTCAP) is not None or job.model.config.get(_SOFTCAP[0]):
            return
        scores = 2 * job.micro_batch_size * heads * job.sequence_length**2
        if scores < _WORTH:
            return
        rows = f"{job.micro_batch_size} × " if job.micro_batch_size > 1 else ""
        yield self.finding(
            f"{job.attention} attention keeps {rows}{heads} heads × {job.sequence_length}² scores, "
            f"{gib(scores)} GiB a layer in 16 bits and more for the softmax: sdpa keeps none",
            key,
        )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Use SDPA."""
        return checked(context, {"attention": "sdpa"}, "use SDPA attention", safe=True)
