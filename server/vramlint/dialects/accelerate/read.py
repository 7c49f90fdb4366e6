"""accelerate's launcher file on its own, and FSDP option files: recognised and checked; the model is
elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.accelerate.refusals import REFUSALS
from vramlint.dialects.engines.accelerate import FLAVOUR, read_accelerate
from vramlint.dialects.engines.distribution import WorldSize
from vramlint.dialects.kit.conflicts import report
from vramlint.dialects.kit.dialect import (
    Changes,
    Context,
    Dialect,
    Key,
    Obstacle,
    ReadResult,
    SetKey,
)
from vramlint.dialects.kit.reader import Reader, boolean, integer, positive, table, text
from vramlint.dialects.kit.reading import finish, framework_reader
from vramlint.job import Precision, TrainingJob

VERSION = "1.15.0"
KEYS: tuple[Key, ...] = (
    Key(
        "distributed_type",
        "parallel.strategy",
        "The engine: MULTI_GPU keeps a full copy and a second set of gradients on each GPU; FSDP and "
        "DEEPSPEED share them.",
        "NO",
        ("NO", "MULTI_GPU", "FSDP", "DEEPSPEED", "MEGATRON_LM"),
    ),
    Key("num_processes", "parallel.data", "GPUs over all machines together, not per machine."),
    Key("num_machines", "nodes", "Number of machines.", 1),
    Key(
        "mixed_precision",
        "precision.autocast",
        "bf16 or fp16 run the forward pass in 16 bits. Under FSDP it also makes trained shards fp32: 16 "
        "bytes a weight.",
        "no",
        ("no", "fp16", "bf16", "fp8"),
    ),
    Key(
        "fsdp_config.fsdp_version",
        "parallel.strategy",
        "1 or 2; which weights become fp32 differs between them.",
        1,
        (1, 2),
    ),
    Key(
        "fsdp_config.fsdp_sharding_strategy",
        "parallel.sharding",
        "FSDP1: SHARD_GRAD_OP keeps the gathered weights, NO_SHARD shares nothing, HYBRID_* divides by the "
        "GPUs of a machine.",
        "FULL_SHARD",
        ("FULL_SHARD", "SHARD_GRAD_OP", "NO_SHARD", "HYBRID_SHARD", "HYBRID_SHARD_ZERO2"),
    ),
    Key(
        "fsdp_config.fsdp_reshard_after_forward",
        "parallel.sharding",
        "false keeps the gathered 16-bit weights from forward to backward: 2 bytes a weight more.",
        True,
    ),
    Key(
        "fsdp_config.fsdp_auto_wrap_policy",
        "parallel.wrap",
        "What is gathered at once: a layer with TRANSFORMER_BASED_WRAP; without a policy the whole model.",
        "NO_WRAP",
        ("TRANSFORMER_BASED_WRAP", "SIZE_BASED_WRAP", "NO_WRAP"),
    ),
    Key(
        "fsdp_config.fsdp_backward_prefetch",
        "parallel.backward_prefetch",
        "FSDP1: when backward gathers the next layer; BACKWARD_PRE holds two at once.",
        "NO_PREFETCH",
        ("BACKWARD_PRE", "BACKWARD_POST", "NO_PREFETCH"),
    ),
    Key(
        "fsdp_config.fsdp_offload_params",
        "parallel.offload",
        "Keeps weights, gradients and moments on the host.",
        False,
    ),
    Key(
        "fsdp_config.fsdp_cpu_ram_efficient_loading",
        "loading",
        "One rank of a node reads the weights and sends them out one by one; false: every rank reads the "
        "whole model, a quantized one on its GPU.",
        True,
        (True, False),
    ),
    Key(
        "fsdp_config.fsdp_activation_checkpointing",
        "gradient_checkpointing",
        "Keeps only each layer's input and computes the rest again.",
        False,
    ),
    Key(
        "deepspeed_config.zero_stage",
        "parallel.strategy",
        "The ZeRO stage, where no JSON is named.",
        2,
        (0, 1, 2, 3),
    ),
    Key(
        "deepspeed_config.zero3_init_flag",
        "loading",
        "Shards the model while it is read. Before accelerate 1.0, false brings it whole to every GPU first.",
        True,
        (True, False),
    ),
    Key(
        "deepspeed_config.deepspeed_config_file",
        "parallel.strategy",
        "A DeepSpeed JSON; replaces the options here.",
    ),
    Key(
        "deepspeed_config.offload_optimizer_device",
        "parallel.offload",
        "Master and moments on the host.",
        "none",
        ("none", "cpu", "nvme"),
    ),
    Key(
        "deepspeed_config.offload_param_device",
        "parallel.offload",
        "Weights on the host; stage 3 only.",
        "none",
        ("none", "cpu", "nvme"),
    ),
    Key(
        "parallelism_config.parallelism_config_tp_size",
        "parallel.tensor",
        "Splits each layer's weights over GPUs.",
        1,
    ),
    Key(
        "parallelism_config.parallelism_config_cp_size",
        "parallel.context",
        "Splits the sequence over GPUs.",
        1,
    ),
    Key(
        "parallelism_config.parallelism_config_dp_shard_size",
        "parallel.data",
        "GPUs that share the sharding.",
        1,
    ),
    Key(
        "parallelism_config.parallelism_config_dp_replicate_size",
        "parallel.replicate",
        "Copies of that group.",
        1,
    ),
)
FSDP1_ONLY = (
    "sharding_strategy",
    "backward_prefetch",
    "sync_module_states",
    "use_orig_params",
    "forward_prefetch",
)


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """What accelerate refuses; a job needs the training config that is launched with this file."""
    reader = framework_reader(values, context, "accelerate", VERSION, table(KEYS))
    if reader.has("distributed_type"):
        declared = WorldSize(max(context.gpu_count, 1) * max(context.nodes, 1), context.nodes)
        read_accelerate(reader, context, declared, Model("", ""), Precision(), full=True, flavour=FLAVOUR)
        _check(reader, context)
    obstacle = Obstacle("no-model", "a launcher file names no model; it is read with the config it launches")
    return finish(DIALECT, reader, obstacle)


def gpu_ids(value: object) -> tuple[str, ...] | None:
    """The ids of `gpu_ids: 0,1`, none for "all"; None for what is not a list of ids."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if value == "all":
        return ()
    ids = tuple(part.strip() for part in str(value).split(","))
    return ids if all(ids) else None


def _check(reader: Reader, context: Context) -> None:
    kind = (reader.get("distributed_type", text) or "NO").upper()
    count = reader.get("num_processes", integer)
    ids = reader.get("gpu_ids", gpu_ids)
    machines = reader.get("num_machines", integer) or 1
    # commands/launch.py of accelerate 1.15: a count of one process is refused on the command line only.
    if kind == "MULTI_GPU" and ids and len(ids) < 2 and machines <= 1:
        message = f"distributed_type: MULTI_GPU with gpu_ids: {ids[0]}; accelerate needs at least 2 GPU ids"
        reader.problem("too-few-processes", "gpu_ids", message, "error", ("distributed_type",))
    declared = context.gpu_count * max(context.nodes, 1)
    if context.gpu_declared and count is not None and count > declared:
        message = f"num_processes: {count} counts all machines together, but {declared} GPUs are declared"
        reader.problem("degrees-exceed-world", "num_processes", message, "warning")
    if kind == "FSDP":
        _check_fsdp(reader)
        report(reader, REFUSALS)
    sizes = {
        name: reader.get(f"parallelism_config.parallelism_config_{name}_size", positive) or 1
        for name in ("dp_replicate", "dp_shard", "tp", "cp", "sp")
    }
    if sizes["sp"] > 1:
        return  # DeepSpeed then forms the groups itself, and accelerate does not compare
    product = prod(sizes.values())
    if reader.has("parallelism_config") and count is not None and count > 0 and 1 < product != count:
        message = f"the sizes of parallelism_config multiply to {product}, but num_processes is {count}"
        reader.problem("degrees-exceed-world", "parallelism_config", message, "error", ("num_processes",))


def _check_fsdp(reader: Reader) -> None:
    section = "fsdp_config"
    version = reader.get(f"{section}.fsdp_version", integer) or 1
    offload = f"{section}.fsdp_activation_checkpointing_offload"
    if reader.flag(offload) and (version == 1 or not reader.flag(f"{section}.fsdp_activation_checkpointing")):
        message = (
            "fsdp_activation_checkpointing_offload needs fsdp_version: 2 and fsdp_activation_checkpointing: "
            "true"
        )
        reader.problem("offload-without-checkpointing", offload, message, "error")
    for name in FSDP1_ONLY if version == 2 else ():
        path = f"{section}.fsdp_{name}"
        if reader.has(path) and reader.get(path, boolean) is not False and reader.raw(path) is not None:
            message = f"fsdp_{name} has no effect under fsdp_version: 2"
            reader.problem("ineffective-key", path, message, "warning", (f"{section}.fsdp_version",))


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """Fixes are written in the training config, not here."""
    return None


DIALECT = Dialect(
    name="accelerate",
    title="Accelerate",
    version=VERSION,
    keys=KEYS,
    read=read,
    edits=edits,
    unknown_keys="refused",
    schema="accelerate",
    role="companion",
)
