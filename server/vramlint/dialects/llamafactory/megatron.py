"""LLaMA-Factory with USE_MCA=1: Megatron-Core through mcore_adapter (train/mca/ of LLaMA-Factory 0.9.5;
mcore_adapter of August 2026, training_args.py).
"""

from __future__ import annotations

from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import WorldSize
from vramlint.dialects.engines.hf_trainer import read_batch, read_clipping
from vramlint.dialects.engines.megatron import (
    MegatronDefaults,
    precision_of,
    read_loss,
    read_parallel,
    read_recomputation,
)
from vramlint.dialects.kit.dialect import Context, Key, Obstacle
from vramlint.dialects.kit.reader import Reader, positive, text
from vramlint.dialects.kit.reading import hardware, unmodelled, world_size
from vramlint.job import Adapter, TrainingJob
from vramlint.vocabulary import Dtype, Objective

MEGATRON_KEYS: tuple[Key, ...] = (
    Key("tensor_model_parallel_size", "parallel.tensor", "USE_MCA=1: GPUs that share each layer.", 1),
    Key("pipeline_model_parallel_size", "parallel.pipeline", "USE_MCA=1: stages of layers.", 1),
    Key("context_parallel_size", "parallel.context", "USE_MCA=1: GPUs that share one row.", 1),
    Key("expert_model_parallel_size", "parallel.expert", "USE_MCA=1: GPUs that share the experts.", 1),
    Key(
        "sequence_parallel",
        "parallel.sequence",
        "USE_MCA=1: also splits the activations between the layers' matrices.",
        False,
        (True, False),
    ),
    Key(
        "use_distributed_optimizer",
        "parallel.strategy",
        "USE_MCA=1: shares float32 weights and moments over the data-parallel GPUs.",
        False,
        (True, False),
    ),
    Key(
        "recompute_granularity",
        "gradient_checkpointing",
        "USE_MCA=1: full recomputes whole layers in backward; selective only attention.",
        None,
        ("full", "selective"),
    ),
    Key("optimizer_cpu_offload", "parallel.offload", "USE_MCA=1: steps on the host.", False, (True, False)),
)
_MARKS = (
    *(row.path for row in MEGATRON_KEYS),
    *("virtual_pipeline_model_parallel_size", "bias_activation_fusion", "moe_token_dispatcher_type"),
)
_DEFAULTS = MegatronDefaults(distributed=False, expert_tensor=1)
_OBJECTIVES: dict[Any, Objective] = {"pt": "pretrain", "sft": "sft"}


def is_megatron(reader: Reader) -> bool:
    """Whether the file has arguments that only mcore_adapter's parser takes."""
    return any(reader.has(name) for name in _MARKS)


def megatron_job(
    reader: Reader, context: Context, model: Model, adapter: Adapter | None, length: int
) -> TrainingJob | Obstacle:
    """The run with USE_MCA=1. The Trainer's own engines and checkpointing do not apply."""
    stage = reader.get("stage", text) or "sft"
    if stage not in _OBJECTIVES:
        return unmodelled(reader, "stage", f"{stage} with Megatron is not modelled")
    if "vision_config" in model.config:
        return unmodelled(reader, "model_name_or_path", "towers of images under Megatron are not modelled")
    recomputed = read_recomputation(reader, _DEFAULTS)
    if isinstance(recomputed, Obstacle):
        return recomputed
    world = WorldSize(world_size(reader, context), context.nodes)
    batch = read_batch(reader)
    half: Dtype = "bfloat16" if reader.flag("bf16") else "float16" if reader.flag("fp16") else "float32"
    reader.written("precision.weights", "bf16" if half != "float16" else "fp16")
    return TrainingJob(
        model=model,
        runtime="megatron",
        objective=_OBJECTIVES[stage],
        method="full" if adapter is None else "lora",
        adapter=adapter,
        precision=precision_of(half, _DEFAULTS),
        optimizer="adamw_torch_fused",
        micro_batch_size=reader.get("micro_batch_size", positive) or batch.micro,
        gradient_accumulation_steps=batch.accumulation,
        sequence_length=length,
        packing=reader.flag("packing") or reader.flag("neat_packing"),
        gradient_checkpointing=recomputed,
        attention="flash_attention_2",
        loss=read_loss(reader, default=False),
        loop="freed",
        gradient_clipping=read_clipping(reader),
        parallel=read_parallel(reader, world, _DEFAULTS),
        origins=reader.record.origins,
        **hardware(context),
    )
