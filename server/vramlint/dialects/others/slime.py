"""slime: reinforcement learning with Megatron and SGLang, told by arguments of a launch line. Recognised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Context, Dialect, Key, ReadResult
from vramlint.dialects.kit.read_only import no_edits
from vramlint.dialects.kit.recognised_only import silent

KEYS = (
    Key("hf_checkpoint", "model", "The model; everything scales with it."),
    Key("max_tokens_per_gpu", "sequence_length", "Tokens of a micro batch on each GPU, where it is dynamic."),
    Key("micro_batch_size", "micro_batch_size", "Samples of one forward pass where it is not dynamic.", 1),
    Key("global_batch_size", "gradient_accumulation_steps", "Samples of a step over all GPUs."),
    Key("tensor_model_parallel_size", "parallel.tensor", "GPUs that share each layer.", 1),
    Key("pipeline_model_parallel_size", "parallel.pipeline", "Stages the layers are spread over.", 1),
    Key("context_parallel_size", "parallel.context", "GPUs that share one sequence.", 1),
    Key("expert_model_parallel_size", "parallel.expert", "GPUs that share the experts.", 1),
    Key("expert_tensor_parallel_size", "parallel.expert_tensor", "GPUs that share each expert."),
    Key("sequence_parallel", "parallel.sequence", "Splits what lies between layers too.", False),
    Key("recompute_granularity", "gradient_checkpointing", "full recomputes whole layers in backward."),
    Key("optimizer_cpu_offload", "parallel.offload", "Steps on the host.", False),
    Key("sglang_mem_fraction_static", "generation.memory_fraction", "The engine's part of the GPU."),
    Key("rollout_num_gpus_per_engine", "generation.tensor", "GPUs of one engine."),
    Key("rollout_max_response_len", "generation.completion_length", "Most tokens that are generated."),
    Key("n_samples_per_prompt", "generation.completions", "Responses to one prompt.", 1),
    Key("advantage_estimator", "objective", "ppo trains a critic beside the actor.", "grpo"),
)
_WHY = (
    "slime holds float32 logits of a micro batch, divides them by the temperature and copies them sample by "
    "sample: how much of that lies there at one time is not modelled"
)


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """No job: see `_WHY` (624b824, slime/backends/megatron_utils/loss.py, get_responses)."""
    return silent(DIALECT, values, context, _WHY)


DIALECT = Dialect("slime", "slime", "0.2", KEYS, read, no_edits, "unchecked")
