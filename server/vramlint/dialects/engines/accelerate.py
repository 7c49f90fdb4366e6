"""accelerate's launcher file beside a training config: how many processes, and which engine spreads the
run over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.deepspeed import read_deepspeed, unseen_deepspeed
from vramlint.dialects.engines.distribution import (
    Half,
    ParallelPlan,
    WorldSize,
    half_of,
    replicated,
    split_off,
)
from vramlint.dialects.engines.fsdp import FsdpDefaults, read_fsdp
from vramlint.dialects.kit.dialect import Companion, Context
from vramlint.dialects.kit.reader import Reader, boolean, choice, integer, positive, text
from vramlint.dialects.kit.reading import open_companion
from vramlint.dialects.kit.run import Given
from vramlint.job import Precision
from vramlint.lazy_dataclasses import replace
from vramlint.versions import at_least, older

_MIXED: dict[str | bool, Half | Literal["none"]] = {
    "no": "none",
    False: "none",
    "bf16": "bfloat16",
    "fp16": "float16",
    "fp8": "bfloat16",
}
FLAVOUR = FsdpDefaults(version=1, wrap="none", efficient=True)
TRAINER_FLAVOUR = FsdpDefaults(version=1, wrap="layer", efficient=True)
"""Behind the Trainer, which names a wrap policy where the launcher's file names none."""


LAUNCHERS: Mapping[str, Mapping[str, Any]] = {
    "single_gpu": {"distributed_type": "NO", "num_processes": 1},
    "multi_gpu": {"distributed_type": "MULTI_GPU", "num_processes": 8},
    "zero1": {"distributed_type": "DEEPSPEED", "num_processes": 8, "deepspeed_config": {"zero_stage": 1}},
    "zero2": {"distributed_type": "DEEPSPEED", "num_processes": 8, "deepspeed_config": {"zero_stage": 2}},
    "zero3": {"distributed_type": "DEEPSPEED", "num_processes": 8, "deepspeed_config": {"zero_stage": 3}},
    "fsdp1": {"distributed_type": "FSDP", "num_processes": 8, "fsdp_config": {"fsdp_version": 1}},
    "fsdp2": {"distributed_type": "FSDP", "num_processes": 8, "fsdp_config": {"fsdp_version": 2}},
}
"""The launcher settings that come with trl and are named instead of a file."""


def launched_by(reader: Reader, context: Context) -> Reader | None:
    """A reader of what `accelerate launch` put under the run: its file, and the options of its line over it
    (commands/launch.py of accelerate 1.15); None where it names none, or in a file that cannot be opened.
    """
    launch = context.launch
    if launch is None or (launch.engine_file is None and "distributed_type" not in launch.engine):
        return None
    name = text(launch.engine_file.value) if launch.engine_file else None
    companion = context.open(name) if name else None
    if companion is None and "distributed_type" not in launch.engine:
        return None
    place = launch.place.document
    inner = reader.companion_reader(companion or Companion(place or "", {}, None))
    inner.values = overlaid(inner.values, launch.engine)
    return inner


def overlaid(values: Mapping[str, Any], options: Mapping[str, Given]) -> dict[str, Any]:
    """The values of a file under options by dotted key."""
    result = dict(values)
    for key, given in options.items():
        section, _, name = key.rpartition(".")
        if section:
            inner = result.get(section)
            result[section] = {**(inner if isinstance(inner, Mapping) else {}), name: given.value}
        else:
            result[name] = given.value
    return result


def processes(reader: Reader, declared: WorldSize) -> WorldSize:
    """The world that the file states (`num_processes` counts all machines), else the declared one."""
    size = reader.get("num_processes", positive)
    nodes = reader.get("num_machines", positive) or declared.nodes
    if size is None:
        return replace(declared, nodes=nodes)
    reader.written("parallel.data", "num_processes")
    return WorldSize(size, nodes)


def with_flag(reader: Reader, precision: Precision) -> Precision:
    """Mixed precision from the launcher, where the training config asks for none."""
    half: Half | Literal["none"] | None = reader.get("mixed_precision", choice(_MIXED))
    if half is None or half == "none" or half_of(precision) is not None:
        return precision
    reader.written("precision.autocast", "mixed_precision")
    return replace(precision, autocast=half)


def read_accelerate(
    reader: Reader,
    context: Context,
    declared: WorldSize,
    model: Model,
    precision: Precision,
    *,
    full: bool,
    flavour: FsdpDefaults = TRAINER_FLAVOUR,
) -> ParallelPlan:
    """The run under the launcher file that `reader` reads."""
    world = processes(reader, declared)
    precision = with_flag(reader, precision)
    kind = (reader.get("distributed_type", text) or "").upper()
    if kind == "DEEPSPEED":
        return _deepspeed(reader, context, world, model, precision)
    if kind == "FSDP":
        section = reader.section("fsdp_config") or reader.virtual({}, "distributed_type")
        reader.written("parallel.strategy", "distributed_type")
        release = reader.releases.get("accelerate")
        flavour = replace(flavour, ahead=_ahead(release))
        found = read_fsdp(section, world, precision, full=full, flavour=flavour, release=release)
    else:
        found = replicated(world, precision)
    sizes = {
        job: reader.get(f"parallelism_config.parallelism_config_{name}_size", positive)
        or reader.get(f"parallelism_config.{name}_size", positive)
        or 1
        for job, name in (("tensor", "tp"), ("context", "cp"))
    }
    return split_off(found, **sizes) if max(sizes.values()) > 1 else found


def _ahead(release: str | None) -> tuple[str, ...]:
    """The spellings of `fsdp_backward_prefetch` that the launcher hands on (0.20 to 1.15,
    commands/launch.py): until 0.25 another, which beats it before 1.0.
    """
    if not older(release, "1.0"):
        return ("backward_prefetch",)
    both = ("backward_prefetch_policy", "backward_prefetch")
    return both[:1] if older(release, "0.26") else both


def _deepspeed(
    reader: Reader, context: Context, world: WorldSize, model: Model, precision: Precision
) -> ParallelPlan:
    """The run under the `deepspeed_config` section, its model read whole where sharded initialization is off.

    Until 0.34, `zero3_init_flag` decided whether transformers sharded what it read (accelerate,
    utils/dataclasses.py, set_deepspeed_weakref; 1.0 always says so).
    """
    found = _deepspeed_file(reader, context, world, model, precision)
    flag = "deepspeed_config.zero3_init_flag"
    gated = not at_least(reader.releases.get("accelerate"), "1.0")
    if found.parallel.strategy == "zero3" and gated and reader.get(flag, boolean) is False:
        reader.written("loading", flag)
        return replace(found, loading="device")
    return found


def _deepspeed_file(
    reader: Reader, context: Context, world: WorldSize, model: Model, precision: Precision
) -> ParallelPlan:
    """The `deepspeed_config` section: a JSON's path, or the few options that accelerate turns into one."""
    path = "deepspeed_config.deepspeed_config_file"
    if reader.has(path):
        companion = open_companion(reader, context, path)
        if companion is None:
            return unseen_deepspeed(reader, path, world, precision)
        return read_deepspeed(reader.companion_reader(companion), world, model, precision)
    section = reader.section("deepspeed_config")
    stage = 2 if section is None else section.get("zero_stage", integer)
    stage = 2 if stage is None else stage
    zero = {"stage": stage}
    offloads = {"offload_optimizer": "offload_optimizer_device", "offload_param": "offload_param_device"}
    devices = {
        name: {"device": device}
        for name, option in offloads.items()
        if section is not None and (device := section.get(option, text)) in ("cpu", "nvme")
    }
    built = Reader({"zero_optimization": {**zero, **devices}}, reader.framework, reader.version)
    found = read_deepspeed(built, world, model, precision)
    if section is not None:
        section.written("parallel.strategy", "zero_stage" if section.has("zero_stage") else "")
        if devices:
            section.written("parallel.offload", offloads[next(iter(devices))])
    return found
