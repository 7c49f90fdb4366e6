"""OpenRLHF: arguments of its fine-tuning, preference and reward trainers over DeepSpeed.

Semantics of 0.11.2 (`cli/train_sft.py`, `models/actor.py`, `utils/deepspeed/`), and of the spellings before
0.10.1. There is no config file: the arguments are on a launch line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize
from vramlint.dialects.engines.liger import read_liger
from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    integer,
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
from vramlint.dialects.openrlhf.arguments import flag, spelling
from vramlint.dialects.openrlhf.arguments import read as read_argument
from vramlint.dialects.openrlhf.edits import edits
from vramlint.dialects.openrlhf.engine import (
    read_adapter,
    read_attention,
    read_checkpointing,
    read_engine,
    read_optimizer,
)
from vramlint.dialects.openrlhf.keys import KEYS, OLD, SCRIPT
from vramlint.dialects.openrlhf.online import is_online, online_job
from vramlint.job import Kernels, Quantization, Roles, TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.vocabulary import Objective, Reference

VERSION = "0.11.2"


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


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run that the arguments describe."""
    reader = framework_reader(values, context, "openrlhf", VERSION, table(KEYS))
    online = is_online(reader, _name(reader))
    path = "actor.model_name_or_path" if online else "model.model_name_or_path"
    model = _obstacle(reader) or find_model(reader, context, spelling(reader, path))
    if isinstance(model, Obstacle):
        return finish(DIALECT, reader, model)
    return finish(DIALECT, reader, (online_job if online else _job)(reader, context, model))


def _obstacle(reader: Reader) -> Obstacle | None:
    if not is_online(reader, _name(reader)) and _script(reader) is None:
        return Obstacle("not-modelled", f"openrlhf's {_name(reader) or 'script'} is not modelled")
    if (read_argument(reader, "ds.zpg", integer) or 1) > 1:
        return unmodelled(reader, spelling(reader, "ds.zpg"), "a second copy of the shards is not modelled")
    return None


def _name(reader: Reader) -> str:
    """The script, without its package."""
    return (reader.get(SCRIPT, text) or "").removesuffix(".py").replace("/", ".").rpartition(".")[2]


def _script(reader: Reader) -> Script | None:
    """The script by its name, else by the arguments that only it has."""
    if named := _name(reader):
        return _SCRIPTS.get(named)
    if any(reader.has(spelling(reader, path)) for path in ("model.beta", "ref.model_name_or_path")):
        return _SCRIPTS["train_dpo"]
    return None if reader.has(spelling(reader, "data.chosen_key")) else _SCRIPTS["train_sft"]


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob:
    script = _script(reader)
    assert script is not None
    world = WorldSize(world_size(reader, context), context.nodes)
    engine = read_engine(reader, world, model)
    micro = read_argument(reader, "train.micro_batch_size", positive, script.micro)
    rows = read_argument(reader, "train.batch_size", positive)
    groups = max(engine.parallel.data, 1)
    quantized = flag(reader, "ds.load_in_4bit")
    adapter = read_adapter(reader, engine)
    if quantized:
        reader.written("quantization", spelling(reader, "ds.load_in_4bit"))
    reference, roles = _reference(reader, context, script.objective, engine, quantized)
    reader.default("loop", "holds a micro batch's outputs until the next one")
    return TrainingJob(
        model=model,
        objective=script.objective,
        method="full" if adapter is None else "qlora" if quantized else "lora",
        adapter=adapter,
        quantization=Quantization("bnb-nf4", double_quant=True) if quantized else None,
        precision=engine.precision,
        optimizer=read_optimizer(reader),
        micro_batch_size=micro,
        gradient_accumulation_steps=max(rows // (micro * groups), 1),
        sequence_length=read_argument(reader, "data.max_len", positive, script.length),
        packing=read_argument(reader, "ds.packing_samples", boolean),
        gradient_checkpointing=read_checkpointing(reader),
        attention=read_attention(reader),
        kernels=Kernels(read_liger(reader, model, "ds.use_liger_kernel", OLD["ds.use_liger_kernel"])),
        loop="plain",
        gradient_clipping=reader.read("max_norm", number) or None,
        parallel=engine.parallel,
        reference_model=reference,
        roles=roles,
        origins=reader.record.origins,
        **hardware(context),
    )


def _reference(
    reader: Reader, context: Context, objective: Objective, engine: ParallelPlan, quantized: bool
) -> tuple[Reference, Roles]:
    """DPO's second model, which adapters do not replace. Under ZeRO-3 it is shared out too, and may wait on
    the host (get_eval_ds_config).
    """
    if objective != "dpo":
        return "none", Roles()
    away = flag(reader, "ref.offload") and engine.parallel.strategy == "zero3"
    if away:
        reader.written("reference_model", spelling(reader, "ref.offload"))
        return "none", Roles()
    reader.default("reference_model", "a second model, with adapters too")
    named = role_model(reader, context, spelling(reader, "ref.model_name_or_path"), "roles.reference")
    return "quantized" if quantized else "resident", Roles(reference=named)


DIALECT = Dialect("openrlhf", "OpenRLHF", VERSION, KEYS, read, edits, "unchecked")
