"""Reinforcement learning in verl (0.9.1, trainer/ppo/ray_trainer.py): an actor, its rollout engine and a
critic take turns on the same GPUs.

The engine takes its share while completions are made, beside what of actor and critic is not sent to the
host, and gives it back where `free_cache_engine` is on (workers/rollout/vllm_rollout/vllm_async_server.py,
sleep). The reference waits on the host and comes to the GPU unit by unit
(workers/engine/fsdp/transformer_impl.py, _build_fsdp_module, forward_only).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.hf_trainer import attention
from vramlint.dialects.engines.liger import read_liger
from vramlint.dialects.kit.dialect import Context, Obstacle
from vramlint.dialects.kit.reader import Reader, boolean, number, positive, sequence, text
from vramlint.dialects.kit.reading import hardware, role_model, unmodelled
from vramlint.dialects.verl.engine import (
    STRATEGIES,
    Held,
    World,
    hold_megatron,
    read_adapter,
    read_away,
    read_optimizer,
    read_parallel,
    read_precision,
    read_world,
)
from vramlint.dialects.verl.keys import ACTOR, CRITIC, ROLLOUT
from vramlint.job import Generation, Kernels, RoleModel, Roles, TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.vocabulary import Attention, GenerationEngine, Loss, Sleep

MODEL = "actor_rollout_ref.model"
NO_BATCH = f"{ACTOR}.ppo_micro_batch_size_per_gpu is not set, nor use_dynamic_bsz; 1 row assumed"


@dataclass(frozen=True, slots=True)
class Rows:
    """Micro batches of the actor: rows, their tokens, and micro batches in an optimizer step."""

    micro: int
    length: int
    steps: int


def reinforcement(
    reader: Reader, context: Context, model: Model, *, megatron: bool = False
) -> TrainingJob | Obstacle:
    """The run of `verl.trainer.main_ppo`; `megatron`: its parents are of Megatron's actor."""
    strategy = reader.read(f"{ACTOR}.strategy", text)
    megatron = megatron or strategy == "megatron" or reader.section(f"{ACTOR}.megatron") is not None
    if strategy not in STRATEGIES and not megatron:
        return unmodelled(reader, f"{ACTOR}.strategy", f"{strategy} is not modelled")
    ring = (
        f"{ACTOR}.megatron.context_parallel_size" if megatron else f"{ACTOR}.ulysses_sequence_parallel_size"
    )
    world = read_world(reader, ring, (context.gpu_count, context.nodes))
    held = hold_megatron(reader, model, world) if megatron else _fsdp(reader, world, strategy)
    if isinstance(held, Obstacle):
        return held
    world = replace(world, split=held.parallel.tensor * held.parallel.pipeline)
    whole = reader.read("data.max_prompt_length", positive) + reader.read(
        "data.max_response_length", positive, field="generation.completion_length"
    )
    reader.same_origin_as("sequence_length", "generation.completion_length")
    rows = _rows(reader, world, whole)
    estimator = reader.read("algorithm.adv_estimator", text)
    critic = reader.get(f"{CRITIC}.enable", boolean)
    learns_value = estimator == "gae" if critic is None else critic
    adapter = read_adapter(reader, MODEL)
    return TrainingJob(
        model=model,
        objective="ppo" if learns_value else "grpo",
        method="full" if adapter is None else "lora",
        adapter=adapter,
        runtime="megatron" if megatron else "transformers",
        precision=held.precision,
        optimizer=read_optimizer(reader, f"{ACTOR}.optim"),
        micro_batch_size=rows.micro,
        gradient_accumulation_steps=rows.steps,
        sequence_length=rows.length,
        packing=True,
        gradient_checkpointing=held.checkpointing,
        activation_offload=reader.read(f"{MODEL}.enable_activation_offload", boolean),
        attention=_attention(reader),
        loss=_loss(reader),
        kernels=Kernels(read_liger(reader, model, f"{MODEL}.use_liger")),
        loop="plain",
        parallel=held.parallel,
        reference_model=_reference(reader),
        generation=_generation(reader, world, rows, whole, adapter is not None, held.section),
        roles=_roles(reader, context, world, whole, learns_value),
        loading="rank-0",
        saving="full" if "hf_model" in _saved(reader) else "sharded",
        origins=reader.record.origins,
        **{**hardware(context), "gpu_count": world.per_node, "nodes": world.nodes},
    )


def _attention(reader: Reader) -> Attention:
    """flash-attention over rows without padding, unless the model's config is overridden."""
    path = f"{MODEL}.override_config.attn_implementation"
    given: Attention | None = reader.get(path, attention)
    if given is not None:
        reader.written("attention", path)
    return given or "flash_attention_2"


def _fsdp(reader: Reader, world: World, strategy: str) -> Held:
    """The actor in PyTorch's FSDP."""
    section = f"{ACTOR}.fsdp_config"
    recomputes = reader.read(f"{MODEL}.enable_gradient_checkpointing", boolean)
    return Held(
        section,
        read_parallel(reader, section, STRATEGIES[strategy], world),
        read_precision(reader, section),
        "full" if recomputes else "none",
    )


def _rows(reader: Reader, world: World, whole: int) -> Rows:
    """The actor's micro batches (utils/seqlen_balancing.py fills dynamic ones to a number of tokens)."""
    prompts = reader.read(f"{ACTOR}.ppo_mini_batch_size", positive)
    mini = max(prompts * reader.read(f"{ROLLOUT}.n", positive) // world.groups, 1)
    if reader.read(f"{ACTOR}.use_dynamic_bsz", boolean):
        full = reader.read(f"{ACTOR}.ppo_max_token_len_per_gpu", positive) * world.ring
        return Rows(1, min(full, mini * whole), max(-(-mini * whole // full), 1))
    micro = _per_gpu(reader, ACTOR, "ppo_micro_batch_size", world)
    if micro is None:
        reader.leave_open("micro_batch_size", NO_BATCH, at_least=True)
        micro = 1
    else:
        reader.written("micro_batch_size", f"{ACTOR}.ppo_micro_batch_size_per_gpu")
    return Rows(micro, whole, max(mini // micro, 1))


def _per_gpu(reader: Reader, section: str, name: str, world: World) -> int | None:
    """Rows of a micro batch on each GPU; the old key counts them over all GPUs."""
    rows = reader.get(f"{section}.{name}_per_gpu", positive)
    if rows is None and (everywhere := reader.get(f"{section}.{name}", positive)):
        rows = max(everywhere // world.groups, 1)
    return rows


def _loss(reader: Reader) -> Loss:
    """Log-probabilities by flash-attention's kernel, which writes over the logits unless the entropy needs
    them too (prepare_model_outputs).
    """
    if reader.read(f"{MODEL}.use_fused_kernels", boolean):
        return "fused-linear"
    entropy = reader.read(f"{ACTOR}.entropy_coeff", number) or reader.flag(f"{ACTOR}.calculate_entropy")
    return "full-logits" if entropy else "fused-cross-entropy"


def _reference(reader: Reader) -> Literal["none"]:
    """A reference takes no room of its own on the GPU."""
    for path in (f"{ACTOR}.use_kl_loss", "algorithm.use_kl_in_reward"):
        if reader.flag(path):
            reader.written("reference_model", path)
            return "none"
    reader.default("reference_model", "no KL term")
    return "none"


_ENGINES: Mapping[str, GenerationEngine] = {
    "sglang": "sglang",
    "sglang_async": "sglang",
    "hf": "in-process",
}
"""Engines by name; `sglang_async` is what verl 0.3 and 0.4 call SGLang with tools."""


def _generation(
    reader: Reader, world: World, rows: Rows, whole: int, adapter: bool, section: str
) -> Generation:
    name = reader.read(f"{ROLLOUT}.name", text)
    engine: GenerationEngine = _ENGINES.get(name, "vllm")
    # One-step-off and fully asynchronous trainers have rollouts on GPUs of their own.
    apart = (
        reader.has("rollout.n_gpus_per_node")
        or reader.get("trainer.v1.trainer_mode", text) == "separate_async"
    )
    freed = reader.read(f"{ROLLOUT}.free_cache_engine", boolean)
    asleep: Sleep = ("cache" if engine == "sglang" else "offload") if adapter else "weights"
    return Generation(
        engine=engine,
        colocated=engine != "in-process" and not apart,
        memory_fraction=reader.read(f"{ROLLOUT}.gpu_memory_utilization", number),
        tensor=reader.read(f"{ROLLOUT}.tensor_model_parallel_size", positive),
        sleep=asleep if freed else "none",
        completion_length=reader.read("data.max_response_length", positive),
        completions=reader.read(f"{ROLLOUT}.n", positive),
        away=read_away(reader, section, "generation.away"),
        scored_tokens=_scored(reader, world, rows, whole),
    )


def _scored(reader: Reader, world: World, rows: Rows, whole: int) -> int | None:
    """Tokens whose log-probabilities are taken at once, where they are more than the actor learns from."""
    own = reader.get(f"{ROLLOUT}.log_prob_use_dynamic_bsz", boolean)
    learnt = rows.micro * rows.length // world.ring
    if reader.flag(f"{ACTOR}.use_dynamic_bsz") if own is None else own:
        scored = reader.get(f"{ROLLOUT}.log_prob_max_token_len_per_gpu", positive) or learnt
    else:
        micro = _per_gpu(reader, ROLLOUT, "log_prob_micro_batch_size", world)
        scored = (micro or 0) * whole // world.ring
    if scored <= learnt:
        return None
    reader.written("generation.scored_tokens", f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu")
    return scored


def _roles(reader: Reader, context: Context, world: World, whole: int, learns_value: bool) -> Roles:
    """The critic, and models that other processes of the same GPUs hold, of which nothing is known."""
    rewards = any(
        reader.flag(f"{section}.enable") and not reader.flag(f"{section}.enable_resource_pool")
        for section in ("reward.reward_model", "reward_model")
    )
    others = Roles(
        critic="none",
        reward_model="unknown" if rewards else "none",
        teacher="unknown" if reader.flag("distillation.enabled") else "none",
    )
    if not learns_value:
        return others
    critic: RoleModel = role_model(reader, context, f"{CRITIC}.model.path", "roles.critic")
    away = read_away(reader, f"{CRITIC}.fsdp", "roles.critic_away")
    if away == "none":  # before 0.8
        away = read_away(reader, f"{CRITIC}.model.fsdp_config", "roles.critic_away")
    return replace(
        others,
        critic="unknown" if critic == "auto" else critic,
        critic_steps="apart",
        critic_tokens=_critic_tokens(reader, world, whole),
        critic_away=away,
    )


def _critic_tokens(reader: Reader, world: World, whole: int) -> int | None:
    """Tokens of the critic's micro batch on each GPU."""
    dynamic = reader.get(f"{CRITIC}.use_dynamic_bsz", boolean)
    if reader.flag(f"{ACTOR}.use_dynamic_bsz") if dynamic is None else dynamic:
        return reader.read(f"{CRITIC}.ppo_max_token_len_per_gpu", positive)
    micro = _per_gpu(reader, CRITIC, "ppo_micro_batch_size", world)
    if micro is None:
        return None
    reader.written("roles.critic_tokens", f"{CRITIC}.ppo_micro_batch_size_per_gpu")
    return micro * whole // world.ring


def _saved(reader: Reader) -> tuple[object, ...]:
    """What a checkpoint holds: shards, and with "hf_model" the whole weights too."""
    return reader.get(f"{ACTOR}.checkpoint.save_contents", sequence) or ()
