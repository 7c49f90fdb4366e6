"""LLM Foundry: YAML for its training script over Composer's trainer.

Semantics of llm-foundry 0.22.0 (`command_utils/train.py`, `models/`) and Composer 0.32.1
(`distributed/mosaic_parallelism.py`, `trainer/trainer.py`): float32 weights, gradients and moments, shared
out by FSDP; layers computed in the dtype of `precision`; gradients reduced after each micro batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize, replicated, split_off
from vramlint.dialects.engines.fsdp import Sharding
from vramlint.dialects.engines.hf_trainer import attention
from vramlint.dialects.kit.dialect import Changes, Context, Dialect, Obstacle, ReadResult, SetKey
from vramlint.dialects.kit.edits import Editor, edit, key, whole_batch, without_accumulation
from vramlint.dialects.kit.interpolation import resolve
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    choice,
    integer,
    mapping,
    names,
    number,
    positive,
    table,
    text,
)
from vramlint.dialects.kit.reading import finish, framework_reader, hardware, unmodelled, world_size
from vramlint.dialects.llm_foundry.keys import FSDP, KEYS
from vramlint.dialects.llm_foundry.models import MPT, read_model
from vramlint.job import Adapter, Evaluation, Parallel, Precision, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Attention, Autocast, Loss, Prefetch

VERSION = "0.22"
_COMPUTE: Mapping[str, Autocast] = {
    "amp_bf16": "bfloat16", "amp_fp8": "bfloat16", "amp_fp16": "float16", "fp32": "none",
}  # fmt: skip
_SHARDING: Mapping[str, Sharding] = {
    "FULL_SHARD": "full",
    "SHARD_GRAD_OP": "grad-op",
    "NO_SHARD": "none",
    "HYBRID_SHARD": "hybrid",
    "_HYBRID_SHARD_ZERO2": "hybrid",
}
_PREFETCHES: Mapping[str, Prefetch] = {"NONE": "none", "BACKWARD_PRE": "pre", "BACKWARD_POST": "post"}
"""Composer 0.32.1 (distributed/mosaic_parallelism.py, BACKWARD_PREFETCH_MAP; FSDPConfig)."""
_OPTIMIZERS: Mapping[Any, str] = {
    "decoupled_adamw": "decoupled_adamw",
    "decoupled_lionw": "decoupled_lionw",
    "clip_lion": "decoupled_lionw",
    "adalr_lion": "decoupled_lionw",
}
_DTYPES: Mapping[object, Autocast] = {
    "bf16": "bfloat16",
    "bfloat16": "bfloat16",
    "fp16": "float16",
    "float16": "float16",
}


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run that a training file describes."""
    reader = framework_reader(resolve(values), context, "llm-foundry", VERSION, table(KEYS))
    model = read_model(reader, context)
    return finish(DIALECT, reader, _job(reader, context, model) if isinstance(model, Model) else model)


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob | Obstacle:
    auto = reader.raw("device_train_microbatch_size") == "auto"
    micro = None if auto else reader.get("device_train_microbatch_size", positive)
    length = reader.get("max_seq_len", positive)
    if micro is None:
        why = "auto is lowered at run time until a step fits, so that the file says no size"
        return unmodelled(reader, "device_train_microbatch_size", why)
    if length is None:
        return Obstacle("not-modelled", "max_seq_len is not set, which LLM Foundry asks for")
    optimizer = reader.get("optimizer.name", text)
    if optimizer not in _OPTIMIZERS:
        return unmodelled(reader, "optimizer.name", f"{optimizer or 'none'} is not modelled")
    for field, path in (
        ("micro_batch_size", "device_train_microbatch_size"),
        ("sequence_length", "max_seq_len"),
        ("optimizer", "optimizer.name"),
    ):
        reader.written(field, path)
    world = WorldSize(world_size(reader, context), context.nodes)
    engine = _engine(reader, world)
    rows = _rows(reader, world)
    micro = min(micro, rows) if rows else micro
    adapter = _adapter(reader)
    sharded = engine.parallel.strategy == "fsdp1"
    reader.default("loop", "Composer holds a micro batch's outputs until the next one")
    return TrainingJob(
        model=model,
        runtime="composer" if model.model_type == MPT else "transformers",
        objective="sft" if reader.get("train_loader.name", text) == "finetuning" else "pretrain",
        method="full" if adapter is None else "lora",
        adapter=adapter,
        precision=engine.precision,
        optimizer=_OPTIMIZERS[optimizer],
        micro_batch_size=micro,
        gradient_accumulation_steps=max(-(-(rows or micro) // micro), 1),
        sequence_length=length,
        packing=reader.has("train_loader.dataset.packing_ratio"),
        gradient_checkpointing=_checkpointing(reader) if sharded else "none",
        activation_offload=sharded and reader.read(f"{FSDP}.activation_cpu_offload", boolean),
        attention=_attention(reader, model),
        loss=_loss(reader, model),
        loop="plain",
        allocator=_allocator(reader),
        gradient_clipping=reader.read("algorithms.gradient_clipping.clipping_threshold", number),
        parallel=engine.parallel,
        evaluation=_evaluation(reader),
        origins=reader.record.origins,
        **hardware(context),
    )


def _rows(reader: Reader, world: WorldSize) -> int | None:
    """Rows of a step on each GPU."""
    whole = reader.get("global_train_batch_size", positive)
    if whole is None:
        return None
    reader.written("gradient_accumulation_steps", "global_train_batch_size")
    return max(whole // world.size, 1)


def _engine(reader: Reader, world: WorldSize) -> ParallelPlan:
    """FSDP over several GPUs; on one, or without `fsdp_config`, the script falls back to DDP."""
    half: Autocast = reader.read("precision", choice(_COMPUTE), "bfloat16", field="precision.autocast")
    precision = Precision(weights="float32", autocast=half)
    reader.default("precision.weights", "float32 whatever precision says")
    section = reader.get(FSDP, mapping)
    if section is None or world.size == 1:
        return replicated(world, precision)
    reader.written("parallel.strategy", FSDP)
    sharding: Sharding = reader.read(f"{FSDP}.sharding_strategy", choice(_SHARDING), "full")
    if sharding == "none":
        return replicated(world, precision)
    replicas = _replicas(reader, world, sharding)
    gathered, reduced = _dtypes(reader, half)
    parallel = Parallel(
        strategy="fsdp1",
        data=max(world.size // replicas, 1),
        replicate=replicas,
        sharding="hybrid" if replicas > 1 else "full" if sharding == "hybrid" else sharding,
        param_dtype=gathered,
        reduce_dtype=reduced,
        offload="both" if reader.read(f"{FSDP}.cpu_offload", boolean) else "none",
        sync_each_batch=True,
        backward_prefetch=reader.read(f"{FSDP}.backward_prefetch", _prefetch, "post"),
    )
    # Layers find weights that FSDP has cast already.
    plan = ParallelPlan(parallel, replace(precision, autocast="none"))
    tensor = reader.read("tp_config.tensor_parallel_degree", positive)
    return split_off(plan, tensor=tensor) if tensor > 1 else plan


def _prefetch(value: object) -> Prefetch | None:
    return _PREFETCHES.get(value.upper()) if isinstance(value, str) else None


def _replicas(reader: Reader, world: WorldSize, sharding: str) -> int:
    """Copies of the group that shards: as the degrees say, else a machine each where that is hybrid."""
    copies = reader.get(f"{FSDP}.data_parallel_replicate_degree", positive)
    group = reader.get(f"{FSDP}.data_parallel_shard_degree", integer)
    if copies is None and group is not None and group > 0:
        copies = max(world.size // group, 1)
    return copies or (world.nodes if sharding == "hybrid" else 1)


def _dtypes(reader: Reader, half: Autocast) -> tuple[Autocast, Autocast | Literal["float32"]]:
    """Dtypes in which weights are gathered and gradients reduced."""
    given = reader.raw(f"{FSDP}.mixed_precision")
    if isinstance(given, Mapping):
        reader.written("parallel.reduce_dtype", f"{FSDP}.mixed_precision")
        found = [_DTYPES.get(given.get(f"{name}_dtype"), "none") for name in ("param", "reduce")]
        return found[0], "float32" if given.get("reduce_dtype") in ("fp32", "float32") else found[1]
    kind = reader.read(f"{FSDP}.mixed_precision", text).upper()
    if kind == "FULL" or half == "none":
        return "none", "none"
    return half, half if kind == "PURE" else "float32"


def _checkpointing(reader: Reader) -> Literal["none", "full", "reentrant"]:
    """Composer's own, which comes with FSDP only."""
    if not reader.read(f"{FSDP}.activation_checkpointing", boolean):
        return "none"
    reentrant = reader.get(f"{FSDP}.activation_checkpointing_reentrant", boolean)
    return "full" if reentrant is False else "reentrant"


def _adapter(reader: Reader) -> Adapter | None:
    if reader.get("model.peft_config", mapping) is None:
        reader.default("method", "no adapter: every weight is trained")
        return None
    reader.written("method", "model.peft_config")
    targets = reader.get("model.peft_config.target_modules", names)
    if targets:
        reader.written("adapter.targets", "model.peft_config.target_modules")
    return Adapter(
        r=reader.read("model.peft_config.r", positive),
        alpha=reader.get("model.peft_config.lora_alpha", number) or 8,
        dropout=reader.get("model.peft_config.lora_dropout", number) or 0.0,
        targets="all-linear" if targets in (None, ("all-linear",)) else targets,
        dtype="float32",
    )


def _attention(reader: Reader, model: Model) -> Attention:
    if model.model_type == MPT:
        path = "model.attn_config.attn_impl"
        if not reader.has(path):
            path = "model.config_overrides.attn_config.attn_impl"
        kind = reader.get(path, text)
        if kind is not None:
            reader.written("attention", path)
        else:
            reader.default("attention")
        return "eager" if kind == "torch" else "flash_attention_2"
    if reader.flag("model.use_flash_attention_2"):
        reader.written("attention", "model.use_flash_attention_2")
        return "flash_attention_2"
    kernel: Attention | None = reader.get("model.attn_implementation", attention)
    if kernel is None:
        reader.default("attention", "eager unless a kernel is named")
        return "eager"
    reader.written("attention", "model.attn_implementation")
    return kernel


def _loss(reader: Reader, model: Model) -> Loss:
    """MPT has a loss of its own choice, a model of the hub its own."""
    if model.model_type != MPT or reader.get("model.name", text) != "mpt_causal_lm":
        reader.default("loss", "the model's own, over the whole logits")
        return "full-logits"
    fused = reader.read("model.loss_fn", text) == "fused_crossentropy"
    return "fused-cross-entropy" if fused else "full-logits"


def _allocator(reader: Reader) -> str:
    """What the script exports before it trains."""
    split = reader.get("max_split_size_mb", positive)
    words = [f"max_split_size_mb:{split}"] if split else []
    if reader.read("expandable_segments", boolean):
        words.append("expandable_segments:True")
    return ",".join(words)


def _evaluation(reader: Reader) -> Evaluation | None:
    rows = reader.get("device_eval_batch_size", positive)
    if rows is None or not reader.has("eval_loader") or reader.raw("eval_interval") in (0, "0"):
        return None
    reader.written("evaluation", "eval_loader")
    reader.written("evaluation.batch", "device_eval_batch_size")
    return Evaluation(batch=rows)


def _recomputed(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    if job.parallel.strategy != "fsdp1" or value not in ("none", "full", "reentrant"):
        return None
    on = SetKey((FSDP, "activation_checkpointing"), value != "none")
    return (on, SetKey((FSDP, "activation_checkpointing_reentrant"), value == "reentrant"))


def _split(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    """Only where `tp_config` is there, which says by a strategy of its own what is split."""
    return (SetKey(("tp_config", "tensor_parallel_degree"), value),) if "tp_config" in values else None


_EDITORS: Mapping[str, Editor] = {
    "parallel.tensor": _split,
    "micro_batch_size": key("device_train_microbatch_size"),
    "gradient_checkpointing": _recomputed,
    "evaluation.batch": key("device_eval_batch_size"),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`. The rows of a step stay what they are."""
    written = edit(_EDITORS, values, job, without_accumulation(changes))
    if written is None or "gradient_accumulation_steps" not in changes:
        return written
    return (*written, *whole_batch("global_train_batch_size", values, job, changes))


DIALECT = Dialect("llm-foundry", "LLM Foundry", VERSION, KEYS, read, edits, "unchecked")
