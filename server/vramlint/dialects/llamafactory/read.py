"""LLaMA-Factory: flat files for its Trainer-based engine, and files for its second engine (v1).

Semantics of 0.9.5 (`hparams/parser.py`, `model/loader.py`, `model/adapter.py`, `model/model_utils/`).
Weights load in the checkpoint's
dtype; what is trained is then upcast to float32, except under pure_bf16 or ZeRO-3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import Half, ParallelPlan, WorldSize
from vramlint.dialects.engines.evaluation import read_evaluation
from vramlint.dialects.engines.hf_trainer import read_batch, read_clipping, read_engine
from vramlint.dialects.engines.loading import loading_of
from vramlint.dialects.engines.trainer_checks import TRAINER
from vramlint.dialects.kit.conflicts import report
from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.interpolation import resolve
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    choice,
    integer,
    names,
    number,
    positive,
    table,
    text,
)
from vramlint.dialects.kit.reading import (
    checkpoint_dtype,
    find_model,
    finish,
    framework_reader,
    hardware,
    unmodelled,
    world_size,
)
from vramlint.dialects.llamafactory import edits as llamafactory_edits
from vramlint.dialects.llamafactory import ktransformers, with_unsloth
from vramlint.dialects.llamafactory import v1 as llamafactory_v1
from vramlint.dialects.llamafactory.checks import check, check_released
from vramlint.dialects.llamafactory.keys import KEYS, RENAMED
from vramlint.dialects.llamafactory.liger import liger_kernels, read_loss
from vramlint.dialects.llamafactory.megatron import is_megatron, megatron_job
from vramlint.dialects.llamafactory.online import read_generation, read_roles, row_length
from vramlint.dialects.llamafactory.other_methods import (
    block_precision,
    rotations,
    trained_block,
    trains_blocks,
)
from vramlint.dialects.llamafactory.refusals import REFUSALS
from vramlint.job import (
    Adapter,
    Kernels,
    Parallel,
    Precision,
    Quantization,
    TrainingJob,
    released_quantized,
)
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import (
    Attention,
    Autocast,
    Checkpointing,
    Images,
    Method,
    Objective,
    Reference,
    Scheme,
)

VERSION = "0.9.5"

_OBJECTIVES: Mapping[str, Objective] = {
    "pt": "pretrain", "sft": "sft", "rm": "reward", "ppo": "ppo", "dpo": "dpo", "kto": "kto",
}  # fmt: skip
_ATTENTION: Mapping[str, Attention] = {
    "auto": "sdpa",
    "disabled": "eager",
    "off": "eager",  # up to 0.8
    "sdpa": "sdpa",
    "fa2": "flash_attention_2",
    "fa3": "flash_attention_3",
}
_SCHEMES: Mapping[tuple[str, int], Scheme] = {
    ("bnb", 8): "bnb-int8",
    ("hqq", 8): "bnb-int8",
    ("eetq", 8): "bnb-int8",
    ("hqq", 4): "hqq-int4",
}
_METHODS = ("bnb", "hqq", "eetq")
"""Those that quantize while loading. Another one falls through the comparisons of
model/model_utils/quantization.py (0.9.3 to 0.9.5), which have no else.
"""
_SAY_IMAGES = ("image_max_pixels", "image_min_pixels", "media_dir")
_QUANTIZATION_ONLY = ("quantization_method", "quantization_type", "double_quantization")


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run that a training file describes."""
    reader = framework_reader(resolve(values), context, "llamafactory", VERSION, table(KEYS))
    if "model_name_or_path" not in values and "model" in values:
        return finish(DIALECT, reader, llamafactory_v1.job_of(reader, context))
    report(reader, TRAINER)
    report(reader, REFUSALS)
    outcome = _obstacle(reader) or find_model(reader, context, "model_name_or_path")
    if isinstance(outcome, Model) and reader.flag(ktransformers.SWITCH):
        outcome = ktransformers.on_gpu(reader, outcome)
    if isinstance(outcome, Obstacle):
        return finish(DIALECT, reader, outcome)
    made = _megatron if is_megatron(reader) else _job
    return finish(DIALECT, reader, with_unsloth.applied(reader, context, made(reader, context, outcome)))


def _obstacle(reader: Reader) -> Obstacle | None:
    if reader.has("export_dir") and not reader.flag("do_train") and not reader.has("stage"):
        return Obstacle(
            "not-a-training-file", "export_dir without a stage: the file exports a model", ("export_dir",)
        )
    if any(reader.flag(name) for name in ("do_predict", "do_eval")) and not reader.flag("do_train"):
        message = "do_train is not set: the file evaluates or predicts"
        key = "do_predict" if reader.flag("do_predict") else "do_eval"
        return Obstacle("not-a-training-file", message, (key,))
    if trains_blocks(reader) and reader.get("badam_mode", text) == "ratio":
        return unmodelled(
            reader, "badam_mode", "scattered weights, as BAdam's ratio trains, are not modelled"
        )
    method = reader.get("finetuning_type", text)
    if method not in (None, "lora", "oft", "freeze", "full"):
        return Obstacle("not-modelled", f"finetuning_type: {method} is not modelled", ("finetuning_type",))
    return with_unsloth.refused(reader)


def _megatron(reader: Reader, context: Context, model: Model) -> TrainingJob | Obstacle:
    method = reader.read("finetuning_type", text)
    adapter = None
    if method == "lora":
        adapter = replace(_adapter(reader, ParallelPlan(Parallel(), Precision())), dtype="same-as-base")
    elif method != "full":
        return unmodelled(reader, "finetuning_type", f"{method} with Megatron is not modelled")
    return megatron_job(reader, context, model, adapter, row_length(reader, "sft"))


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob:
    method = reader.read("finetuning_type", text)
    quantization = _quantization(reader, model)
    objective, reference = _objective(reader, method)
    batch = read_batch(reader)
    precision = _precision(reader, model, quantization)
    world = WorldSize(reader.get("ray_num_workers", positive) or world_size(reader, context), context.nodes)
    engine = read_engine(reader, context, world, model, precision, full=method == "full", batch=batch)
    check(reader, method, quantization, engine)
    check_released(reader, model, engine)
    adapters = {"lora": _adapter, "oft": rotations}
    adapter = adapters[method](reader, engine) if method in adapters else None
    blocks = method == "full" and trains_blocks(reader)
    optimizer, arguments, layerwise = _optimizer(reader)
    packing = _packing(reader, objective)
    return TrainingJob(
        model=model,
        objective=objective,
        method="freeze" if blocks else _method(reader, method, quantization),
        adapter=adapter,
        quantization=quantization,
        precision=block_precision(reader, engine) if blocks else _upcast(reader, engine),
        optimizer=optimizer,
        optimizer_args=arguments,
        optimizer_in_backward=layerwise,
        trainable_layers=abs(reader.read("freeze_trainable_layers", integer)) if method == "freeze" else None,
        trainable_parameters=trained_block(reader) if blocks else (),
        micro_batch_size=batch.micro,
        gradient_accumulation_steps=batch.accumulation,
        sequence_length=row_length(reader, objective),
        packing=packing,
        images=_images(reader, objective) if model.reads_images else "none",
        image_pixels=reader.read("image_max_pixels", positive),
        gradient_checkpointing=_checkpointing(reader, engine),
        activation_offload=reader.read("use_unsloth_gc", boolean),
        attention=_attention(reader),
        loss=read_loss(reader, model, objective),
        kernels=Kernels(liger_kernels(reader, model)),
        loop="trainer",
        allocator=_allocator(reader, world),
        gradient_clipping=read_clipping(reader),
        parallel=engine.parallel,
        reference_model=reference,
        saving=engine.saving,
        evaluation=read_evaluation(reader),
        # 0.9.5, model/patcher.py: a device map unless transformers sees FSDP's efficient loading, or ZeRO-3.
        loading=loading_of(reader, engine, quantization, to_gpu=True),
        roles=read_roles(reader, context, objective, _SCHEMES),
        generation=read_generation(reader, batch) if objective == "ppo" else None,
        origins=reader.record.origins,
        **hardware(context),
    )


def _attention(reader: Reader) -> Attention:
    """The kernel. Up to 0.6 a switch: FlashAttention 2, or eager without it (llmtuner 0.5.3 and 0.6.2,
    model/patcher.py).
    """
    before = not reader.runs("llamafactory", "0.7")
    switch = reader.get("flash_attn", boolean) if before else None
    if switch is not None:
        reader.written("attention", "flash_attn")
        return "flash_attention_2" if switch else "eager"
    return reader.read("flash_attn", choice(_ATTENTION), "eager" if before else "sdpa")


def _images(reader: Reader, objective: Objective) -> Images:
    """What the rows hold. Batches without an image get one of 64 × 64 pixels, as engines would hang where
    only some ranks run the tower (0.9.5, data/collator.py, MultiModalDataCollatorForSeq2Seq); pretraining has
    transformers' own collator.
    """
    said = next((key for key in _SAY_IMAGES if reader.has(key)), None)
    if said is not None:
        reader.written("images", said)
        return "one"
    return "none" if objective == "pretrain" else "tiny"


def _allocator(reader: Reader, world: WorldSize) -> str:
    """Runs on several GPUs are launched with expandable segments (0.9.5, launcher.py, OPTIM_TORCH)."""
    if world.size < 2 or not reader.runs("llamafactory", "0.9.3"):
        return ""
    reader.default("allocator")
    return "expandable_segments:True"


def _quantization(reader: Reader, model: Model) -> Quantization | None:
    """A base that was released quantized stays so, whatever is asked for (llamafactory 0.9.5,
    model/model_utils/quantization.py, configure_quantization).
    """
    bits = reader.get("quantization_bit", positive)
    if bits is None or model.quantized_as:
        for key in _QUANTIZATION_ONLY:
            if reader.has(key) and bits is None:
                message = (
                    f"{key} does nothing without quantization_bit: the base stays unquantized; add "
                    "quantization_bit: 4"
                )
                reader.problem("quantization-without-bits", key, message)
        if model.quantized_as:
            reader.same_origin_as("quantization.scheme", "model")
            return replace(released_quantized(model.quantized_as), double_quant=False)
        return None
    method = reader.get("quantization_method", text) or "bnb"
    if method == "bitsandbytes" and not reader.runs("llamafactory", "0.9.3"):
        method = "bnb"
    if method not in _METHODS:
        message = (
            f"quantization_method: {method} quantizes nothing, and LLaMA-Factory does not say so: the base "
            "stays in 16 bits; write bnb"
        )
        reader.problem(
            "unknown-quantization", "quantization_method", message, "warning", ("quantization_bit",)
        )
        reader.written("quantization.scheme", "quantization_method")
        return None
    reader.written("quantization", "quantization_bit")
    kind = reader.read("quantization_type", choice({"nf4": "nf4", "fp4": "fp4"}))
    half = "float16" if reader.flag("fp16") else "bfloat16"
    return Quantization(
        scheme=_SCHEMES.get((method, bits), f"bnb-{kind}"),
        double_quant=reader.read("double_quantization", boolean) and bits == 4,
        compute="float16" if half == "float16" else "bfloat16",
        kbit_prep="none",
    )


def _objective(reader: Reader, method: str) -> tuple[Objective, Reference]:
    """What is trained for, and what becomes of the reference model."""
    objective: Objective = reader.read("stage", choice(_OBJECTIVES), "sft")
    if objective == "dpo" and reader.get("pref_loss", text) in ("orpo", "simpo"):
        reader.written("objective", "pref_loss")
        return "orpo", "none"
    if objective not in ("dpo", "kto", "ppo"):
        return objective, "none"
    if reader.has("ref_model_quantization_bit") and reader.has("ref_model"):
        reader.written("reference_model", "ref_model_quantization_bit")
        return objective, "quantized"
    if reader.get("ref_model", text):
        reader.written("reference_model", "ref_model")
        return objective, "resident"
    reader.default(
        "reference_model", "LoRA switches its adapter off instead" if method == "lora" else "a second model"
    )
    return objective, "none" if method == "lora" else "resident"


def _precision(reader: Reader, model: Model, quantization: Quantization | None) -> Precision:
    """Weights as loaded, and the autocast of the flags. What is trained is upcast later, once the engine is
    known."""
    stored = checkpoint_dtype(model)
    if quantization is not None and stored == "float32":
        stored = quantization.compute
    reader.default("precision.weights", "the checkpoint's own dtype")
    autocast: Autocast = "none"
    flags: tuple[tuple[str, Half], ...] = (("bf16", "bfloat16"), ("fp16", "float16"))
    for key, dtype in flags:
        if reader.flag(key):
            reader.written("precision.autocast", key)
            autocast = dtype
            break
    else:
        reader.default("precision.autocast", "off unless bf16 or fp16 is written")
    if reader.flag("pure_bf16"):
        reader.written("precision.weights", "pure_bf16")
        stored, autocast = "bfloat16", "none"
    norms = ("norms",) if reader.flag("upcast_layernorm") else ()
    if norms:
        reader.written("precision.fp32_modules", "upcast_layernorm")
    return Precision(weights=stored, autocast=autocast, fp32_modules=norms)


def _upcast(reader: Reader, engine: ParallelPlan) -> Precision:
    """Trained base weights become float32, unless the engine decides dtypes itself or pure_bf16 is on."""
    if engine.parallel.strategy not in ("none", "ddp") or reader.flag("pure_bf16"):
        return engine.precision
    reader.default("precision.trainable", "what is trained is upcast; pure_bf16 turns it off")
    return replace(engine.precision, trainable="float32")


def _adapter(reader: Reader, engine: ParallelPlan) -> Adapter:
    rank = reader.read("lora_rank", positive)
    alpha: float = reader.read("lora_alpha", number, 2.0 * rank)
    written = reader.get("lora_target", names)
    if written is None:
        reader.default("adapter.targets")
    else:
        reader.written("adapter.targets", "lora_target")
    targets: str | tuple[str, ...] = "all-linear" if written is None or "all" in written else written
    saved = reader.get("additional_target", names) or ()
    if saved:
        reader.written("adapter.modules_to_save", "additional_target")
    elif reader.flag("resize_vocab"):
        reader.written("adapter.modules_to_save", "resize_vocab")
        saved = ("embed_tokens", "lm_head")
    return Adapter(
        r=rank,
        alpha=alpha,
        dropout=reader.read("lora_dropout", number),
        targets=targets,
        dtype=engine.adapter_dtype or "float32",
        modules_to_save=saved,
    )


def _method(reader: Reader, method: str, quantization: Quantization | None) -> Method:
    if method not in ("lora", "oft"):
        return "freeze" if method == "freeze" else "full"
    if reader.flag("use_dora"):
        reader.written("method", "use_dora")
        return "dora"
    return "qlora" if quantization is not None else "lora"


def _optimizer(reader: Reader) -> tuple[str, dict[str, float | int | str | bool], bool]:
    """The optimizer, its arguments, and whether it steps in the backward pass."""
    for name in ("galore", "apollo"):
        if reader.flag(f"use_{name}"):
            reader.written("optimizer", f"use_{name}")
            rank = reader.get(f"{name}_rank", positive) or 16
            return f"{name}_adamw", {"rank": rank}, reader.flag(f"{name}_layerwise")
    for key, name in (("use_adam_mini", "adam_mini"), ("use_muon", "muon")):
        if reader.flag(key):
            reader.written("optimizer", key)
            return name, {}, False
    return reader.read("optim", text), {}, False


def _packing(reader: Reader, objective: str) -> bool:
    for key in ("neat_packing", "packing"):
        if reader.flag(key):
            reader.written("packing", key)
            return True
    if reader.get("packing", boolean) is None and objective == "pretrain":
        reader.default("packing", "on in stage pt")
        return True
    return False


def _checkpointing(reader: Reader, engine: ParallelPlan) -> Checkpointing:
    if reader.read("disable_gradient_checkpointing", boolean):
        return engine.checkpointing or "none"
    if reader.get("gradient_checkpointing", boolean) is False:
        message = (
            "gradient_checkpointing: false does nothing here; disable_gradient_checkpointing: true turns it "
            "off"
        )
        reader.problem("ineffective-key", "gradient_checkpointing", message)
    reentrant = reader.get("use_reentrant_gc", boolean) is not False and engine.parallel.strategy != "fsdp2"
    return "reentrant" if reentrant else "full"


DIALECT = Dialect(
    name="llamafactory",
    title="LLaMA-Factory",
    version=VERSION,
    keys=KEYS,
    read=read,
    edits=llamafactory_edits.edits,
    assigns="after a file",
    unknown_keys="refused",
    renamed=RENAMED,
    schema="llamafactory",
)
