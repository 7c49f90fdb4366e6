"""GPT-NeoX: Megatron's layers of its own over DeepSpeed's engine.

Semantics of its repository in May 2026 (megatron/neox_arguments/arguments.py, megatron/training.py): weights
in the dtype of `precision`, DeepSpeed's optimizers over them, logits turned to float32 for the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.deepspeed import read_deepspeed
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize
from vramlint.dialects.gpt_neox.keys import KEYS
from vramlint.dialects.gpt_neox.models import attention_kinds, read_model
from vramlint.dialects.kit.dialect import Changes, Context, Dialect, Obstacle, ReadResult, SetKey
from vramlint.dialects.kit.edits import Editor, degrees, edit, implied, key, translated, whole_batch
from vramlint.dialects.kit.reader import Reader, boolean, choice, number, positive, table, text
from vramlint.dialects.kit.reading import finish, framework_reader, hardware, unmodelled, world_size
from vramlint.job import Precision, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Autocast, Objective

VERSION = "2.0"
_OBJECTIVES: Mapping[Any, Objective] = {"normal": "pretrain", "dpo": "dpo", "rm": "reward", "kto": "kto"}
_OPTIMIZERS: Mapping[str, str] = {
    "adam": "adamw_apex_fused",
    "cpu_adam": "adamw_apex_fused",
    "sgd": "sgd",
    "lion": "lion_32bit",
    "madgrad_wd": "ademamix",
}
_HALVES: Mapping[str, Autocast] = {"fp16": "float16", "bfloat16": "bfloat16", "fp32": "none"}


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run that a file describes. Keys may have dashes for underscores."""
    plain = {name.replace("-", "_"): value for name, value in values.items() if isinstance(name, str)}
    reader = framework_reader(plain, context, "gpt-neox", VERSION, table(KEYS))
    places = {name.replace("-", "_"): (name,) for name in values if isinstance(name, str) and "-" in name}
    reader = replace(reader, places=places)
    model = read_model(reader, context)
    return finish(DIALECT, reader, _job(reader, context, model) if isinstance(model, Model) else model)


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob | Obstacle:
    length = reader.get("seq_length", positive)
    if length is None:
        return Obstacle("not-modelled", "seq_length is not set, which GPT-NeoX asks for")
    if (reader.get("checkpoint_num_layers", positive) or 1) > 1 and reader.flag("checkpoint_activations"):
        return unmodelled(
            reader, "checkpoint_num_layers", "layers recomputed several at once are not modelled"
        )
    impl = reader.get("train_impl", text) or "normal"
    if impl not in _OBJECTIVES:
        return unmodelled(reader, "train_impl", f"what {impl} holds beside the policy is not modelled")
    optimizer = _optimizer(reader)
    if isinstance(optimizer, Obstacle):
        return optimizer
    plan = _engine(reader, context, model)
    batch = _batch(reader, plan.parallel.data * plan.parallel.replicate)
    if batch is None:
        return Obstacle("not-modelled", "neither train_micro_batch_size_per_gpu nor train_batch_size is set")
    reader.written("sequence_length", "seq_length")
    flash = "flash" in attention_kinds(reader)
    if reader.has("attention_config"):
        reader.written("attention", "attention_config")
    else:
        reader.default("attention", "global attention, with its scores")
    return TrainingJob(
        model=model,
        runtime="own",
        objective=_OBJECTIVES[impl],
        method="full",
        precision=plan.precision,
        optimizer=optimizer,
        micro_batch_size=batch[0],
        gradient_accumulation_steps=batch[1],
        sequence_length=length,
        packing=True,
        gradient_checkpointing="reentrant" if reader.read("checkpoint_activations", boolean) else "none",
        attention="flash_attention_2" if flash else "eager",
        loss="full-logits",
        loop="plain",
        gradient_clipping=reader.read("gradient_clipping", number),
        parallel=plan.parallel,
        origins=reader.record.origins,
        **hardware(context),
    )


def _optimizer(reader: Reader) -> str | Obstacle:
    name = reader.read("optimizer.type", text)
    if reader.flag("use_bnb_optimizer"):
        reader.written("optimizer", "use_bnb_optimizer")
        return "adamw_8bit"
    found = _OPTIMIZERS.get(name.lower())
    return found or unmodelled(reader, "optimizer.type", f"what {name} keeps is not modelled")


def _engine(reader: Reader, context: Context, model: Model) -> ParallelPlan:
    """DeepSpeed's engine over the GPUs that tensor and pipeline parallelism leave."""
    world = world_size(reader, context)
    tensor = reader.read("model_parallel_size", positive)
    stages = max(reader.get("pipe_parallel_size", number) or 1, 1)
    if stages > 1:
        reader.written("parallel.pipeline", "pipe_parallel_size")
    ranks = max(world // (tensor * int(stages)), 1)
    half: Autocast | None = reader.get("precision", choice(_HALVES))
    if half is not None:
        reader.written("precision.weights", "precision")
    precision = Precision(weights="float32", autocast=half or "none")
    plan = read_deepspeed(reader, WorldSize(ranks, context.nodes), model, precision)
    buckets = plan.parallel.buckets
    if (reader.get("pipe_parallel_size", number) or 0) >= 1:
        # DeepSpeed's pipeline engine, one stage included, reduces after the last micro batch.
        buckets = replace(buckets, overlap_comm=False)
    parallel = replace(
        plan.parallel,
        buckets=buckets,
        tensor=tensor,
        pipeline=int(stages),
        sequence=reader.read("sequence_parallel", boolean) and tensor > 1,
    )
    return replace(plan, parallel=parallel)


def _batch(reader: Reader, ranks: int) -> tuple[int, int] | None:
    """Rows of a pass and micro batches of a step; of rows, micro batches and both together two decide
    (calculate_batch_parameters).
    """
    micro = reader.get("train_micro_batch_size_per_gpu", positive)
    steps = reader.get("gradient_accumulation_steps", positive)
    whole = reader.get("train_batch_size", positive)
    for field, path, given in (
        ("micro_batch_size", "train_micro_batch_size_per_gpu", micro),
        ("gradient_accumulation_steps", "gradient_accumulation_steps", steps),
    ):
        if given is not None:
            reader.written(field, path)
        elif whole is not None:
            reader.written(field, "train_batch_size")
    if micro is None:
        if whole is None:
            return None
        micro = max(whole // (ranks * (steps or 1)), 1)
    if steps is None:
        if whole is None:
            reader.default("gradient_accumulation_steps", "one micro batch a step")
        steps = max((whole or micro * ranks) // (micro * ranks), 1)
    return micro, steps


_ON_OR_OFF = {"none": False, "full": True, "reentrant": True}
_EDITORS: Mapping[str, Editor] = {
    "micro_batch_size": key("train_micro_batch_size_per_gpu"),
    "gradient_accumulation_steps": key("gradient_accumulation_steps"),
    "sequence_length": key("seq_length"),
    "gradient_checkpointing": translated("checkpoint_activations", _ON_OR_OFF),
    "parallel.strategy": translated(
        "zero_optimization.stage", {"ddp": 0, "zero1": 1, "zero2": 2, "zero3": 3}
    ),
    "parallel.data": implied,
    **degrees(KEYS),
}
_OF_MEGATRON = (
    "pipe_parallel_size",
    "model_parallel_size",
    "sequence_parallel",
    "checkpoint_activations",
    "seq_length",
)
"""Keys that files in dashes spell so; those that DeepSpeed reads itself have underscores everywhere."""


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`, spelled as those that are there: with dashes or underscores."""
    spelled = {name.replace("-", "_"): name for name in values if isinstance(name, str)}
    plain = {name: values[written] for name, written in spelled.items()}
    written = edit(_EDITORS, plain, job, changes)
    if written is None:
        return None
    if {"micro_batch_size", "gradient_accumulation_steps"} & set(changes) and "train_batch_size" in plain:
        written += whole_batch("train_batch_size", plain, job, changes)
    if any("-" in name for name in spelled.values()):
        spelled = {**{name: name.replace("_", "-") for name in _OF_MEGATRON}, **spelled}
    return tuple(
        replace(item, path=(spelled.get(str(item.path[0]), item.path[0]), *item.path[1:])) for item in written
    )


DIALECT = Dialect("gpt-neox", "GPT-NeoX", VERSION, KEYS, read, edits, "unchecked")
