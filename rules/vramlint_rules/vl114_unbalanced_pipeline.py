"""VL114."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule


class UnbalancedPipeline(Rule):
    """The model's layers cannot be shared evenly by the stages of the pipeline.

    ## What it finds

    A pipeline whose stages, or their chunks, do not divide the number of layers.

    ## Why it matters

    All stages wait for the slowest and the memory is planned for the fullest. In the example 32 layers over
    5 stages give some of them 7 and others 6: the smaller ones idle a seventh of the time, and what they have
    free cannot be used. Megatron refuses such a number unless it is told how to split.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x5
    vramlint: 1
    model: meta-llama/Llama-3.1-8B
    gradient_accumulation_steps: 10
    gradient_checkpointing: full
    parallel: {pipeline: 5}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x4
    vramlint: 1
    model: meta-llama/Llama-3.1-8B
    gradient_accumulation_steps: 8
    gradient_checkpointing: full
    parallel: {pipeline: 4}
    ```
    """

    code = "VL114"
    name = "unbalanced-pipeline"
    severity = "warning"
    summary = "the pipeline's stages do not divide the layers"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Divide layers by stages and their chunks."""
        job, key = context.job, context.key("parallel.pipeline")
        if job is None or key is None or job.parallel.pipeline < 2:
            return
        layers = job.model.config.get("num_hidden_layers")
        stages = job.parallel.pipeline * job.parallel.virtual_pipeline
        if not isinstance(layers, int) or layers < stages or layers % stages == 0:
            return
        chunks = f" of {job.parallel.virtual_pipeline} chunks" if job.parallel.virtual_pipeline > 1 else ""
        near = max(each for each in range(1, stages) if layers % each == 0)
        yield self.finding(
            f"{context.called('parallel.pipeline')} {job.parallel.pipeline}{chunks} shares {layers} layers "
            f"unevenly, {-(-layers // stages)} or {layers // stages} each: all stages wait for the fullest; "
            f"{near} divides them",
            key,
        )
