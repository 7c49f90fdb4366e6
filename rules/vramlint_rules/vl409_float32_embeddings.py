"""VL409."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint_rules._degrees import size

_WORTH = 2**28


class Float32Embeddings(Rule):
    """The choice of attention leaves embeddings and output head in float32.

    ## What it finds

    An Axolotl run that trains all weights with an attention for which Axolotl keeps embeddings, head and
    norms in float32, where that costs 256 MiB or more.

    ## Why it matters

    Axolotl casts these modules to the run's dtype only where FlashAttention needs it (loaders/model.py,
    `_convert_embedding_modules_dtype`). Left in float32 they take 16 bytes a trained weight with their
    gradients and moments instead of 8. In the example 128,256 × 2,048 weights, which serve as the head too,
    are 3.9 GiB instead of 2.

    ## Example

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    attn_implementation: sdpa
    bf16: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    gradient_checkpointing: true
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
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
    ```
    """

    code = "VL409"
    name = "float32-embeddings"
    severity = "information"
    summary = "the choice of attention leaves the embeddings in float32"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where embeddings or head are kept wide beside 16-bit weights, because of the attention."""
        job = context.job
        if job is None or context.estimate is None or job.precision.weights == "float32":
            return
        if context.dialect is None or context.dialect.name != "axolotl":
            return
        wide = set(job.precision.fp32_modules) & {"embeddings", "head"}
        vocabulary, width = size(job, "vocab_size"), size(job, "hidden_size", "n_embd")
        key = context.key("attention") or context.key("model")
        if size(job, "num_attention_heads", "n_head") is None:
            return
        if not wide or vocabulary is None or width is None or key is None:
            return
        tied = job.model.config.get("tie_word_embeddings", False)
        matrices = 1 if tied else len(wide)
        extra = 8 * matrices * vocabulary * width
        if extra >= _WORTH:
            shape = f"{matrices} × " if matrices > 1 else ""
            yield self.finding(
                f"with {job.attention} attention embeddings and head stay in float32: {shape}{vocabulary:,} "
                f"× {width:,} weights take {gib(extra)} GiB more with gradients and moments; "
                "flash_attention_2 keeps them in 16 bits",
                key,
            )
