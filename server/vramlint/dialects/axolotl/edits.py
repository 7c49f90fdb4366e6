"""Writing changes of a job into an axolotl config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from vramlint.dialects.axolotl.shipped_deepspeed import SHIPPED_DEEPSPEED
from vramlint.dialects.engines.deepspeed_edits import DEEPSPEED_EDITORS
from vramlint.dialects.engines.hf_trainer import sync_edit
from vramlint.dialects.engines.loading import EFFICIENT_LOADING, efficient_edit
from vramlint.dialects.kit.dialect import REMOVE, Changes, SetKey
from vramlint.dialects.kit.edits import Editor, edit, key, spelling, translated
from vramlint.dialects.kit.reader import names, split
from vramlint.job import TrainingJob

LIGER_PLUGIN = "axolotl.integrations.liger.LigerPlugin"
_ATTENTION_FLAGS = (
    "flash_attention",
    "sdp_attention",
    "eager_attention",
    "flex_attention",
    "xformers_attention",
    "sage_attention",
)
_ADAPTER_KEYS = ("adapter", "load_in_4bit", "load_in_8bit", "lora_r", "lora_alpha", "lora_dropout")
_FSDP2 = {
    "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
    "reshard_after_forward": True,
    "state_dict_type": "FULL_STATE_DICT",
}
"""As axolotl's own examples have it; without `transformer_layer_cls_to_wrap` accelerate wraps what the model
says is not to be split.
"""
_PRECISIONS: Mapping[str, tuple[tuple[str, Any], ...]] = {
    "bfloat16": (("bf16", True),),
    "float16": (("bf16", False), ("fp16", True)),
    "float32": (("bf16", False),),
}


def _written(values: Mapping[str, Any], paths: tuple[str, ...]) -> list[SetKey]:
    return [SetKey((path,), REMOVE) for path in paths if path in values]


def _method(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    if value == "full":
        return _written(values, (*_ADAPTER_KEYS, "lora_target_linear", "lora_target_modules"))
    if value not in ("lora", "qlora"):
        return None
    out = [SetKey(("adapter",), value), *_written(values, ("flash_attn_fuse_mlp",))]
    if value == "qlora":
        out += [*_written(values, ("load_in_8bit",)), SetKey(("load_in_4bit",), True)]
    else:
        out += _written(values, ("load_in_4bit", "load_in_8bit"))
    if not values.get("lora_r"):
        out += [SetKey(("lora_r",), 16), SetKey(("lora_alpha",), 32)]
    if not values.get("lora_target_linear") and not values.get("lora_target_modules"):
        out.append(SetKey(("lora_target_linear",), True))
    return out


def _quantization(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    if value == "bnb-nf4":
        return [
            SetKey(("adapter",), "qlora"),
            *_written(values, ("load_in_8bit",)),
            SetKey(("load_in_4bit",), True),
        ]
    if value == "bnb-int8":
        return [
            SetKey(("adapter",), "lora"),
            *_written(values, ("load_in_4bit",)),
            SetKey(("load_in_8bit",), True),
        ]
    return None


def _precision(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    if value not in _PRECISIONS:
        return None
    kept = dict(_PRECISIONS[value])
    others = tuple(name for name in ("fp16", "bfloat16", "float16", "float32") if name not in kept)
    return [*_written(values, others), *(SetKey((name,), flag) for name, flag in kept.items())]


def _checkpointing(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    if value == "none":
        return [SetKey(("gradient_checkpointing",), False)]
    if value not in ("full", "reentrant"):
        return None
    switch = SetKey(("gradient_checkpointing",), True)
    return [switch, SetKey(("gradient_checkpointing_kwargs", "use_reentrant"), value == "reentrant")]


def _offload(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey]:
    if not value:
        return _written(values, ("activation_offloading",))
    # with an adapter, true would take the place of recomputation; legacy offloads what checkpointing keeps
    kind = True if job.adapter is None else "legacy"
    return [SetKey(("gradient_checkpointing",), True), SetKey(("activation_offloading",), kind)]


def _attention(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    spelled = {"flex": "flex_attention"}.get(value, value)
    if spelled not in ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"):
        return None
    return [*_written(values, _ATTENTION_FLAGS), SetKey(("attn_implementation",), spelled)]


def _loss(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey] | None:
    if value != "fused-linear":
        return None
    listed = list(names(values.get("plugins")) or ())
    if not any("integrations.liger" in item for item in listed):
        listed.append(LIGER_PLUGIN)
    return [SetKey(("plugins",), listed), SetKey(("liger_fused_linear_cross_entropy",), True)]


def _loading(values: Mapping[str, Any], job: TrainingJob, value: Any) -> Iterable[SetKey] | None:
    """Under FSDP2 also of a base in 4 bits, which one rank packs on its host."""
    staged = value == "rank-0" and job.method == "qlora" and job.parallel.strategy == "fsdp2"
    return (SetKey(split(EFFICIENT_LOADING.path), True),) if staged else efficient_edit(values, job, value)


def _strategy(values: Mapping[str, Any], job: TrainingJob, value: Any) -> Iterable[SetKey] | None:
    """A section, or the file beside the one of those that axolotl ships; FSDP2 in the place of either."""
    named = values.get("deepspeed")
    if value == "fsdp2":
        options = {} if isinstance(values.get("fsdp_config"), Mapping) else _FSDP2
        written = (SetKey(("fsdp_config", name), option) for name, option in options.items())
        return (*_written(values, ("deepspeed", "fsdp")), SetKey(("fsdp_version",), 2), *written)
    if value == "zero3" and isinstance(named, str) and PurePosixPath(named).name in SHIPPED_DEEPSPEED:
        name = "zero3.json" if job.precision.weights == "float16" else "zero3_bf16.json"
        return (SetKey(("deepspeed",), str(PurePosixPath(named).with_name(name))),)
    return DEEPSPEED_EDITORS["parallel.strategy"](values, job, value)


def _sharded(values: Mapping[str, Any], job: TrainingJob, value: Any) -> Iterable[SetKey] | None:
    """FSDP shards over what other degrees leave, unless the file says over how many (utils/distributed.py,
    _get_parallel_config_kwargs): those of a group of experts.
    """
    return (SetKey(("dp_shard_size",), value),) if values.get("dp_shard_size") else None


def _tensor(values: Mapping[str, Any], job: TrainingJob, value: Any) -> Iterable[SetKey] | None:
    """Beside DeepSpeed only where that is a file, which axolotl opens to write the degree into a copy
    (utils/schemas/validation.py, check_tensor_parallel_size_update_ds_json).
    """
    inline = isinstance(values.get("deepspeed"), Mapping)
    return None if inline else (SetKey(("tensor_parallel_size",), value),)


def _ring(values: Mapping[str, Any], job: TrainingJob, value: Any) -> Iterable[SetKey]:
    return (SetKey((spelling(values, "context_parallel_size", "sequence_parallel_degree"),), value),)


def _targets(values: Mapping[str, Any], job: TrainingJob, value: Any) -> list[SetKey]:
    if value == "all-linear":
        return [*_written(values, ("lora_target_modules",)), SetKey(("lora_target_linear",), True)]
    chosen = value if isinstance(value, str) else list(value)
    return [SetKey(("lora_target_linear",), REMOVE), SetKey(("lora_target_modules",), chosen)]


EDITORS: Mapping[str, Editor] = {
    "method": _method,
    "quantization.scheme": _quantization,
    "adapter.r": key("lora_r"),
    "adapter.alpha": key("lora_alpha"),
    "adapter.dropout": key("lora_dropout"),
    "adapter.targets": _targets,
    "precision.weights": _precision,
    "gradient_checkpointing": _checkpointing,
    "activation_offload": _offload,
    "micro_batch_size": key("micro_batch_size"),
    "gradient_accumulation_steps": key("gradient_accumulation_steps"),
    "sequence_length": key("sequence_len"),
    "evaluation.batch": key("eval_batch_size"),
    "generation.sleep": translated("trl.vllm_enable_sleep_mode", {"weights": True, "none": False}),
    "generation.memory_fraction": key("vllm.gpu_memory_utilization"),
    "reference_model": translated("precompute_ref_log_probs", {"none": True}),
    "packing": key("sample_packing"),
    "optimizer": key("optimizer"),
    "attention": _attention,
    "loss": _loss,
    "parallel.sync_each_batch": sync_edit,
    "loading": _loading,
    **DEEPSPEED_EDITORS,
    "parallel.strategy": _strategy,
    "parallel.data": _sharded,
    "parallel.replicate": key("dp_replicate_size"),
    "parallel.tensor": _tensor,
    "parallel.context": _ring,
    "parallel.expert": key("expert_parallel_size"),
    "gradient_clipping": translated("max_grad_norm", {None: 0.0, 1.0: 1.0}),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys to set for `changes`. Tensor and expert parallelism exclude each other (check_tensor_parallel_
    expert_parallel), and so does the first with a section of ZeRO.
    """
    tensor, expert = (
        changes.get(f"parallel.{name}", getattr(job.parallel, name)) for name in ("tensor", "expert")
    )
    written = edit(EDITORS, values, job, changes)
    if written is None or tensor == 1:
        return written
    inline = any(item.path[0] == "deepspeed" and len(item.path) > 1 for item in written)
    return None if expert > 1 or inline else written
