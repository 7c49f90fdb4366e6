"""VL101."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.document.edit import TextEdit
from vramlint.explain.verdict import needs
from vramlint.job import Assumed
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.rule import Rule
from vramlint_rules._fit import blame, or_expandable


class DoesNotFit(Rule):
    """The run needs more memory than the declared GPU has.

    ## What it finds

    A training step whose peak is above what the GPU can give, even at the low end of the estimate's error
    band. The place is the key whose smallest change buys most; the message says what it keeps, and the other
    keys that feed the sum are named with their shares. It is silent while no GPU is declared.

    ## Why it matters

    The run ends with an out-of-memory error, often only in the first backward pass, after the model was
    loaded and the data tokenized. For the example: full fine-tuning in bf16 keeps 2 bytes of weights, 2 of
    gradients and 4 of AdamW's moments for each of 7.2 billion parameters. That is 54 GiB before a single
    activation, and an RTX 4090 has 23.5.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: mistralai/Mistral-7B-v0.1
    method: full
    micro_batch_size: 1
    sequence_length: 1024
    gradient_checkpointing: full
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: mistralai/Mistral-7B-v0.1
    method: qlora
    adapter: {r: 16}
    micro_batch_size: 1
    sequence_length: 1024
    gradient_checkpointing: full
    ```

    ## Where the length, the engine or the model is not known

    A file may leave the length of the longest sample open, or how its several GPUs share the run: FSDP and
    DeepSpeed are often named only on the command line. It is then assumed, the message says so, and the
    finding is a warning. A launch line of the workspace that names the file is read: `accelerate launch
    --config_file zero3.yaml train.py --config sft.yaml`. The same holds where the engine's own file is
    missing (VL904), and where the model is assumed from its name.

    ## Fixes

    The changes offered are tried first: each one is written into the file, the file is read and estimated
    again, and only what then fits and brings no error or warning is offered. What trains the same comes
    first, such as a smaller micro batch with more accumulation; then what rounds differently, then another
    method, then shorter sequences. Only the first kind is ever applied by "fix all". If no change is found,
    the smallest GPU is named that the run fits as it is, in the declared number; a person may declare it.
    """

    code = "VL101"
    name = "does-not-fit"
    severity = "error"
    summary = "the run needs more memory than the GPU has"
    needs_verdict = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Speak only where it cannot fit even at the low end of the band."""
        job, estimate, gpu = context.job, context.estimate, context.gpu
        if job is None or estimate is None or gpu is None or context.verdict != "does_not_fit":
            return
        why = blame(context, job, estimate, gpu.usable_bytes)
        decisive = (job.origins.get(field) for field in ("sequence_length", "parallel.strategy", "loop"))
        guesses = [str(origin) for origin in decisive if isinstance(origin, Assumed)]
        guesses += _without(context) + ([job.model.source] if job.model.spread else [])
        guessed = f" ({'; '.join(guesses)})" if guesses else ""
        yield self.finding(
            f"{needs(estimate, gpu)}: {why.reason}{guessed}{or_expandable(estimate)}",
            why.key,
            severity="warning" if guessed else None,
            related=why.related,
        )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Changes that were checked to fit; where there are none, another GPU to declare."""
        from vramlint.lint.fit_fixes import checked_fixes  # imported late: only fixes need it

        found = False
        for fix in checked_fixes(context):
            found = True
            yield fix
        if not found:
            yield from _larger(context)


def _larger(context: RuleContext) -> Iterator[Fix]:
    """The smallest GPU that the run fits, to be declared in the place of the one that the file declares."""
    said, declared, estimate = context.directives.gpu, context.declared, context.estimate
    if said is None or declared is None or declared.gpu is None or declared.nodes > 1 or estimate is None:
        return
    from vramlint.catalog.gpus import widely_had  # imported late: only fixes need the table

    count = f" x{declared.count}" if declared.count > 1 else ""
    for gpu in widely_had(declared.gpu.vendor):
        if gpu.usable_bytes < estimate.low_bytes:
            continue
        span = said[1]
        edits = (TextEdit(span.start, span.end, f"{gpu.name.replace(' ', '-')}{count}"),)
        if context.recheck(edits).fits:
            yield Fix(f"declare {gpu.name}{count}, which it fits", edits, by_hand=True)
            return


def _without(context: RuleContext) -> list[str]:
    """The engine's file that the estimate is made without, in words."""
    missing = context.reading.missing_companions if context.reading else ()
    if not missing or context.dialect is None:
        return []
    key, name = missing[0]
    if context.key("parallel.strategy") == key:
        return [f"with the '{name}' that comes with {context.dialect.title}"]
    return [f"without '{name}', which is not in the workspace"]
