"""LLaMA-Factory's second engine (USE_V1): nested sections, its own training loop.

Semantics of 0.9.5 (`v1/core/model_engine.py`, `v1/core/base_trainer.py`, `v1/plugins/`). Full fine-tuning
casts the whole model to float32
and uses no autocast; FSDP2 computes in bfloat16 and reduces in float32.
"""

from __future__ import annotations

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.deepspeed import read_deepspeed, unseen_deepspeed
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize, replicated, split_off
from vramlint.dialects.engines.hf_trainer import attention
from vramlint.dialects.kit.dialect import Context, Obstacle
from vramlint.dialects.kit.reader import Reader, boolean, names, number, positive, text
from vramlint.dialects.kit.reading import checkpoint_dtype, find_model, hardware, open_companion, world_size
from vramlint.job import Adapter, Parallel, Precision, Quantization, TrainingJob
from vramlint.vocabulary import Objective

LENGTH_FREE = ("padding_free", "dynamic_batching", "dynamic_padding_free")


def job_of(reader: Reader, context: Context) -> TrainingJob | Obstacle:
    """The run of a file for the second engine."""
    model = find_model(reader, context, "model")
    if isinstance(model, Obstacle):
        return model
    peft = reader.get("peft_config.name", text)
    quantization = _quantization(reader)
    world = WorldSize(world_size(reader, context), context.nodes)
    precision = _precision(reader, model, peft)
    engine = _engine(reader, context, world, model, precision)
    micro = reader.read("micro_batch_size", positive)
    checkpointed = reader.read("enable_activation_checkpointing", boolean)
    return TrainingJob(
        model=model,
        objective=_objective(reader),
        method=("qlora" if quantization else "lora")
        if peft == "lora"
        else "freeze"
        if peft == "freeze"
        else "full",
        adapter=_adapter(reader, engine) if peft == "lora" else None,
        quantization=quantization,
        precision=engine.precision,
        optimizer=_optimizer(reader),
        trainable_layers=reader.get("peft_config.freeze_trainable_layers", positive) or 2
        if peft == "freeze"
        else None,
        micro_batch_size=micro,
        gradient_accumulation_steps=_accumulation(reader, micro, engine.parallel),
        sequence_length=reader.read("cutoff_len", positive),
        packing=reader.read("batching_strategy", text) in LENGTH_FREE,
        gradient_checkpointing="full" if checkpointed else "none",
        attention=reader.read("flash_attn", attention, "sdpa"),
        loss="full-logits",
        loop="freed",
        gradient_clipping=reader.read("max_grad_norm", number, 1.0) or None,
        parallel=engine.parallel,
        origins=reader.record.origins,
        **hardware(context),
    )


def _objective(reader: Reader) -> Objective:
    """Not in the file but in the command; the data set's name or the DPO keys tell."""
    data = (reader.get("train_dataset", text) or "").lower()
    if "dpo" in data or reader.has("pref_beta"):
        reader.assume("objective", "the command says the stage; taken as DPO by the data set's name")
        return "dpo"
    reader.assume("objective", "the command says the stage; taken as supervised fine-tuning")
    return "sft"


def _quantization(reader: Reader) -> Quantization | None:
    bits = reader.get("quant_config.quantization_bit", positive)
    if bits is None and reader.get("quant_config.name", text) != "bnb":
        return None
    reader.written("quantization", "quant_config.quantization_bit" if bits else "quant_config.name")
    kind = reader.get("quant_config.quantization_type", text) or "nf4"
    double = reader.get("quant_config.double_quantization", boolean) is not False
    return Quantization(
        scheme="bnb-int8" if bits == 8 else f"bnb-{kind}",
        double_quant=double and bits != 8,
        compute="bfloat16" if reader.get("quant_config.compute_dtype", text) == "bfloat16" else "float16",
    )


def _precision(reader: Reader, model: Model, peft: str | None) -> Precision:
    if peft is None:
        reader.default("precision.weights", "full fine-tuning casts the model to float32")
        return Precision(weights="float32")
    stored = checkpoint_dtype(model)
    reader.default("precision.weights", "the checkpoint's own dtype")
    frozen = (
        peft == "freeze" and reader.get("peft_config.cast_trainable_params_to_fp32", boolean) is not False
    )
    return Precision(weights=stored, trainable="float32" if frozen else "same-as-weights")


def _adapter(reader: Reader, engine: ParallelPlan) -> Adapter:
    written = reader.get("peft_config.target_modules", names)
    targets: str | tuple[str, ...] = "all-linear" if written is None or "all" in written else written
    reader.written("adapter.targets", "peft_config.target_modules" if written else "peft_config")
    return Adapter(
        r=reader.read("peft_config.r", positive),
        alpha=reader.read("peft_config.lora_alpha", number),
        dropout=reader.read("peft_config.lora_dropout", number),
        targets=targets,
        dtype=engine.adapter_dtype or "float32",
        modules_to_save=reader.get("peft_config.modules_to_save", names) or (),
    )


def _engine(
    reader: Reader, context: Context, world: WorldSize, model: Model, precision: Precision
) -> ParallelPlan:
    name = reader.get("dist_config.name", text)
    if name == "deepspeed":
        reader.written("parallel.strategy", "dist_config.name")
        companion = open_companion(reader, context, "dist_config.config_file")
        if companion is None:
            return unseen_deepspeed(reader, "dist_config.config_file", world, precision)
        return read_deepspeed(reader.companion_reader(companion), world, model, precision)
    if name != "fsdp2":
        return replicated(world, precision)
    reader.written("parallel.strategy", "dist_config.name")
    half = "none" if reader.get("bf16", boolean) is False else "bfloat16"
    away = reader.get("dist_config.offload_params", boolean)
    sharded = ParallelPlan(
        Parallel(
            strategy="fsdp2",
            data=world.size,
            sharding="grad-op"
            if reader.get("dist_config.reshard_after_forward", boolean) is False
            else "full",
            offload="both" if away else "none",
            param_dtype="bfloat16" if half == "bfloat16" else "none",
            reduce_dtype="float32",
        ),
        precision,
    )
    context_size = reader.get("dist_config.cp_size", positive) or 1
    return split_off(sharded, context=context_size) if context_size > 1 else sharded


def _optimizer(reader: Reader) -> str:
    name = reader.get("optim_config.name", text)
    if name is None:
        reader.default("optimizer")
        return "adamw_torch"
    reader.written("optimizer", "optim_config.name")
    return name.lower()


def _accumulation(reader: Reader, micro: int, parallel: Parallel) -> int:
    whole = reader.get("global_batch_size", positive)
    if whole is None:
        reader.default("gradient_accumulation_steps")
        return 1
    reader.written("gradient_accumulation_steps", "global_batch_size")
    return max(whole // (micro * parallel.data * parallel.replicate), 1)
