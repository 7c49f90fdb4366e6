"""What an axolotl run trains for, and what it holds beside the trained model (0.21, `core/builders/`,
`utils/schemas/enums.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vramlint.dialects.kit.reader import Reader, boolean, number, positive, text
from vramlint.job import Evaluation, Generation
from vramlint.vocabulary import ADAPTER_METHODS, Objective

OBJECTIVES: Mapping[str, Objective] = {
    "dpo": "dpo",
    "ipo": "dpo",
    "gdpo": "grpo",
    "simpo": "dpo",
    "kto": "kto",
    "orpo": "orpo",
    "grpo": "grpo",
    "ebft": "grpo",
}
"""What `rl` names, by what the model of memory knows."""


def read_objective(reader: Reader) -> Objective:
    """What the run trains for."""
    rl = reader.get("rl", text)
    if rl is not None and rl in OBJECTIVES:
        reader.written("objective", "rl")
        return OBJECTIVES[rl]
    flags: tuple[tuple[str, Objective], ...] = (
        ("reward_model", "reward"),
        ("process_reward_model", "classification"),
    )
    for path, objective in flags:
        if reader.flag(path):
            reader.written("objective", path)
            return objective
    if reader.has("pretraining_dataset"):
        reader.written("objective", "pretraining_dataset")
        return "pretrain"
    reader.default("objective")
    return "sft"


def read_reference(reader: Reader, method: str) -> Literal["auto", "none", "resident"]:
    """The second model. An adapter can be switched off instead; SimPO and ORPO have no use for one."""
    rl = reader.get("rl", text)
    if rl is None:
        return "auto"
    reader.written("reference_model", "rl")
    if rl in ("orpo", "simpo", "ebft") or reader.flag("precompute_ref_log_probs"):
        return "none"
    if rl in ("grpo", "gdpo") and not (reader.get("trl.beta", number) or 0) > 0:
        return "none"
    return "none" if method in ADAPTER_METHODS else "resident"


def read_evaluation(reader: Reader, micro: int) -> Evaluation | None:
    """Evaluation on a part of the data, or on data of its own (0.21, core/builders/base.py,
    _configure_save_and_eval_strategy; utils/config/__init__.py, normalize_config).
    """
    share, own = (reader.get("val_set_size", number) or 0) > 0, bool(reader.raw("test_datasets"))
    strategy = reader.get("eval_strategy", text) or reader.get("evaluation_strategy", text)
    if not (share or own) or strategy == "no" or reader.raw("eval_strategy") is False:
        return None
    reader.written("evaluation", "test_datasets" if own else "val_set_size")
    return Evaluation(batch=reader.read("eval_batch_size", positive, micro))


def read_generation(reader: Reader, micro: int, accumulation: int) -> Generation | None:
    """What GRPO's completions are made with, on this GPU or another."""
    if reader.get("rl", text) not in ("grpo", "gdpo"):
        return None
    vllm = reader.flag("trl.use_vllm")
    colocated = vllm and reader.get("trl.vllm_mode", text) == "colocate"
    if reader.has("trl.use_vllm"):
        reader.written("generation.colocated", "trl.use_vllm")
    asleep = colocated and reader.read("trl.vllm_enable_sleep_mode", boolean)
    return Generation(
        engine="vllm" if vllm else "in-process",
        colocated=colocated,
        memory_fraction=reader.read("vllm.gpu_memory_utilization", number)
        if colocated
        else reader.default_of("vllm.gpu_memory_utilization"),
        tensor=reader.read("vllm.tensor_parallel_size", positive, 1) if colocated else 1,
        sleep="weights" if asleep else "none",
        batch=micro * accumulation,
        completion_length=reader.read("trl.max_completion_length", positive),
        completions=reader.read("trl.num_generations", positive),
    )
