"""DeepSpeed, adapters and kernels as OpenRLHF's arguments set them up, whatever is trained for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.deepspeed import read_deepspeed
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize, split_off
from vramlint.dialects.engines.hf_trainer import attention
from vramlint.dialects.kit.reader import Reader, boolean, choice, integer, names, number, positive, text
from vramlint.dialects.openrlhf.arguments import flag, spelling
from vramlint.dialects.openrlhf.arguments import read as read_argument
from vramlint.job import Adapter, Precision
from vramlint.vocabulary import Attention, Checkpointing

_HALF: Mapping[str, Any] = {"bf16": "bfloat16", "fp16": "float16"}


def read_engine(reader: Reader, world: WorldSize, model: Model) -> ParallelPlan:
    """The DeepSpeed config that `get_train_ds_config` makes (utils/deepspeed/deepspeed_utils.py). Its sizes
    that are "auto" are DeepSpeed's own defaults: nothing fills them in
    (deepspeed 0.19.8, runtime/config_utils.py, DeepSpeedConfigModel).
    """
    stage = read_argument(reader, "ds.zero_stage", integer)
    half = _HALF.get(_dtype(reader), "bfloat16")
    ring = read_argument(reader, "ds.ring_attn_size", positive)
    tensor = read_argument(reader, "ds.tensor_parallel_size", positive)
    strategy = reader.record.origins["parallel.strategy"]
    zero: dict[str, Any] = {"stage": stage}
    if flag(reader, "ds.adam_offload"):
        zero["offload_optimizer"] = {"device": "cpu"}
    if flag(reader, "ds.overlap_comm"):
        zero["overlap_comm"] = True
    config = {
        "zero_optimization": zero,
        "bf16": {"enabled": half == "bfloat16"},
        "fp16": {"enabled": half == "float16"},
        "tensor_parallel": {"autotp_size": tensor},
        "data_types": {"grad_accum_dtype": reader.get(spelling(reader, "ds.grad_accum_dtype"), text)},
    }
    virtual = reader.virtual(config, spelling(reader, "ds.zero_stage"))
    plan = read_deepspeed(virtual, world, model, Precision(weights=half, autocast=half))
    reader.record.origins["parallel.strategy"] = strategy
    for field in ("precision.weights", "precision.master_weights", "precision.optimizer_states"):
        reader.default(field, "DeepSpeed's mixed precision")
    return split_off(plan, context=ring) if ring > 1 else plan


def _dtype(reader: Reader) -> str:
    return read_argument(reader, "ds.param_dtype", choice({"bf16": "bf16", "fp16": "fp16"}))


def read_adapter(reader: Reader, engine: ParallelPlan) -> Adapter | None:
    """The adapter, which DeepSpeed casts with the model."""
    rank = read_argument(reader, "ds.lora.rank", integer)
    if rank <= 0:
        reader.same_origin_as("method", "adapter.r")
        return None
    reader.same_origin_as("method", "adapter.r")
    targets = reader.get(spelling(reader, "ds.lora.target_modules"), names)
    if targets:
        reader.written("adapter.targets", spelling(reader, "ds.lora.target_modules"))
    else:
        reader.default("adapter.targets")
    alpha: float = read_argument(reader, "ds.lora.alpha", number)
    return Adapter(
        r=rank,
        alpha=alpha,
        dropout=read_argument(reader, "ds.lora.dropout", number),
        targets="all-linear" if not targets or "all-linear" in targets else targets,
        dtype=engine.adapter_dtype or "float32",
    )


def read_optimizer(reader: Reader, path: str = "optim") -> str:
    """DeepSpeed's own: FusedAdam, or its CPU Adam where the optimizer is on the host."""
    return "muon" if reader.read(path, text, "adam", field="optimizer") == "muon" else "adamw_torch_fused"


def read_checkpointing(reader: Reader, section: str = "model") -> Checkpointing:
    """Whether layers are recomputed, by the switches of a section."""
    if not read_argument(reader, f"{section}.gradient_checkpointing_enable", boolean):
        return "none"
    return "reentrant" if flag(reader, f"{section}.gradient_checkpointing_reentrant") else "full"


def read_attention(reader: Reader) -> Attention:
    """The attention kernel. Up to 0.8.9 a switch (cli/train_sft.py), which packed rows turn on."""
    switches = ("flash_attn", spelling(reader, "ds.packing_samples"))
    for path in () if reader.runs("openrlhf", "0.8.10") else switches:
        if reader.flag(path):
            reader.written("attention", path)
            return "flash_attention_2"
    return read_argument(reader, "ds.attn_implementation", attention)
