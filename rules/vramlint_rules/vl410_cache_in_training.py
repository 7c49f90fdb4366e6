"""VL410."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint_rules._degrees import size
from vramlint_rules.vl304_tf32_before_ampere import DIALECTS

_KEY = "use_cache"


class CacheInTraining(Rule):
    """The cache of keys and values, which serves generation, is on while training.

    ## What it finds

    `use_cache: true` among the keys of transformers' Trainer.

    ## Why it matters

    A forward pass that trains sees each row once and never reads the cache. The Trainer hands the key to the
    model's config (transformers 5.23, trainer.py: `self.model.config.use_cache = self.args.use_cache`).
    Without checkpointing each layer then appends its keys and values to an empty cache, which copies them: in
    the example 2 × 8 heads × 64 × 2,048 tokens × 2 bytes × 16 layers. With checkpointing the models switch
    it off and warn at every start.

    ## Example

    ```yaml
    model_name_or_path: meta-llama/Llama-3.2-1B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    max_length: 2048
    bf16: true
    dtype: bfloat16
    use_cache: true
    ```

    ## Use instead

    ```yaml
    model_name_or_path: meta-llama/Llama-3.2-1B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    max_length: 2048
    bf16: true
    dtype: bfloat16
    use_cache: false
    ```

    ## Fixes

    `use_cache: false`, the default. The training is the same.
    """

    code = "VL410"
    name = "cache-in-training"
    severity = "information"
    summary = "the cache for generation is on while training"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where the Trainer's own key is true."""
        job, values = context.job, context.values
        if job is None or context.dialect is None or context.dialect.name not in DIALECTS:
            return
        if not isinstance(values, Mapping) or values.get(_KEY) is not True:
            return
        if job.gradient_checkpointing != "none":
            fate = "gradient checkpointing switches it off again"
        else:
            copied = _copied(context)
            fate = f"it copies all keys and values{f', {gib(copied)} GiB' if copied else ''}"
        yield self.finding(f"{_KEY}: true serves generation only, and {fate}: set it to false", (_KEY,))

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Switch it off."""
        from vramlint.dialects.kit.dialect import SetKey  # imported late: only fixes need it
        from vramlint.lint.editing import edits_of_keys

        edits = edits_of_keys(context.document, (SetKey((_KEY,), False),))
        if edits:
            yield Fix(f"set {_KEY} to false", edits, safe=True)


def _copied(context: RuleContext) -> int:
    """Bytes of all keys and values of a micro batch in 16 bits; 0 where the model does not say."""
    job = context.job
    if job is None:
        return 0
    layers, heads = size(job, "num_hidden_layers"), size(job, "num_attention_heads")
    hidden = size(job, "hidden_size")
    if layers is None or heads is None or hidden is None:
        return 0
    width = (size(job, "head_dim") or hidden // heads) * (size(job, "num_key_value_heads") or heads)
    return 4 * job.micro_batch_size * job.sequence_length * width * layers
