"""Which of TRL's methods a recipe is for. It stands in the command, not in the file, so its keys have to
tell.
"""

from __future__ import annotations

from typing import Any, Literal

from vramlint.dialects.kit.reader import Reader, boolean, number, positive, text
from vramlint.job import Generation
from vramlint.versions import at_least

Reference = Literal["auto", "none", "resident", "quantized"]

_TELLING: tuple[tuple[str, tuple[str, ...]], ...] = (
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
    ("kto", ("desirable_weight", "undesirable_weight")),
    ("orpo", ("simpo_gamma", "cpo_alpha")),
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
_BY_LOSS = {
    **dict.fromkeys(_DPO_LOSSES, "dpo"),
    "kto": "kto",
    "apo_zero_unpaired": "kto",
    "simpo": "orpo",
    "grpo": "grpo",
    "dapo": "grpo",
    "dr_grpo": "grpo",
    "bnpo": "grpo",
}


def read_objective(reader: Reader) -> Any:
    """The method, by the keys that only it has; SFT where none tells."""
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
    if reader.has("beta"):
        reader.written("objective", "beta")
        return "dpo"
    reader.assume("objective", "the method stands in the command; nothing in the file speaks against SFT")
    return "sft"


def read_reference(reader: Reader, objective: str, method: str) -> Reference:
    """The second model: none with an adapter, which can be switched off, nor where its scores are computed
    before.
    """
    if objective not in ("dpo", "kto", "grpo"):
        return "auto" if objective in ("sft", "reward", "distillation") else "none"
    if method != "full":
        reader.same_origin_as("reference_model", "method")
        return "none"
    if reader.flag("precompute_ref_log_probs"):
        reader.written("reference_model", "precompute_ref_log_probs")
        return "none"
    if objective == "grpo":
        default = 0.0 if at_least(reader.version, "0.19") else 0.04
        return "resident" if reader.read("beta", number, default) else "none"
    reader.same_origin_as("reference_model", "objective")
    return "resident"


def read_generation(reader: Reader, objective: str, micro: int, accumulation: int) -> Generation | None:
    """How completions are made; None for methods that train on given ones."""
    if objective != "grpo":
        return None
    new = at_least(reader.version, "1.0")
    mode = reader.get("vllm_mode", text) or ("colocate" if new else "server")
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
    longest = 512 if at_least(reader.version, "1.16") else 256
    return Generation(
        engine="vllm" if vllm else "in-process",
        colocated=colocated,
        memory_fraction=reader.read("vllm_gpu_memory_utilization", number),
        tensor=reader.read("vllm_tensor_parallel_size", positive),
        sleep="weights" if asleep else "none",
        batch=micro * (steps or accumulation),
        completion_length=reader.read("max_completion_length", positive, longest),
        completions=reader.read("num_generations", positive),
    )
