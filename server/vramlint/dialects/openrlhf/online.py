"""OpenRLHF's reinforcement learning: Ray groups of actor, reference, critic and reward model, and engines.

Semantics of 0.11.2 (`cli/train_ppo_ray.py`, `trainer/ppo_trainer.py`, `trainer/ray/`). With `colocate_all`
all of them share the actor's GPUs; else the actor's GPUs are estimated, with the reference where it is there
too. Up to 0.5 there was `train_ppo`, without Ray: the processes of one launch hold all four models,
transformers generates, and actor and critic train one after the other (0.5.9, `cli/train_ppo.py`).
"""

from __future__ import annotations

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize
from vramlint.dialects.engines.liger import read_liger
from vramlint.dialects.kit.dialect import Context, Obstacle
from vramlint.dialects.kit.reader import Reader, boolean, number, positive, text
from vramlint.dialects.kit.reading import hardware, role_model, unmodelled, world_size
from vramlint.dialects.openrlhf.arguments import flag, get, spelling
from vramlint.dialects.openrlhf.arguments import read as read_argument
from vramlint.dialects.openrlhf.engine import (
    read_adapter,
    read_attention,
    read_checkpointing,
    read_engine,
    read_optimizer,
)
from vramlint.dialects.openrlhf.keys import OLD, SCRIPT
from vramlint.job import Generation, Kernels, Quantization, RoleModel, Roles, TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.vocabulary import Away, Reference

_ONLY = ("actor", "critic", "rollout", "vllm", "actor_num_nodes", "actor_num_gpus_per_node",
         "rollout_batch_size", "reward_pretrain", "remote_rm_url")  # fmt: skip
"""Arguments that no other script of OpenRLHF has."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Micro batches of the actor: rows, and their tokens."""

    micro: int
    length: int


def is_online(reader: Reader, script: str) -> bool:
    """Whether the run learns from completions: by the script's name, else by its arguments."""
    return "ppo" in script if script else any(reader.has(path) for path in _ONLY)


def online_job(reader: Reader, context: Context, model: Model) -> TrainingJob | Obstacle:
    """The run on the actor's GPUs."""
    alone = _without_ray(reader)
    if alone:
        nodes, per_node = context.nodes, world_size(reader, context) // context.nodes
    else:
        nodes = read_argument(reader, "actor.num_nodes", positive)
        per_node = read_argument(reader, "actor.num_gpus_per_node", positive)
    engine = read_engine(reader, WorldSize(nodes * per_node, nodes), model)
    together = alone or flag(reader, "train.colocate_all")
    learns_value = (get(reader, "algo.advantage.estimator", text) or "gae") == "gae"
    if learns_value and not together and (apart := _smaller_group(reader, nodes * per_node)):
        return apart
    rows = _rows(reader)
    groups = max(engine.parallel.data, 1)
    quantized = flag(reader, "ds.load_in_4bit")
    adapter = read_adapter(reader, engine)
    away: Away = "optimizer" if flag(reader, "ds.enable_sleep") else "none"
    reader.default("loop", "holds a micro batch's outputs until the next one")
    reader.written("objective", spelling(reader, "algo.advantage.estimator"))
    return TrainingJob(
        model=model,
        objective="ppo" if learns_value else "grpo",
        method="full" if adapter is None else "qlora" if quantized else "lora",
        adapter=adapter,
        quantization=Quantization("bnb-nf4", double_quant=True) if quantized else None,
        precision=engine.precision,
        optimizer=read_optimizer(reader, "actor.optim"),
        micro_batch_size=rows.micro,
        gradient_accumulation_steps=max(
            read_argument(reader, "train.batch_size", positive) // (rows.micro * groups), 1
        ),
        sequence_length=rows.length,
        packing=read_argument(reader, "ds.packing_samples", boolean),
        gradient_checkpointing=read_checkpointing(reader, "actor"),
        attention=read_attention(reader),
        kernels=Kernels(read_liger(reader, model, "ds.use_liger_kernel", OLD["ds.use_liger_kernel"])),
        loop="plain",
        gradient_clipping=reader.read(("actor.max_norm", "max_norm"), number, 1.0) or None,
        parallel=engine.parallel,
        reference_model=_reference(reader, engine, together),
        roles=_roles(reader, context, together, learns_value, away),
        generation=_generation(reader, rows, together, away),
        origins=reader.record.origins,
        **{**hardware(context), "gpu_count": per_node, "nodes": nodes},
    )


def _without_ray(reader: Reader) -> bool:
    return (reader.get(SCRIPT, text) or "").removesuffix(".py").endswith("train_ppo")


def _smaller_group(reader: Reader, world: int) -> Obstacle | None:
    """A critic on fewer GPUs than the actor has, which may need more on each."""
    path = "critic.num_gpus_per_node"
    own = read_argument(reader, "critic.num_nodes", positive, 1) * read_argument(reader, path, positive, 8)
    return (
        unmodelled(reader, spelling(reader, path), "a critic on fewer GPUs is not modelled")
        if own < world
        else None
    )


def _rows(reader: Reader) -> Rows:
    """A row of prompt and completion, or rows filled to a number of tokens."""
    if flag(reader, "train.dynamic_batch_enable"):
        reader.written("packing", spelling(reader, "train.dynamic_batch_enable"))
        return Rows(1, read_argument(reader, "train.max_tokens_per_gpu", positive))
    default = 4 if reader.has("pretrain") else 1
    return Rows(read_argument(reader, "train.micro_batch_size", positive, default), _whole(reader))


def _whole(reader: Reader) -> int:
    """Tokens of prompt and completion at most; before 0.9.4 each had a limit."""
    parts = [reader.get(name, positive) for name in ("prompt_max_len", "generate_max_len")]
    if any(parts):
        given = "generate_max_len" if parts[1] else "prompt_max_len"
        reader.written("sequence_length", given)
        return sum(part or 1024 for part in parts)
    return read_argument(reader, "data.max_len", positive, 2048)


def _learns_from_reference(reader: Reader) -> bool:
    kl = get(reader, "algo.kl.init_coef", number)
    return kl is None or kl > 0


def _reference(reader: Reader, engine: ParallelPlan, together: bool) -> Reference:
    """A second model where there is a KL term, on the actor's GPUs or on its own; under ZeRO-3 it is shared
    out, and may wait on the host.
    """
    if not _learns_from_reference(reader):
        reader.written("reference_model", spelling(reader, "algo.kl.init_coef"))
        return "none"
    shared = together or flag(reader, "train.colocate_actor_ref")
    if _without_ray(reader):
        reader.default("reference_model", "beside the actor")
        return "quantized" if flag(reader, "ds.load_in_4bit") else "resident"
    path = "train.colocate_all" if together else "train.colocate_actor_ref"
    away = flag(reader, "ref.offload") or reader.flag("ref_reward_offload")
    if not shared or (away and engine.parallel.strategy == "zero3"):
        reader.default("reference_model", "on GPUs of its own, or on the host")
        return "none"
    reader.written("reference_model", spelling(reader, path))
    return "quantized" if flag(reader, "ds.load_in_4bit") else "resident"


def _roles(reader: Reader, context: Context, together: bool, learns_value: bool, away: Away) -> Roles:
    """Critic and reward model on the actor's GPUs. They train and answer one after the other where states
    sleep (ppo_trainer.py, ppo_train); else actor and critic train at once.
    """
    if not together:
        reader.default("roles.critic", "on other GPUs than the actor")
        return Roles(critic="none", reward_model="none")
    reward = _reward(reader, context)
    if not learns_value:
        return Roles(critic="none", reward_model=reward)
    critic = role_model(reader, context, spelling(reader, "critic.model_name_or_path"), "roles.critic")
    if critic == "auto":
        critic = "same-as-model" if reward in ("none", "unknown") else reward
    others = Roles(critic=critic, reward_model=reward, critic_steps="apart", critic_away=away)
    if away == "none" and not _without_ray(reader):
        reason = "actor and critic train at the same time, of which one peak is counted"
        reader.leave_open("roles.critic_steps", reason, at_least=True)
    return others


def _reward(reader: Reader, context: Context) -> RoleModel:
    """None where a server or a function scores; a list of models is more than one."""
    served = ("reward.remote_url", "train.agent_func_path")
    remote = next((path for path in served if reader.has(spelling(reader, path))), None)
    if remote is not None:
        reader.written("roles.reward_model", spelling(reader, remote))
        return "none"
    if (flag(reader, "reward.offload") or reader.flag("ref_reward_offload")) and _stage(reader) == 3:
        reader.default("roles.reward_model", "waits on the host")
        return "none"
    found = role_model(reader, context, spelling(reader, "reward.model_name_or_path"), "roles.reward_model")
    return "unknown" if found == "auto" else found


def _stage(reader: Reader) -> int:
    return get(reader, "ds.zero_stage", positive) or 2


def _generation(reader: Reader, rows: Rows, together: bool, away: Away) -> Generation:
    """vLLM's engines, which share the GPUs under `colocate_all` unless sampling is asynchronous. Logits are
    made of whole rows (models/actor.py, forward).
    """
    engines = get(reader, "vllm.num_engines", positive) or 0
    shared = together and engines > 0 and not flag(reader, "train.async_enable")
    if shared:
        reader.written("generation.colocated", spelling(reader, "train.colocate_all"))
    sleeps = flag(reader, "vllm.enable_sleep") and together
    scored = _scored(reader, rows)
    return Generation(
        engine="vllm" if engines else "in-process",
        colocated=shared,
        memory_fraction=read_argument(reader, "vllm.gpu_memory_utilization", number),
        tensor=read_argument(reader, "vllm.tensor_parallel_size", positive),
        sleep="offload" if sleeps else "none",
        completion_length=rows.length,
        completions=read_argument(reader, "rollout.n_samples_per_prompt", positive),
        away=away,
        scored_tokens=scored,
    )


def _scored(reader: Reader, rows: Rows) -> int | None:
    """Tokens whose log-probabilities are taken at once, where they are more than the actor learns from."""
    if flag(reader, "train.dynamic_batch_enable"):
        tokens = get(reader, "rollout.max_tokens_per_gpu", positive) or 0
    else:
        default = 8 if reader.has("pretrain") else 1
        tokens = (get(reader, "rollout.micro_batch_size", positive) or default) * rows.length
    if tokens <= rows.micro * rows.length:
        return None
    reader.written("generation.scored_tokens", spelling(reader, "rollout.micro_batch_size"))
    return tokens
