"""VL112."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib, gpu_name, model_name
from vramlint.lint.rule import Rule
from vramlint.memory import Estimate


class EngineShare(Rule):
    """The generation engine's share of the GPU does not hold the model's weights.

    ## What it finds

    An online method with vLLM on the training's GPUs, where the engine's share of the memory is smaller than
    the 16-bit weights that it loads.

    ## Why it matters

    vLLM gets a share of the whole GPU for its own copy of the weights, what a forward pass needs, and the
    cache of keys and values. Where nothing is left for the cache it refuses to start (vllm,
    v1/core/kv_cache_utils.py, check_enough_kv_cache_memory: "No available memory for the cache blocks").
    In the example 7.6 billion weights are 14.2 GiB and the share is 12.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    objective: grpo
    method: lora
    adapter: {r: 16}
    gradient_checkpointing: full
    generation: {engine: vllm, colocated: true, memory_fraction: 0.15}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    objective: grpo
    method: lora
    adapter: {r: 16}
    gradient_checkpointing: full
    generation: {engine: vllm, colocated: true, memory_fraction: 0.3}
    ```
    """

    code = "VL112"
    name = "engine-share"
    severity = "error"
    summary = "the generation engine's share does not hold the weights"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Compare the share with the engine's own copy of the weights."""
        job, estimate, gpu = context.job, context.estimate, context.gpu
        if job is None or estimate is None or gpu is None or job.generation is None:
            return
        generation = job.generation
        if generation.engine != "vllm" or not generation.colocated or job.quantization is not None:
            return
        share = generation.memory_fraction * gpu.memory_bytes
        needed = _weights(estimate, job.adapter is not None) / generation.tensor
        if share >= needed:
            return
        key = context.key("generation.memory_fraction") or context.key("generation.colocated")
        called = context.called("generation.memory_fraction")
        least = needed / gpu.memory_bytes
        yield self.finding(
            f"{called} {generation.memory_fraction:g} of {gpu_name(gpu)} is {gib(share)} GiB, and vLLM loads "
            f"{gib(needed)} of weights of {model_name(job.model)}: it refuses to start; give it more than "
            f"{least:.2f}",
            key or context.key("model") or (),
        )


def _weights(estimate: Estimate, adapter: bool) -> int:
    """Bytes of the model's own weights in 16 bits."""
    return 2 * (estimate.parameters - (estimate.trainable_parameters if adapter else 0))
