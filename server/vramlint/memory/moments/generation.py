"""Completions of online methods: an inference engine on the training's GPU, or the trained model itself.

vLLM takes `gpu_memory_utilization` of the whole GPU beside whatever lies there already, and refuses to
start where that much is not free (vllm 0.33, v1/worker/utils.py, request_memory). TRL puts it to sleep after
each generation where `vllm_enable_sleep_mode` is on (trl 1.16, generation/vllm_generation.py:
`sleep(level=2)`), verl where `free_cache_engine` is on (verl 0.9.1,
workers/rollout/vllm_rollout/vllm_async_server.py).
"""

from __future__ import annotations

from operator import attrgetter

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory.ledger import DTYPE_BYTES, rounded
from vramlint.memory.moments.held import Held
from vramlint.memory.persistent import PersistentBytes
from vramlint.memory.pipeline import ENDS
from vramlint.memory.sharding import Plan
from vramlint.memory.weights import Weights
from vramlint.vocabulary import WITHOUT_OPTIMIZER, WITHOUT_PARAMETERS


def engine_bytes(job: TrainingJob) -> int:
    """The share of the GPU that an engine takes while it generates; 0 for one on other GPUs, and without a
    GPU, of which nobody can take a share.
    """
    generation = job.generation
    if generation is None or not generation.colocated or generation.engine == "in-process":
        return 0
    return 0 if job.gpu is None else int(generation.memory_fraction * job.gpu.memory_bytes)


def without_prompts(job: TrainingJob) -> TrainingJob | None:
    """The run whose prompts have no length; None where there are no completions, or nothing but them."""
    generation = job.generation
    if generation is None or not 0 < generation.completion_length < job.sequence_length:
        return None
    scored = generation.scored_tokens
    if scored is not None:
        scored = max(1, scored * generation.completion_length // job.sequence_length)
    short = replace(generation, scored_tokens=scored)
    return replace(job, sequence_length=generation.completion_length, generation=short)


def engine_in_training(job: TrainingJob, weights: Weights) -> int:
    """What of the engine stays while forward, backward and the optimizer run."""
    whole = engine_bytes(job)
    if job.generation is None or job.generation.sleep == "none":
        return whole
    if job.generation.sleep == "cache":
        return min(whole, engine_weights(job, weights))
    return 0


def engine_weights(job: TrainingJob, weights: Weights) -> int:
    """The engine's own copy of the model in 16 bits, on one GPU."""
    tensor = job.generation.tensor if job.generation is not None else 1
    return 2 * sum(count * p.numel for p, count in weights.all() if not p.of_adapter) // tensor


def generation_moment(
    job: TrainingJob, persistent: PersistentBytes, policy: PersistentBytes, weights: Weights, plan: Plan
) -> Held | None:
    """The GPU while completions are made, or while an engine that slept gets the weights of the step, where
    that takes more; None where they are made on other GPUs, or there are none.

    A sleeping engine takes its weights back first, gets those of the step, and takes its cache back when they
    are there (trl 1.16, generation/vllm_generation.py; verl 0.9.1, workers/fsdp_workers.py; ms-swift 4.6,
    rlhf_trainers/rollout_mixin.py). `persistent` is what the training keeps, `policy` the policy's part of
    it. Weights and states stay where they are, but for what the job sends to the host while completions are
    made; the weights are back while they are handed over, and so are the states under ms-swift, which sends
    both away afterwards. Gradients are gone: completions are made between two steps of the optimizer (trl
    1.16, trainer/grpo_config.py: steps_per_generation is the accumulation by default), but for DeepSpeed's
    partitions, which are never freed.
    """
    generation = job.generation
    if generation is None:
        return None
    in_process = generation.engine == "in-process"
    if not in_process and not generation.colocated:
        return None
    gathered = _gathered(job, weights, plan, in_process)
    cache = _cache(job) if in_process else 0
    gone, critic_gone = generation.away, job.roles.critic_away
    asleep = not in_process and generation.sleep != "none"
    making = Held(
        "generation",
        weights=persistent.weights
        - policy.weights * (gone in WITHOUT_PARAMETERS)
        - (persistent.weights - policy.weights) * (critic_gone in WITHOUT_PARAMETERS)
        + persistent.models,
        gradients=persistent.gradients if plan.has_gradient_buffer else 0,
        states=persistent.states
        - policy.states * (gone in WITHOUT_OPTIMIZER)
        - (persistent.states - policy.states) * (critic_gone in WITHOUT_OPTIMIZER),
        activations=persistent.buffers + cache + (0 if asleep else gathered),
        generation=engine_bytes(job),
    )
    if not asleep:
        return making
    taking = Held(
        "generation",
        weights=making.weights + policy.weights * (gone in WITHOUT_PARAMETERS),
        gradients=making.gradients,
        states=making.states if generation.handed_over_in is None else persistent.states,
        activations=persistent.buffers + gathered,
        generation=min(engine_bytes(job), engine_weights(job, weights)),
    )
    return max(making, taking, key=attrgetter("allocated"))


def _gathered(job: TrainingJob, weights: Weights, plan: Plan, in_process: bool) -> int:
    """Weights made whole for the engine, or for generating with the trained model.

    TRL hands them over one by one; with an adapter under ZeRO-3 it gathers all of them first, since adapters
    cannot be merged into shards, and so it does for generating in the training process
    (ds3_gather_for_generation).
    """
    if not plan.shares_weights:
        return 0
    groups = job.generation.handed_over_in if job.generation is not None else None
    if groups is not None and not in_process:
        return _largest_group(weights, groups)
    sizes = [
        (rounded(p.numel * DTYPE_BYTES[p.dtype]), count) for p, count in weights.all() if p.scheme is None
    ]
    if plan.deepspeed and (in_process or job.adapter is not None):
        return sum(size * count for size, count in sizes)
    return max((size for size, _ in sizes), default=0)


def _largest_group(weights: Weights, groups: int) -> int:
    """Bytes of the largest of `groups` groups of layers; what is outside of layers is one more group."""
    each = [
        (group, sum(rounded(p.numel * DTYPE_BYTES[p.dtype]) for p in group.parameters if p.scheme is None))
        for group in weights.groups
    ]
    outside = sum(size * group.count for group, size in each if group.name in ENDS)
    layers = [(group.count, size) for group, size in each if group.name not in ENDS]
    inside = sum(count * size for count, size in layers)
    number = max(sum(count for count, _ in layers), 1)
    if groups <= 1:
        return inside + outside
    return max(-(-number // groups) * inside // number, outside)


def _cache(job: TrainingJob) -> int:
    """Keys and values of all tokens of the rows that are generated together (transformers' DynamicCache)."""
    config = job.model.config
    layers, heads = config.get("num_hidden_layers"), config.get("num_attention_heads")
    hidden = config.get("hidden_size")
    if not (isinstance(layers, int) and isinstance(heads, int) and isinstance(hidden, int)):
        return 0
    width = (config.get("head_dim") or hidden // heads) * (config.get("num_key_value_heads") or heads)
    rows = (job.generation.batch if job.generation else None) or job.micro_batch_size
    dtype = job.precision.weights if job.precision.autocast == "none" else job.precision.autocast
    one = rounded(rows * job.sequence_length * width * DTYPE_BYTES[dtype])
    return 2 * (layers + 1) * one  # the layer that grows by a token holds its old tensors beside the new ones
