"""nanotron: YAML of its pretraining, which states the model's dimensions and every degree.

Semantics of 0.4 (`helpers.py`, init_optimizer_and_grad_accumulator; `optim/gradient_accumulator.py`;
`parallel/tensor_parallel/functional.py`): 16-bit weights, gradients added up in float32 beside them, float32
weights and moments in the optimizer, and a loss over each rank's words, as Megatron-LM has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Changes, Context, Dialect, Obstacle, ReadResult, SetKey
from vramlint.dialects.kit.edits import Editor, degrees, edit, key, translated
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    choice,
    integer,
    mapping,
    number,
    positive,
    table,
    text,
)
from vramlint.dialects.kit.reading import finish, framework_reader, hardware, unmodelled
from vramlint.dialects.nanotron.keys import KEYS
from vramlint.job import Parallel, Precision, TrainingJob
from vramlint.vocabulary import Dtype, Schedule

VERSION = "0.4"
_CONFIG = "model.model_config"
_FAMILIES: Mapping[str, str] = {"is_llama_config": "llama", "is_qwen2_config": "qwen2"}
"""The flag that tells a config's class, and the family of transformers that has its shapes
(config/models_config.py).
"""
_DTYPES: Mapping[str, Dtype] = {"bfloat16": "bfloat16", "float16": "float16", "float32": "float32"}
_SCHEDULES: Mapping[str, Schedule] = {"1f1b": "1f1b", "afab": "gpipe"}
_STATED = ("parallelism.dp", "parallelism.tp", "parallelism.pp", "tokens.micro_batch_size",
           "tokens.sequence_length")  # fmt: skip


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run that a file describes."""
    reader = framework_reader(values, context, "nanotron", VERSION, table(KEYS))
    model = _obstacle(reader) or _model(reader, context)
    return finish(DIALECT, reader, _job(reader, context, model) if isinstance(model, Model) else model)


def _obstacle(reader: Reader) -> Obstacle | None:
    missing = next((path for path in _STATED if reader.get(path, positive) is None), None)
    if missing is not None:
        return Obstacle("not-modelled", f"{missing} is not set, which nanotron asks for")
    if reader.get(f"{_CONFIG}.moe_config", mapping) is not None:
        return unmodelled(reader, f"{_CONFIG}.moe_config", "experts are not modelled")
    if (reader.get("parallelism.expert_parallel_size", integer) or 1) > 1:
        return unmodelled(reader, "parallelism.expert_parallel_size", "experts are not modelled")
    name = reader.get("optimizer.optimizer_factory.name", text) or "adamW"
    if name != "adamW":
        return unmodelled(reader, "optimizer.optimizer_factory.name", f"what {name} keeps is not modelled")
    return None


def _model(reader: Reader, context: Context) -> Model | Obstacle:
    config = reader.get(_CONFIG, mapping) or {}
    family = next((family for flag, family in _FAMILIES.items() if config.get(flag)), None)
    if family is None:
        return unmodelled(reader, _CONFIG, "its class is not modelled")
    shapes = {key: value for key, value in config.items() if value is not None}
    model = context.catalog.from_config({**shapes, "model_type": family}, f"{family} of the file")
    if model is None:
        return Obstacle("unknown-model", f"{_CONFIG}: its dimensions are not all there", reader.at(_CONFIG))
    reader.written("model", _CONFIG)
    return model


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob:
    parallel = _parallel(reader)
    fused = reader.read("optimizer.optimizer_factory.torch_adam_is_fused", boolean, False)
    reader.same_origin_as("optimizer", "optimizer.optimizer_factory.torch_adam_is_fused")
    return TrainingJob(
        model=model,
        runtime="megatron",
        objective="pretrain",
        method="full",
        precision=_precision(reader),
        optimizer="adamw_torch_fused" if fused else "adamw_torch",
        micro_batch_size=reader.read("tokens.micro_batch_size", positive, 1),
        gradient_accumulation_steps=reader.read("tokens.batch_accumulation_per_replica", positive, 1),
        sequence_length=reader.read("tokens.sequence_length", positive, 1),
        packing=True,
        gradient_checkpointing="full" if reader.read("parallelism.recompute_layer", boolean) else "none",
        attention="flash_attention_2",
        loss="full-logits",
        loop="plain",
        gradient_clipping=reader.read("optimizer.clip_grad", number, 0.0) or None,
        parallel=parallel,
        origins=reader.record.origins,
        **{**hardware(context), **_machines(parallel, context)},
    )


def _precision(reader: Reader) -> Precision:
    """Where gradients add up in float32 the optimizer steps on float32 copies; else on the weights as they
    are.
    """
    weights: Dtype = reader.read("model.dtype", choice(_DTYPES))
    if weights == "float32" or not reader.read("optimizer.accumulate_grad_in_fp32", boolean, False):
        return Precision(weights=weights)
    reader.leave_open(
        "precision.gradients",
        "the 16-bit gradients beside the float32 ones that they are added to are not counted",
        at_least=True,
    )
    return Precision(
        weights=weights, master_weights="float32", gradients="float32", optimizer_states="float32"
    )


def _parallel(reader: Reader) -> Parallel:
    sizes: dict[str, Any] = {
        name: reader.read(f"parallelism.{key}", positive, 1)
        for name, key in (("data", "dp"), ("tensor", "tp"), ("pipeline", "pp"))
    }
    shared = (reader.read("optimizer.zero_stage", integer) or 0) > 0
    mode = reader.read("parallelism.tp_mode", text).upper()
    return Parallel(
        strategy="zero1" if shared else "ddp" if sizes["data"] > 1 else "none",
        **sizes,
        context=reader.read("parallelism.context_parallel_size", positive),
        sequence=mode == "REDUCE_SCATTER" and sizes["tensor"] > 1,
        schedule=reader.read("parallelism.pp_engine", choice(_SCHEDULES), "gpipe"),
    )


def _machines(parallel: Parallel, context: Context) -> dict[str, int]:
    """The degrees say how many GPUs there are; how many in a machine is declared, else taken as 8."""
    world = parallel.world_size
    per_node = context.gpu_count if context.gpu_declared and context.gpu_count > 1 else 8
    return {"gpu_count": min(per_node, world), "nodes": max(world // per_node, 1)}


_EDITORS: Mapping[str, Editor] = {
    "micro_batch_size": key("tokens.micro_batch_size"),
    "gradient_accumulation_steps": key("tokens.batch_accumulation_per_replica"),
    "sequence_length": key("tokens.sequence_length"),
    "gradient_checkpointing": translated("parallelism.recompute_layer", {"full": True, "none": False}),
    "optimizer": translated(
        "optimizer.optimizer_factory.torch_adam_is_fused", {"adamw_torch_fused": True, "adamw_torch": False}
    ),
    "parallel.strategy": translated("optimizer.zero_stage", {"zero1": 1, "ddp": 0, "none": 0}),
    **{field: editor for field, editor in degrees(KEYS).items() if field != "parallel.expert"},
    "parallel.sequence": translated("parallelism.tp_mode", {True: "REDUCE_SCATTER", False: "ALL_REDUCE"}),
    "parallel.schedule": translated("parallelism.pp_engine", {"1f1b": "1f1b", "gpipe": "afab"}),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where nanotron cannot."""
    return edit(_EDITORS, values, job, changes)


DIALECT = Dialect("nanotron", "nanotron", VERSION, KEYS, read, edits, "unchecked", engine="nanotron")
