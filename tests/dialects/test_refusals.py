"""What frameworks refuse, table by table: each row is found in a file that it speaks of, and not in the same
file once that is set right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.dialects.accelerate import refusals as accelerate
from vramlint.dialects.axolotl import refusals as axolotl
from vramlint.dialects.deepspeed import refusals as deepspeed
from vramlint.dialects.engines import trainer_checks
from vramlint.dialects.llamafactory import refusals as llamafactory
from vramlint.dialects.trl import refusals as trl
from vramlint.document import Document
from vramlint.project.workspace import Workspace

Values = Mapping[str, Any]

AXOLOTL: Values = {
    "base_model": "NousResearch/Llama-3.2-1B",
    "attn_implementation": "flash_attention_2",
    "micro_batch_size": 1,
    "sequence_len": 1024,
    "datasets": [{"path": "tatsu-lab/alpaca", "type": "alpaca"}],
}
TRL: Values = {
    "model_name_or_path": "Qwen/Qwen2.5-0.5B",
    "dataset_name": "trl-lib/Capybara",
    "output_dir": "out",
    "per_device_train_batch_size": 2,
    "use_peft": False,
}
FACTORY: Values = {
    "model_name_or_path": "Qwen/Qwen2.5-0.5B",
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "dataset": "alpaca_en_demo",
    "template": "qwen",
    "output_dir": "out",
}
DEEPSPEED: Values = {"train_micro_batch_size_per_gpu": 1, "zero_optimization": {"stage": 2}}
ACCELERATE: Values = {
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "FSDP",
    "num_processes": 8,
    "fsdp_config": {"fsdp_version": 2},
}
ZERO_3: Values = {"zero_optimization": {"stage": 3}}
SIZES = {"parallelism_config": {"cp_size": 2}}

CASES: list[tuple[Values, str, Values, Values]] = [
    # the file, the kind of the problem, what is refused, what is taken
    (AXOLOTL, "two-schedules", {"warmup_steps": 10, "warmup_ratio": 0.1}, {"warmup_steps": 10}),
    (
        AXOLOTL,
        "share-of-steps",
        {"warmup_steps": 0.1},
        {"warmup_steps": 0.1, "plugins": ["axolotl.integrations.diffusion.DiffusionPlugin"]},
    ),
    (AXOLOTL, "two-schedules", {"saves_per_epoch": 1, "save_steps": 10}, {"saves_per_epoch": 1}),
    (AXOLOTL, "two-schedules", {"evals_per_epoch": 1, "eval_steps": 10}, {"evals_per_epoch": 1}),
    (AXOLOTL, "two-schedules", {"save_steps": 5, "save_strategy": "epoch"}, {"save_steps": 5}),
    (
        AXOLOTL,
        "two-schedules",
        {"eval_steps": 5, "eval_strategy": "epoch"},
        {"eval_steps": 5, "eval_strategy": "steps"},
    ),
    (
        AXOLOTL,
        "two-schedules",
        {"evals_per_epoch": 1, "eval_strategy": "epoch"},
        {"evals_per_epoch": 1, "eval_strategy": "steps"},
    ),
    (AXOLOTL, "two-validation-sets", {"test_datasets": [{}], "val_set_size": 0.1}, {"val_set_size": 0.1}),
    (AXOLOTL, "endless-data", {"streaming": True}, {"streaming": True, "max_steps": 10}),
    (AXOLOTL, "endless-data", {"pretraining_dataset": "c4"}, {"pretraining_dataset": "c4", "max_steps": 9}),
    (
        AXOLOTL,
        "endless-data",
        {"streaming": True, "max_steps": 10, "val_set_size": 0.1},
        {"streaming": True, "max_steps": 10, "val_set_size": 0},
    ),
    (
        AXOLOTL,
        "endless-data",
        {"pretraining_dataset": "c4", "max_steps": 10, "val_set_size": 0.1},
        {"pretraining_dataset": "c4", "max_steps": 10},
    ),
    (AXOLOTL, "two-learning-rates", {"lr_groups": [{}], "loraplus_lr_ratio": 8}, {"loraplus_lr_ratio": 8}),
    (AXOLOTL, "evaluation-without-data", {"val_set_size": 0, "eval_steps": 5}, {"eval_steps": 5}),
    (
        AXOLOTL,
        "two-losses",
        {"liger_cross_entropy": True, "chunked_cross_entropy": True},
        {"chunked_cross_entropy": True, "liger_cross_entropy": False},
    ),
    (AXOLOTL, "single-generation", {"rl": "grpo", "trl": {"num_generations": 1}}, {"rl": "grpo"}),
    (
        AXOLOTL,
        "indivisible-generation",
        {"rl": "grpo", "trl": {"num_generations": 8}, "gradient_accumulation_steps": 6},
        {"rl": "grpo", "trl": {"num_generations": 8}, "gradient_accumulation_steps": 16},
    ),
    (AXOLOTL, "fp8-options", {"fp8_config": {"recipe": "rowwise"}}, {"fp8_config": {}, "fp8": True}),
    (
        AXOLOTL,
        "fp8-options",
        {"fp8": True, "fp8_enable_fsdp_float8_all_gather": True},
        {"fp8": True, "fp8_enable_fsdp_float8_all_gather": True, "fsdp_version": 2, "fsdp_config": {"x": 1}},
    ),
    (
        AXOLOTL,
        "frozen-reentrant",
        {"unfrozen_parameters": ["lm_head"], "gradient_checkpointing_kwargs": {"use_reentrant": True}},
        {"unfrozen_parameters": ["lm_head"], "gradient_checkpointing_kwargs": {"use_reentrant": False}},
    ),
    (
        AXOLOTL,
        "layers-pattern-alone",
        {"peft_layers_pattern": ["h"]},
        {"peft_layers_pattern": ["h"], "peft_layers_to_transform": [1]},
    ),
    (
        AXOLOTL,
        "fused-modules-with-adapter",
        {"adapter": "lora", "flash_attn_fuse_mlp": True},
        {"flash_attn_fuse_mlp": True},
    ),
    (
        AXOLOTL,
        "stopping-without-steps",
        {"early_stopping_patience": 3},
        {"early_stopping_patience": 3, "save_steps": 10, "eval_steps": 5},
    ),
    (
        AXOLOTL,
        "stopping-without-steps",
        {"early_stopping_patience": 3, "save_steps": 10, "eval_steps": 4},
        {"early_stopping_patience": 3, "save_steps": 8, "eval_steps": 4},
    ),
    (
        AXOLOTL,
        "flattening-with-packing",
        {"batch_flattening": True, "sample_packing": True},
        {"batch_flattening": "auto", "sample_packing": True},
    ),
    *(
        (AXOLOTL, "relora-conflict", {"relora": True, name: value}, {name: value})
        for name, value in (("fsdp", ["full_shard"]), ("fsdp_config", {"x": 1}), ("deepspeed", "z.json"))
    ),
    (
        AXOLOTL,
        "packing-without-isolation",
        {"sample_packing": True, "attn_implementation": None},
        {"sample_packing": True, "attn_implementation": None, "flash_attention": True},
    ),
    (
        TRL,
        "checkpointing-twice",
        {
            "fsdp": "full_shard",
            "gradient_checkpointing": True,
            "fsdp_config": {"activation_checkpointing": True},
        },
        {"gradient_checkpointing": False},
    ),
    (TRL, "packing-without-length", {"packing": True, "max_length": None}, {"max_length": None}),
    (TRL, "context-with-packing", {"packing": True, **SIZES}, SIZES),
    (TRL, "context-with-generation", {"num_generations": 4, **SIZES}, {"num_generations": 4}),
    (
        TRL,
        "uneven-loss-weights",
        {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0]},
        {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.5]},
    ),
    (TRL, "two-mixed-precisions", {"fp16": True, "bf16": True}, {"bf16": True}),
    (TRL, "two-mixed-precisions", {"fp16_full_eval": True, "bf16_full_eval": True}, {"bf16": True}),
    (
        TRL,
        "two-engines",
        {"deepspeed": "zero.json", "fsdp": "full_shard"},
        {"fsdp": "full_shard", "deepspeed": None},
    ),
    (
        TRL,
        "prefetch-without-workers",
        {"dataloader_prefetch_factor": 2, "dataloader_num_workers": 0},
        {"dataloader_prefetch_factor": 2, "dataloader_num_workers": 1},
    ),
    (
        TRL,
        "fsdp1-strategy",
        {"fsdp": "hybrid_shard", "fsdp_config": {"version": 2}},
        {"fsdp": "hybrid_shard", "fsdp_config": {"version": 1}},
    ),
    (
        TRL,
        "best-model-strategies",
        {"load_best_model_at_end": True, "save_strategy": "epoch", "eval_strategy": "steps"},
        {"load_best_model_at_end": True, "save_strategy": "epoch", "eval_strategy": "epoch"},
    ),
    (
        TRL,
        "best-model-steps",
        {"load_best_model_at_end": True, "eval_strategy": "steps", "eval_steps": 300, "save_steps": 500},
        {"load_best_model_at_end": True, "eval_strategy": "steps", "eval_steps": 250, "save_steps": 500},
    ),
    (
        TRL,
        "scheduler-without-evaluation",
        {"lr_scheduler_type": "greedy", "eval_strategy": "no"},
        {"lr_scheduler_type": "cosine", "eval_strategy": "no"},
    ),
    *(
        (TRL, "fractional-steps", {f"{name}_steps": 1.5}, {f"{name}_steps": 0.5})
        for name in ("save", "eval", "logging")
    ),
    (TRL, "cache-steps", {"torch_empty_cache_steps": -1}, {"torch_empty_cache_steps": 1}),
    (FACTORY, "two-mixed-precisions", {"fp16": True, "bf16": True}, {"bf16": True}),
    *(
        (FACTORY, "stage-conflict", {"stage": "dpo", name: True}, {"stage": "sft", name: True})
        for name in ("predict_with_generate", "neat_packing", "train_on_prompt", "mask_history")
    ),
    (
        FACTORY,
        "stage-conflict",
        {"stage": "rm", "load_best_model_at_end": True},
        {"stage": "sft", "load_best_model_at_end": True},
    ),
    (FACTORY, "stage-conflict", {"stage": "ppo"}, {"stage": "ppo", "reward_model": "saves/rm"}),
    (
        FACTORY,
        "adapter-without-lora",
        {"finetuning_type": "full", "adapter_name_or_path": "saves/a"},
        {"finetuning_type": "lora", "adapter_name_or_path": "saves/a"},
    ),
    (
        FACTORY,
        "quantization-conflict",
        {"quantization_bit": 4, "adapter_name_or_path": "saves/a", "create_new_adapter": True},
        {"adapter_name_or_path": "saves/a", "create_new_adapter": True},
    ),
    (
        FACTORY,
        "quantization-conflict",
        {"quantization_bit": 4, "quantization_device_map": "auto"},
        {"quantization_bit": 4},
    ),
    (FACTORY, "quantization-conflict", {"quantization_bit": 4, "fp8": True}, {"fp8": True}),
    (FACTORY, "backend-for-training", {"infer_backend": "vllm"}, {"infer_backend": "huggingface"}),
    (FACTORY, "endless-data", {"streaming": True}, {"streaming": True, "max_steps": 100}),
    (
        FACTORY,
        "endless-data",
        {"streaming": True, "max_steps": 100, "max_samples": 10},
        {"max_samples": 10},
    ),
    (
        FACTORY,
        "endless-data",
        {"streaming": True, "max_steps": 100, "val_size": 0.1},
        {"streaming": True, "max_steps": 100, "val_size": 100},
    ),
    (FACTORY, "two-validation-sets", {"val_size": 0.1, "eval_dataset": "x"}, {"val_size": 0.1}),
    (FACTORY, "evaluation-without-data", {"do_eval": True}, {"do_eval": True, "val_size": 0.1}),
    (
        FACTORY,
        "interleaving",
        {"dataset": "a,b", "interleave_probs": "0.5,0.5"},
        {"dataset": "a,b", "interleave_probs": "0.5,0.5", "mix_strategy": "interleave_under"},
    ),
    (
        FACTORY,
        "interleaving",
        {"dataset": "a,b,c", "interleave_probs": "0.5,0.5", "mix_strategy": "interleave_under"},
        {"dataset": "a,b", "interleave_probs": "0.5,0.5", "mix_strategy": "interleave_under"},
    ),
    (FACTORY, "two-masks", {"mask_history": True, "train_on_prompt": True}, {"mask_history": True}),
    (
        FACTORY,
        "two-metrics",
        {"predict_with_generate": True, "compute_accuracy": True},
        {"compute_accuracy": True},
    ),
    (
        FACTORY,
        "optimizer-conflict",
        {"use_badam": True, "finetuning_type": "lora"},
        {"use_badam": True, "finetuning_type": "full"},
    ),
    (
        FACTORY,
        "optimizer-conflict",
        {"use_galore": True, "use_apollo": True, "finetuning_type": "full"},
        {"use_galore": True, "finetuning_type": "full"},
    ),
    (
        FACTORY,
        "loss-without-smoothing",
        {"stage": "dpo", "pref_loss": "ipo", "dpo_label_smoothing": 0.1},
        {"stage": "dpo", "pref_loss": "sigmoid", "dpo_label_smoothing": 0.1},
    ),
    (
        FACTORY,
        "expansion-of-all",
        {"use_llama_pro": True, "finetuning_type": "full"},
        {"use_llama_pro": True, "finetuning_type": "freeze"},
    ),
    (FACTORY, "pissa-stage", {"stage": "kto", "pissa_init": True}, {"pissa_init": True}),
    *(
        (
            DEEPSPEED,
            "bare-precision-without-zero",
            {name: {"enabled": True, f"{name}_master_weights_and_grads": True}, "zero_optimization": {}},
            {name: {"enabled": True, f"{name}_master_weights_and_grads": True}},
        )
        for name in ("fp16", "bf16")
    ),
    (
        DEEPSPEED,
        "norm-by-stage",
        {"zero_optimization": {"stage": 3, "compute_grad_norm": False}},
        {"zero_optimization": {"stage": 2, "compute_grad_norm": False}},
    ),
    (DEEPSPEED, "summed-gradients", {"gradient_allreduce_op": "sum", **ZERO_3}, ZERO_3),
    (DEEPSPEED, "scaled-scatter", {"gradient_predivide_factor": 2.0}, {"gradient_predivide_factor": 1.0}),
    (
        DEEPSPEED,
        "scaled-scatter",
        {"prescale_gradients": True},
        {"prescale_gradients": True, "zero_optimization": {"stage": 2, "reduce_scatter": False}},
    ),
    (
        ACCELERATE,
        "loading-without-sync",
        {"fsdp_config": {"fsdp_cpu_ram_efficient_loading": True, "fsdp_sync_module_states": False}},
        {"fsdp_config": {"fsdp_cpu_ram_efficient_loading": True, "fsdp_sync_module_states": True}},
    ),
    (
        ACCELERATE,
        "local-state-dict",
        {"fsdp_config": {"fsdp_version": 2, "fsdp_state_dict_type": "LOCAL_STATE_DICT"}},
        {"fsdp_config": {"fsdp_version": 1, "fsdp_state_dict_type": "LOCAL_STATE_DICT"}},
    ),
]
"""The file that they are written into, the kind, what is refused, and what is taken."""


def kinds(values: Values, folder: Path) -> set[str]:
    document = Document.parse(json.dumps(values), str(folder / "config.json"))
    analysis = analyse(document, Workspace(folder))
    assert analysis.reading is not None, "not recognised"
    return {problem.kind for problem in analysis.reading.problems}


@pytest.mark.parametrize(("file", "kind", "refused", "taken"), CASES)
def test_refused_and_taken(file: Values, kind: str, refused: Values, taken: Values, tmp_path: Path) -> None:
    assert kind in kinds({**file, **refused}, tmp_path)
    assert kind not in kinds({**file, **taken}, tmp_path)


def test_every_row_has_a_case() -> None:
    tables = (accelerate, axolotl, deepspeed, llamafactory, trl)
    rows = [row for table in tables for row in table.REFUSALS] + [*trainer_checks.TRAINER]
    assert {row.kind for row in rows} <= {kind for _, kind, _, _ in CASES}
    assert len(CASES) >= len(rows)


def test_every_row_of_the_tables_says_where_it_is_from() -> None:
    tables = (accelerate, axolotl, deepspeed, llamafactory, trl)
    assert all(row.source for table in tables for row in table.REFUSALS)
