"""H2O LLM Studio: models of transformers under a loop, losses and DistributedDataParallel of its own.

Semantics of 1.14 (src/utils/modeling_utils.py, train.py, src/losses/).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.deepspeed import read_deepspeed
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize
from vramlint.dialects.h2o_llm_studio.keys import DTYPES, KEYS, OPTIMIZERS, SCHEMES
from vramlint.dialects.kit.dialect import Changes, Context, Dialect, Obstacle, ReadResult, SetKey
from vramlint.dialects.kit.edits import Editor, edit, key, translated
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    choice,
    integer,
    number,
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
from vramlint.job import Adapter, Evaluation, KeyPath, Parallel, Precision, Quantization, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Dtype

VERSION = "1.14"
_TRAINED = "text_causal_language_modeling"
_REFUSED: Mapping[str, str] = {
    "training.use_dora": "DoRA is not modelled",
    "training.freeze_layers": "training of chosen parts is not modelled",
    "training.lora_unfreeze_layers": "weights trained beside the adapter are not modelled",
}
_BUCKETS: Mapping[str, str] = {
    "reduce_bucket_size": "deepspeed_reduce_bucket_size",
    "allgather_bucket_size": "deepspeed_allgather_bucket_size",
    "stage3_prefetch_bucket_size": "deepspeed_stage3_prefetch_bucket_size",
    "stage3_param_persistence_threshold": "deepspeed_stage3_param_persistence_threshold",
}


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run that an experiment's file describes."""
    reader = framework_reader(values, context, "h2o-llm-studio", VERSION, table(KEYS))
    model = find_model(reader, context, "llm_backbone")
    return finish(DIALECT, reader, model if isinstance(model, Obstacle) else _job(reader, context, model))


def _refusal(reader: Reader) -> Obstacle | None:
    kind = reader.read("problem_type", text)
    if kind != _TRAINED:
        return unmodelled(reader, "problem_type", f"what {kind} holds is not modelled")
    if not any(_gpus(reader) or ("0",)):
        return unmodelled(reader, "environment.gpus", "no GPU takes part")
    for path, why in _REFUSED.items():
        if reader.raw(path) and reader.has(path):
            return unmodelled(reader, path, why)
    optimizer = reader.read("training.optimizer", text)
    if optimizer not in OPTIMIZERS:
        return unmodelled(reader, "training.optimizer", f"what {optimizer} keeps is not modelled")
    quantized = reader.read("architecture.backbone_dtype", text) in SCHEMES
    if quantized and not reader.read("training.lora", boolean):
        return unmodelled(
            reader, "architecture.backbone_dtype", "a quantized base is not trained without LoRA"
        )
    return None


def _gpus(reader: Reader) -> tuple[str, ...] | None:
    given = reader.raw("environment.gpus")
    return tuple(map(str, given)) if isinstance(given, list | tuple) else None


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob | Obstacle:
    refusal = _refusal(reader)
    if refusal is not None:
        return refusal
    gpus = _gpus(reader)
    world = len(gpus) if gpus else world_size(reader, context)
    if gpus:
        reader.written("gpu_count", "environment.gpus")
        reader.written("parallel.data", "environment.gpus")
    adapter = _adapter(reader)
    quantization = _quantization(reader)
    plan = _engine(reader, WorldSize(world, context.nodes), model, _precision(reader, adapter))
    if adapter is not None and plan.adapter_dtype is not None:
        adapter = replace(adapter, dtype=plan.adapter_dtype)
    name = OPTIMIZERS[reader.read("training.optimizer", text)]
    kernel = reader.read("training.attention_implementation", text)
    if kernel == "auto":
        reader.default("attention", "transformers takes SDPA")
    reader.default("loss", "over a copy of the whole logits")
    micro = reader.read("training.batch_size", positive)
    return TrainingJob(
        model=model,
        objective="sft",
        method="full" if adapter is None else "lora" if quantization is None else "qlora",
        adapter=adapter,
        quantization=quantization,
        precision=plan.precision,
        optimizer=name,
        optimizer_args={"momentum": 0.9} if name == "sgd" else {},
        micro_batch_size=micro,
        gradient_accumulation_steps=reader.read("training.grad_accumulation", positive),
        sequence_length=reader.read("tokenizer.max_length", positive),
        gradient_checkpointing="full"
        if reader.read("architecture.gradient_checkpointing", boolean)
        else "none",
        attention=_KERNELS.get(kernel, "sdpa"),
        loss="full-logits",
        loop="plain",
        compile=reader.read("environment.compile_model", boolean),
        gradient_clipping=reader.read("training.gradient_clip", number) or None,
        parallel=plan.parallel,
        evaluation=_evaluation(reader, micro),
        saving=plan.saving,
        origins=reader.record.origins,
        **{**hardware(context), "gpu_count": max(world // max(context.nodes, 1), 1)},
    )


_KERNELS: Mapping[str, Any] = {"eager": "eager", "flash_attention_2": "flash_attention_2"}


def _adapter(reader: Reader) -> Adapter | None:
    if not reader.read("training.lora", boolean):
        return None
    written = reader.read("training.lora_target_modules", text)
    targets = tuple(name.strip() for name in written.split(",") if name.strip())
    reader.default("adapter.dtype", "PEFT raises adapters to float32")
    return Adapter(
        r=reader.read("training.lora_r", positive),
        alpha=reader.read("training.lora_alpha", number),
        dropout=reader.read("training.lora_dropout", number),
        targets=targets or "all-linear",
    )


def _quantization(reader: Reader) -> Quantization | None:
    """The base as bitsandbytes holds it; `create_nlp_backbone` casts all else to float32."""
    scheme = SCHEMES.get(reader.read("architecture.backbone_dtype", text))
    if scheme is None:
        return None
    reader.same_origin_as("quantization.scheme", "precision.weights")
    reader.default("quantization.double_quant", "no constants are quantized")
    reader.default("quantization.kbit_prep", "all that is not quantized becomes float32")
    return Quantization(
        scheme=scheme, double_quant=False, compute="float16", kbit_prep="fp32-norms-embeddings-head"
    )


def _precision(reader: Reader, adapter: Adapter | None) -> Precision:
    name = reader.read("architecture.backbone_dtype", text)
    weights = DTYPES.get(name, "float16")
    mixed = reader.read("environment.mixed_precision", boolean)
    half: Dtype = reader.read("environment.mixed_precision_dtype", choice(DTYPES))
    if adapter is None and weights != "float32":
        reader.default("precision.autocast", "none over weights that are not float32")
        mixed = False
    return Precision(weights=weights, autocast=half if mixed and half != "float32" else "none")


def _engine(reader: Reader, world: WorldSize, model: Model, precision: Precision) -> ParallelPlan:
    """DeepSpeed under the JSON that `get_ds_config` makes, or DistributedDataParallel."""
    if not reader.read("environment.use_deepspeed", boolean):
        return ParallelPlan(
            Parallel(strategy="ddp" if world.size > 1 else "none", data=world.size), precision
        )
    stage = 3 if reader.read("environment.deepspeed_method", text) == "ZeRO3" else 2
    zero: dict[str, Any] = {
        "stage": stage,
        "overlap_comm": True,
        "contiguous_gradients": True,
        "stage3_gather_16bit_weights_on_model_save": stage == 3,
    }
    places: dict[str, KeyPath] = {
        "zero_optimization.stage": ("environment", "deepspeed_method"),
        "zero_optimization": ("environment", "use_deepspeed"),
    }
    for name, path in _BUCKETS.items():
        zero[name] = reader.read(f"environment.{path}", integer)
        places[f"zero_optimization.{name}"] = ("environment", path)
    half = {"float16": "fp16", "bfloat16": "bf16"}.get(reader.read("architecture.backbone_dtype", text))
    made = {"zero_optimization": zero} | ({half: {"enabled": True}} if half else {})
    inner = replace(reader, values=made, places=places, keys={})
    return read_deepspeed(inner, world, model, precision)


def _evaluation(reader: Reader, micro: int) -> Evaluation | None:
    if reader.read("prediction.metric", text) != "Perplexity":
        reader.default("evaluation", "answers are generated, which holds less than a step")
        return None
    given = reader.read("prediction.batch_size_inference", integer)
    if given == 0:
        reader.same_origin_as("evaluation.batch", "micro_batch_size")
    return Evaluation(batch=given or micro)


_EDITORS: Mapping[str, Editor] = {
    "micro_batch_size": key("training.batch_size"),
    "gradient_accumulation_steps": key("training.grad_accumulation"),
    "sequence_length": key("tokenizer.max_length"),
    "gradient_checkpointing": translated(
        "architecture.gradient_checkpointing", {"none": False, "full": True}
    ),
    "adapter.r": key("training.lora_r"),
    "optimizer": translated("training.optimizer", {"adamw_torch": "AdamW", "adamw_8bit": "AdamW8bit"}),
    "evaluation.batch": key("prediction.batch_size_inference"),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`."""
    return edit(_EDITORS, values, job, changes)


DIALECT = Dialect("h2o-llm-studio", "H2O LLM Studio", VERSION, KEYS, read, edits, "unchecked")
