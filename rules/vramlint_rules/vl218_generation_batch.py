"""VL218."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.job import Generation
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.versions import at_least
from vramlint_rules._problems import ProblemRule

_OWN_SIZE = ("generation_batch_size", "steps_per_generation")


class GenerationBatch(ProblemRule):
    """The batch of completions does not hold whole groups.

    ## What it finds

    GRPO in TRL or Axolotl with a number of completions that does not divide the generation batch, with fewer
    than two completions a prompt, or with the batch's size given twice. Where the GPUs are declared, TRL's
    own size is worked out: rows a GPU × GPUs × accumulation.

    ## Why it matters

    GRPO compares the completions of one prompt with each other, so all of them must be in one batch: TRL
    refuses a `generation_batch_size` that is not a multiple of `num_generations`, and one completion alone
    has nothing to be compared with. In the example 30 completions are 3 groups of 8 and 6 that belong to
    none.

    ## Example

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/tldr
    output_dir: ./outputs
    per_device_train_batch_size: 2
    gradient_checkpointing: true
    max_completion_length: 256
    dtype: bfloat16
    num_generations: 8
    generation_batch_size: 30
    ```

    ## Use instead

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/tldr
    output_dir: ./outputs
    per_device_train_batch_size: 2
    gradient_checkpointing: true
    max_completion_length: 256
    dtype: bfloat16
    num_generations: 8
    generation_batch_size: 32
    ```
    """

    code = "VL218"
    name = "generation-batch"
    severity = "error"
    summary = "the batch of completions does not hold whole groups"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """What the dialect says; else TRL's own size of the batch, which counts all GPUs."""
        said = list(super().check(context))
        if said:
            yield from said
            return
        job, declared, dialect = context.job, context.declared, context.dialect
        key = context.key("generation.completions")
        if job is None or job.generation is None or declared is None or dialect is None or key is None:
            return
        if dialect.name != "trl" or job.objective != "grpo" or not declared.counted:
            return
        if any(name in context.values for name in _OWN_SIZE) or not _counts(context, job.generation):
            return
        gpus = job.parallel.data * job.parallel.replicate
        steps, completions = job.gradient_accumulation_steps, job.generation.completions
        rows = job.micro_batch_size * gpus * steps
        if rows % completions == 0:
            return
        batch = context.quoted("micro_batch_size", job.micro_batch_size)
        yield self.finding(
            f"{batch} × {gpus} GPUs × {steps} accumulation steps are {rows} completions, which is not a "
            f"multiple of {context.called('generation.completions')} {completions}: GRPO refuses it",
            key,
        )


def _counts(context: RuleContext, generation: Generation) -> bool:
    """Whether all declared GPUs train, in a release that counts the batch so (trl 0.18, grpo_config.py)."""
    trains = generation.colocated or generation.engine == "in-process"
    return trains and context.reading is not None and at_least(context.reading.version, "0.18")
