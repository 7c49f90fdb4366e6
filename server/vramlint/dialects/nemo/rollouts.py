"""Completions in NeMo RL (`algorithms/grpo.py`, `ppo.py`, `distillation.py`,
`models/generation/vllm/vllm_worker.py`).

vLLM has its share of the GPU while completions are made; weights and optimizer of the policy wait on the host
meanwhile (offload_before_refit, offload_after_refit). Then the engine sleeps with its weights on the host.
"""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.dialects.kit.reader import Reader, boolean, number, positive, text
from vramlint.job import Generation
from vramlint.vocabulary import GenerationEngine

_ENGINES: Mapping[str, GenerationEngine] = {"sglang": "sglang", "megatron": "in-process"}
_AT = "policy.generation"
ROLLS_OUT = ("grpo", "ppo", "distillation")
"""Algorithms that train on completions of the policy."""


def read_generation(reader: Reader, section: str, micro: int, length: int) -> Generation:
    """What makes completions, and how many at once are scored before training. PPO's policy leaves the GPU to
    the value model also where completions are made elsewhere (algorithms/ppo.py, offload_to_cpu).
    """
    engine = _ENGINES.get(reader.get(f"{_AT}.backend", text) or "", "vllm")
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
        completions=reader.get(f"{section}.num_generations_per_prompt", positive) or 1,
        away="both" if colocated or section == "ppo" else "none",
        scored_tokens=scored * length if scored > micro else None,
    )
