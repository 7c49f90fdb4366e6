"""oumi's keys that decide memory (0.9, core/configs/params/), and the arguments that it makes of them
(TrainingParams.to_hf).
"""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.dialects.kit.dialect import Key
from vramlint.dialects.trl.keys import KEYS as ARGUMENTS
from vramlint.lazy_dataclasses import replace

_ROWS: Mapping[str, Key] = {key.path: key for key in ARGUMENTS}
_BOOLEAN = (True, False)

MADE: Mapping[str, str] = {
    "model.model_name": "model_name_or_path",
    "model.torch_dtype_str": "dtype",
    "model.attn_implementation": "attn_implementation",
    "model.model_max_length": "max_length",
    "model.enable_liger_kernel": "use_liger_kernel",
    "training.use_peft": "use_peft",
    "training.per_device_train_batch_size": "per_device_train_batch_size",
    "training.gradient_accumulation_steps": "gradient_accumulation_steps",
    "training.enable_gradient_checkpointing": "gradient_checkpointing",
    "training.gradient_checkpointing_kwargs": "gradient_checkpointing_kwargs",
    "training.optimizer": "optim",
    "training.compile": "torch_compile",
    "training.max_grad_norm": "max_grad_norm",
    "training.eval_strategy": "eval_strategy",
    "training.per_device_eval_batch_size": "per_device_eval_batch_size",
    "data.train.pack": "packing",
    "peft.lora_r": "lora_r",
    "peft.lora_alpha": "lora_alpha",
    "peft.lora_dropout": "lora_dropout",
    "peft.lora_target_modules": "lora_target_modules",
    "peft.lora_target_parameters": "lora_target_parameters",
    "peft.lora_modules_to_save": "lora_modules_to_save",
    "peft.bnb_4bit_quant_type": "bnb_4bit_quant_type",
    "peft.use_bnb_nested_quant": "use_bnb_nested_quant",
}
"""oumi's key → the argument of the same meaning."""
DEFAULTS: Mapping[str, object] = {
    "dtype": "auto",
    "bf16": False,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "gradient_checkpointing": False,
    "optim": "adamw_torch",
    "lora_r": 8,
    "lora_alpha": 8,
    "lora_dropout": 0.0,
    "use_bnb_nested_quant": False,
    "max_completion_length": 256,
    "vllm_gpu_memory_utilization": 0.9,
}
"""What oumi hands over, or TRL takes, where the file is silent, if it is not TRL's own default."""


def arguments() -> dict[str, Key]:
    """The table of the arguments, with oumi's defaults."""
    return {
        path: replace(row, default=DEFAULTS[path], by_release=(), choices=()) if path in DEFAULTS else row
        for path, row in _ROWS.items()
    }


def _row(path: str) -> Key:
    row = _ROWS[MADE[path]]
    default = DEFAULTS.get(MADE[path], row.default)
    return replace(row, path=path, default=default, by_release=(), choices=(), since=None)


_OWN = (
    Key(
        "training.trainer_type",
        "objective",
        "The trainer: it decides what is trained for and how logits are held.",
        "HF",
        offered=("TRL_SFT", "TRL_DPO", "TRL_KTO", "TRL_GRPO", "TRL_GKD", "HF", "OUMI", "VERL_GRPO"),
    ),
    Key(
        "training.mixed_precision_dtype",
        "precision.autocast",
        "Mixed precision; it needs float32 weights. NONE trains in the dtype of the weights.",
        "NONE",
        offered=("NONE", "BF16", "FP16"),
    ),
    Key("training.trainer_kwargs", None, "Further arguments of the trainer, which beat the others.", None),
    Key("training.grpo.num_generations", "generation.completions", "Completions of each prompt."),
    Key("training.grpo.use_vllm", "generation.engine", "vLLM makes the completions.", False, _BOOLEAN),
    Key("training.gkd.teacher_model_name_or_path", "roles.teacher", "The model that is imitated."),
    Key("peft.q_lora", "quantization.scheme", "Quantizes the frozen base.", False, _BOOLEAN),
    Key("peft.q_lora_bits", "quantization.scheme", "Bits of a quantized weight.", 4, (4, 8)),
    Key("fsdp.enable_fsdp", "parallel.strategy", "Shards weights, gradients and states.", False, _BOOLEAN),
    Key("fsdp.sharding_strategy", "parallel.sharding", "What FSDP shares between the GPUs.", "FULL_SHARD"),
    Key("fsdp.cpu_offload", "parallel.offload", "Keeps shards on the host.", False, _BOOLEAN),
    Key(
        "fsdp.backward_prefetch",
        "parallel.backward_prefetch",
        "When backward gathers the next layer; NO_PREFETCH holds one layer less.",
        "BACKWARD_PRE",
        offered=("BACKWARD_PRE", "BACKWARD_POST", "NO_PREFETCH"),
    ),
    Key(
        "fsdp.auto_wrap_policy",
        "parallel.wrap",
        "What is gathered at once: a layer, a number of weights, or with NO_WRAP the whole model.",
        "NO_WRAP",
    ),
    Key("deepspeed.enable_deepspeed", "parallel.strategy", "DeepSpeed under the run.", False, _BOOLEAN),
    Key("deepspeed.zero_stage", "parallel.strategy", "What ZeRO shares between the GPUs.", "ZERO_0"),
    Key("deepspeed.offload_optimizer", "parallel.offload", "Keeps optimizer states on the host.", None),
)
KEYS: tuple[Key, ...] = (*(_row(path) for path in MADE if MADE[path] in _ROWS), *_OWN)
