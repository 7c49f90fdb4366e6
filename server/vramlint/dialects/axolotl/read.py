"""axolotl: one flat YAML; weights, gradients and moments in bf16 by default, no float32 master.

Semantics of axolotl 0.21 (`loaders/model.py`, `loaders/adapter.py`, `utils/config/`, `core/builders/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.catalog.optimizers import steps_in_backward
from vramlint.dialects.axolotl.checks import (
    CONFLICTS,
    CUT,
    LIGER,
    checkpoints,
    deepspeed,
    fsdp,
    fsdp1_by,
    plugin,
    switched,
    unlisted_plugin_keys,
)
from vramlint.dialects.axolotl.edits import edits
from vramlint.dialects.axolotl.keys import KEYS, RENAMED
from vramlint.dialects.axolotl.liger import liger_kernels
from vramlint.dialects.axolotl.objective import (
    OBJECTIVES,
    read_evaluation,
    read_generation,
    read_objective,
    read_reference,
)
from vramlint.dialects.axolotl.refusals import REFUSALS
from vramlint.dialects.axolotl.shipped_deepspeed import SHIPPED_DEEPSPEED
from vramlint.dialects.axolotl.weights import (
    ADAPTERS,
    prepared,
    read_adapter,
    read_attention,
    read_method,
    read_precision,
    read_quantization,
    trained_names,
)
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize, split_off
from vramlint.dialects.engines.fsdp import FsdpDefaults
from vramlint.dialects.engines.hf_trainer import (
    Batch,
    optimizer_args,
    read_clipping,
    read_engine,
)
from vramlint.dialects.engines.loading import loading_of
from vramlint.dialects.kit.conflicts import report
from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    mapping,
    names,
    positive,
    table,
    text,
)
from vramlint.dialects.kit.reading import find_model, finish, framework_reader, hardware, world_size
from vramlint.job import Kernels, Precision, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import ADAPTER_METHODS, Checkpointing, Images, LinearAttention, Loss

VERSION = "0.21"
LAST_FSDP1 = "0.19"
_TABLE = table(KEYS)

EXPANDABLE = "expandable_segments:True"


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The job that an axolotl config describes."""
    reader = framework_reader(values, context, "axolotl", VERSION, _TABLE)
    if (key := fsdp1_by(reader)) is not None and "axolotl" not in context.versions:
        # FSDP 1 was removed in 0.20: whoever writes it runs an older one.
        context = replace(context, versions={**context.versions, "axolotl": LAST_FSDP1})
        reader = framework_reader(values, context, "axolotl", VERSION, _TABLE)
    elif key is not None and reader.runs("axolotl", "0.20"):
        message = f"{key}: FSDP 1 is refused since axolotl 0.20; write fsdp_version: 2"
        reader.problem("fsdp1-removed", key, message, "error")
    report(reader, CONFLICTS)
    report(reader, REFUSALS)
    report(reader, unlisted_plugin_keys(reader))
    obstacle = _trained_elsewhere(reader) or _unknown_training(reader)
    model = obstacle or find_model(reader, context, "base_model")
    return finish(DIALECT, reader, model if isinstance(model, Obstacle) else _job(reader, context, model))


def _trained_elsewhere(reader: Reader) -> Obstacle | None:
    """Why nothing of the run is on this GPU, where a plugin hands it to a remote service and loads only a
    stub of the model (integrations/hatchery/plugin.py of axolotl 0.21).
    """
    if not plugin(reader, "HatcheryPlugin"):
        return None
    return Obstacle("trained-elsewhere", "plugins: HatcheryPlugin trains on a remote service", ("plugins",))


def _unknown_training(reader: Reader) -> Obstacle | None:
    """A way to train that nothing is known of: never taken for full fine-tuning or SFT."""
    for path, known in (("adapter", ADAPTERS), ("rl", OBJECTIVES)):
        word = reader.get(path, text)
        if word is not None and word not in known:
            message = f"{path}: {word} is not modelled; known are {', '.join(known)}"
            return Obstacle("not-modelled", message, (path,))
    return None


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob:
    method = read_method(reader)
    kernel = read_attention(reader)
    quantization = read_quantization(reader, model, method)
    precision = read_precision(reader, context, model, method, kernel)
    if quantization is not None:
        quantization = replace(quantization, compute=precision.weights)
    batch = _batch(reader)
    world = _world(reader, context)
    engine = _engine(reader, context, world, model, precision, method, batch)
    if quantization is not None:
        quantization = prepared(reader, model, quantization, engine.parallel.strategy)
    adapter = read_adapter(reader, engine, world) if method in ADAPTER_METHODS else None
    checkpointing, offload = _activations(reader, method)
    optimizer = reader.read("optimizer", text)
    return TrainingJob(
        model=model,
        objective=read_objective(reader),
        method=method,
        trainable_parameters=trained_names(reader, method),
        adapter=adapter,
        quantization=quantization,
        precision=engine.precision,
        optimizer=optimizer,
        optimizer_args=optimizer_args(reader),
        optimizer_in_backward=steps_in_backward(optimizer),
        micro_batch_size=batch.micro,
        gradient_accumulation_steps=batch.accumulation,
        sequence_length=reader.read("sequence_len", positive),
        packing=reader.read("sample_packing", boolean, False),
        images=_images(reader) if model.reads_images else "none",
        image_pixels=_image_pixels(reader),
        gradient_checkpointing=_checkpointed_by(engine, checkpointing),
        activation_offload=offload,
        attention=kernel,
        loss=_loss(reader),
        kernels=_kernels(reader, model),
        loop="trainer",
        allocator=_allocator(reader),
        compile=reader.raw("torch_compile") in (True, "auto"),
        gradient_clipping=read_clipping(reader),
        parallel=engine.parallel,
        reference_model=read_reference(reader, method),
        saving=engine.saving,
        evaluation=read_evaluation(reader, batch.micro),
        # loaders/model.py: _build_model's device maps, and _apply_post_lora_load_setup's move of all else.
        loading=loading_of(
            reader,
            engine,
            quantization,
            to_gpu=_moves_to_gpu(reader),
            own_map=engine.parallel.strategy == "fsdp2",
        ),
        generation=read_generation(reader, batch.micro, batch.accumulation),
        origins=reader.record.origins,
        **hardware(context),
    )


def _allocator(reader: Reader) -> str:
    """The allocator's settings that Axolotl exports before torch is loaded (axolotl 0.21, utils/__init__.py,
    set_pytorch_cuda_alloc_conf).
    """
    if not reader.runs("axolotl", "0.5") or not reader.runs("torch", "2.2"):
        return ""
    reader.default("allocator")
    return EXPANDABLE if reader.runs("torch", "2.9") else f"{EXPANDABLE},roundup_power2_divisions:16"


def _images(reader: Reader) -> Images:
    """Rows go through a processor only where one is named (0.21, core/builders/causal.py)."""
    return "none" if reader.read("processor_type", text, None) is None else "one"


def _image_pixels(reader: Reader) -> int | None:
    """Of the square that images are resized to (axolotl 0.21, processing_strategies.py, resize_image)."""
    side = reader.get("image_size", positive)
    if side is None:
        return None
    reader.written("image_pixels", "image_size")
    return side**2


def _moves_to_gpu(reader: Reader) -> bool:
    """Whether a model is put on every GPU before FSDP shares it out."""
    path = "experimental_skip_move_to_device"
    stays = reader.get(path, boolean)
    if stays is None:
        return not reader.default_of(path)
    reader.written("loading", path)
    return not stays


def _checkpointed_by(engine: ParallelPlan, own: Checkpointing) -> Checkpointing:
    return engine.checkpointing if engine.checkpointing is not None and own == "none" else own


def _batch(reader: Reader) -> Batch:
    micro = reader.read("micro_batch_size", positive)
    whole = reader.get("batch_size", positive)
    if whole is not None and not reader.has("gradient_accumulation_steps"):
        reader.written("gradient_accumulation_steps", "batch_size")
        return Batch(micro, max(whole // micro, 1))
    return Batch(micro, reader.read("gradient_accumulation_steps", positive))


def _world(reader: Reader, context: Context) -> WorldSize:
    size = world_size(reader, context)
    if reader.flag("use_ray") and (workers := reader.get("ray_num_workers", positive)):
        reader.written("parallel.data", "ray_num_workers")
        size = workers
    return WorldSize(size, context.nodes)


def _engine(
    reader: Reader,
    context: Context,
    world: WorldSize,
    model: Model,
    precision: Precision,
    method: str,
    batch: Batch,
) -> ParallelPlan:
    version = fsdp(reader)
    flavour = FsdpDefaults(
        version=version or 2,
        wrap="layer",
        upcast="none" if version == 2 else "trainable",
        away=("offload_params",),
    )
    given = {
        name: reader.get(path, positive)
        for name, path in (("data", "dp_shard_size"), ("replicate", "dp_replicate_size"))
    }
    sizes = {
        "tensor": reader.get("tensor_parallel_size", positive) or 1,
        "context": reader.get("context_parallel_size", positive)
        or reader.get("sequence_parallel_degree", positive)
        or 1,
        "expert": reader.get("expert_parallel_size", positive) or 1,
    }
    if deepspeed(reader) and reader.raw("bf16") == "full":
        precision = replace(precision, autocast="bfloat16")  # what DeepSpeed's "auto" then resolves to
    found = read_engine(
        reader,
        context,
        world,
        model,
        precision,
        full=method not in ADAPTER_METHODS,
        flavour=flavour,
        batch=batch,
        batch_key="micro_batch_size",
        shipped=SHIPPED_DEEPSPEED,
    )
    if max(sizes.values()) > 1:
        found = split_off(found, **sizes)
        for name, path in (("tensor", "tensor_parallel_size"), ("context", "context_parallel_size")):
            if reader.has(path):
                reader.written(f"parallel.{name}", path)
    parallel = found.parallel
    if parallel.strategy.startswith("fsdp") and any(given.values()):
        # Groups of experts shard dense weights too (monkeypatch/accelerate/parallelism_config.py).
        copies = given["replicate"] or 1
        shard = given["data"] * sizes["expert"] if given["data"] else max(parallel.data // copies, 1)
        for name, path in (("data", "dp_shard_size"), ("replicate", "dp_replicate_size")):
            if given[name]:
                reader.written(f"parallel.{name}", path)
        parallel = replace(parallel, data=shard, replicate=copies)
    return replace(found, parallel=parallel)


def _activations(reader: Reader, method: str) -> tuple[Checkpointing, bool]:
    """Checkpointing and offloading: with an adapter, offloading takes the place of recomputation."""
    offloading = switched(reader, "activation_offloading")
    spelled_old = reader.raw("gradient_checkpointing") in ("offload", "offload_disk")
    if spelled_old:
        reader.written("activation_offload", "gradient_checkpointing")
    elif offloading is True or text(offloading):
        reader.written("activation_offload", "activation_offloading")
    offload = spelled_old or offloading is True or text(offloading) is not None
    if not checkpoints(reader):
        if reader.has("gradient_checkpointing"):
            reader.written("gradient_checkpointing", "gradient_checkpointing")
        else:
            reader.default("gradient_checkpointing")
        return "none", offload
    reader.written("gradient_checkpointing", "gradient_checkpointing")
    if (
        offload
        and method in ADAPTER_METHODS
        and offloading is not None
        and offloading not in ("legacy", "hidden_states")
    ):
        reader.same_origin_as("gradient_checkpointing", "activation_offload")
        return "none", True
    if reader.raw("selective_checkpointing") and isinstance(
        reader.raw("selective_checkpointing"), bool | Mapping
    ):
        reader.written("gradient_checkpointing", "selective_checkpointing")
        return "selective-op", offload
    reentrant = reader.get("gradient_checkpointing_kwargs.use_reentrant", boolean)
    if reentrant is None and reader.get("gradient_checkpointing_kwargs", mapping) is None:
        reentrant = reader.get("rl", text) is None and not reader.get("unfrozen_parameters", names)
    return ("reentrant" if reentrant else "full"), offload


def _loss(reader: Reader) -> Loss | int:
    fused: tuple[tuple[str, bool], ...] = (
        (
            "liger_fused_linear_cross_entropy",
            plugin(reader, LIGER) and reader.flag("liger_fused_linear_cross_entropy"),
        ),
        ("cut_cross_entropy", plugin(reader, CUT) and reader.raw("cut_cross_entropy") is not False),
        ("dpo_use_liger_kernel", reader.flag("dpo_use_liger_kernel")),
        ("trl.use_liger_loss", reader.flag("trl.use_liger_loss")),
    )
    for path, on in fused:
        if on:
            reader.written("loss", path if reader.has(path) else "plugins")
            return "fused-linear"
    if reader.flag("chunked_cross_entropy"):
        reader.written("loss", "chunked_cross_entropy")
        return reader.get("chunked_cross_entropy_num_chunks", positive) or 8
    kernels = (("liger_cross_entropy", plugin(reader, LIGER)), ("flash_attn_cross_entropy", True))
    for path, listed in kernels:
        if listed and reader.flag(path):
            reader.written("loss", path)
            return "fused-cross-entropy"
    reader.default("loss", "the model's own loss over the whole logits")
    return "full-logits"


def _kernels(reader: Reader, model: Model) -> Kernels:
    """Liger's kernels, and the feed-forward block in pieces: of 32768 tokens from 0.21 on (its
    monkeypatch/tiled_mlp/patch.py), before as many as the model is wide.
    """
    liger, linear = liger_kernels(reader, model), _linear_attention(reader, model)
    if not reader.flag("tiled_mlp"):
        return Kernels(liger, linear_attention=linear)
    reader.written("kernels.tiled_mlp", "tiled_mlp")
    pieces = reader.get("tiled_mlp_num_shards", positive)
    if pieces is None and reader.runs("axolotl", "0.21"):
        pieces = -(-reader.read("sequence_len", positive) // 32768)
    return Kernels(liger, tiled_mlp=True, tiled_mlp_pieces=pieces, linear_attention=linear)


def _linear_attention(reader: Reader, model: Model) -> LinearAttention:
    """flash-linear-attention comes with Axolotl from 0.17 on (its Requires-Dist), and transformers takes what
    is installed; packed rows are refused without it (0.21, monkeypatch/models/qwen3_5/modeling.py).
    """
    if not model.attends_linearly:
        return "torch"
    if reader.flag("sample_packing"):
        reader.written("kernels.linear_attention", "sample_packing")
        return "fla-packed"
    if not reader.runs("axolotl", "0.17"):
        return "torch"
    reader.default("kernels.linear_attention", "requires flash-linear-attention")
    return "fla"


DIALECT = Dialect(
    name="axolotl",
    title="Axolotl",
    version=VERSION,
    keys=KEYS,
    read=read,
    edits=edits,
    unknown_keys="dropped",
    renamed=RENAMED,
    schema="axolotl",
)
