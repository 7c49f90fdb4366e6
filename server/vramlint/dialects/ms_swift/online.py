"""What ms-swift's `rlhf` trains for, and what it holds beside the trained model (4.6.0,
arguments/rlhf_args.py, pipelines/train/rlhf.py, rlhf_trainers/).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vramlint.dialects.engines.distribution import WorldSize
from vramlint.dialects.engines.hf_trainer import Batch
from vramlint.dialects.kit.dialect import Context
from vramlint.dialects.kit.reader import Reader, integer, names, number, positive, text
from vramlint.job import Generation, RoleModel, Roles
from vramlint.vocabulary import Away, Objective

_OBJECTIVES: Mapping[str, Objective] = {
    "dpo": "dpo",
    "orpo": "orpo",
    "simpo": "orpo",
    "cpo": "orpo",
    "kto": "kto",
    "rm": "reward",
    "ppo": "ppo",
    "grpo": "grpo",
    "gkd": "distillation",
}
_SLEEP: Mapping[int, Literal["none", "offload", "weights"]] = {0: "none", 1: "offload", 2: "weights"}


UNSCORED = ("embedding", "reranker", "generative_reranker", "decision")
"""Values of task_type whose losses are not modelled."""


def read_objective(reader: Reader) -> Objective:
    """What the run trains for: `rlhf_type`, where the file is for `swift rlhf`."""
    named = reader.get("rlhf_type", text) or ""
    if named in _OBJECTIVES:
        reader.written("objective", "rlhf_type")
        return _OBJECTIVES[named]
    if reader.get("task_type", text) == "seq_cls":
        reader.written("objective", "task_type")
        return "classification"
    reader.assume("objective", "the method is in the command; without rlhf_type it is fine-tuning")
    return "sft"


def read_reference(
    reader: Reader, objective: Objective, method: str
) -> Literal["auto", "none", "resident", "quantized"]:
    """The second model: none with an adapter, which can be switched off."""
    if objective not in ("dpo", "kto", "ppo", "grpo"):
        return "none"
    if method != "full":
        reader.same_origin_as("reference_model", "method")
        return "none"
    if objective == "grpo" and reader.get("beta", number) == 0:
        reader.written("reference_model", "beta")
        return "none"
    reader.default("reference_model", "a second model, which ref_model names or else the same")
    return "resident"


def row_length(reader: Reader, objective: Objective, prompt: int) -> int:
    """Tokens of a row; completions follow the prompts where the run makes them. Of a packed row of pairs,
    whose two sides are counted together, one side's (template/base.py, encode; dataset/packing.py).
    """
    if objective in ("dpo", "orpo", "reward") and reader.flag("packing"):
        return -(-prompt // 2)
    if objective not in ("grpo", "ppo"):
        return prompt
    return prompt + reader.read("max_completion_length", positive)


def read_roles(reader: Reader, context: Context, objective: Objective) -> Roles:
    """Models beside the trained one. PPO's critic is a copy of its reward model."""
    reference = _named(reader, context, "ref_model", "roles.reference")
    if objective == "distillation":
        return Roles(teacher=_teacher(reader, context), reference=reference)
    if objective not in ("ppo", "grpo"):
        return Roles(reference=reference)
    reward = _named(reader, context, "reward_model", "roles.reward_model")
    if objective == "grpo":
        teacher = _named(reader, context, "teacher_model", "roles.teacher")
        return Roles(
            reward_model="none" if reward == "auto" else reward,
            teacher="none" if teacher == "auto" else teacher,
            reference=reference,
        )
    reward = "unknown" if reward == "auto" else reward
    reader.same_origin_as("roles.critic", "roles.reward_model")
    return Roles(critic=reward, reward_model=reward, reference=reference)


def _teacher(reader: Reader, context: Context) -> RoleModel:
    """Without one the student teaches itself; a server's takes no room here."""
    if reader.has("teacher_model_server"):
        return "none"
    found = _named(reader, context, "teacher_model", "roles.teacher")
    if found == "auto":
        reader.default("roles.teacher", "the student is its own teacher")
    return "none" if found == "auto" else found


def _named(reader: Reader, context: Context, path: str, field: str) -> RoleModel:
    """The model of a role, which may be given as a list; of several the first is known, so none is."""
    given = reader.get(path, names)
    if not given:
        return "auto"
    reader.written(field, path)
    if len(given) > 1:
        return "unknown"
    return context.catalog.model(given[0], context.folder) or "unknown"


def read_generation(
    reader: Reader, objective: Objective, batch: Batch, world: WorldSize
) -> Generation | None:
    """How completions are made; None for methods that train on given ones."""
    if objective not in ("grpo", "ppo"):
        return None
    vllm = reader.flag("use_vllm") and objective == "grpo"
    mode = "vllm_mode" if reader.has("vllm_mode") else "num_infer_workers"
    for field in ("generation.engine", "generation.colocated") if vllm else ():
        reader.written(field, mode if reader.has(mode) else "use_vllm")
    if not vllm:
        reader.default("generation.engine", "the trained model generates")
    colocated = vllm and _colocated(reader, world)
    steps = reader.get("steps_per_generation", positive)
    if steps is not None:
        reader.written("generation.batch", "steps_per_generation")
    level = reader.read("sleep_level", integer) if colocated else 0
    return Generation(
        engine="vllm" if vllm else "in-process",
        colocated=colocated,
        memory_fraction=reader.read("vllm_gpu_memory_utilization", number),
        tensor=reader.read("vllm_tensor_parallel_size", positive),
        sleep=_SLEEP.get(level, "none"),
        batch=batch.micro * (steps or batch.accumulation),
        completion_length=reader.read("max_completion_length", positive),
        completions=reader.read("num_generations", positive) if objective == "grpo" else 1,
        handed_over_in=_groups(reader) if colocated else None,
        away=_away(reader) if colocated else "none",
    )


def _colocated(reader: Reader, world: WorldSize) -> bool:
    """Whether the engine shares the GPUs of the training. Before `vllm_mode` it did where there were as many
    engines as GPUs (ms-swift 3.4, llm/argument/rlhf_args.py, _check_grpo).
    """
    if reader.has("vllm_mode"):
        return reader.get("vllm_mode", text) == "colocate"
    return reader.get("num_infer_workers", positive) == world.per_node


def _groups(reader: Reader) -> int:
    """All weights at once, unless they go in several batches (rlhf_trainers/rollout_mixin.py,
    split_batches).
    """
    groups = reader.get("move_model_batches", positive)
    if groups is None:
        reader.default("generation.handed_over_in", "all weights at once")
        return 1
    reader.written("generation.handed_over_in", "move_model_batches")
    return groups


def _away(reader: Reader) -> Away:
    sent = {name: reader.flag(f"offload_{name}") for name in ("model", "optimizer")}
    for name, away in sent.items():
        if away:
            reader.written("generation.away", f"offload_{name}")
    if all(sent.values()):
        return "both"
    return "parameters" if sent["model"] else "optimizer" if sent["optimizer"] else "none"
