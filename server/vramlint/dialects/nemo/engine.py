"""The engines that hold NeMo RL's policy.

DTensor (`models/automodel/setup.py`): float32 weights, gradients and moments sharded by FSDP2, gathered in
`precision`, reduced in float32. Megatron-Core (`models/megatron/setup.py`): weights in `precision`, a buffer
of gradients, an optimizer that is shared out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import WorldSize
from vramlint.dialects.engines.megatron import MegatronDefaults, precision_of, recomputed_modules
from vramlint.dialects.engines.megatron import read_parallel as read_degrees
from vramlint.dialects.kit.dialect import Obstacle
from vramlint.dialects.kit.reader import Reader, boolean, choice, names, number, positive, text
from vramlint.dialects.kit.reading import unmodelled
from vramlint.dialects.nemo.keys import DTENSOR, LORA
from vramlint.dialects.nemo.optimizers import is_fused_adam, with_fused_adam
from vramlint.dialects.nemo.rollouts import ROLLS_OUT
from vramlint.job import Adapter, Parallel, Precision
from vramlint.lazy_dataclasses import dataclass
from vramlint.vocabulary import Autocast, Checkpointing, Runtime

_MEGATRON = "policy.megatron_cfg"
_COMPUTE: Mapping[str, Autocast] = {"bfloat16": "bfloat16", "float16": "float16", "float32": "none"}


@dataclass(frozen=True, slots=True)
class World:
    """GPUs of a machine and machines, those for completions alone left out."""

    per_node: int
    nodes: int


@dataclass(frozen=True, slots=True)
class Held:
    """How the policy is held."""

    runtime: Runtime
    parallel: Parallel
    precision: Precision
    checkpointing: Checkpointing
    optimizer: str
    adapter: Adapter | None


def read_world(reader: Reader) -> World:
    """The cluster without the GPUs that only make completions (algorithms/grpo.py, setup)."""
    per_node = reader.read("cluster.gpus_per_node", positive)
    nodes = reader.read("cluster.num_nodes", positive)
    apart = "policy.generation.colocated"
    rolls_out = any(reader.has(name) for name in ROLLS_OUT)
    if not rolls_out or reader.get(f"{apart}.enabled", boolean) is not False:
        return World(per_node, nodes)
    reader.written("parallel.data", f"{apart}.resources")
    taken = reader.get(f"{apart}.resources.num_nodes", positive)
    if taken is not None and nodes > 1:
        return World(per_node, max(nodes - taken, 1))
    return World(max(per_node - (reader.get(f"{apart}.resources.gpus_per_node", positive) or 0), 1), nodes)


def read_engine(reader: Reader, model: Model, world: World) -> Held | Obstacle:
    """The engine that is switched on."""
    if reader.flag(f"{_MEGATRON}.enabled"):
        return _megatron(reader, model, world)
    return _dtensor(reader, world)


def _dtensor(reader: Reader, world: World) -> Held | Obstacle:
    precision = _stepped_on(reader)
    if isinstance(precision, Obstacle):
        return precision
    reader.written("optimizer", "policy.optimizer.name")
    tensor = reader.read(DTENSOR + "tensor_parallel_size", positive)
    ring = reader.read(DTENSOR + "context_parallel_size", positive)
    replicate = reader.read(DTENSOR + "dp_replicate_size", positive)
    reader.default("precision.weights", "kept in float32 whatever precision says")
    recomputes = reader.read(DTENSOR + "activation_checkpointing", boolean)
    parallel = Parallel(
        strategy="fsdp2",
        data=max(world.per_node * world.nodes // (tensor * ring * replicate), 1),
        replicate=replicate,
        tensor=tensor,
        sequence=reader.read(DTENSOR + "sequence_parallel", boolean),
        context=ring,
        offload="both" if reader.read(DTENSOR + "cpu_offload", boolean) else "none",
        param_dtype=reader.read("policy.precision", choice(_COMPUTE)),
        reduce_dtype="float32",
    )
    lora = reader.flag(LORA + "enabled")
    return Held(
        "transformers",
        parallel,
        precision,
        "full" if recomputes else "none",
        _stepped(reader),
        _adapter(reader, LORA, "enabled") if lora else None,
    )


def _stepped_on(reader: Reader) -> Precision | Obstacle:
    """Dtypes of float32 shards and of what the optimizer keeps of them."""
    optimizer = reader.get("policy.optimizer.name", text) or ""
    precision = Precision(weights="float32")
    if is_fused_adam(optimizer):
        return with_fused_adam(reader, "policy.optimizer.kwargs.", precision)
    if optimizer != "torch.optim.AdamW":
        return unmodelled(
            reader, "policy.optimizer.name", f"what {optimizer or 'none'} keeps is not modelled"
        )
    return precision


def _stepped(reader: Reader) -> str:
    """How torch's AdamW goes over the weights: all at once, in one kernel, or one after the other."""
    kwargs = "policy.optimizer.kwargs."
    if reader.flag(kwargs + "fused") or is_fused_adam(reader.get("policy.optimizer.name", text) or ""):
        return "adamw_torch_fused"
    alone = reader.get(kwargs + "foreach", boolean) is False
    return "adamw_torch_single" if alone else "adamw_torch"


def _megatron(reader: Reader, model: Model, world: World) -> Held:
    wide = reader.flag(f"{_MEGATRON}.distributed_data_parallel_config.grad_reduce_in_fp32")
    defaults = MegatronDefaults(gradients="float32" if wide else "same-as-weights", expert_tensor=1)
    parallel = read_degrees(
        reader, WorldSize(world.per_node * world.nodes, world.nodes), defaults, f"{_MEGATRON}."
    )
    half: Any = reader.get("policy.precision", text) or "bfloat16"
    if half not in _COMPUTE:
        half = "bfloat16"
    reader.written("precision.weights", "policy.precision")
    recomputed: Checkpointing = "none"
    if reader.read(f"{_MEGATRON}.activation_checkpointing", boolean):
        selective = reader.get(f"{_MEGATRON}.recompute_granularity", text) == "selective"
        recomputed = recomputed_modules(reader, f"{_MEGATRON}.") if selective else "full"
    reader.default("optimizer", "Megatron-Core's Adam")
    peft = f"{_MEGATRON}.peft."
    return Held(
        "megatron",
        parallel,
        precision_of(half, defaults),
        recomputed,
        "adamw_torch_fused",
        _adapter(reader, peft, "enabled") if reader.flag(f"{peft}enabled") else None,
    )


def _adapter(reader: Reader, section: str, switch: str) -> Adapter:
    reader.written("method", section + switch)
    every = reader.get(section + "match_all_linear", boolean) is not False
    targets = reader.get(section + "target_modules", names)
    return Adapter(
        r=reader.read(section + "dim", positive, 8, field="adapter.r"),
        alpha=reader.read(section + "alpha", number, 32.0, field="adapter.alpha"),
        dropout=reader.get(section + "dropout", number) or 0.0,
        targets="all-linear" if every or not targets else targets,
        dtype="float32",
    )
