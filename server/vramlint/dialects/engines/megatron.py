"""Megatron-Core as the frameworks above it are told of it: degrees, dtypes, recomputation.

Semantics of Megatron-Core 0.16 (`core/model_parallel_config.py`, `core/transformer/transformer_config.py`,
`core/distributed/distributed_data_parallel_config.py`): 16-bit weights, one buffer of gradients, float32
weights and moments in the optimizer, which the distributed optimizer shares out over the data-parallel ranks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vramlint.dialects.engines.distribution import WorldSize
from vramlint.dialects.kit.dialect import REMOVE, Obstacle, SetKey
from vramlint.dialects.kit.edits import Editor, implied, key, spelling, translated
from vramlint.dialects.kit.reader import Reader, boolean, names, positive, split, text
from vramlint.job import Parallel, Precision, TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.vocabulary import Checkpointing, Dtype, Loss, Recomputed

_DEGREES: Mapping[str, str] = {
    "tensor": "tensor_model_parallel_size",
    "pipeline": "pipeline_model_parallel_size",
    "context": "context_parallel_size",
    "expert": "expert_model_parallel_size",
}


@dataclass(frozen=True, slots=True)
class MegatronDefaults:
    """What a front end does where its file is silent.

    `distributed`: the optimizer is shared out. `gradients`: dtype of the buffer of gradients.
    `expert_tensor`: tensor-parallel GPUs of an expert; None: as many as of all else.
    """

    distributed: bool = True
    gradients: Literal["float32", "same-as-weights"] = "float32"
    expert_tensor: int | None = None
    recompute: Literal["none", "selective", "full"] = "none"
    sequence: bool = False


def read_loss(reader: Reader, default: bool) -> Loss:
    """Megatron's own kernel, fused or not, makes a float32 copy of the logits and turns it into the softmax
    (core/fusions/fused_cross_entropy.py); Transformer Engine's writes over the logits. `default`: whether a
    fused one runs where the file is silent.
    """
    fused = reader.read("cross_entropy_loss_fusion", boolean, default, field="loss")
    if fused and reader.get("cross_entropy_fusion_impl", text) == "te":
        reader.written("loss", "cross_entropy_fusion_impl")
        return "fused-cross-entropy"
    return "full-logits"


def read_parallel(reader: Reader, world: WorldSize, defaults: MegatronDefaults, prefix: str = "") -> Parallel:
    """Degrees below `prefix`; the data-parallel GPUs are those that are left."""
    sizes: dict[str, Any] = {
        name: reader.read(prefix + key, positive, 1, field=f"parallel.{name}")
        for name, key in _DEGREES.items()
    }
    distributed = reader.read(
        f"{prefix}use_distributed_optimizer", boolean, defaults.distributed, field="parallel.strategy"
    )
    data = max(world.size // (sizes["tensor"] * sizes["pipeline"] * sizes["context"]), 1)
    stages = _virtual(reader, prefix)
    experts = reader.get(f"{prefix}expert_tensor_parallel_size", positive) or defaults.expert_tensor
    return Parallel(
        strategy="zero1" if distributed else "ddp" if data * sizes["context"] > 1 else "none",
        data=data,
        **sizes,
        expert_tensor=experts or sizes["tensor"],
        sequence=reader.read(
            f"{prefix}sequence_parallel", boolean, defaults.sequence, field="parallel.sequence"
        )
        and sizes["tensor"] > 1,
        virtual_pipeline=stages,
        schedule="interleaved" if stages > 1 else "1f1b",
        offload="optimizer" if reader.flag(f"{prefix}optimizer_cpu_offload") else "none",
    )


_VIRTUAL = ("virtual_pipeline_model_parallel_size", "num_virtual_stages_per_pipeline_rank")


def _virtual(reader: Reader, prefix: str) -> int:
    for name in _VIRTUAL:
        found = reader.get(prefix + name, positive)
        if found is not None:
            reader.written("parallel.virtual_pipeline", prefix + name)
            return found
    return 1


def precision_of(half: Dtype, defaults: MegatronDefaults) -> Precision:
    """What Megatron holds of weights trained in `half`."""
    if half == "float32":
        return Precision(weights="float32")
    return Precision(
        weights=half,
        master_weights="float32",
        gradients=defaults.gradients,
        optimizer_states="float32",
    )


def read_recomputation(
    reader: Reader, defaults: MegatronDefaults, prefix: str = ""
) -> Checkpointing | Obstacle:
    """What of the layers is recomputed."""
    kind = reader.get(f"{prefix}recompute_granularity", text)
    if kind is None:
        reader.default("gradient_checkpointing")
        kind = defaults.recompute
    else:
        reader.written("gradient_checkpointing", f"{prefix}recompute_granularity")
    if kind == "selective":
        return recomputed_modules(reader, prefix)
    if kind != "full":
        return "none"
    if reader.get(f"{prefix}recompute_method", text) == "block":
        key = f"{prefix}recompute_method"
        return Obstacle(
            "not-modelled",
            f"{key}: layers of which only some are recomputed are not modelled",
            reader.at(key),
        )
    return "full"


_MODULES: Mapping[str, Recomputed] = {
    "mlp": "dense_mlp",
    "moe": "moe",
    "layernorm": "block_norm",
    "moe_act": "expert_activation",
    "mla_up_proj": "latent_up",
    "shared_experts": "shared_experts",
}
"""Megatron's words (megatron-core 0.16.1, transformer_config.py, recompute_modules). The core of attention,
which is recomputed where the file is silent, saves nothing by a flash kernel.
"""


def recomputed_modules(reader: Reader, prefix: str) -> Checkpointing:
    """What selective recomputation makes again. What it saves of modules that are not in the table is not
    modelled, and taken as kept.
    """
    path = f"{prefix}recompute_modules"
    found = tuple(_MODULES[word] for word in reader.get(path, names) or () if word in _MODULES)
    if not found:
        return "none"
    reader.written("gradient_checkpointing", path)
    return tuple(dict.fromkeys(found))


def megatron_editors(prefix: str = "", recomputation: str = "") -> dict[str, Editor]:
    """The editors of degrees below `prefix`, and of recomputation below another section. The order of a
    pipeline follows from its chunks, the data-parallel GPUs are those that are left.
    """

    def virtual(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...]:
        path = spelling(values, *(prefix + name for name in _VIRTUAL))
        return (SetKey(split(path), value if value > 1 else REMOVE),)

    def recomputed(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
        at = {
            name: split(f"{recomputation}recompute_{name}")
            for name in ("granularity", "method", "num_layers")
        }
        if value == "none":
            return tuple(SetKey(path, REMOVE) for path in at.values())
        if value != "full":
            return None
        # Both others have to be said with it (transformer_config.py, __post_init__).
        return SetKey(at["granularity"], "full"), SetKey(at["method"], "uniform"), SetKey(at["num_layers"], 1)

    return {
        "parallel.strategy": translated(f"{prefix}use_distributed_optimizer", {"zero1": True, "ddp": False}),
        **{f"parallel.{name}": key(prefix + path) for name, path in _DEGREES.items()},
        "parallel.expert_tensor": key(f"{prefix}expert_tensor_parallel_size"),
        "parallel.sequence": key(f"{prefix}sequence_parallel"),
        "parallel.virtual_pipeline": virtual,
        "parallel.schedule": implied,
        "parallel.data": implied,
        "gradient_checkpointing": recomputed,
    }
