"""FSDP's options as accelerate, transformers and axolotl spell them: what is sharded, gathered and upcast.

Semantics of accelerate 1.15 (`accelerator.py`, `utils/fsdp_utils.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize, half_of
from vramlint.dialects.kit.reader import Reader, boolean, integer, text
from vramlint.job import Parallel, Precision
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.versions import at_least, older
from vramlint.vocabulary import EACH_MODULE, Checkpointing, Loading, Prefetch, Saving

Sharding = Literal["full", "grad-op", "none", "hybrid"]
Wrap = Literal["layer", "none", "size"]
Upcast = Literal["trainable", "all", "none"]

_STRATEGIES: Mapping[str, Sharding] = {
    "FULL_SHARD": "full",
    "SHARD_GRAD_OP": "grad-op",
    "NO_SHARD": "none",
    "HYBRID_SHARD": "hybrid",
    "HYBRID_SHARD_ZERO2": "hybrid",
    "1": "full",
    "2": "grad-op",
    "3": "none",
    "4": "hybrid",
    "5": "hybrid",
}
_WRAPS: Mapping[str, Wrap] = {"TRANSFORMER_BASED_WRAP": "layer", "SIZE_BASED_WRAP": "size", "NO_WRAP": "none"}

_PREFETCHES: Mapping[str, Prefetch] = {
    "BACKWARD_PRE": "pre",
    "BACKWARD_POST": "post",
    "NO_PREFETCH": "none",
    "1": "pre",
    "2": "post",
}
"""accelerate's words, or numbers (1.15, utils/dataclasses.py, FullyShardedDataParallelPlugin)."""
_STATE_DICTS: Mapping[str, Saving] = {
    "FULL_STATE_DICT": "full",
    "SHARDED_STATE_DICT": "sharded",
    "LOCAL_STATE_DICT": "sharded",
}


@dataclass(frozen=True, slots=True)
class FsdpDefaults:
    """How a front end runs FSDP: the version when none is written, what it wraps by default, what it
    upcasts.
    """

    version: int = 2
    wrap: Wrap = "layer"
    upcast: Upcast | None = None
    """None: as the release of accelerate does."""
    efficient: bool = False
    """`cpu_ram_efficient_loading` when it is not written."""
    away: tuple[str, ...] = ("offload_params", "cpu_offload")
    """Options that keep the shards on the host: accelerate's, and transformers' (5.24, training_args.py)."""
    ahead: tuple[str, ...] = ("backward_prefetch",)
    """Options that say what FSDP 1 gathers ahead in backward, the strongest first. Without one nothing is
    (accelerate 0.20 to 1.15, NO_PREFETCH).
    """


def accelerate_upcast(version: int, release: str | None) -> Upcast:
    """What accelerate casts to float32 before sharding under mixed precision, by FSDP version and its own
    release.

    FSDP2: up to 1.12 the whole model; 1.13 nothing (the cast is lost, accelerate issue 3979); later the
    trained weights.
    """
    if version == 1 or at_least(release, "1.14"):
        return "trainable"
    return "none" if at_least(release, "1.13") else "all"


def spelled(reader: Reader, name: str) -> str:
    """The spelling of an option in this section: with or without the prefix."""
    return f"fsdp_{name}" if reader.has(f"fsdp_{name}") else name


def read_fsdp(
    reader: Reader,
    world: WorldSize,
    precision: Precision,
    *,
    full: bool,
    flavour: FsdpDefaults,
    release: str | None = None,
    options: tuple[str, ...] = (),
) -> ParallelPlan:
    """The run under the FSDP section that `reader` reads.

    `full`: all weights are trained. `release`: of accelerate. `options`: the words of transformers' string
    form ("full_shard auto_wrap").
    """
    version = _version(reader, flavour)
    sharding = _sharding(reader, version, options)
    hybrid = sharding == "hybrid" and world.nodes > 1
    parallel = Parallel(
        strategy="ddp" if sharding == "none" else "fsdp1" if version == 1 else "fsdp2",
        data=world.per_node if hybrid else world.size,
        replicate=world.nodes if hybrid else 1,
        sharding="full" if sharding == "hybrid" and not hybrid else sharding,
        wrap=_wrap(reader, flavour, options),
        offload=_offload(reader, flavour, options),
    )
    if sharding == "none":
        return ParallelPlan(parallel, precision, _checkpointing(reader, version, release))
    upcast = flavour.upcast or accelerate_upcast(version, release)
    held, half = _held(precision, full, upcast), half_of(precision)
    parallel = replace(
        parallel,
        param_dtype=half or "none",
        reduce_dtype=half or "none",
        backward_prefetch=_prefetch(reader, flavour) if version == 1 else "pre",
    )
    return ParallelPlan(
        parallel,
        held,
        _checkpointing(reader, version, release),
        loading=_loading(reader, flavour),
        saving=_saving(reader),
    )


def _held(precision: Precision, full: bool, upcast: Upcast) -> Precision:
    """The shards' dtype. Autocast stays on under FSDP (accelerate 1.0.1 and 1.15, accelerator.py,
    native_amp): it finds weights that FSDP has cast already and holds no copies of its own, but norms,
    losses and the logits that the model returns are float32.
    """
    if half_of(precision) is None:
        return precision
    raised = upcast == "all" or (upcast == "trainable" and full)
    weights = "float32" if raised else precision.weights
    return replace(precision, weights=weights, fp32_modules=())


def _version(reader: Reader, flavour: FsdpDefaults) -> int:
    for path in ("fsdp_version", "version"):
        given = reader.get(path, integer)
        if given in (1, 2):
            reader.written("parallel.strategy", path)
            return given
    return flavour.version


def _sharding(reader: Reader, version: int, options: tuple[str, ...]) -> Sharding:
    path = spelled(reader, "reshard_after_forward")
    reshard = reader.get(path, boolean)
    if reshard is not None:
        reader.written("parallel.sharding", path)
        return "full" if reshard else "grad-op"
    words = [
        (path, reader.get(path, text)),
        (name := spelled(reader, "sharding_strategy"), _word(reader, name)),
    ]
    for source, word in words if version == 1 else ():
        if word and word.upper() in _STRATEGIES:
            reader.written("parallel.sharding", source)
            return _STRATEGIES[word.upper()]
    for option in options:
        if option.upper() in _STRATEGIES:
            return _STRATEGIES[option.upper()]
    return "full"


def _word(reader: Reader, path: str) -> str | None:
    number = reader.get(path, integer)
    return str(number) if number is not None else reader.get(path, text)


def _wrap(reader: Reader, flavour: FsdpDefaults, options: tuple[str, ...]) -> Wrap:
    path = spelled(reader, "auto_wrap_policy")
    policy = reader.get(path, text)
    if policy and policy.upper() in _WRAPS:
        reader.written("parallel.wrap", path)
        return _WRAPS[policy.upper()]
    named = reader.has(spelled(reader, "transformer_layer_cls_to_wrap"))
    # Where options are words, auto_wrap is the one that wraps; the class's name alone does not.
    return "layer" if "auto_wrap" in options or (named and not options) else flavour.wrap


def _offload(reader: Reader, flavour: FsdpDefaults, options: tuple[str, ...]) -> Literal["none", "both"]:
    for name in flavour.away:
        path = spelled(reader, name)
        if reader.flag(path):
            reader.written("parallel.offload", path)
            return "both"
    return "both" if "offload" in options else "none"


def _prefetch(reader: Reader, flavour: FsdpDefaults) -> Prefetch:
    for name in flavour.ahead:
        path = spelled(reader, name)
        word = (_word(reader, path) or "").upper()
        if word in _PREFETCHES:
            reader.written("parallel.backward_prefetch", path)
            return _PREFETCHES[word]
    reader.default("parallel.backward_prefetch", "NO_PREFETCH")
    return "none"


def _loading(reader: Reader, flavour: FsdpDefaults) -> Loading:
    """Whether the first rank of a node alone reads the weights (transformers' is_fsdp_enabled)."""
    path = spelled(reader, "cpu_ram_efficient_loading")
    efficient = reader.get(path, boolean)
    if efficient is not None:
        reader.written("loading", path)
    return "rank-0" if (flavour.efficient if efficient is None else efficient) else "host"


def _saving(reader: Reader) -> Saving:
    """How the model is saved at the end, and while training where only that is said."""
    for name in ("final_state_dict_type", "state_dict_type"):
        path = spelled(reader, name)
        kind = (reader.get(path, text) or "").upper()
        if kind in _STATE_DICTS:
            reader.written("saving", path)
            return _STATE_DICTS[kind]
    return "auto"


def _checkpointing(reader: Reader, version: int, release: str | None) -> Checkpointing | None:
    path = spelled(reader, "activation_checkpointing")
    if reader.get(path, boolean) is not True:
        return None
    reader.written("gradient_checkpointing", path)
    # accelerate 1.8.1 to 1.14.0, utils/fsdp_utils.py, fsdp2_apply_ac.
    each = version == 2 and release is not None and at_least(release, "1.8") and older(release, "1.15")
    return EACH_MODULE if each else "full"
