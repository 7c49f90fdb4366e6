"""Writing changes of a job into a TRL recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vramlint.dialects.engines.deepspeed_edits import DEEPSPEED_EDITORS
from vramlint.dialects.engines.hf_trainer import sync_edit
from vramlint.dialects.engines.loading import efficient_edit
from vramlint.dialects.kit.dialect import REMOVE, Changes, SetKey
from vramlint.dialects.kit.edits import Editor, edit, key, spelling, translated
from vramlint.dialects.trl.keys import NO_TRAINER
from vramlint.job import TrainingJob
from vramlint.versions import at_least


def _removed(values: Mapping[str, Any], *paths: str) -> list[SetKey]:
    return [SetKey((path,), REMOVE) for path in paths if path in values]


def _dtype(values: Mapping[str, Any]) -> str:
    return spelling(values, "dtype", "torch_dtype")


def _method(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    if value == "full":
        return _removed(values, "use_peft", "use_dora", "load_in_4bit", "load_in_8bit")
    if value not in ("lora", "qlora", "dora"):
        return None
    out = [SetKey(("use_peft",), True)]
    if value == "dora":
        out.append(SetKey(("use_dora",), True))
    if value == "qlora":
        out += [
            *_removed(values, "load_in_8bit"),
            SetKey(("load_in_4bit",), True),
            SetKey(("use_bnb_nested_quant",), True),
            SetKey((_dtype(values),), "bfloat16"),
        ]
    else:
        out += _removed(values, "load_in_4bit", "load_in_8bit")
    if not values.get("lora_target_modules"):
        out.append(SetKey(("lora_target_modules",), "all-linear"))
    return out


def _quantization(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    flags = {"bnb-nf4": ("load_in_4bit", "load_in_8bit"), "bnb-int8": ("load_in_8bit", "load_in_4bit")}
    if value not in flags:
        return None
    on, off = flags[value]
    return [SetKey(("use_peft",), True), *_removed(values, off), SetKey((on,), True)]


def _precision(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    known = value in ("bfloat16", "float16", "float32")
    return [SetKey((_dtype(values),), value)] if known else None


def _checkpointing(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    name = spelling(values, "gradient_checkpointing", "activation_checkpointing")
    if value == "none":
        return [SetKey((name,), False), *_removed(values, f"{name}_kwargs")]
    switch = SetKey((name,), True)
    if value == "selective-op":
        return [switch, SetKey((f"{name}_kwargs", "selective"), True)]
    if isinstance(value, int):
        return [switch, SetKey((f"{name}_kwargs", "every_n_layers"), value)]
    return [switch, SetKey((f"{name}_kwargs", "use_reentrant"), value == "reentrant")]


def _length(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    if job.objective == "grpo":
        return None
    return [SetKey((spelling(values, "max_length", "max_seq_length"),), value)]


def _attention(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    spelled = {"flex": "flex_attention"}.get(value, value)
    if spelled not in ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"):
        return None
    return [*_removed(values, "use_flash_attention_2"), SetKey(("attn_implementation",), spelled)]


def _loss(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    release = job.versions.get("trl", "1.16")
    if value == "fused-linear" and not at_least(release, "1.16"):
        return [SetKey(("use_liger_kernel",), True)]
    if value == "trl-chunked" and at_least(release, "1.9") and job.objective == "sft":
        return [SetKey(("loss_type",), "chunked_nll")]
    return None


def _reference(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    """Computed beforehand, where the file speaks to TRL's own preference trainers."""
    asked = value == "none" and any(
        name in values for name in ("beta", "loss_type", "precompute_ref_log_probs")
    )
    return [SetKey(("precompute_ref_log_probs",), True)] if asked else None


def _targets(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey]:
    return [SetKey(("lora_target_modules",), value if isinstance(value, str) else list(value))]


def _of_trainer(editor: Editor) -> Editor:
    """The editor, where a Trainer runs the steps."""

    def write(values: Mapping[str, Any], job: TrainingJob, value: Any) -> Iterable[SetKey] | None:
        return None if any(name in values for name in NO_TRAINER) else editor(values, job, value)

    return write


EDITORS: Mapping[str, Editor] = {
    "method": _method,
    "quantization.scheme": _quantization,
    "quantization.double_quant": key("use_bnb_nested_quant"),
    "adapter.r": key("lora_r"),
    "adapter.alpha": key("lora_alpha"),
    "adapter.dropout": key("lora_dropout"),
    "adapter.targets": _targets,
    "precision.weights": _precision,
    "gradient_checkpointing": _checkpointing,
    "activation_offload": key("activation_offloading"),
    "micro_batch_size": key("per_device_train_batch_size"),
    "gradient_accumulation_steps": key("gradient_accumulation_steps"),
    "sequence_length": _length,
    "evaluation.batch": key("per_device_eval_batch_size"),
    "generation.sleep": translated("vllm_enable_sleep_mode", {"weights": True, "none": False}),
    "generation.memory_fraction": key("vllm_gpu_memory_utilization"),
    "reference_model": _reference,
    "packing": key("packing"),
    "optimizer": key("optim"),
    "attention": _attention,
    "loss": _loss,
    "parallel.sync_each_batch": sync_edit,
    "loading": efficient_edit,
    **{field: _of_trainer(editor) for field, editor in DEEPSPEED_EDITORS.items()},
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys to set for `changes`."""
    return edit(EDITORS, values, job, changes)
