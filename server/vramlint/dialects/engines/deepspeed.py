"""DeepSpeed's JSON as every front end hands it over: what ZeRO shares, in which dtypes, with which
buffers.

Sizes and dtypes follow deepspeed 0.19.8 (`runtime/engine.py`, `runtime/zero/config.py`) and the filling of
"auto" values in transformers (`integrations/deepspeed.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import Half, ParallelPlan, WorldSize, half_of, replicated
from vramlint.dialects.kit.reader import Reader, boolean, choice, integer, number, text
from vramlint.job import Buckets, Parallel, Precision
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Dtype, Saving, Strategy

Offload = Literal["none", "optimizer", "parameters", "both"]

STAGES: Mapping[int, Strategy] = {1: "zero1", 2: "zero2", 3: "zero3"}
_DTYPES: Mapping[str, Dtype] = {
    "fp32": "float32",
    "bf16": "bfloat16",
    "fp16": "float16",
    "float32": "float32",
    "bfloat16": "bfloat16",
    "float16": "float16",
}


_SECTIONS: tuple[tuple[str, Half], ...] = (
    ("bf16", "bfloat16"),
    ("bfloat16", "bfloat16"),
    ("fp16", "float16"),
)
"""Sections that switch 16-bit training on, in the order in which they are asked."""


def read_deepspeed(reader: Reader, world: WorldSize, model: Model, precision: Precision) -> ParallelPlan:
    """The run under the DeepSpeed JSON that `reader` reads; `precision` is what the front end asks for
    ("auto").
    """
    reader = replace(reader, auto=True)
    stage = reader.get("zero_optimization.stage", integer)
    path = "zero_optimization.stage" if stage is not None else "zero_optimization"
    reader.written("parallel.strategy", path)
    strategy = STAGES.get(stage or 0, "ddp" if world.size > 1 else "none")
    tensor = reader.get("tensor_parallel.autotp_size", integer) or 1
    parallel = Parallel(
        strategy=strategy,
        data=max(world.size // max(tensor, 1), 1),
        tensor=max(tensor, 1),
        offload=_offload(reader, stage or 0),
        buckets=_buckets(reader, stage or 0, hidden_size(model)),
    )
    imposed = _precision(reader, precision)
    half = None if imposed.weights == "float32" else imposed.weights
    return ParallelPlan(parallel, imposed, adapter_dtype=half, saving=_saving(reader))


def _saving(reader: Reader) -> Saving:
    """Whether the 16-bit weights of stage 3 are gathered for a checkpoint (runtime/zero/config.py)."""
    path = "zero_optimization.stage3_gather_16bit_weights_on_model_save"
    gathers = reader.get(path, boolean)
    if gathers is None:
        return "auto"
    reader.written("saving", path)
    return "full" if gathers else "sharded"


def stage_of_name(name: str) -> int | None:
    """The ZeRO stage that a file's name speaks of, for a file that cannot be opened."""
    match = re.search(r"(?:zero|stage|z)[-_]?([0-3])(?!\d)", name.lower())
    return int(match[1]) if match else None


def unseen_deepspeed(reader: Reader, path: str, world: WorldSize, precision: Precision) -> ParallelPlan:
    """The run under a DeepSpeed file that cannot be opened: the stage by its name, all else DeepSpeed's
    defaults.
    """
    name = reader.get(path, text) or ""
    stage = stage_of_name(name)
    says = f"ZeRO-{stage} by its name" if stage is not None else "taken as ZeRO-2"
    reader.assume(
        "parallel.strategy", f"{path}: {name} cannot be opened here; {says}, with DeepSpeed's defaults"
    )
    strategy = STAGES.get(2 if stage is None else stage)
    if strategy is None:
        return replace(
            replicated(world, precision), precision=_mixed(precision, half_of(precision) or "bfloat16")
        )
    half = half_of(precision) or "bfloat16"
    offload: Offload = (
        "both" if "offload_all" in name else "parameters" if "offload_params" in name else "none"
    )
    parallel = Parallel(
        strategy=strategy, data=world.size, offload=offload, buckets=Buckets(overlap_comm=stage == 3)
    )
    return ParallelPlan(parallel, _mixed(precision, half), adapter_dtype=half)


def hidden_size(model: Model) -> int:
    """Width of the residual stream, by which "auto" sizes are reckoned."""
    inner = model.config.get("text_config")
    for config in (model.config, inner if isinstance(inner, Mapping) else {}):
        for name in ("hidden_size", "n_embd", "d_model"):
            if isinstance(config.get(name), int):
                return int(config[name])
    return 4096


def _mixed(precision: Precision, half: Half) -> Precision:
    """Every float weight is cast to `half`; the optimizer keeps a float32 master and float32 states."""
    return replace(
        precision,
        weights=half,
        autocast="none",
        master_weights="float32",
        optimizer_states="float32",
        fp32_modules=(),
    )


def _precision(reader: Reader, precision: Precision) -> Precision:
    if reader.flag("torch_autocast.enabled"):
        named: Dtype | None = reader.get("torch_autocast.dtype", choice(_DTYPES))
        dtype = named or half_of(precision) or "bfloat16"
        reader.written("precision.autocast", "torch_autocast.enabled")
        return replace(precision, weights="float32", autocast="none" if dtype == "float32" else dtype)
    half = _half(reader, precision)
    if half is None:
        return replace(precision, weights="float32", autocast="none")
    mixed = _mixed(precision, half)
    gradients: Dtype | None = reader.get("data_types.grad_accum_dtype", choice(_DTYPES))
    if gradients is not None:
        reader.written("precision.gradients", "data_types.grad_accum_dtype")
        mixed = replace(mixed, gradients=gradients)
    section = "bf16" if half == "bfloat16" else "fp16"
    bare = f"{section}.{section}_master_weights_and_grads"
    if reader.flag(bare):
        reader.written("precision.master_weights", bare)
        states = half if reader.flag("bf16.bf16_optimizer_states") else "float32"
        mixed = replace(mixed, master_weights="none", optimizer_states=states)
    return mixed


def _half(reader: Reader, precision: Precision) -> Half | None:
    """The 16-bit dtype that is switched on.

    "auto" follows the front end's flag, and so does a section that is left out: accelerate fills it in.
    """
    asked = half_of(precision)
    dtypes: tuple[tuple[str, Half], ...] = (
        ("bf16", "bfloat16"),
        ("bfloat16", "bfloat16"),
        ("fp16", "float16"),
    )
    for section, half in dtypes:
        path = f"{section}.enabled"
        follows = reader.raw(path) == "auto" or not reader.has(section)
        if reader.get(path, boolean) or (follows and asked == half):
            for field in ("precision.weights", "precision.master_weights", "precision.optimizer_states"):
                if reader.has(path):
                    reader.written(field, path)
                else:
                    reader.same_origin_as(field, "precision.autocast")
            return half
    return None


def _offload(reader: Reader, stage: int) -> Offload:
    """What waits on the host (or on NVMe, which is the same to the GPU)."""

    def away(section: str, old: str) -> bool:
        device = reader.get(f"zero_optimization.{section}.device", text)
        return device in ("cpu", "nvme") or reader.flag(f"zero_optimization.{old}")

    optimizer = away("offload_optimizer", "cpu_offload") and stage > 0
    parameters = away("offload_param", "cpu_offload_params") and stage == 3
    if away("offload_param", "cpu_offload_params") and 0 < stage < 3:
        reader.problem(
            "offload-without-stage-3",
            "zero_optimization.offload_param",
            f"offload_param has no effect in stage {stage}: only stage 3 offloads weights",
            related=("zero_optimization.stage",),
        )
    if optimizer or parameters:
        section = "offload_optimizer" if optimizer else "offload_param"
        reader.written("parallel.offload", f"zero_optimization.{section}")
    return (
        "both"
        if optimizer and parameters
        else "optimizer"
        if optimizer
        else "parameters"
        if parameters
        else "none"
    )


def _buckets(reader: Reader, stage: int, hidden: int) -> Buckets:
    """Buffers in elements; "auto" as transformers fills it in, what is left out as DeepSpeed defaults it."""

    def size(field: str, *names: str, auto: float, default: float) -> float:
        for name in names:
            path = f"zero_optimization.{name}"
            given = reader.raw(path)
            if given == "auto":
                reader.written(f"parallel.buckets.{field}", path)
                return auto
            if (value := reader.get(path, number)) is not None and value >= 0:
                reader.written(f"parallel.buckets.{field}", path)
                return value
        return default

    square = float(hidden * hidden)
    overlap = reader.get("zero_optimization.overlap_comm", boolean)
    return Buckets(
        reduce=size("reduce", "reduce_bucket_size", auto=square, default=5e8),
        allgather=size("allgather", "allgather_bucket_size", auto=5e8, default=5e8),
        prefetch=size(
            "prefetch", "stage3_prefetch_bucket_size", "prefetch_bucket_size", auto=0.9 * square, default=5e7
        ),
        live=size("live", "stage3_max_live_parameters", "max_live_parameters", auto=1e9, default=1e9),
        reuse=size("reuse", "stage3_max_reuse_distance", "max_reuse_distance", auto=1e9, default=1e9),
        persistence=size(
            "persistence",
            "stage3_param_persistence_threshold",
            "param_persistence_threshold",
            auto=10.0 * hidden,
            default=1e5,
        ),
        overlap_comm=stage == 3 if overlap is None else overlap,
        sub_group=size("sub_group", "sub_group_size", auto=1e9, default=1e9),
    )


def check_against(reader: Reader, expected: Mapping[str, tuple[str, Any]]) -> None:
    """Report fixed numbers of the JSON that disagree with the front end's: transformers refuses them.

    `expected` maps a key of the JSON to the front end's key and value.
    """
    reader = replace(reader, auto=True)
    for path, (key, value) in expected.items():
        given = reader.get(path, number)
        if given is not None and given != value:
            reader.problem(
                "deepspeed-mismatch",
                path,
                f'{path} is {given:g}, but {key} is {value:g}, which the trainer refuses; write "auto"',
                severity="error",
                fix={path: "auto"},
            )
