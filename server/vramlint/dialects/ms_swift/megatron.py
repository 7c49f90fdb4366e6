"""`megatron sft` and `megatron pt` of ms-swift: Megatron-Core over the model of the hub (4.6.0,
megatron/arguments/megatron_args.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import WorldSize
from vramlint.dialects.engines.megatron import (
    MegatronDefaults,
    precision_of,
    read_loss,
    read_parallel,
    read_recomputation,
)
from vramlint.dialects.kit.dialect import Context, Key, Obstacle
from vramlint.dialects.kit.reader import Reader, choice, names, number, positive, text
from vramlint.dialects.kit.reading import find_model, hardware, unmodelled, world_size
from vramlint.dialects.ms_swift.online import (
    UNSCORED,
    read_objective,
    read_reference,
    read_roles,
    row_length,
)
from vramlint.job import Adapter, TrainingJob
from vramlint.vocabulary import Checkpointing, Dtype

ROWS = 16
"""Of a step, where nothing says."""
MEGATRON_KEYS: tuple[Key, ...] = (
    Key("micro_batch_size", "micro_batch_size", "Megatron: rows of one forward pass on each GPU.", 1),
    Key(
        "global_batch_size",
        "gradient_accumulation_steps",
        "Megatron: rows of a step over all GPUs. What exceeds a pass is accumulated.",
        ROWS,
    ),
    Key("tensor_model_parallel_size", "parallel.tensor", "Megatron: GPUs that share each layer.", 1),
    Key(
        "pipeline_model_parallel_size", "parallel.pipeline", "Megatron: stages the layers are spread over.", 1
    ),
    Key("context_parallel_size", "parallel.context", "Megatron: GPUs that share one row.", 1),
    Key("expert_model_parallel_size", "parallel.expert", "Megatron: GPUs that share the experts.", 1),
    Key("expert_tensor_parallel_size", "parallel.expert_tensor", "Megatron: GPUs that share an expert.", 1),
    Key(
        "sequence_parallel",
        "parallel.sequence",
        "Megatron: also splits the activations between the layers' matrices, over the tensor-parallel GPUs.",
        False,
        (True, False),
    ),
    Key(
        "use_distributed_optimizer",
        "parallel.strategy",
        "Megatron: shares float32 weights and moments over the data-parallel GPUs.",
        True,
        (True, False),
    ),
    Key(
        "recompute_granularity",
        "gradient_checkpointing",
        "Megatron: full recomputes whole layers in backward; selective only attention, or what "
        "recompute_modules names.",
        "selective",
        ("selective", "full", "none"),
    ),
    Key(
        "recompute_modules",
        "gradient_checkpointing",
        "Megatron: modules that selective recomputes: mlp, moe, moe_act … core_attn, where nothing is "
        "said, saves nothing by a flash kernel.",
        None,
    ),
    Key(
        "cross_entropy_fusion_impl",
        "loss",
        "Megatron: native turns a float32 copy of the logits into the softmax; Transformer Engine's kernel "
        "writes over the logits.",
        "native",
        ("native", "te"),
    ),
    Key("optimizer_cpu_offload", "parallel.offload", "Megatron: steps on the host.", False, (True, False)),
)
_DEFAULTS = MegatronDefaults(expert_tensor=1, recompute="selective")
_MARKS = (
    *("tensor_model_parallel_size", "pipeline_model_parallel_size", "expert_model_parallel_size"),
    *("recompute_granularity", "mcore_model", "use_distributed_optimizer", "micro_batch_size"),
)
_OF_EXPERTS: Mapping[str, tuple[str, ...]] = {
    "linear_fc1": ("experts.gate_up_proj", "experts.up_proj"),
    "linear_fc2": ("experts.down_proj",),
}
"""Megatron's layers that experts have too, one grouped layer for all of a rank's experts: an adapter on them
is one for each expert (mcore_bridge 1.6, tuners/lora.py; megatron/utils/utils.py, find_all_linears).
"""
_DTYPES: Mapping[str, Dtype] = {"bfloat16": "bfloat16", "float16": "float16", "float32": "float32"}


def is_megatron(reader: Reader) -> bool:
    """Whether the arguments are for `megatron`, which has names that `swift` does not know."""
    return any(reader.has(name) for name in _MARKS)


def job_of(reader: Reader, context: Context) -> TrainingJob | Obstacle:
    """The run that `megatron sft` makes of the arguments."""
    model = find_model(reader, context, "model")
    if not isinstance(model, Model):
        return model
    if (reader.get("rlhf_type", text) or "dpo") not in ("dpo", "kto", "rm"):
        return unmodelled(reader, "rlhf_type", "what it makes and scores under Megatron is not modelled")
    if reader.get("task_type", text) in UNSCORED:
        return unmodelled(reader, "task_type", "its loss is not modelled")
    if "vision_config" in model.config:
        return Obstacle("not-modelled", "model: towers of images under Megatron are not modelled", ("model",))
    recomputed = read_recomputation(reader, _DEFAULTS)
    if isinstance(recomputed, Obstacle):
        return recomputed
    return _job(reader, context, model, recomputed)


def _job(reader: Reader, context: Context, model: Model, recomputed: Checkpointing) -> TrainingJob:
    world = WorldSize(world_size(reader, context), context.nodes)
    parallel = read_parallel(reader, world, _DEFAULTS)
    micro = reader.read("micro_batch_size", positive)
    whole = reader.read("global_batch_size", positive)
    half: Dtype | None = reader.get("torch_dtype", choice(_DTYPES))
    if half is not None:
        reader.written("precision.weights", "torch_dtype")
    lora = _adapted(reader)
    objective = read_objective(reader)
    packed = reader.flag("packing")
    path = "packing_length" if packed and reader.has("packing_length") else "max_length"
    length = reader.get(path, positive)
    if length is None:
        reader.assume("sequence_length", "max_length is the model's own limit; 2048 tokens assumed")
    else:
        reader.written("sequence_length", path)
    return TrainingJob(
        model=model,
        runtime="megatron",
        objective=objective,
        method="lora" if lora else "full",
        adapter=_adapter(reader) if lora else None,
        precision=precision_of(half or "bfloat16", _DEFAULTS),
        optimizer="adamw_torch_fused",
        micro_batch_size=micro,
        gradient_accumulation_steps=max(whole // (micro * parallel.data), 1),
        sequence_length=row_length(reader, objective, length or 2048),
        packing=packed,
        gradient_checkpointing=recomputed,
        attention="flash_attention_2",
        loss=read_loss(reader, default=True),
        loop="freed",
        parallel=parallel,
        reference_model=read_reference(reader, objective, "lora" if lora else "full"),
        roles=read_roles(reader, context, objective),
        origins=reader.record.origins,
        **hardware(context),
    )


def _adapted(reader: Reader) -> bool:
    """`megatron` trains every weight unless it is told otherwise."""
    path = "tuner_type" if reader.has("tuner_type") else "train_type"
    named = reader.get(path, text)
    if named is None:
        reader.default("method", "megatron trains every weight")
    else:
        reader.written("method", path)
    return named in ("lora", "lora_llm")


def _adapter(reader: Reader) -> Adapter:
    default: tuple[str, ...] = ("all-linear",)
    chosen = reader.read("target_modules", names, default)
    every = "all-linear" in chosen
    of_experts = [
        name for module, names in _OF_EXPERTS.items() if every or module in chosen for name in names
    ]
    return Adapter(
        r=reader.read("lora_rank", positive),
        alpha=reader.read("lora_alpha", number),
        dropout=reader.read("lora_dropout", number),
        targets="all-linear" if every else chosen,
        target_parameters=tuple(of_experts),
        dtype="same-as-base",
    )
