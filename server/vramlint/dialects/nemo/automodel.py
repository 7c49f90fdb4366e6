"""NeMo Automodel: YAML whose sections name what is built, for recipes over transformers' models.

Semantics of 0.7 (`recipes/llm/train_ft.py`, `recipes/_dist_utils.py`, `components/distributed/`,
`components/_peft/lora.py`): weights, gradients and moments in the dtype that the model is loaded in, shared
out by FSDP2 and gathered in bfloat16; whole gradients until the last micro batch. How many GPUs there are
says who starts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.catalog.optimizers import name_of_class
from vramlint.dialects.kit.dialect import Context, Obstacle
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    choice,
    integer,
    number,
    positive,
    text,
)
from vramlint.dialects.kit.reading import (
    checkpoint_dtype,
    find_model,
    hardware,
    role_model,
    unmodelled,
    world_size,
)
from vramlint.dialects.nemo.automodel_weights import (
    DTYPES,
    frozen_parts,
    read_adapter,
    read_method,
    read_quantization,
    towers_obstacle,
    trained_parameters,
)
from vramlint.dialects.nemo.optimizers import is_fused_adam, with_fused_adam
from vramlint.job import Parallel, Precision, Roles, TrainingJob
from vramlint.vocabulary import EACH_MODULE, Checkpointing, Dtype, Loss, Method, Schedule

VERSION = "0.7"
UNBOUNDED = 2048
"""Tokens that stand for the longest sample where the file cuts nothing."""
DISTILLATION = "KnowledgeDistillationRecipeForNextTokenPrediction"
VISION = "FinetuneRecipeForVLM"
RECIPES = (
    "TrainFinetuneRecipeForNextTokenPrediction",
    "BenchmarkingRecipeForNextTokenPrediction",
    DISTILLATION,
    VISION,
)
"""The second one runs the steps of the first on made-up rows (recipes/llm/benchmark.py); the last one is the
first for models that take images (recipes/vlm/finetune.py).
"""
_BUILDERS = tuple(
    f"NeMoAutoModelFor{kind}.{way}"
    for kind in ("CausalLM", "ImageTextToText", "MultimodalLM")
    for way in ("from_pretrained", "from_config")
)
_SCHEDULES: Mapping[str, Schedule] = {"1f1b": "1f1b", "gpipe": "gpipe"}
_LOSSES: Mapping[str, Loss] = {
    "MaskedCrossEntropy": "full-logits",
    "FusedLinearCrossEntropy": "fused-linear",
    "ChunkedCrossEntropy": "fused-linear",
    "TEParallelCrossEntropy": "fused-cross-entropy",
}


def automodel_job(reader: Reader, context: Context) -> TrainingJob | Obstacle:
    """The run of a fine-tuning or pretraining recipe."""
    model = _obstacle(reader) or _model(reader, context)
    if isinstance(model, Obstacle):
        return model
    frozen = _frozen(reader, model)
    if isinstance(frozen, Obstacle):
        return frozen
    micro = reader.get("step_scheduler.local_batch_size", positive)
    if micro is None:
        return Obstacle("not-modelled", "step_scheduler.local_batch_size is not set")
    reader.written("micro_batch_size", "step_scheduler.local_batch_size")
    parallel = _parallel(reader, _world(reader, context), model)
    if parallel.pipeline > 1:
        micro = reader.read("distributed.pipeline.pp_microbatch_size", positive)
    rows = reader.get("step_scheduler.global_batch_size", positive) or micro
    if reader.has("step_scheduler.global_batch_size"):
        reader.written("gradient_accumulation_steps", "step_scheduler.global_batch_size")
    packed = _packed(reader)
    precision = _precision(reader, model)
    if isinstance(precision, Obstacle):
        return precision
    quantization = read_quantization(reader)
    adapter = read_adapter(reader, quantization, frozen)
    whole: Method = "freeze" if frozen else "full"
    reader.default("loop", "holds a micro batch's outputs until the next one")
    return TrainingJob(
        model=model,
        objective="sft",
        method=whole if adapter is None else read_method(reader, quantization),
        trainable_parameters=trained_parameters(frozen) if adapter is None else (),
        adapter=adapter,
        quantization=quantization,
        precision=precision,
        optimizer=_optimizer(reader),
        micro_batch_size=micro,
        gradient_accumulation_steps=max(rows // (micro * parallel.data * parallel.replicate), 1),
        sequence_length=_length(reader, packed),
        packing=packed is not None,
        images="one" if _named(reader, "recipe").endswith(VISION) else "none",
        gradient_checkpointing=_checkpointing(reader),
        loss=_loss(reader),
        loop="plain",
        roles=_roles(reader, context),
        compile=reader.read("compile.enabled", boolean),
        gradient_clipping=reader.read("clip_grad_norm.max_norm", number),
        parallel=parallel,
        reference_model="none",
        origins=reader.record.origins,
        **hardware(context),
    )


def _frozen(reader: Reader, model: Model) -> tuple[str, ...] | Obstacle:
    """What the names of frozen weights contain, of a model that takes images."""
    builder = reader.get("model._target_", text) or ""
    if not _named(reader, "recipe").endswith(VISION) and "ForCausalLM." in builder:
        return ()
    return towers_obstacle(reader, model) or frozen_parts(reader)


def _named(reader: Reader, path: str) -> str:
    """What a section builds: its `_target_`, or the section itself where it is a name."""
    return reader.get(f"{path}._target_", text) or reader.get(path, text) or ""


def _obstacle(reader: Reader) -> Obstacle | None:
    recipe = _named(reader, "recipe").rpartition(".")[2]
    if recipe and recipe not in RECIPES:
        return unmodelled(reader, "recipe", f"{recipe} is not modelled")
    builder = reader.get("model._target_", text) or ""
    if not builder.endswith(_BUILDERS):
        return unmodelled(reader, "model._target_", f"{builder.rpartition('.')[0] or 'none'} is not modelled")
    if reader.flag("separate_meshes"):
        return unmodelled(reader, "separate_meshes", "a teacher on GPUs of its own is not modelled")
    if reader.get("distributed.strategy", text) == "megatron_fsdp":
        return unmodelled(reader, "distributed.strategy", "Megatron's FSDP is not modelled")
    known = ("torch.optim.", "bitsandbytes.", "torchao.")
    optimizer = _named(reader, "optimizer")
    if not optimizer.startswith(known) and not is_fused_adam(optimizer):
        return unmodelled(reader, "optimizer._target_", "its states are not known")
    for path, why in (("fp8.enabled", "float8"), ("te_fp8", "float8"), ("qat.enabled", "fake quantisation")):
        if reader.has(path) and reader.raw(path) not in (None, False):
            return unmodelled(reader, path, f"{why} is not modelled here")
    return None


def _model(reader: Reader, context: Context) -> Model | Obstacle:
    """The model by its name: of a checkpoint, or of the config that a new one is made from."""
    paths = (
        "model.pretrained_model_name_or_path",
        "model.config.pretrained_model_name_or_path",
        "model.config",
    )
    path = next((path for path in paths if isinstance(reader.raw(path), str)), paths[0])
    return find_model(reader, context, path)


def _world(reader: Reader, context: Context) -> int:
    """GPUs: declared, else those that the file asks SLURM for."""
    per_node = reader.get("slurm.ntasks_per_node", positive)
    if context.gpu_declared or per_node is None:
        return world_size(reader, context)
    reader.written("parallel.data", "slurm.ntasks_per_node")
    return per_node * (reader.get("slurm.nodes", positive) or 1)


def _size(reader: Reader, path: str) -> int:
    """A degree: "none", as well as null, leaves it at 1 (recipes/_dist_utils.py)."""
    return 1 if reader.raw(path) in ("none", None) else reader.read(path, positive)


def _parallel(reader: Reader, world: int, model: Model) -> Parallel:
    at = "distributed."
    stages = _size(reader, at + "pp_size")
    tensor, ring = _size(reader, at + "tp_size"), _size(reader, at + "cp_size")
    if world == 1:
        return Parallel()
    if reader.read(at + "strategy", text) == "ddp":
        return Parallel(strategy="ddp", data=world)
    replicate = _size(reader, at + "dp_replicate_size")
    data = max(world // (tensor * ring * replicate * stages), 1)
    away = reader.raw(at + "offload_policy") if reader.has(at + "offload_policy") else None
    if away is not None:
        reader.written("parallel.offload", at + "offload_policy")
    policy = at + "mp_policy."
    half: Any = reader.read(policy + "param_dtype", choice(DTYPES))
    return Parallel(
        strategy="fsdp2",
        data=data,
        replicate=replicate,
        sharding="full" if reader.read(at + "reshard_after_forward", boolean, stages == 1) else "grad-op",
        pipeline=stages,
        **_schedule(reader, model, stages),
        tensor=tensor,
        sequence=reader.read(at + "sequence_parallel", boolean),
        context=ring,
        expert=_size(reader, at + "ep_size"),
        offload="both" if away is not None else "none",
        param_dtype="none" if half == "float32" else half,
        reduce_dtype=reader.read(policy + "reduce_dtype", choice(DTYPES)),
        sync_each_batch=not reader.read(at + "defer_fsdp_grad_sync", boolean),
    )


def _schedule(reader: Reader, model: Model, stages: int) -> dict[str, Any]:
    """The pipeline's order, and chunks of layers on each stage (components/distributed/pipelining/config.py).
    The layers of a stage stay gathered between forward and backward, unless the file says otherwise.
    """
    if stages == 1:
        return {}
    name = reader.read("distributed.pipeline.pp_schedule", text).lower()
    chunk = reader.get("distributed.pipeline.layers_per_stage", positive)
    layers = model.config.get("num_hidden_layers")
    chunks = 1
    if chunk is not None and isinstance(layers, int):
        reader.written("parallel.virtual_pipeline", "distributed.pipeline.layers_per_stage")
        chunks = max(-(-layers // (chunk * stages)), 1)
    return {
        "schedule": "interleaved" if name.startswith("interleaved") else _SCHEDULES.get(name, "1f1b"),
        "virtual_pipeline": chunks,
    }


def _roles(reader: Reader, context: Context) -> Roles:
    """A teacher beside the student, in a dtype of its own and shared out as the student is, unless it waits
    on the host (recipes/llm/kd.py). Its logits and what the divergence keeps are not counted.
    """
    if not _named(reader, "recipe").endswith(DISTILLATION):
        return Roles()
    teacher = role_model(reader, context, "teacher_model.pretrained_model_name_or_path", "roles.teacher")
    reason = "the logits of the teacher, and what the divergence keeps of both, are not counted"
    reader.leave_open("loss", reason, at_least=True)
    if reader.flag("offload_teacher_model"):
        reader.written("roles.teacher", "offload_teacher_model")
        return Roles(teacher="none")
    dtype: Dtype | None = reader.get("teacher_model.torch_dtype", choice(DTYPES))
    return Roles(teacher="unknown" if teacher == "auto" else teacher, dtype=dtype or "same-as-weights")


def _precision(reader: Reader, model: Model) -> Precision | Obstacle:
    precision = Precision(weights=_weights(reader, model))
    if is_fused_adam(_named(reader, "optimizer")):
        return with_fused_adam(reader, "optimizer.", precision)
    return precision


def _weights(reader: Reader, model: Model) -> Dtype:
    for path in ("model.dtype", "model.torch_dtype"):
        dtype: Dtype | None = None if reader.raw(path) == "auto" else reader.get(path, choice(DTYPES))
        if dtype is not None:
            reader.written("precision.weights", path)
            return dtype
    reader.default("precision.weights", "the checkpoint's own dtype")
    fresh = (reader.get("model._target_", text) or "").endswith("from_config")
    return "bfloat16" if fresh else checkpoint_dtype(model)


def _optimizer(reader: Reader) -> str:
    """torch's Adam steps as its AdamW does: over all shards at once, unless it is told otherwise (torch 2.13,
    distributed/tensor/__init__.py adds DTensor to what foreach takes).
    """
    component = _named(reader, "optimizer")
    reader.written("optimizer", "optimizer._target_")
    if is_fused_adam(component):
        return "adamw_torch_fused"
    if component not in ("torch.optim.Adam", "torch.optim.AdamW"):
        return name_of_class(component)
    if reader.flag("optimizer.fused"):
        return "adamw_torch_fused"
    return "adamw_torch_single" if reader.get("optimizer.foreach", boolean) is False else "adamw_torch"


_PACKS = ("packed_sequence.packed_sequence_size", "packed_sequence.pack_size")
"""Of text, and of rows with images."""
_LENGTHS = (
    *("dataset.seq_length", "dataset.seq_len", "dataset.max_length", "dataset.max_seq_length"),
    *("dataloader.collate_fn.max_length", "packed_sequence.max_length"),
)


def _packed(reader: Reader) -> int | None:
    """Tokens of a row that is filled with several samples."""
    return next((length for path in _PACKS if (length := reader.get(path, integer))), None)


def _length(reader: Reader, packed: int | None) -> int:
    if packed is not None:
        reader.written("sequence_length", next(path for path in _PACKS if reader.get(path, integer)))
        return packed
    for path in _LENGTHS:
        length = reader.get(path, positive)
        if length is not None:
            reader.written("sequence_length", path)
            return length
    reason = f"no length is written, so the longest sample decides; {UNBOUNDED} tokens taken"
    reader.leave_open("sequence_length", reason)
    return UNBOUNDED


def _checkpointing(reader: Reader) -> Checkpointing:
    """`true` wraps the modules of a layer, each by itself (apply_submodule_checkpointing of
    components/distributed/activation_checkpointing.py).
    """
    path = "distributed.activation_checkpointing"
    word = reader.get(path, text)
    if word is not None:
        reader.written("gradient_checkpointing", path)
        return "selective-op" if word.lower() in ("selective", "sac") else EACH_MODULE
    return EACH_MODULE if reader.read(path, boolean) else "none"


def _loss(reader: Reader) -> Loss:
    name = _named(reader, "loss_fn").rpartition(".")[2]
    if not name:
        reader.default("loss")
        return "full-logits"
    reader.written("loss", "loss_fn._target_")
    return _LOSSES.get(name, "full-logits")
