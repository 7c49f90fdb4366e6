"""DeepSpeed's JSON on its own: recognised and checked, but it names no model, so nothing can be estimated
from it alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.deepspeed.refusals import REFUSALS
from vramlint.dialects.engines.deepspeed import read_deepspeed
from vramlint.dialects.engines.distribution import WorldSize
from vramlint.dialects.kit.conflicts import report
from vramlint.dialects.kit.dialect import (
    Changes,
    Context,
    Dialect,
    Key,
    Obstacle,
    ReadResult,
    Renamed,
    SetKey,
)
from vramlint.dialects.kit.reader import Reader, boolean, integer, number, table
from vramlint.dialects.kit.reading import finish, framework_reader
from vramlint.job import Precision, TrainingJob
from vramlint.lazy_dataclasses import replace

VERSION = "0.19.8"
ZERO = "zero_optimization"
KEYS: tuple[Key, ...] = (
    Key(
        f"{ZERO}.stage",
        "parallel.strategy",
        "What the GPUs share: 1 the fp32 master and moments (12 bytes a trained weight), 2 gradients too, 3 "
        "weights too. Nothing "
        "on a single GPU, where ZeRO only adds the master.",
        0,
        (0, 1, 2, 3),
    ),
    Key(
        "bf16.enabled",
        "precision.weights",
        "Casts every float weight to bf16 and keeps an fp32 master and fp32 moments: 16 bytes a trained "
        "weight before sharing.",
        False,
    ),
    Key("fp16.enabled", "precision.weights", "As bf16, with float16 and a loss scaler.", False),
    Key(
        "bf16.bf16_master_weights_and_grads",
        "precision.master_weights",
        "Drops the fp32 master; without bf16_optimizer_states it needs the optimizer on the CPU.",
        False,
    ),
    Key(
        "bf16.bf16_optimizer_states",
        "precision.optimizer_states",
        "Moments in bf16 too: 8 bytes a trained weight.",
        False,
    ),
    Key(
        "data_types.grad_accum_dtype",
        "precision.gradients",
        "Dtype in which gradients accumulate; the weights' by default.",
    ),
    Key(
        f"{ZERO}.reduce_bucket_size",
        "parallel.buckets.reduce",
        "Elements, not bytes, of the buffer in which gradients are reduced: 5e8 is 1 GB in 16 bits, two "
        "with overlap_comm.",
        500_000_000,
    ),
    Key(
        f"{ZERO}.allgather_bucket_size",
        "parallel.buckets.allgather",
        "Stages 1 and 2: elements gathered at once after the step, in place: costs no memory.",
        500_000_000,
    ),
    Key(
        f"{ZERO}.stage3_prefetch_bucket_size",
        "parallel.buckets.prefetch",
        "Stage 3: elements fetched ahead of their use.",
        50_000_000,
    ),
    Key(
        f"{ZERO}.stage3_max_live_parameters",
        "parallel.buckets.live",
        "Stage 3: the most gathered elements kept; 1e9 allows 2 GB in 16 bits.",
        1_000_000_000,
    ),
    Key(
        f"{ZERO}.stage3_param_persistence_threshold",
        "parallel.buckets.persistence",
        "Stage 3: smaller parameters are never shared out.",
        100_000,
    ),
    Key(
        f"{ZERO}.sub_group_size",
        "parallel.buckets.sub_group",
        "Stage 3: elements stepped at once.",
        1_000_000_000,
    ),
    Key(
        f"{ZERO}.overlap_comm",
        "parallel.buckets.overlap_comm",
        "A second reduction buffer in stages 1 and 2; unset, only stage 3 overlaps.",
    ),
    Key(
        f"{ZERO}.offload_optimizer.device",
        "parallel.offload",
        "Master and moments on the host: 12 bytes a trained weight less on the GPU.",
        "none",
        ("none", "cpu", "nvme"),
    ),
    Key(
        f"{ZERO}.offload_param.device",
        "parallel.offload",
        "Weights on the host, gathered as they are used. Stage 3 only.",
        "none",
        ("none", "cpu", "nvme"),
    ),
    Key(
        "train_micro_batch_size_per_gpu",
        "micro_batch_size",
        "Rows per GPU and forward pass; must agree with the trainer's.",
    ),
    Key(
        "gradient_accumulation_steps",
        "gradient_accumulation_steps",
        "Micro-batches per step; must agree with the trainer's.",
    ),
    Key(
        "train_batch_size",
        "micro_batch_size",
        "Micro-batch × accumulation × data-parallel GPUs; checked at start.",
    ),
    Key("gradient_clipping", "gradient_clipping", "Clipping by norm.", 1.0),
    Key("tensor_parallel.autotp_size", "parallel.tensor", "Splits each layer's weights over GPUs."),
)
RENAMED: tuple[Renamed, ...] = (
    Renamed(f"{ZERO}.cpu_offload", "0.5", f"{ZERO}.offload_optimizer"),
    Renamed(f"{ZERO}.cpu_offload_params", "0.5", f"{ZERO}.offload_param"),
)


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """What DeepSpeed refuses; a job needs the config that names this file."""
    reader = replace(framework_reader(values, context, "deepspeed", VERSION, table(KEYS)), auto=True)
    world = WorldSize(max(context.gpu_count, 1) * max(context.nodes, 1), context.nodes)
    read_deepspeed(reader, world, Model("", ""), Precision())
    _check(reader, context)
    report(reader, REFUSALS)
    obstacle = Obstacle(
        "no-model", "a DeepSpeed file names no model; it is read with the config that names it"
    )
    return finish(DIALECT, reader, obstacle)


def _check(reader: Reader, context: Context) -> None:
    def refuse(kind: str, path: str, message: str, *related: str) -> None:
        reader.problem(kind, path, message, "error", related)

    stage = reader.get(f"{ZERO}.stage", integer)
    if stage is not None and not 0 <= stage <= 3:
        refuse("unknown-stage", f"{ZERO}.stage", f"stage: {stage} does not exist; DeepSpeed has 0 to 3")
    if reader.get("bf16.enabled", boolean) and reader.get("fp16.enabled", boolean):
        refuse(
            "both-half-precisions",
            "fp16.enabled",
            "fp16 and bf16 are both enabled; disable one",
            "bf16.enabled",
        )
    states, bare = "bf16.bf16_optimizer_states", "bf16.bf16_master_weights_and_grads"
    if reader.flag(states) and not reader.flag(bare):
        refuse("states-without-master", states, f"{states} needs {bare}: true")
    ratio = reader.get(f"{ZERO}.offload_optimizer.ratio", number)
    if ratio is not None and ratio < 1 and stage in (0, 1, 2):
        path = f"{ZERO}.offload_optimizer.ratio"
        refuse(
            "offload-without-stage-3", path, f"ratio: {ratio:g} needs stage 3, not {stage}", f"{ZERO}.stage"
        )
    whole, micro = (
        reader.get("train_batch_size", integer),
        reader.get("train_micro_batch_size_per_gpu", integer),
    )
    steps = reader.get("gradient_accumulation_steps", integer)
    if whole and micro and steps and whole % (micro * steps):
        message = (
            f"train_batch_size: {whole} is not a multiple of {micro} rows × {steps} steps; "
            "DeepSpeed refuses it"
        )
        refuse("indivisible-batch", "train_batch_size", message, "train_micro_batch_size_per_gpu")


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """Fixes are written in the config that names the file, not here."""
    return None


DIALECT = Dialect(
    name="deepspeed",
    title="DeepSpeed",
    version=VERSION,
    keys=KEYS,
    read=read,
    edits=edits,
    unknown_keys="dropped",
    extended="dropped",
    renamed=RENAMED,
    schema="deepspeed",
    role="companion",
)
