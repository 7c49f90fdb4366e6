"""ms-swift: arguments of transformers' Trainer and of its own.

Semantics of 4.6.0 (`arguments/`, `pipelines/train/tuner.py`, `trainers/mixin.py`): weights load in
`torch_dtype`, else the checkpoint's dtype; mixed precision follows it; adapters are float32; what is not
said of lengths and accumulation is worked out of model and GPUs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize, split_off
from vramlint.dialects.engines.evaluation import read_evaluation
from vramlint.dialects.engines.hf_trainer import (
    Batch,
    attention,
    read_clipping,
    read_engine,
)
from vramlint.dialects.engines.liger import fused_loss, read_liger
from vramlint.dialects.engines.loading import loading_of
from vramlint.dialects.engines.unsloth import NO_PAIRS, under_unsloth
from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.launch_spec import devices_named
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    mapping,
    positive,
    table,
    text,
)
from vramlint.dialects.kit.reading import (
    find_model,
    finish,
    framework_reader,
    hardware,
    unmodelled,
    world_size,
)
from vramlint.dialects.ms_swift import megatron
from vramlint.dialects.ms_swift.edits import edits
from vramlint.dialects.ms_swift.keys import KEYS, OLD, OLDER, RENAMED, VERSION
from vramlint.dialects.ms_swift.online import (
    UNSCORED,
    read_generation,
    read_objective,
    read_reference,
    read_roles,
    row_length,
)
from vramlint.dialects.ms_swift.presets import DEEPSPEED, FSDP2
from vramlint.dialects.ms_swift.weights import (
    METHODS,
    NO_IMAGES,
    read_adapter,
    read_method,
    read_precision,
    read_quantization,
)
from vramlint.job import Kernels, Precision, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Attention, Checkpointing, Images, Loss

UNBOUNDED = 2048
"""Tokens that stand for the longest sample where the file cuts nothing."""
ROWS = 16
"""Rows of a step that accumulation makes up where the file is silent (trainers/arguments.py)."""
_BACKEND = "tuner_backend"
_SAY_IMAGES = ("ENV.MAX_PIXELS", "max_pixels", "vit_lr", "vit_gradient_checkpointing")
"""Keys that nobody writes whose rows hold no images."""
_FROZEN = (
    *("freeze_parameters", "freeze_parameters_regex", "freeze_parameters_ratio", "trainable_parameters"),
    "trainable_parameters_regex",
)
_OPTIMIZERS: Mapping[str, str] = {"muon": "muon", "muonclip": "muon", "lorap": "", "multimodal": ""}
"""ms-swift's own by the job's name; empty: as `optim` says, with other learning rates."""


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run that a file of arguments describes."""
    reader = _reader(values, context)
    if megatron.is_megatron(reader):
        return finish(DIALECT, reader, megatron.job_of(reader, context))
    outcome = _obstacle(reader) or find_model(reader, context, "model")
    if isinstance(outcome, Obstacle):
        return finish(DIALECT, reader, outcome)
    job = _job(reader, context, outcome)
    if reader.get(_BACKEND, text) == "unsloth":  # 4.6, model/register.py, load_by_unsloth
        job = under_unsloth(reader, context, job, _BACKEND, keeps_logits=True)
    return finish(DIALECT, reader, job)


def _reader(values: Mapping[str, Any], context: Context) -> Reader:
    """A reader of the release that the file is for: `train_type` is of 3."""
    if "train_type" not in values or "tuner_type" in values or "ms-swift" in context.versions:
        return framework_reader(values, context, "ms-swift", VERSION, table(KEYS))
    dated = replace(context, versions={**context.versions, "ms-swift": OLDER})
    return framework_reader(values, dated, "ms-swift", VERSION, table(KEYS))


def _obstacle(reader: Reader) -> Obstacle | None:
    """What is not modelled, or leaves open what is held."""
    for name in OLD:
        if reader.has(name):
            return Obstacle(
                "not-modelled", f"{name}: an argument of ms-swift 1 and 2, read from 3 on", (name,)
            )
    named = reader.get(("tuner_type" if reader.has("tuner_type") else "train_type"), text) or "lora"
    if named not in METHODS:
        path = "tuner_type" if reader.has("tuner_type") else "train_type"
        return Obstacle("not-modelled", f"{path}: what {named} trains is not modelled", (path,))
    if reader.get(_BACKEND, text) == "unsloth" and reader.has("rlhf_type"):
        return unmodelled(reader, _BACKEND, NO_PAIRS)
    if reader.get("task_type", text) in UNSCORED:
        return Obstacle("not-modelled", "task_type: its loss is not modelled", ("task_type",))
    if reader.get("lisa_activated_layers", positive):
        return Obstacle(
            "not-modelled",
            "lisa_activated_layers: LISA's turns of layers are not modelled",
            ("lisa_activated_layers",),
        )
    for name in _FROZEN if named == "full" else ():
        if reader.raw(name) not in (None, 0, 0.0, [], "") and reader.has(name):
            return Obstacle("not-modelled", f"{name}: what is frozen is not modelled", (name,))
    return None


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob:
    objective = read_objective(reader)
    quantization = read_quantization(reader, model)
    method = read_method(reader, quantization)
    precision = read_precision(reader, model)
    world = _world(reader, context)
    ring = reader.read("sequence_parallel_size", positive)
    batch = _batch(reader, world)
    engine = _engine(reader, context, world, model, precision, method)
    if ring > 1:
        engine = split_off(engine, context=ring)
    spread = _spread(reader, context, world, engine)
    if spread > 1:
        layers = replace(engine.parallel, pipeline=spread, schedule="device-map")
        engine = replace(engine, parallel=layers)
    generation = read_generation(reader, objective, batch, world)
    prompt = _length(reader, model)
    frozen = method == "full" and model.reads_images and reader.read("freeze_vit", boolean)
    return TrainingJob(
        model=model,
        objective=objective,
        method="freeze" if frozen else method,
        trainable_parameters=(NO_IMAGES,) if frozen else (),
        adapter=None if method == "full" else read_adapter(reader, engine, model.reads_images, method),
        quantization=quantization if method != "full" else None,
        precision=engine.precision,
        optimizer=_optimizer(reader),
        optimizer_args=_optimizer_args(reader),
        micro_batch_size=batch.micro,
        gradient_accumulation_steps=batch.accumulation,
        sequence_length=row_length(reader, objective, prompt),
        packing=reader.read("packing", boolean) or reader.flag("padding_free"),
        images=_images(reader, context) if model.reads_images else "none",
        image_pixels=positive(context.environment.get("MAX_PIXELS"))
        or reader.get("ENV.MAX_PIXELS", positive),
        gradient_checkpointing=engine.checkpointing or _checkpointing(reader, engine),
        attention=_attention(reader),
        loss=_loss(reader, model, objective),
        kernels=Kernels(read_liger(reader, model, "use_liger_kernel")),
        loop="trainer",
        compile=reader.read("torch_compile", boolean),
        gradient_clipping=read_clipping(reader),
        parallel=engine.parallel,
        reference_model=read_reference(reader, objective, method),
        generation=generation,
        saving=engine.saving,
        evaluation=read_evaluation(reader),
        loading=loading_of(reader, engine, quantization),
        roles=read_roles(reader, context, objective),
        origins=reader.record.origins,
        **{**hardware(context), "gpu_count": max(context.gpu_count, spread * world.size // world.nodes)},
    )


def _images(reader: Reader, context: Context) -> Images:
    """What the rows hold. Templates put one of 32 × 32 pixels beside text (ms-swift 3.9,
    llm/template/base.py, _get_inputs_embeds_hf).
    """
    said = next((key for key in _SAY_IMAGES if reader.has(key)), None)
    if said is None:
        return "one" if "MAX_PIXELS" in context.environment else "tiny"
    reader.written("images", said)
    return "one"


def _world(reader: Reader, context: Context) -> WorldSize:
    """The processes: as the file's own environment says, else those of the declared GPUs."""
    per_node = reader.get("ENV.NPROC_PER_NODE", positive)
    nodes = reader.get("ENV.NNODES", positive) or context.nodes
    if per_node is None and context.launch is not None and context.launch.per_node is None:
        reader.default("parallel.data", "one process: NPROC_PER_NODE is not set")
        return WorldSize(context.nodes, context.nodes)
    if per_node is None:
        return WorldSize(world_size(reader, context), context.nodes)
    reader.written("parallel.data", "ENV.NPROC_PER_NODE")
    return WorldSize(per_node * nodes, nodes)


def _spread(reader: Reader, context: Context, world: WorldSize, engine: ParallelPlan) -> int:
    """GPUs of one process, over which the layers are spread: those it sees, where neither ZeRO 3 nor FSDP
    shares them out (model/utils.py, get_default_device_map; utils/env.py, is_mp).
    """
    named = context.environment.get("CUDA_VISIBLE_DEVICES") or reader.get("ENV.CUDA_VISIBLE_DEVICES", text)
    if engine.parallel.strategy not in ("none", "ddp"):
        return 1
    seen = devices_named(named) if named else context.gpu_count
    spread = max(seen // (world.size // world.nodes), 1)
    if spread > 1:
        reader.default("parallel.pipeline", "the layers are spread over the GPUs that a process sees")
    return spread


def _batch(reader: Reader, world: WorldSize) -> Batch:
    """Batch and accumulation; without the latter, a step of 16 rows over all GPUs."""
    micro = reader.read("per_device_train_batch_size", positive)
    steps = reader.get("gradient_accumulation_steps", positive)
    if steps is not None:
        reader.written("gradient_accumulation_steps", "gradient_accumulation_steps")
        return Batch(micro, steps)
    reader.default("gradient_accumulation_steps", f"as many as make {ROWS} rows over all GPUs")
    return Batch(micro, max(1, -(-ROWS // (micro * world.size))))


def _engine(
    reader: Reader, context: Context, world: WorldSize, model: Model, precision: Precision, method: str
) -> ParallelPlan:
    """DeepSpeed by a preset's name or a file, FSDP 2, else what the launcher says."""
    values = dict(reader.values)
    preset = DEEPSPEED.get(reader.get("deepspeed", text) or "")
    autotp = reader.get("deepspeed_autotp_size", positive)
    if preset is not None:
        values["deepspeed"] = preset
    if autotp is not None and isinstance(values.get("deepspeed"), Mapping):
        values["deepspeed"] = {**values["deepspeed"], "tensor_parallel": {"autotp_size": autotp}}
    if reader.get("fsdp", text) == "fsdp2":
        values |= {"fsdp": "full_shard auto_wrap", "fsdp_config": FSDP2}
    inner = replace(reader, values=values)
    if preset is not None:
        # What the preset says is placed at the key that names it.
        inner = replace(inner, auto=True)
    return read_engine(inner, context, world, model, precision, full=method == "full")


def _optimizer(reader: Reader) -> str:
    named = reader.get("optimizer", text)
    if reader.flag("use_galore") or named == "galore":
        reader.written("optimizer", "optimizer" if named else "use_galore")
        return "galore_adamw"
    if named is not None and _OPTIMIZERS.get(named, named):
        reader.written("optimizer", "optimizer")
        return _OPTIMIZERS.get(named, named)
    return reader.read("optim", text)


def _optimizer_args(reader: Reader) -> dict[str, float | int | str | bool]:
    """GaLore's rank."""
    if not reader.flag("use_galore") and reader.get("optimizer", text) != "galore":
        return {}
    return {"rank": reader.read("galore_rank", positive)}


def _length(reader: Reader, model: Model) -> int:
    """Tokens of a row, or of a prompt."""
    longest = positive(model.config.get("max_position_embeddings"))
    packed = reader.flag("packing")
    for path in ("packing_length", "max_length") if packed else ("max_length",):
        length = reader.get(path, positive)
        if length is not None:
            reader.written("sequence_length", path)
            return length
    if packed and longest:
        reader.default("sequence_length", "the model's own limit, to which rows are filled")
        return longest
    reader.assume(
        "sequence_length",
        f"max_length is the model's own limit, so the longest sample decides; {UNBOUNDED} tokens assumed",
    )
    return min(UNBOUNDED, longest or UNBOUNDED)


def _checkpointing(reader: Reader, engine: ParallelPlan) -> Checkpointing:
    """Reentrant unless plain DDP runs (trainers/mixin.py, _fix_gradient_checkpointing)."""
    if not reader.read("gradient_checkpointing", boolean):
        return "none"
    kwargs = reader.get("gradient_checkpointing_kwargs", mapping) or {}
    given = boolean(kwargs.get("use_reentrant"))
    plain = engine.parallel.strategy == "ddp"
    return "reentrant" if (not plain if given is None else given) else "full"


def _attention(reader: Reader) -> Attention:
    kernel: Attention | None = reader.get("attn_impl", attention)
    if kernel is None:
        reader.default("attention", "transformers' choice")
        return "sdpa"
    reader.written("attention", "attn_impl")
    return kernel


def _loss(reader: Reader, model: Model, objective: str) -> Loss:
    """Liger's head and loss in one kernel for fine-tuning; the other trainers take whole logits."""
    if reader.flag("use_liger_kernel") and objective in ("sft", "grpo"):
        reader.written("loss", "use_liger_kernel")
        return fused_loss(reader, model) if objective == "sft" else "fused-linear"
    reader.default("loss", "the whole logits of a row")
    return "full-logits"


DIALECT = Dialect(
    name="ms-swift",
    title="ms-swift",
    version=VERSION,
    keys=KEYS,
    read=read,
    edits=edits,
    unknown_keys="refused",
    renamed=RENAMED,
    schema="ms-swift",
)
