"""How changes of a job are written in a LLaMA-Factory file, of either engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.engines.deepspeed_edits import DEEPSPEED_EDITORS
from vramlint.dialects.engines.hf_trainer import sync_edit
from vramlint.dialects.engines.loading import efficient_edit
from vramlint.dialects.engines.megatron import megatron_editors
from vramlint.dialects.kit.dialect import REMOVE, Changes, SetKey
from vramlint.dialects.kit.edits import Editor, edit, key, translated, whole_batch, without_accumulation
from vramlint.job import TrainingJob

_ATTENTION = {"flash_attention_2": "fa2", "flash_attention_3": "fa3", "sdpa": "sdpa", "eager": "disabled"}
_ATTENTION_V1 = {name: name for name in ("flash_attention_2", "sdpa", "eager")}


def _method(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    if value == "qlora":
        return (SetKey(("finetuning_type",), "lora"), SetKey(("quantization_bit",), 4))
    if value in ("lora", "full", "freeze"):
        gone = (SetKey(("quantization_bit",), REMOVE),) if "quantization_bit" in values else ()
        return (SetKey(("finetuning_type",), value), *gone)
    return None


def _method_v1(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    if value not in ("lora", "qlora"):
        return None
    edits = (
        []
        if job.adapter
        else [SetKey(("peft_config", "name"), "lora"), SetKey(("peft_config", "target_modules"), "all")]
    )
    if value == "qlora":
        edits += [SetKey(("quant_config", "name"), "bnb"), SetKey(("quant_config", "quantization_bit"), 4)]
    return tuple(edits)


def _checkpointing(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    if value in ("full", "reentrant"):
        path = ("disable_gradient_checkpointing",)
        return (SetKey(path, REMOVE if "disable_gradient_checkpointing" in values else False),)
    return (SetKey(("disable_gradient_checkpointing",), True),) if value == "none" else None


def _loss(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    fused = value == "fused-linear" and job.objective in ("pretrain", "sft")
    return (SetKey(("enable_liger_kernel",), True),) if fused else None


def _trainable(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    """16-bit training throughout: in the place of the mixed-precision flag."""
    if value != "same-as-weights":
        return None
    gone = tuple(SetKey((name,), REMOVE) for name in ("bf16", "fp16") if name in values)
    return (*gone, SetKey(("pure_bf16",), True))


def _targets(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...]:
    written = "all" if value == "all-linear" else value if isinstance(value, str) else ",".join(value)
    return (SetKey(("lora_target",), written),)


_EDITORS: Mapping[str, Editor] = {
    "method": _method,
    "adapter.r": key("lora_rank"),
    "adapter.targets": _targets,
    "precision.trainable": _trainable,
    "micro_batch_size": key("per_device_train_batch_size"),
    "gradient_accumulation_steps": key("gradient_accumulation_steps"),
    "sequence_length": key("cutoff_len"),
    "evaluation.batch": key("per_device_eval_batch_size"),
    "packing": key("packing"),
    "gradient_checkpointing": _checkpointing,
    "activation_offload": key("use_unsloth_gc"),
    "attention": translated("flash_attn", _ATTENTION),
    "optimizer": key("optim"),
    "loss": _loss,
    "parallel.sync_each_batch": sync_edit,
    "loading": efficient_edit,
    **DEEPSPEED_EDITORS,
}
_EDITORS_V1: Mapping[str, Editor] = {
    "method": _method_v1,
    "adapter.r": key("peft_config.r"),
    "micro_batch_size": key("micro_batch_size"),
    "sequence_length": key("cutoff_len"),
    "gradient_checkpointing": translated("enable_activation_checkpointing", {"full": True, "none": False}),
    "attention": translated("flash_attn", _ATTENTION_V1),
    "parallel.strategy": translated("dist_config.name", {"fsdp2": "fsdp2"}),
    "parallel.context": key("dist_config.cp_size"),
}
_MEGATRON: Mapping[str, Editor] = {
    **megatron_editors(),
    "method": _method,
    "adapter.r": key("lora_rank"),
    "adapter.targets": _targets,
    "micro_batch_size": key("per_device_train_batch_size"),
    "gradient_accumulation_steps": key("gradient_accumulation_steps"),
    "sequence_length": key("cutoff_len"),
    "packing": key("packing"),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where the file cannot."""
    second = "model_name_or_path" not in values and "model" in values
    if not second:
        return edit(_MEGATRON if job.runtime == "megatron" else _EDITORS, values, job, changes)
    written = edit(_EDITORS_V1, values, job, without_accumulation(changes))
    if written is None or "gradient_accumulation_steps" not in changes:
        return written
    return (*written, *whole_batch("global_batch_size", values, job, changes))
