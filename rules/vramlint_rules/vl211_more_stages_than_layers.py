"""VL211."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import model_name
from vramlint.lint.rule import Rule
from vramlint_rules._degrees import said_already, size


class MoreStagesThanLayers(Rule):
    """The pipeline has more stages than the model has layers.

    ## What it finds

    Stages, times the chunks of each, above the number of layers.

    ## Why it matters

    A stage without a layer has nothing to compute: torchtitan and Megatron refuse to build it. The example
    has 16 layers for 4 stages of 8 chunks, 32 places.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x4
    vramlint: 1
    model: meta-llama/Llama-3.2-1B
    gradient_accumulation_steps: 8
    parallel: {pipeline: 4, virtual_pipeline: 8, schedule: interleaved}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x4
    vramlint: 1
    model: meta-llama/Llama-3.2-1B
    gradient_accumulation_steps: 8
    parallel: {pipeline: 4, virtual_pipeline: 2, schedule: interleaved}
    ```
    """

    code = "VL211"
    name = "more-stages-than-layers"
    severity = "error"
    summary = "the pipeline has more stages than the model has layers"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Compare stages and their chunks with the layers."""
        job, key = context.job, context.key("parallel.pipeline")
        if job is None or key is None or said_already(context, key):
            return
        layers = size(job, "num_hidden_layers", "n_layer", "n_layers")
        stages = job.parallel.pipeline * job.parallel.virtual_pipeline
        if layers is None or stages <= layers:
            return
        chunks = job.parallel.virtual_pipeline
        product = f" × {chunks} chunks = {stages}" if chunks > 1 else ""
        yield self.finding(
            f"{context.called('parallel.pipeline')} {job.parallel.pipeline}{product} is more than the "
            f"{layers} layers of {model_name(job.model)}",
            key,
        )
