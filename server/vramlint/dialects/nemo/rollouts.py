"""Completions in NeMo RL's GRPO (`algorithms/grpo.py`, `models/generation/vllm/vllm_worker.py`).

vLLM has its share of the GPU while completions are made; weights and optimizer of the policy wait on the host
meanwhile (offload_before_refit, offload_after_refit). Then the engine sleeps with its weights on the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.reader import Reader, boolean, number, positive, text
from vramlint.job import Generation

_ENGINES: Mapping[Any, Any] = {"sglang": "sglang", "megatron": "in-process"}
_AT = "policy.generation"


def read_generation(reader: Reader, micro: int, length: int) -> Generation:
    """What makes completions, and how many at once are scored before training."""
    engine: Any = _ENGINES.get(reader.get(f"{_AT}.backend", text), "vllm")
    colocated = reader.get(f"{_AT}.colocated.enabled", boolean) is not False and engine != "in-process"
    reader.written("generation.engine", f"{_AT}.backend")
    scored = reader.get("policy.logprob_batch_size", positive) or micro
    if scored > micro:
        reader.written("generation.scored_tokens", "policy.logprob_batch_size")
    return Generation(
        engine=engine,
        colocated=colocated,
        memory_fraction=reader.read(f"{_AT}.vllm_cfg.gpu_memory_utilization", number),
        tensor=reader.read(f"{_AT}.vllm_cfg.tensor_parallel_size", positive),
        sleep="offload" if colocated else "none",
        completion_length=reader.get(f"{_AT}.max_new_tokens", positive) or length,
        completions=reader.get("grpo.num_generations_per_prompt", positive) or 1,
        away="both" if colocated else "none",
        scored_tokens=scored * length if scored > micro else None,
    )
