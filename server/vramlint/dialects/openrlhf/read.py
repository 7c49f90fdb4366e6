"""OpenRLHF: arguments of its fine-tuning, preference and reward trainers over DeepSpeed.

Semantics of 0.11.2 (`cli/train_sft.py`, `models/actor.py`, `utils/deepspeed/`), and of the spellings before
0.10.1. There is no config file: the arguments are on a launch line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.deepspeed import read_deepspeed
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize, split_off
from vramlint.dialects.engines.hf_trainer import attention
from vramlint.dialects.engines.liger import read_liger
from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.read_only import no_edits
from vramlint.dialects.kit.reader import (
    Kind,
    Reader,
    boolean,
    choice,
    integer,
    names,
    number,
    positive,
    table,
    text,
)
from vramlint.dialects.kit.reading import (
    find_model,
    finish,
    framework_reader,
    hardware,
    role_model,
    unmodelled,
    world_size,
)
from vramlint.dialects.openrlhf.keys import KEYS, OLD, SCRIPT
from vramlint.job import Adapter, Kernels, Precision, Quantization, Roles, TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.vocabulary import Attention, Objective, Reference

VERSION = "0.11.2"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Script:
    """What a script trains for, its rows of a forward pass and its tokens of a row where nothing says."""

    objective: Objective
    micro: int
    length: int


_SCRIPTS: Mapping[str, Script] = {
    "train_sft": Script("sft", 8, 2048),
    "train_dpo": Script("dpo", 8, 512),
    "train_rm": Script("reward", 1, 512),
}
_ONLINE = (
    *("actor", "critic", "rollout", "vllm"),
    *("actor_num_nodes", "actor_num_gpus_per_node", "rollout_batch_size"),
)
"""Arguments of the trainers that learn from completions (`cli/train_ppo_ray.py`)."""
_HALF: Mapping[str, Any] = {"bf16": "bfloat16", "fp16": "float16"}


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run that the arguments describe."""
    reader = framework_reader(values, context, "openrlhf", VERSION, table(KEYS))
    model = _obstacle(reader) or find_model(reader, context, _spelling(reader, "model.model_name_or_path"))
    return finish(DIALECT, reader, _job(reader, context, model) if isinstance(model, Model) else model)


def _spelling(reader: Reader, path: str) -> str:
    """The spelling of an argument that is there, else the newest."""
    old = OLD.get(path)
    return old if old is not None and reader.has(old) and not reader.has(path) else path


def _read(reader: Reader, path: str, kind: Kind[T], *default: T) -> T:
    old = OLD.get(path)
    return reader.read((path, old) if old else path, kind, *default)


def _flag(reader: Reader, path: str) -> bool:
    return reader.flag(path) or (path in OLD and reader.flag(OLD[path]))


def _obstacle(reader: Reader) -> Obstacle | None:
    script = _name(reader)
    online = next((path for path in _ONLINE if reader.has(path)), None)
    if online or "ppo" in script:
        why = "the turns of actor, critic and engine are not modelled"
        return unmodelled(reader, online or SCRIPT, why)
    if _script(reader) is None:
        return Obstacle("not-modelled", f"openrlhf's {script or 'script'} is not modelled")
    if (_read(reader, "ds.zpg", integer) or 1) > 1:
        return unmodelled(reader, _spelling(reader, "ds.zpg"), "a second copy of the shards is not modelled")
    return None


def _name(reader: Reader) -> str:
    """The script, without its package."""
    return (reader.get(SCRIPT, text) or "").removesuffix(".py").replace("/", ".").rpartition(".")[2]


def _script(reader: Reader) -> Script | None:
    """The script by its name, else by the arguments that only it has."""
    if named := _name(reader):
        return _SCRIPTS.get(named)
    if any(reader.has(_spelling(reader, path)) for path in ("model.beta", "ref.model_name_or_path")):
        return _SCRIPTS["train_dpo"]
    return None if reader.has(_spelling(reader, "data.chosen_key")) else _SCRIPTS["train_sft"]


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob:
    script = _script(reader)
    assert script is not None
    world = WorldSize(world_size(reader, context), context.nodes)
    engine = _engine(reader, world, model)
    micro = _read(reader, "train.micro_batch_size", positive, script.micro)
    rows = _read(reader, "train.batch_size", positive)
    groups = max(engine.parallel.data, 1)
    quantized = _flag(reader, "ds.load_in_4bit")
    adapter = _adapter(reader, engine)
    if quantized:
        reader.written("quantization", _spelling(reader, "ds.load_in_4bit"))
    reference, roles = _reference(reader, context, script.objective, engine, quantized)
    reader.default("loop", "holds a micro batch's outputs until the next one")
    return TrainingJob(
        model=model,
        objective=script.objective,
        method="full" if adapter is None else "qlora" if quantized else "lora",
        adapter=adapter,
        quantization=Quantization("bnb-nf4", double_quant=True) if quantized else None,
        precision=engine.precision,
        optimizer=_optimizer(reader),
        micro_batch_size=micro,
        gradient_accumulation_steps=max(rows // (micro * groups), 1),
        sequence_length=_read(reader, "data.max_len", positive, script.length),
        packing=_read(reader, "ds.packing_samples", boolean),
        gradient_checkpointing=_checkpointing(reader),
        attention=_attention(reader),
        kernels=Kernels(read_liger(reader, model, "ds.use_liger_kernel", OLD["ds.use_liger_kernel"])),
        loop="plain",
        gradient_clipping=reader.read("max_norm", number) or None,
        parallel=engine.parallel,
        reference_model=reference,
        roles=roles,
        origins=reader.record.origins,
        **hardware(context),
    )


def _engine(reader: Reader, world: WorldSize, model: Model) -> ParallelPlan:
    """The DeepSpeed config that `get_train_ds_config` makes (utils/deepspeed/deepspeed_utils.py). Its sizes
    that are "auto" are DeepSpeed's own defaults: nothing fills them in
    (deepspeed 0.19.8, runtime/config_utils.py, DeepSpeedConfigModel).
    """
    stage = _read(reader, "ds.zero_stage", integer)
    half = _HALF.get(_dtype(reader), "bfloat16")
    ring = _read(reader, "ds.ring_attn_size", positive)
    tensor = _read(reader, "ds.tensor_parallel_size", positive)
    strategy = reader.record.origins["parallel.strategy"]
    zero: dict[str, Any] = {"stage": stage}
    if _flag(reader, "ds.adam_offload"):
        zero["offload_optimizer"] = {"device": "cpu"}
    if _flag(reader, "ds.overlap_comm"):
        zero["overlap_comm"] = True
    config = {
        "zero_optimization": zero,
        "bf16": {"enabled": half == "bfloat16"},
        "fp16": {"enabled": half == "float16"},
        "tensor_parallel": {"autotp_size": tensor},
        "data_types": {"grad_accum_dtype": reader.get(_spelling(reader, "ds.grad_accum_dtype"), text)},
    }
    virtual = reader.virtual(config, _spelling(reader, "ds.zero_stage"))
    plan = read_deepspeed(virtual, world, model, Precision(weights=half, autocast=half))
    reader.record.origins["parallel.strategy"] = strategy
    for field in ("precision.weights", "precision.master_weights", "precision.optimizer_states"):
        reader.default(field, "DeepSpeed's mixed precision")
    return split_off(plan, context=ring) if ring > 1 else plan


def _dtype(reader: Reader) -> str:
    return _read(reader, "ds.param_dtype", choice({"bf16": "bf16", "fp16": "fp16"}))


def _adapter(reader: Reader, engine: ParallelPlan) -> Adapter | None:
    rank = _read(reader, "ds.lora.rank", integer)
    if rank <= 0:
        reader.same_origin_as("method", "adapter.r")
        return None
    reader.same_origin_as("method", "adapter.r")
    targets = reader.get(_spelling(reader, "ds.lora.target_modules"), names)
    if targets:
        reader.written("adapter.targets", _spelling(reader, "ds.lora.target_modules"))
    else:
        reader.default("adapter.targets")
    alpha: float = _read(reader, "ds.lora.alpha", number)
    return Adapter(
        r=rank,
        alpha=alpha,
        dropout=_read(reader, "ds.lora.dropout", number),
        targets="all-linear" if not targets or "all-linear" in targets else targets,
        dtype=engine.adapter_dtype or "float32",
    )


def _reference(
    reader: Reader, context: Context, objective: Objective, engine: ParallelPlan, quantized: bool
) -> tuple[Reference, Roles]:
    """DPO's second model, which adapters do not replace. Under ZeRO-3 it is shared out too, and may wait on
    the host (get_eval_ds_config).
    """
    if objective != "dpo":
        return "none", Roles()
    away = _flag(reader, "ref.offload") and engine.parallel.strategy == "zero3"
    if away:
        reader.written("reference_model", _spelling(reader, "ref.offload"))
        return "none", Roles()
    reader.default("reference_model", "a second model, with adapters too")
    named = role_model(reader, context, _spelling(reader, "ref.model_name_or_path"), "roles.reference")
    return "quantized" if quantized else "resident", Roles(reference=named)


def _optimizer(reader: Reader) -> str:
    """DeepSpeed's own: FusedAdam, or its CPU Adam where the optimizer is on the host."""
    return "muon" if reader.read("optim", text) == "muon" else "adamw_torch_fused"


def _checkpointing(reader: Reader) -> Any:
    if not _read(reader, "model.gradient_checkpointing_enable", boolean):
        return "none"
    return "reentrant" if _flag(reader, "model.gradient_checkpointing_reentrant") else "full"


def _attention(reader: Reader) -> Attention:
    if reader.flag("flash_attn"):
        reader.written("attention", "flash_attn")
        return "flash_attention_2"
    return _read(reader, "ds.attn_implementation", attention)


DIALECT = Dialect("openrlhf", "OpenRLHF", VERSION, KEYS, read, no_edits, "unchecked")
