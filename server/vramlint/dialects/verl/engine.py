"""verl's FSDP engine as all its trainers configure it (0.9.1, workers/engine/fsdp/transformer_impl.py).

float32 weights, gradients and moments sharded by FSDP, gathered in bf16 and reduced in float32 unless
`mixed_precision` says otherwise; the optimizer is torch's AdamW, which steps all tensors at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import WorldSize
from vramlint.dialects.engines.megatron import MegatronDefaults, precision_of, read_recomputation
from vramlint.dialects.engines.megatron import read_parallel as read_parallel_degrees
from vramlint.dialects.kit.dialect import Obstacle
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    choice,
    integer,
    mapping,
    names,
    number,
    positive,
    text,
)
from vramlint.dialects.verl.keys import ACTOR
from vramlint.job import Adapter, Parallel, Precision
from vramlint.lazy_dataclasses import dataclass
from vramlint.vocabulary import Away, Checkpointing, Dtype, Strategy

DTYPES: Mapping[str, Dtype] = {
    "fp32": "float32",
    "float32": "float32",
    "bf16": "bfloat16",
    "bfloat16": "bfloat16",
    "fp16": "float16",
    "float16": "float16",
}
_MEGATRON = MegatronDefaults(sequence=True)
STRATEGIES: Mapping[str, Strategy] = {"fsdp": "fsdp1", "fsdp2": "fsdp2"}
_OPTIMIZERS: Mapping[str, str] = {"AdamW8bit": "adamw_8bit", "SGD": "sgd"}


@dataclass(frozen=True, slots=True)
class World:
    """GPUs of a machine, machines, and how many GPUs share a row."""

    per_node: int
    nodes: int
    ring: int
    split: int = 1
    """GPUs that share the layers of one row: tensor and pipeline parallelism."""

    @property
    def size(self) -> int:
        """All GPUs."""
        return self.per_node * self.nodes

    @property
    def groups(self) -> int:
        """Groups of GPUs with rows of their own."""
        return max(self.size // (self.ring * self.split), 1)


@dataclass(frozen=True, slots=True)
class Held:
    """How an engine holds the actor; `section` is the one of its options."""

    section: str
    parallel: Parallel
    precision: Precision
    checkpointing: Checkpointing


def hold_megatron(reader: Reader, model: Model, world: World) -> Held | Obstacle:
    """The actor in Megatron-Core (workers/engine/megatron/transformer_impl.py, utils/megatron_utils.py)."""
    section = f"{ACTOR}.megatron"
    recomputed = read_recomputation(reader, _MEGATRON, f"{section}.override_transformer_config.")
    if isinstance(recomputed, Obstacle):
        return recomputed
    size = WorldSize(world.size, world.nodes)
    half: Dtype = reader.get(f"{section}.dtype", choice(DTYPES)) or "bfloat16"
    parallel = read_parallel_degrees(reader, size, _MEGATRON, f"{section}.")
    return Held(section, parallel, precision_of(half, _MEGATRON), recomputed)


def read_parallel(reader: Reader, section: str, strategy: Strategy, world: World) -> Parallel:
    """How the engine of `section` shards its model."""

    def at(name: str) -> str:
        return f"{section}.{name}"

    shard = reader.get(at("fsdp_size"), integer) or -1
    if shard > 0:
        reader.written("parallel.data", at("fsdp_size"))
    else:
        reader.same_origin_as("parallel.data", "gpu_count")
    group = shard if 0 < shard < world.size else world.size
    mixed = reader.get(at("mixed_precision"), mapping) or {}
    reader.default("parallel.param_dtype", "FSDP gathers in bf16")
    reader.default("parallel.reduce_dtype", "and adds gradients up in float32")
    dtype = choice(DTYPES)
    half = dtype(mixed.get("param_dtype")) or "bfloat16"
    return Parallel(
        strategy=strategy,
        data=max(group // world.ring, 1),
        replicate=max(world.size // group, 1),
        context=world.ring,
        sharding="full" if reader.read(at("reshard_after_forward"), boolean, True) else "grad-op",
        offload="both" if reader.read(at("offload_policy"), boolean, False) else "none",
        param_dtype="none" if half == "float32" else half,
        reduce_dtype=dtype(mixed.get("reduce_dtype")) or "float32",
        sync_each_batch=not reader.read(at("use_no_sync_for_gradient_accumulation"), boolean, False),
    )


def read_precision(reader: Reader, section: str) -> Precision:
    """The shards' dtype. Autocast finds weights that FSDP has cast already."""
    weights: Dtype = reader.read(
        f"{section}.model_dtype", choice(DTYPES), "float32", field="precision.weights"
    )
    return Precision(weights=weights)


def read_optimizer(reader: Reader, section: str) -> str:
    """The optimizer (workers/config/optimizer.py, build_optimizer)."""
    name = reader.read(f"{section}.optimizer", text, "AdamW", field="optimizer")
    if name in _OPTIMIZERS:
        return _OPTIMIZERS[name]
    given = reader.get(f"{section}.override_optimizer_config", mapping) or {}
    return "adamw_torch_fused" if given.get("fused") is True else "adamw_torch"


def read_adapter(reader: Reader, section: str) -> Adapter | None:
    """LoRA in the base's dtype, which a flat group of FSDP asks for."""
    rank = reader.read(f"{section}.lora_rank", integer)
    if rank <= 0:
        return None
    written: tuple[str, ...] = reader.read(f"{section}.target_modules", names, ("all-linear",))
    return Adapter(
        r=rank,
        alpha=reader.read(f"{section}.lora_alpha", number),
        targets="all-linear" if written == ("all-linear",) else written,
        dtype="same-as-base",
    )


def read_away(reader: Reader, section: str, field: str) -> Away:
    """What the engine sends to the host between its turns."""
    sent = {name: reader.flag(f"{section}.{name}_offload") for name in ("param", "optimizer")}
    for name, away in sent.items():
        if away:
            reader.written(field, f"{section}.{name}_offload")
    if all(sent.values()):
        return "both"
    return "parameters" if sent["param"] else "optimizer" if sent["optimizer"] else "none"


def read_world(reader: Reader, ring: str, declared: tuple[int, int]) -> World:
    """The GPUs of the trainer; `declared` are those of a node, and the nodes, where it does not say."""
    per_node = reader.read("trainer.n_gpus_per_node", positive, declared[0])
    nodes = reader.read("trainer.nnodes", positive, declared[1])
    return World(per_node, nodes, reader.read(ring, positive, 1, field="parallel.context"))
