"""Fine-tuning in verl: the trainer of 0.7 and later (trainer/sft_trainer.py) and the one before it
(trainer/fsdp_sft_trainer.py), which read different keys.
"""

from __future__ import annotations

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.liger import read_liger
from vramlint.dialects.kit.dialect import Context, Obstacle
from vramlint.dialects.kit.reader import Reader, boolean, choice, positive, text
from vramlint.dialects.kit.reading import hardware
from vramlint.dialects.verl.engine import (
    DTYPES,
    STRATEGIES,
    World,
    read_adapter,
    read_optimizer,
    read_parallel,
    read_precision,
    read_world,
)
from vramlint.job import Kernels, Parallel, Precision, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Dtype

_BATCH = "data.micro_batch_size_per_gpu"


def fine_tuning(reader: Reader, context: Context, model: Model) -> TrainingJob | Obstacle:
    """The run of `verl.trainer.sft_trainer`."""
    engine = reader.read("engine.strategy", text)
    if engine not in STRATEGIES:
        return Obstacle("not-modelled", f"engine.strategy: {engine} is not modelled", ("engine", "strategy"))
    world = read_world(reader, "engine.ulysses_sequence_parallel_size", (context.gpu_count, context.nodes))
    rows = max(reader.read("data.train_batch_size", positive) // world.groups, 1)
    length = reader.read("data.max_length", positive)
    if reader.read("data.use_dynamic_bsz", boolean):
        # A batch is filled to so many tokens of each GPU of a ring, with the rows that there are.
        full = reader.read("data.max_token_len_per_gpu", positive) * world.ring
        micro, length, steps = 1, min(full, rows * length), max(-(-rows * length // full), 1)
    else:
        micro = _micro(reader)
        steps = max(rows // micro, 1)
    parallel = read_parallel(reader, "engine", STRATEGIES[engine], world)
    job = _job(reader, context, model, world, parallel, read_precision(reader, "engine"))
    return replace(
        job,
        optimizer=read_optimizer(reader, "optim"),
        micro_batch_size=micro,
        gradient_accumulation_steps=steps,
        sequence_length=length,
        packing=True,
        activation_offload=reader.read("model.enable_activation_offload", boolean),
        loss="fused-linear" if reader.read("model.use_fused_kernels", boolean) else "fused-cross-entropy",
        loading="rank-0",
    )


def old_fine_tuning(reader: Reader, context: Context, model: Model) -> TrainingJob:
    """The run of `verl.trainer.fsdp_sft_trainer`."""
    micro = _micro(reader)
    world = read_world(reader, "ulysses_sequence_parallel_size", (context.gpu_count, context.nodes))
    rows = reader.read("data.train_batch_size", positive)
    weights: Dtype = reader.read("model.fsdp_config.model_dtype", choice(DTYPES), "float32")
    reader.same_origin_as("parallel.data", "gpu_count")
    reader.default("parallel.param_dtype", "FSDP gathers in bf16")
    reader.default("parallel.reduce_dtype", "and adds gradients up in float32")
    parallel = Parallel(
        strategy="fsdp2" if reader.read("model.strategy", text) != "fsdp" else "fsdp1",
        data=world.groups,
        context=world.ring,
        offload="both" if reader.read("model.fsdp_config.offload_params", boolean) else "none",
        param_dtype="bfloat16",
        reduce_dtype="float32",
    )
    job = _job(reader, context, model, world, parallel, Precision(weights=weights))
    return replace(
        job,
        micro_batch_size=micro,
        gradient_accumulation_steps=max(rows // world.groups // micro, 1),
        sequence_length=reader.read("data.max_length", positive),
        loss="fused-cross-entropy" if reader.read("model.use_liger", boolean) else "full-logits",
    )


def _micro(reader: Reader) -> int:
    """Rows of a micro batch, which verl asks for."""
    given = reader.get(_BATCH, positive)
    if given is None:
        reader.leave_open(
            "micro_batch_size", f"{_BATCH} is not set, which verl asks for; 1 assumed", at_least=True
        )
        return 1
    reader.written("micro_batch_size", _BATCH)
    return given


def _job(
    reader: Reader, context: Context, model: Model, world: World, parallel: Parallel, precision: Precision
) -> TrainingJob:
    """What both trainers read alike."""
    adapter = read_adapter(reader, "model")
    checkpoints = reader.read("model.enable_gradient_checkpointing", boolean)
    return TrainingJob(
        model=model,
        method="full" if adapter is None else "lora",
        adapter=adapter,
        precision=precision,
        optimizer="adamw_torch",
        gradient_checkpointing="full" if checkpoints else "none",
        attention="flash_attention_2",
        kernels=Kernels(read_liger(reader, model, "model.use_liger")),
        loop="plain",
        parallel=parallel,
        origins=reader.record.origins,
        **{**hardware(context), "gpu_count": world.per_node, "nodes": world.nodes},
    )
