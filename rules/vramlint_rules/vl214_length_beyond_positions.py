"""VL214."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.dialects.kit.dialect import UNSET
from vramlint.dialects.kit.reader import look_up
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import model_name
from vramlint.lint.rule import Rule
from vramlint_rules._degrees import size

_LEARNED = frozenset(
    {
        "albert", "bart", "bert", "biogpt", "convbert", "distilbert", "electra", "ernie", "gpt2",
        "gpt_bigcode", "gpt_neo", "mbart", "mobilebert", "opt", "roberta", "xlm-roberta",
    }
)  # fmt: skip
"""Types of models with a learned vector a position (transformers 5.23: an nn.Embedding of that many rows)."""
_PADDED = frozenset({"roberta", "xlm-roberta"})
"""Of them those that count positions from after the padding's own, so that two rows are never used."""
_SCALING = ("rope_scaling", "rope_parameters", "overrides_of_model_config", "overrides_of_model_kwargs")
_BUDGET = "token_len_per_gpu"
"""In verl's keys of what a micro batch is filled to: rows are put one after another, and none is so long."""


class LengthBeyondPositions(Rule):
    """Rows are longer than the model has positions.

    ## What it finds

    A written length above the model's `max_position_embeddings`. It is an error where positions are learned
    vectors (GPT-2, OPT, BERT), and information where they are rotations and the file scales none.

    ## Why it matters

    A model with learned positions has a table of that many rows: the first longer sample reads past its end
    and stops the run with a device-side assertion, whenever it comes. Rotations go on, but to angles that
    the model has never seen, and the activations of tokens that it cannot use are paid for in full. The
    example plans 2,048 tokens for a table of 1,024.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: openai-community/gpt2
    sequence_length: 2048
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: openai-community/gpt2
    sequence_length: 1024
    ```
    """

    code = "VL214"
    name = "length-beyond-positions"
    severity = "error"
    summary = "rows are longer than the model has positions"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Compare a written length with the positions."""
        job, key = context.job, context.key("sequence_length")
        if job is None or key is None or job.model.spread or _BUDGET in str(key[-1]):
            return
        kind, positions = job.model.model_type, size(job, "max_position_embeddings", "n_positions")
        if positions is None:
            return
        positions -= 2 * (kind in _PADDED)
        if job.sequence_length <= positions:
            return
        called = context.quoted("sequence_length", job.sequence_length)
        learned = kind in _LEARNED
        if not learned and any(look_up(context.values, name) is not UNSET for name in _SCALING):
            return
        fate = (
            "the first longer row stops the run"
            if learned
            else "it was trained on no more, and its rotations are not scaled"
        )
        yield self.finding(
            f"{called} is beyond the {positions} positions of {model_name(job.model)}: {fate}; use "
            f"{positions}",
            key,
            severity=None if learned else "information",
        )
