"""torchtune: YAML of `_component_` paths for its recipes.

Semantics of 0.6.1 and the head of the repository (`recipes/*.py`, `torchtune/training/`). The recipe is not
in the file but in the command;
the builder, the loss and the checkpointers tell it. Everything is built in one dtype: no master weights, no
autocast, and FSDP2 without a
mixed-precision policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.catalog.optimizers import name_of_class
from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.interpolation import resolve
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    choice,
    mapping,
    names,
    number,
    positive,
    table,
    text,
)
from vramlint.dialects.kit.reading import finish, framework_reader, hardware
from vramlint.dialects.torchtune.edits import edits
from vramlint.dialects.torchtune.keys import KEYS
from vramlint.dialects.torchtune.models import torchtune_builder, torchtune_config, torchtune_model
from vramlint.dialects.torchtune.parallel import read_parallel, with_offload
from vramlint.job import Adapter, Generation, Parallel, Precision, Quantization, Roles, TrainingJob
from vramlint.vocabulary import Attention, Checkpointing, Dtype, Fp8, Loss, Method, Objective, Reference

VERSION = "0.6.1"
UNBOUNDED = 2048
"""Tokens that stand for the longest sample where the file cuts nothing."""

_DTYPES: Mapping[str, Dtype] = {"bf16": "bfloat16", "fp32": "float32", "fp16": "float16"}
_MODULES: Mapping[str, str] = {"output_proj": "o_proj"}
_MLP = ("gate_proj", "up_proj", "down_proj")
_FUSED: Mapping[str, Mapping[str, str]] = {
    "phi3": {
        "q_proj": "qkv_proj",
        "k_proj": "qkv_proj",
        "v_proj": "qkv_proj",
        "gate_proj": "gate_up_proj",
        "up_proj": "gate_up_proj",
    }
}
"""Linears that the hub's architecture fuses and torchtune keeps apart."""


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run that a recipe's config describes."""
    reader = framework_reader(resolve(values), context, "torchtune", VERSION, table(KEYS))
    model = _model(reader, context, _section(reader))
    outcome = model if isinstance(model, Obstacle) else _obstacle(reader) or _job(reader, context, model)
    return finish(DIALECT, reader, outcome)


def _section(reader: Reader) -> str:
    """The section of the trained model: PPO names it otherwise."""
    return "policy_model" if reader.has("policy_model") and not reader.has("model") else "model"


def _model(reader: Reader, context: Context, section: str, field: str = "model") -> Model | Obstacle:
    path = f"{section}._component_"
    component = reader.get(path, text)
    if component is None:
        return Obstacle("no-model", f"no model: {path} is not set", (section,) if reader.has(section) else ())
    known = torchtune_model(component)
    model = context.catalog.model(known, context.folder) if known else None
    if model is None:
        config = torchtune_config(component, reader.get(section, mapping) or {})
        model = context.catalog.from_config(config, component.rpartition(".")[2]) if config else None
    if model is None:
        return Obstacle(
            "unknown-model", f"{path}: nothing is known of the builder {component!r}", reader.at(path)
        )
    reader.written(field, path)
    return model


def _obstacle(reader: Reader) -> Obstacle | None:
    if reader.has("orchestration"):
        reason = "orchestration: asynchronous GRPO spreads workers over GPUs, which is not modelled"
        return Obstacle("not-modelled", reason, ("orchestration",))
    if not reader.has("optimizer") and not reader.has("loss"):
        # Every recipe that trains builds its optimizer from the file, and those that do not have neither.
        return Obstacle("not-a-training-file", "no optimizer and no loss: the file does not train")
    return None


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob:
    section = _section(reader)
    method, adapter, quantization = _method(reader, model, section)
    dtype: Dtype = reader.read("dtype", choice(_DTYPES), "float32" if not reader.has("dtype") else "bfloat16")
    if reader.get("dtype", text) == "fp16":
        reader.problem(
            "fp16-refused",
            "dtype",
            "dtype: fp16 is refused by every recipe; write bf16",
            "error",
            fix={"dtype": "bf16"},
        )
    objective, reference = _objective(reader, method)
    # 0.6.1 has one recipe for PPO, ppo_full_finetune_single_device.
    parallel = Parallel() if objective == "ppo" else read_parallel(reader, context)
    optimizer, offloaded = _optimizer(reader)
    packing = _packed(reader)
    _leave_fake_quantization_open(reader)
    job = TrainingJob(
        model=model,
        runtime="torchtune",
        objective=objective,
        method=method,
        adapter=adapter,
        quantization=None if quantization is None else Quantization("torchao-nf4", True, dtype),
        precision=Precision(weights=dtype, fp8=_fp8(reader)),
        optimizer=optimizer,
        optimizer_in_backward=reader.read("optimizer_in_bwd", boolean)
        or (offloaded and _offloads_gradients(reader)),
        micro_batch_size=_batch(reader, objective),
        gradient_accumulation_steps=reader.read("gradient_accumulation_steps", positive),
        sequence_length=_length(reader, packing) + _completion(reader, objective),
        packing=packing,
        gradient_checkpointing=_checkpointing(reader),
        activation_offload=reader.read("enable_activation_offloading", boolean),
        attention=_attention(reader, packing),
        loss=_loss(reader),
        roles=_roles(reader, context),
        loop="freed",
        compile=_compiled(reader),
        gradient_clipping=_clipping(reader),
        parallel=parallel if not offloaded else with_offload(parallel),
        reference_model=reference,
        generation=_generation(reader, objective) if objective in ("grpo", "ppo") else None,
        origins=reader.record.origins,
        **hardware(context),
    )
    _check(reader, job)
    return job


def _leave_fake_quantization_open(reader: Reader) -> None:
    """The QAT recipes: each step makes rounded copies of weights and activations, and keeps masks of what was
    cut off (recipes/qat_distributed.py; torchao/quantization/qat).
    """
    quantizer = reader.get("quantizer._component_", text)
    if quantizer is not None and "QAT" in quantizer:
        reason = "what quantization-aware training rounds in each step, and its masks, are not counted"
        reader.leave_open("quantization", reason, at_least=True)


def _method(reader: Reader, model: Model, section: str) -> tuple[Method, Adapter | None, str | None]:
    """Method, adapter and the key that quantizes, by the builder's name and arguments."""
    path = f"{section}._component_"
    prefix, _ = torchtune_builder(reader.get(path, text) or "")
    reader.written("method", path)
    if not prefix:
        return "full", None, None
    quantized = f"{section}.quantize_base" if reader.flag(f"{section}.quantize_base") else None
    quantized = path if prefix.startswith("q") else quantized
    if quantized:
        reader.written("quantization", quantized)
    dora = prefix.endswith("dora") or reader.flag(f"{section}.use_dora")
    reader.default("adapter.dtype", "built in the run's dtype")
    alpha: float = reader.read(f"{section}.lora_alpha", number, 16.0)
    adapter = Adapter(
        r=reader.read(f"{section}.lora_rank", positive, 8),
        alpha=alpha,
        dropout=reader.read(f"{section}.lora_dropout", number, 0.0),
        targets=_targets(reader, model, section),
        dtype="same-as-base",
    )
    return ("dora" if dora else "qlora" if quantized else "lora"), adapter, quantized


def _targets(reader: Reader, model: Model, section: str) -> tuple[str, ...]:
    path = f"{section}.lora_attn_modules"
    written = reader.get(path, names)
    if written is None:
        reader.problem(
            "missing-key",
            f"{section}._component_",
            f"the builder needs {path}, which has no default",
            "error",
        )
    modules = [_MODULES.get(name, name) for name in written or ("q_proj", "v_proj")]
    reader.written("adapter.targets", path)
    if reader.flag(f"{section}.apply_lora_to_mlp"):
        modules += _MLP
    if reader.flag(f"{section}.apply_lora_to_output"):
        modules.append("lm_head")
    fused = _FUSED.get(model.model_type, {})
    return tuple(dict.fromkeys(fused.get(name, name) for name in modules))


def _objective(reader: Reader, method: str) -> tuple[Objective, Reference]:
    """What the recipe trains for, by its loss, and whether a reference model stays on the GPU."""
    loss = reader.get("loss._component_", text) or ""
    reader.written("objective", "loss._component_")
    if "DPO" in loss or "SimPO" in loss or "RSO" in loss:
        if method == "full":
            reader.written(
                "reference_model", "ref_checkpointer" if reader.has("ref_checkpointer") else "loss"
            )
            return "dpo", "resident"
        reader.default("reference_model", "the adapter is switched off instead")
        return "dpo", "none"
    if "GRPO" in loss:
        return "grpo", "resident"
    if "PPO" in loss or reader.has("reward_and_value_model"):
        return "ppo", "resident"
    return "sft", "none"


def _roles(reader: Reader, context: Context) -> Roles:
    """The teacher of the distillation recipes: a second model in the run's dtype, shared out as the student
    is (recipes/knowledge_distillation_distributed.py, _setup_teacher_model). Its logits and the float32
    copies of both that the divergence keeps are not counted.
    """
    if not reader.has("teacher_model"):
        return Roles()
    teacher = _model(reader, context, "teacher_model", "roles.teacher")
    reason = "the logits of the teacher, and what the divergence keeps of both, are not counted"
    reader.leave_open("loss", reason, at_least=True)
    return Roles(teacher=teacher if isinstance(teacher, Model) else "unknown")


def _completion(reader: Reader, objective: str) -> int:
    """Tokens that PPO's completions add to prompts at the tokenizer's limit."""
    return reader.read("max_generated_tokens", positive, 58) if objective == "ppo" else 0


def _generation(reader: Reader, objective: str) -> Generation:
    if objective == "ppo":
        return Generation(
            engine="in-process",
            batch=reader.get("forward_batch_size", positive),
            completion_length=reader.read("max_generated_tokens", positive, 58),
            completions=1,
        )
    return Generation(
        engine="in-process",
        completion_length=reader.read("max_generated_tokens", positive, 512),
        completions=reader.read("grpo_samples", positive, 8),
    )


def _batch(reader: Reader, objective: str) -> int:
    """Rows of a backward pass: of PPO a part of `ppo_batch_size`, where `forward_batch_size` is that of the
    completions (0.6.1, recipes/ppo_full_finetune_single_device.py, _setup_training_hyperparameters).
    """
    if objective == "ppo" and (rows := reader.get("ppo_batch_size", positive)):
        reader.written("micro_batch_size", "ppo_batch_size")
        return max(rows // (reader.get("gradient_accumulation_steps", positive) or 1), 1)
    batch = reader.get("batch_size", positive)
    if batch is None:
        reader.assume("micro_batch_size", "batch_size is not set, and the recipes have no default; 1 assumed")
        return 1
    if reader.has("forward_batch_size") and (rows := reader.get("forward_batch_size", positive)):
        reader.written("micro_batch_size", "forward_batch_size")
        return rows
    reader.written("micro_batch_size", "batch_size")
    return batch


def _packed(reader: Reader) -> bool:
    if reader.flag("dataset.packed"):
        reader.written("packing", "dataset.packed")
        if reader.get("tokenizer.max_seq_len", positive) is None:
            message = "dataset.packed: true needs tokenizer.max_seq_len, the length of the packed rows"
            reader.problem(
                "packed-without-length", "dataset.packed", message, "error", ("tokenizer.max_seq_len",)
            )
        return True
    reader.default("packing")
    return False


def _length(reader: Reader, packing: bool) -> int:
    for path in ("tokenizer.max_seq_len", "dataset.max_seq_len", "tokenizer.tokenizer.max_seq_len"):
        length = reader.get(path, positive)
        if length is not None:
            reader.written("sequence_length", path)
            return length
    path = "tokenizer.max_seq_len"
    reason = f"{path} cuts nothing, so the longest sample decides; {UNBOUNDED} tokens assumed"
    reader.assume("sequence_length", reason)
    return UNBOUNDED


def _checkpointing(reader: Reader) -> Checkpointing:
    if reader.read("enable_activation_checkpointing", boolean):
        return "full"
    if reader.get("ac_mode", text) == "selective":
        reader.written("gradient_checkpointing", "ac_mode")
        return reader.get("ac_option", positive) or "selective-op"
    return "none"


def _attention(reader: Reader, packing: bool) -> Attention:
    reader.same_origin_as("attention", "packing") if packing else reader.default("attention")
    return "flex" if packing else "sdpa"


def _loss(reader: Reader) -> Loss | int:
    name = (reader.get("loss._component_", text) or "").rpartition(".")[2]
    if name in ("LinearCrossEntropyLoss", "CEWithChunkedOutputLoss"):
        chunks = reader.get("loss.num_output_chunks", positive)
        reader.written("loss", "loss.num_output_chunks" if chunks else "loss._component_")
        return chunks or 8
    if name:
        reader.written("loss", "loss._component_")
    return "full-logits"


def _compiled(reader: Reader) -> bool:
    """`compile: true`, or a mapping of what to compile."""
    parts = reader.get("compile", mapping)
    if parts is not None:
        reader.written("compile", "compile.model" if "model" in parts else "compile")
        return parts.get("model") is True
    return reader.read("compile", boolean)


def _clipping(reader: Reader) -> float | None:
    norm = reader.get("clip_grad_norm", number)
    reader.written("gradient_clipping", "clip_grad_norm") if norm else reader.default("gradient_clipping")
    return norm or None


def _fp8(reader: Reader) -> Fp8:
    if not reader.flag("enable_fp8_training"):
        return "none"
    reader.written("precision.fp8", "enable_fp8_training")
    return "rowwise" if (reader.get("fp8_recipe_name", text) or "").startswith("rowwise") else "tensorwise"


def _optimizer(reader: Reader) -> tuple[str, bool]:
    """The optimizer, and whether its states wait on the host."""
    component = reader.get("optimizer._component_", text)
    if component is None:
        reader.assume("optimizer", "optimizer._component_ is not set; AdamW assumed")
        return "adamw_torch", False
    name = component.rpartition(".")[2]
    reader.written("optimizer", "optimizer._component_")
    if name == "CPUOffloadOptimizer":
        reader.written("parallel.offload", "optimizer._component_")
        return "adamw_torch", True
    if name == "AdamW" and component.startswith("torch.") and reader.flag("optimizer.fused"):
        return "adamw_torch_fused", False
    return name_of_class(component), False


def _offloads_gradients(reader: Reader) -> bool:
    """Whether gradients go once they are on the host (torchao 0.13, optim/cpu_offload.py, backward_hook)."""
    if not reader.flag("optimizer.offload_gradients"):
        return False
    reader.written("optimizer_in_backward", "optimizer.offload_gradients")
    return True


def _check(reader: Reader, job: TrainingJob) -> None:
    """What the recipes refuse."""
    if job.activation_offload and job.gradient_checkpointing != "full":
        message = "enable_activation_offloading needs enable_activation_checkpointing: true"
        reader.problem(
            "offload-without-checkpointing",
            "enable_activation_offloading",
            message,
            "error",
            ("enable_activation_checkpointing",) if reader.has("enable_activation_checkpointing") else (),
        )
    if not reader.flag("optimizer_in_bwd"):
        return
    steps = job.gradient_accumulation_steps
    if steps > 1:
        message = (
            f"optimizer_in_bwd: true frees gradients as they arrive; gradient_accumulation_steps: {steps} "
            "is refused"
        )
        reader.problem(
            "in-backward-conflict", "optimizer_in_bwd", message, "error", ("gradient_accumulation_steps",)
        )
    if job.gradient_clipping:
        message = (
            f"optimizer_in_bwd: true never holds all gradients; clip_grad_norm: {job.gradient_clipping:g} "
            "is refused"
        )
        reader.problem("in-backward-conflict", "optimizer_in_bwd", message, "error", ("clip_grad_norm",))


DIALECT = Dialect(
    name="torchtune",
    title="torchtune",
    version=VERSION,
    keys=KEYS,
    read=read,
    edits=edits,
    assigns="always",
    unknown_keys="dropped",
    extended="dropped",
    schema="torchtune",
)
