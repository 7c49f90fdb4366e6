"""Which of TRL's methods a recipe is for. It is in the command, not in the file, so its keys have to
tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.liger import fused_loss
from vramlint.dialects.kit.dialect import Context
from vramlint.dialects.kit.reader import Reader, boolean, number, positive, text
from vramlint.dialects.kit.reading import role_model
from vramlint.job import Generation, Roles
from vramlint.vocabulary import Loss, Objective, Reference, Strategy

_TELLING: tuple[tuple[Objective, tuple[str, ...]], ...] = (
    ("distillation", ("teacher_model_name_or_path", "lmbda", "use_uld_loss")),
    (
        "grpo",
        (
            "num_generations",
            "reward_funcs",
            "steps_per_generation",
            "num_iterations",
            "use_vllm",
            "vllm_mode",
            "scale_rewards",
            "rloo_k",
        ),
    ),
    ("ppo", ("vf_coef", "cliprange_value", "sft_model_path", "num_ppo_epochs")),
    ("kto", ("desirable_weight", "undesirable_weight")),
    ("orpo", ("simpo_gamma", "cpo_alpha", "is_encoder_decoder")),
    ("reward", ("center_rewards_coefficient",)),
    (
        "dpo",
        (
            "precompute_ref_log_probs",
            "ld_alpha",
            "f_divergence_type",
            "rpo_alpha",
            "reference_free",
            "discopop_tau",
            "use_weighting",
        ),
    ),
)
"""Objectives and the keys that only they have, most telling first."""
_DPO_LOSSES = (
    *("sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot"),
    *("aot_pair", "aot_unpaired", "discopop", "apo_zero", "apo_down", "dpo", "dpo_norm"),
)
_BY_LOSS: Mapping[str, Objective] = {
    **dict.fromkeys(_DPO_LOSSES, "dpo"),
    "kto": "kto",
    "apo_zero_unpaired": "kto",
    "simpo": "orpo",
    "grpo": "grpo",
    "dapo": "grpo",
    "dr_grpo": "grpo",
    "bnpo": "grpo",
}
_NAMED_BY = ("output_dir", "run_name", "hub_model_id")
_WORDS: Mapping[str, Objective] = {
    "sft": "sft",
    "dpo": "dpo",
    "orpo": "orpo",
    "cpo": "orpo",
    "simpo": "orpo",
    "kto": "kto",
    "grpo": "grpo",
    "rloo": "grpo",
    "gkd": "distillation",
}
"""What people call their runs after."""


def read_objective(reader: Reader, context: Context) -> Objective:
    """The method, by the trainer that a script makes, else by the keys that only it has, the loss, or the
    name of the run; SFT where none tells.
    """
    if context.trainer is not None:
        reader.default("objective", "the trainer that the script makes")
        return context.trainer.objective
    for objective, keys in _TELLING:
        for name in keys:
            if reader.has(name):
                reader.written("objective", name)
                return objective
    kinds = reader.raw("loss_type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        found = _BY_LOSS.get(kind) if isinstance(kind, str) else None
        if found is not None:
            reader.written("objective", "loss_type")
            return found
    if reader.get("lora_task_type", text) == "SEQ_CLS":
        reader.written("objective", "lora_task_type")
        return "reward"
    for name in _NAMED_BY:
        words = re.split(r"[^a-z]+", str(reader.raw(name)).lower())
        methods = {_WORDS[word] for word in words if word in _WORDS}
        if len(methods) == 1:
            reader.written("objective", name)
            return methods.pop()
    if reader.has("beta"):
        # Of TRL's configs with a beta and a key for dropout, ORPO's alone has no loss_type.
        if reader.runs("trl", "1.0") and reader.has("disable_dropout"):
            reader.assume("objective", "the method is in the command; beta without a loss_type is ORPO's")
            return "orpo"
        reader.written("objective", "beta")
        return "dpo"
    reader.assume("objective", "the method is in the command; nothing in the file contradicts SFT")
    return "sft"


def read_reference(reader: Reader, objective: str, method: str) -> Reference:
    """The second model: none with an adapter, which can be switched off, nor where its scores are computed
    before.
    """
    if objective not in ("dpo", "kto", "grpo", "ppo"):
        return "auto" if objective in ("sft", "reward", "distillation") else "none"
    if method != "full":
        reader.same_origin_as("reference_model", "method")
        return "none"
    if reader.flag("precompute_ref_log_probs"):
        reader.written("reference_model", "precompute_ref_log_probs")
        return "none"
    if objective == "grpo":
        default = 0.0 if reader.runs("trl", "0.19") else 0.04
        return "resident" if reader.read("beta", number, default) else "none"
    reader.same_origin_as("reference_model", "objective")
    return "resident"


def check_precomputing(reader: Reader, objective: str, strategy: Strategy) -> None:
    """What a reference whose scores are computed beforehand was refused with: Liger's loss, until TRL's own
    took its place in 1.16; ZeRO-3 (dpo_trainer.py of 0.24, not of 0.29; kto_trainer.py of 1.2, not of 1.8).
    """
    asked = objective in ("dpo", "kto") and reader.flag("precompute_ref_log_probs")
    if not asked or reader.framework != "trl":
        return
    for key in ("use_liger_kernel", "use_liger_loss"):
        if reader.flag(key) and not reader.runs("trl", "1.16"):
            message = f"{key} is refused with precompute_ref_log_probs: keep one"
            reader.problem("precomputed-reference", key, message, "error", ("precompute_ref_log_probs",))
    if strategy == "zero3" and not reader.runs("trl", "0.25" if objective == "dpo" else "1.3"):
        message = "precompute_ref_log_probs is refused with ZeRO-3; write precompute_ref_log_probs: false"
        fix = {"precompute_ref_log_probs": False}
        reader.problem("precomputed-reference", "precompute_ref_log_probs", message, "error", fix=fix)


def read_roles(reader: Reader, context: Context, objective: str) -> Roles:
    """Models beside the policy or the student.

    PPO loads critic and reward model from one path (trl 0.24, examples/scripts/ppo/ppo.py); GRPO and RLOO a
    reward model where one is named; distillation loads a teacher unless a server has it.
    """
    if objective == "ppo":
        reward = role_model(reader, context, "reward_model_path", "roles.reward_model")
        if reward == "auto":
            reward = role_model(reader, context, "reward_model_name_or_path", "roles.reward_model")
        if reward == "auto":
            return Roles(critic="unknown", reward_model="unknown")
        reader.same_origin_as("roles.critic", "roles.reward_model")
        return Roles(critic=reward, reward_model=reward)
    if objective == "grpo":
        reward = role_model(reader, context, "reward_model_name_or_path", "roles.reward_model")
        return Roles(reward_model="none" if reward == "auto" else reward)
    if objective != "distillation":
        return Roles()
    if reader.flag("use_teacher_server") or reader.has("teacher_model_server_url"):
        return Roles(teacher="none")
    teacher = role_model(reader, context, "teacher_model_name_or_path", "roles.teacher")
    given = reader.get("teacher_model_init_kwargs.dtype", text)
    dtype = given if given in ("float32", "bfloat16", "float16") else None
    if dtype is None and given != "auto" and not reader.has("lmbda"):
        return Roles(teacher=teacher, dtype="float32")
    released = teacher.dtype if isinstance(teacher, Model) else None
    known = dtype or (released if released in ("float32", "bfloat16", "float16") else None)
    return Roles(teacher=teacher, dtype=known or "same-as-weights")  # type: ignore[arg-type]


def read_generation(reader: Reader, objective: str, micro: int, accumulation: int) -> Generation | None:
    """How completions are made; None for methods that train on given ones."""
    if objective == "ppo":
        reader.default("generation.engine", "the policy generates")
        return Generation(
            engine="in-process",
            completion_length=reader.read("response_length", positive, 53),
            completions=1,
        )
    if objective != "grpo":
        return None
    mode = reader.get("vllm_mode", text) or reader.default_of("vllm_mode")
    vllm = reader.flag("use_vllm")
    colocated = vllm and mode == "colocate"
    if reader.has("use_vllm"):
        reader.written("generation.colocated", "use_vllm")
        reader.written("generation.engine", "use_vllm")
    else:
        reader.default("generation.engine", "the trained model generates")
    steps = reader.get("steps_per_generation", positive)
    if steps is not None:
        reader.written("generation.batch", "steps_per_generation")
    asleep = colocated and reader.read("vllm_enable_sleep_mode", boolean)
    return Generation(
        engine="vllm" if vllm else "in-process",
        colocated=colocated,
        memory_fraction=reader.read("vllm_gpu_memory_utilization", number),
        tensor=reader.read("vllm_tensor_parallel_size", positive),
        sleep="weights" if asleep else "none",
        batch=micro * (steps or accumulation),
        completion_length=reader.read("max_completion_length", positive),
        completions=reader.read("num_generations", positive),
    )


def read_loss(reader: Reader, model: Model, objective: Objective) -> Loss:
    """Where the logits live: the whole of them, TRL's chunks of 256 tokens, or its fused head. ORPO, GKD and
    their relatives in trl.experimental compute their losses on whole logits.
    """
    if objective == "orpo" or (objective == "distillation" and not reader.has("max_completion_length")):
        reader.same_origin_as("loss", "objective")
        beta = reader.get("beta", number)
        if objective == "distillation" and beta in (0, 1):
            reader.written("loss", "beta")
            return "forward-kl" if beta == 0 else "reverse-kl"
        return "full-logits"
    if reader.runs("trl", "1.16"):
        reader.default("loss", "the head and the loss in one kernel")
        return "trl-fused-head"
    for path in ("use_liger_kernel", "use_liger_loss", "use_liger"):
        if reader.flag(path):
            reader.written("loss", path)
            return fused_loss(reader, model) if objective == "sft" else "fused-linear"
    if objective == "sft" and reader.runs("trl", "1.9"):
        kind = reader.read("loss_type", text, "chunked_nll", field="loss")
        return "trl-chunked" if kind == "chunked_nll" else "full-logits"
    reader.default("loss", "the model's own loss over the whole logits")
    return "full-logits"
