"""VL418."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.rule import Rule
from vramlint_rules._fixes import checked


class AdapterDropout(Rule):
    """Dropout in front of the adapter costs a mask and a copy of every adapted layer's input.

    ## What it finds

    An adapter's dropout above 0 written in the file, in a run without checkpointing of its layers.

    ## Why it matters

    LoRA's dropout acts on the input of each adapted linear. What comes out is another tensor than the one
    that the base linear saves, so it is kept too, with a mask of a byte an element: 3 bytes an input element
    more in every adapted linear. Whether the run needs the dropout is its author's business, so the rule is
    asked for by name.

    ## Example

    ```yaml
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: lora
    adapter: {r: 16, dropout: 0.05}
    ```

    ## Use instead

    ```yaml
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: lora
    adapter: {r: 16, dropout: 0}
    ```

    ## Fixes

    No dropout. It changes what is trained, so it is not called safe.
    """

    code = "VL418"
    name = "adapter-dropout"
    severity = "hint"
    summary = "the adapter's dropout keeps a mask and a copy of each input"
    opt_in = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where it is written, and the layers' activations are kept."""
        job, key = context.job, context.key("adapter.dropout")
        if job is None or key is None or job.adapter is None or context.estimate is None:
            return
        if job.adapter.dropout > 0 and job.gradient_checkpointing == "none":
            yield self.finding(
                f"{context.called('adapter.dropout')} {job.adapter.dropout:g} keeps a mask and a copy of the "
                "input of each adapted layer: 0 keeps neither",
                key,
            )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Switch it off."""
        return checked(context, {"adapter.dropout": 0.0}, "no adapter dropout", safe=False)
