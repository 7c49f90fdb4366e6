"""What every front end on transformers' Trainer reads alike: batch, optimizer, checkpointing, attention,
engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.engines import training_arguments
from vramlint.dialects.engines.accelerate import launched_by, read_accelerate
from vramlint.dialects.engines.deepspeed import check_against, read_deepspeed, unseen_deepspeed
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize, replicated
from vramlint.dialects.engines.fsdp import FsdpDefaults, read_fsdp
from vramlint.dialects.kit.dialect import Context, SetKey
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    mapping,
    names,
    number,
    positive,
    split,
    text,
)
from vramlint.dialects.kit.reading import open_companion
from vramlint.dialects.kit.signs import refers
from vramlint.job import Precision, TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.versions import at_least
from vramlint.vocabulary import Attention, Autocast, Checkpointing

TRAINER_FSDP = FsdpDefaults(version=2, wrap="layer")
"""FSDP through TrainingArguments."""
TRAINER_FSDP_1 = FsdpDefaults(version=1, wrap="none")
"""Before transformers 5.10, where layers are wrapped if `fsdp` says auto_wrap (4.46 to 5.9,
training_args.py).
"""

_KERNELS: tuple[tuple[str, Attention], ...] = (
    (r"flash[-_]?attn3|flash_attention_3|fa3", "flash_attention_3"),
    (r"flash[-_]?attn|flash_attention|fa2", "flash_attention_2"),
    (r"flex", "flex"),
    (r"eager", "eager"),
    (r"sdpa", "sdpa"),
)


_FSDP_OPTIONS = frozenset(
    (
        "full_shard",
        "shard_grad_op",
        "no_shard",
        "hybrid_shard",
        "hybrid_shard_zero2",
        "offload",
        "auto_wrap",
        "fsdp2",  # ms-swift's own settings of the second version
    )
)


@dataclass(frozen=True, slots=True)
class Batch:
    """The batch of one GPU."""

    micro: int
    accumulation: int


def attention(value: Any) -> Attention | None:
    """The job's name of an attention implementation, also of a kernel named by its hub repository; None for
    a word that is neither, which transformers refuses.
    """
    name = text(value)
    if name is None:
        return None
    other: Attention | None = "sdpa" if "/" in name or refers(name) else None
    return next((kernel for pattern, kernel in _KERNELS if re.search(pattern, name.lower())), other)


def read_batch(reader: Reader) -> Batch:
    """Batch size and accumulation as TrainingArguments name them."""
    return Batch(
        reader.read("per_device_train_batch_size", positive),
        reader.read("gradient_accumulation_steps", positive),
    )


def read_clipping(reader: Reader, path: str = "max_grad_norm") -> float | None:
    """The norm to which gradients are clipped; 0 means none."""
    return reader.read(path, number, 1.0) or None


def optimizer_args(reader: Reader, path: str = "optim_args") -> dict[str, Any]:
    """`optim_args`: "rank=64, update_proj_gap=100" or a mapping."""
    pairs: Mapping[Any, Any] = reader.get(path, mapping) or {}
    if not pairs and (written := reader.get(path, text)):
        pairs = dict(part.split("=", 1) for part in written.split(",") if "=" in part)
    found: dict[str, Any] = {}
    for name, value in pairs.items():
        exact = number(value)
        found[str(name).strip()] = value if exact is None else int(exact) if exact == int(exact) else exact
    targets = reader.get("optim_target_modules", names)
    if targets is not None:
        found["target_modules"] = " ".join(targets)
    if found:
        reader.written("optimizer_args", path if reader.has(path) else "optim_target_modules")
    return found


def read_autocast(reader: Reader) -> Autocast:
    """Mixed precision of the flags bf16 and fp16."""
    flags: tuple[tuple[str, Autocast], ...] = (("bf16", "bfloat16"), ("fp16", "float16"))
    for path, dtype in flags:
        if reader.flag(path):
            reader.written("precision.autocast", path)
            return dtype
    if reader.get("bf16", boolean) is False:
        reader.written("precision.autocast", "bf16")
        return "none"
    return "bfloat16" if reader.default_of("bf16", "precision.autocast") else "none"


def read_checkpointing(reader: Reader) -> Checkpointing:
    """Checkpointing of layers."""
    spellings = ("gradient_checkpointing", "activation_checkpointing")
    if not reader.read(spellings, boolean):
        return "none"
    reentrant = reader.default_of("gradient_checkpointing_kwargs.use_reentrant")
    for spelling in spellings:
        kwargs = f"{spelling}_kwargs"
        every = reader.get(f"{kwargs}.every_n_layers", positive)
        if every is not None and every > 1:
            reader.written("gradient_checkpointing", f"{kwargs}.every_n_layers")
            return every
        if reader.flag(f"{kwargs}.selective"):
            reader.written("gradient_checkpointing", f"{kwargs}.selective")
            return "selective-op"
        given = reader.get(f"{kwargs}.use_reentrant", boolean)
        reentrant = reentrant if given is None else given
    return "reentrant" if reentrant else "full"


def offloads_activations(reader: Reader) -> bool:
    """Whether the trainer's checkpointing keeps its inputs on the host."""
    for spelling in ("gradient_checkpointing", "activation_checkpointing"):
        path = f"{spelling}_kwargs.offload"
        if reader.flag(path):
            reader.written("activation_offload", path)
            return True
    return False


def syncs_by_file(versions: Mapping[str, str]) -> bool:
    """Whether this release of the Trainer follows `sync_each_batch`: accelerate's `accumulate` did, which it
    called until 4.46.1, and its own `no_sync` does from 5.2 on.
    """
    release = versions.get("transformers", "5.24")
    return at_least(release, "5.2") or not at_least(release, "4.46.2")


def _synced(reader: Reader, context: Context, plan: ParallelPlan) -> ParallelPlan:
    """The same with what the file says of gradients between micro batches."""
    path = training_arguments.SYNC_EACH_BATCH.path
    given = reader.get(path, boolean)
    if given is None or not plan.parallel.strategy.startswith("fsdp"):
        return plan
    followed = syncs_by_file(context.versions)
    if given and not followed:
        release = context.versions.get("transformers")
        reader.problem(
            "ineffective-key",
            path,
            f"transformers {release} ignores sync_each_batch (4.46.2 to 5.1): gradients stay whole until the "
            "last micro-batch",
        )
    reader.written("parallel.sync_each_batch", path)
    return replace(plan, parallel=replace(plan.parallel, sync_each_batch=given and followed))


def sync_edit(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    """Writes `sync_each_batch`, where the release follows it and the section is no file."""
    if not syncs_by_file(job.versions) or isinstance(values.get("accelerator_config"), str):
        return None
    return (SetKey(split(training_arguments.SYNC_EACH_BATCH.path), value),)


def read_engine(
    reader: Reader,
    context: Context,
    world: WorldSize,
    model: Model,
    precision: Precision,
    *,
    full: bool,
    flavour: FsdpDefaults | None = None,
    batch: Batch | None = None,
    batch_key: str = "per_device_train_batch_size",
    launcher: Reader | None = None,
    shipped: Mapping[str, Mapping[str, Any]] | None = None,
) -> ParallelPlan:
    """The engine that the keys `deepspeed` and `fsdp`, or a launcher file, put under the run; DDP where
    there is none.

    `full`: every weight is trained. `flavour`: as TrainingArguments of the release where None. `launcher`:
    reads the accelerate file that goes with the config.
    `shipped`: DeepSpeed files that come with the front end, by file name.
    """
    if reader.get("deepspeed", mapping) is not None or reader.get("deepspeed", text) is not None:
        return _deepspeed(reader, context, world, model, precision, batch, batch_key, shipped or {})
    options = _fsdp_options(reader)
    section = reader.section("fsdp_config") or _fsdp_file(reader, context)
    if options is not None or (section is not None and not reader.has("fsdp") and section.values):
        path = "fsdp" if options is not None else "fsdp_config"
        reader.written("parallel.strategy", path)
        inner = section or replace(reader, values={}, prefix=(), document=None, at_prefix=False)
        release = reader.releases.get("accelerate")
        flavour = flavour or (TRAINER_FSDP if reader.runs("transformers", "5.10") else TRAINER_FSDP_1)
        if not reader.runs("transformers", "4.39"):
            # It asks for the prefixed key alone (4.33 to 4.38, training_args.py).
            flavour = replace(flavour, ahead=("fsdp_backward_prefetch",))
        found = read_fsdp(
            inner, world, precision, full=full, flavour=flavour, release=release, options=options or ()
        )
        return _synced(reader, context, found)
    launcher = launcher or launched_by(reader, context)
    if launcher is not None:
        found = read_accelerate(launcher, context, world, model, precision, full=full)
        return _synced(reader, context, found)
    if world.size > 1:
        _unnamed(reader, context)
    return replicated(world, precision)


def _unnamed(reader: Reader, context: Context) -> None:
    """Record how sure it is that no engine spreads the run: only `torchrun` and its like can name none."""
    launch = context.launch
    named = launch.engine_file if launch else None
    if named is not None and "distributed_type" not in launch.engine:  # type: ignore[union-attr]
        why = f"the launch line names its engine in {named.value}, which is not here"
    elif launch is not None and launch.by and not launch.may_hide_engine:
        reader.default("parallel.strategy", f"{launch.by[-1]} names no other engine")
        return
    else:
        why = "no engine is named for these GPUs, here or in a launch line of the workspace"
    reader.assume("parallel.strategy", f"plain DDP: {why}")


def _deepspeed(
    reader: Reader,
    context: Context,
    world: WorldSize,
    model: Model,
    precision: Precision,
    batch: Batch | None,
    batch_key: str,
    shipped: Mapping[str, Mapping[str, Any]],
) -> ParallelPlan:
    inner = reader.section("deepspeed")
    if inner is None:
        companion = open_companion(reader, context, "deepspeed")
        known = shipped.get(PurePath(reader.get("deepspeed", text) or "").name)
        if companion is None and known is not None:
            return read_deepspeed(reader.virtual(known, "deepspeed"), world, model, precision)
        if companion is None:
            return unseen_deepspeed(reader, "deepspeed", world, precision)
        inner = reader.companion_reader(companion)
    found = read_deepspeed(inner, world, model, precision)
    if batch is not None:
        expected = {
            "train_micro_batch_size_per_gpu": (batch_key, batch.micro),
            "gradient_accumulation_steps": ("gradient_accumulation_steps", batch.accumulation),
        }
        check_against(inner, {path: pair for path, pair in expected.items() if reader.has(pair[0])})
    return found


def _fsdp_options(reader: Reader) -> tuple[str, ...] | None:
    """The words of `fsdp`: true, "full_shard auto_wrap" or a list of such; None where FSDP is off."""
    flag = reader.get("fsdp", boolean)
    if flag is not None:
        return ("full_shard",) if flag else None
    return reader.get("fsdp", _fsdp_words)


def _fsdp_file(reader: Reader, context: Context) -> Reader | None:
    """The JSON file that `fsdp_config` may name instead (transformers 5.24, training_args.py,
    _process_fsdp_args).
    """
    companion = open_companion(reader, context, "fsdp_config")
    return None if companion is None else reader.companion_reader(companion)


def _fsdp_words(value: Any) -> tuple[str, ...] | None:
    """The words, where all are transformers' (FSDPOption)."""
    words = names(value)
    return words if words and all(word.lower() in _FSDP_OPTIONS for word in words) else None
