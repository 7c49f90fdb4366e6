"""LitGPT: YAML for its fine-tuning and pretraining scripts.

Semantics of 0.5.13 (`litgpt/finetune/full.py`, `finetune/lora.py`, `pretrain.py`) over Lightning Fabric:
everything is built in the dtype of
`precision`; several devices shard with FSDP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vramlint.catalog.facts import Model
from vramlint.catalog.optimizers import class_of, name_of_class
from vramlint.dialects.kit.dialect import Changes, Context, Dialect, Obstacle, ReadResult, SetKey
from vramlint.dialects.kit.edits import Editor, edit, key, whole_batch, without_accumulation
from vramlint.dialects.kit.reader import Reader, boolean, mapping, number, positive, table, text
from vramlint.dialects.kit.reading import finish, framework_reader, hardware, world_size
from vramlint.dialects.litgpt.keys import KEYS
from vramlint.job import Adapter, Parallel, Precision, Quantization, TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.vocabulary import Dtype, Scheme

VERSION = "0.5.13"
UNBOUNDED = 2048
"""Tokens that stand for the longest sample where the file cuts nothing."""
CHUNK = 128
"""Tokens of which the loss takes the logits at a time."""

_PRECISIONS: Mapping[str, tuple[Dtype, Literal["none", "bfloat16", "float16"]]] = {
    "bf16-mixed": ("float32", "bfloat16"),
    "16-mixed": ("float32", "float16"),
    "bf16-true": ("bfloat16", "none"),
    "16-true": ("float16", "none"),
    "32-true": ("float32", "none"),
}
_SCHEMES: Mapping[str, tuple[Scheme, bool]] = {
    "bnb.nf4": ("bnb-nf4", False),
    "bnb.nf4-dq": ("bnb-nf4", True),
    "bnb.fp4": ("bnb-fp4", False),
    "bnb.fp4-dq": ("bnb-fp4", True),
    "bnb.int8-training": ("bnb-int8", False),
}
_PARTS: Mapping[str, str] = {
    "lora_query": "q",
    "lora_key": "k",
    "lora_value": "v",
    "lora_projection": "o",
    "lora_mlp": "mlp",
    "lora_head": "head",
}
"""Flags, and what the memory model calls the part of LitGPT's model that each adapts."""
_PRETRAINED: tuple[tuple[str, str], ...] = (
    ("pythia", "EleutherAI/{}"),
    ("tiny-llama-1.1b", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"),
    ("tinyllama", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"),
    ("Llama-2", "meta-llama/{}"),
    ("Llama-3", "meta-llama/{}"),
    ("Qwen", "Qwen/{}"),
    ("phi-", "microsoft/{}"),
    ("Mistral", "mistralai/{}"),
    ("Gemma", "google/{}"),
)


@dataclass(frozen=True, slots=True)
class Script:
    """One of LitGPT's training scripts and what it does by default."""

    name: Literal["full", "lora", "pretrain"]
    micro: int = 1
    whole: int = 16


SCRIPTS = {"full": Script("full"), "lora": Script("lora"), "pretrain": Script("pretrain", 4, 512)}


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run of the script that the keys tell."""
    reader = framework_reader(values, context, "litgpt", VERSION, table(KEYS))
    script = _script(reader)
    scheme = reader.get("quantize", text)
    if scheme is not None and scheme not in _SCHEMES:
        return finish(
            DIALECT, reader, Obstacle("not-modelled", f"quantize: {scheme} is not modelled", ("quantize",))
        )
    model = _model(reader, context, script)
    return finish(
        DIALECT, reader, model if isinstance(model, Obstacle) else _job(reader, context, script, model)
    )


def _script(reader: Reader) -> Script:
    """The command is not in the file: LoRA has its keys, pretraining names an architecture."""
    if any(reader.has(name) for name in ("lora_r", *_PARTS)):
        return SCRIPTS["lora"]
    return SCRIPTS["full" if reader.has("checkpoint_dir") else "pretrain"]


def _model(reader: Reader, context: Context, script: Script) -> Model | Obstacle:
    path = "model_name" if script.name == "pretrain" else "checkpoint_dir"
    written = reader.get(path, text)
    if written is None:
        return Obstacle("no-model", f"no model: {path} is not set", (path,) if reader.has(path) else ())
    short = "/".join(written.rstrip("/").split("/")[-2:])
    names = [short, written, short.rpartition("/")[2]]
    names += [pattern.format(written) for prefix, pattern in _PRETRAINED if written.startswith(prefix)]
    for name in names:
        if (found := context.catalog.model(name, context.folder)) is not None:
            reader.written("model", path)
            return found
    return Obstacle("unknown-model", f"{path}: nothing is known about the model {short!r}", (path,))


def _job(reader: Reader, context: Context, script: Script, model: Model) -> TrainingJob:
    weights, autocast = _PRECISIONS.get(reader.read("precision", text), _PRECISIONS["bf16-mixed"])
    reader.same_origin_as("precision.autocast", "precision.weights")
    quantization = _quantization(reader, weights)
    parallel, nodes = _parallel(reader, context, script)
    devices = parallel.data * parallel.replicate
    micro = reader.read("train.micro_batch_size", positive, script.micro)
    whole = reader.read("train.global_batch_size", positive, script.whole)
    length = _length(reader, script, model)
    _check(reader, quantization, devices)
    sharded = parallel.strategy != "none"
    lora = script.name == "lora"
    reader.default("gradient_checkpointing", "each block with several devices, never on one")
    return TrainingJob(
        model=model,
        runtime="litgpt",
        objective="pretrain" if script.name == "pretrain" else "sft",
        method=("qlora" if quantization else "lora") if lora else "full",
        adapter=_adapter(reader) if lora else None,
        quantization=quantization,
        precision=Precision(weights=weights, autocast=autocast),
        optimizer="paged_adamw_32bit" if quantization else _optimizer(reader),
        micro_batch_size=micro,
        gradient_accumulation_steps=max(whole // devices // micro, 1),
        sequence_length=length,
        gradient_checkpointing="full" if sharded and script.name != "pretrain" else "none",
        attention="sdpa",
        loss=max(-(-micro * length // CHUNK), 1),
        loop="trainer" if autocast != "none" else "plain",
        compile=script.name == "pretrain",
        gradient_clipping=reader.get("train.max_norm", number) if script.name == "pretrain" else None,
        parallel=parallel,
        origins=reader.record.origins,
        **{**hardware(context), "nodes": nodes},
    )


def _quantization(reader: Reader, weights: Dtype) -> Quantization | None:
    known = _SCHEMES.get(reader.get("quantize", text) or "")
    if known is None:
        return None
    reader.written("quantization", "quantize")
    return Quantization(scheme=known[0], double_quant=known[1], compute=weights)


def _adapter(reader: Reader) -> Adapter:
    targets = []
    for flag, part in _PARTS.items():
        given = reader.get(flag, boolean)
        if reader.keys[flag].default if given is None else given:
            reader.written("adapter.targets", flag)
            targets.append(part)
    reader.default("adapter.dtype", "built in the dtype of precision")
    return Adapter(
        r=reader.read("lora_r", positive),
        alpha=reader.read("lora_alpha", number),
        dropout=reader.read("lora_dropout", number),
        targets=tuple(targets),
        dtype="same-as-base",
    )


def _parallel(reader: Reader, context: Context, script: Script) -> tuple[Parallel, int]:
    """FSDP over `devices` × `num_nodes`, which are in the file, and the nodes."""
    nodes = reader.read("num_nodes", positive)
    if reader.get("devices", text) == "auto" or (script.name == "pretrain" and not reader.has("devices")):
        devices = max(world_size(reader, context) // nodes, 1)
    else:
        devices = reader.read("devices", positive)
    if devices * nodes == 1:
        return Parallel(), nodes
    reader.default("parallel.strategy", "several devices shard")
    if script.name == "lora":
        return Parallel(strategy="fsdp2", data=devices * nodes), nodes
    if script.name == "full":
        return Parallel(strategy="fsdp1", data=devices * nodes, reduce_dtype=_reduced(reader)), nodes
    reader.default("parallel.sharding", "pretraining shards inside a machine only")
    return Parallel(strategy="fsdp1", data=devices, replicate=nodes, reduce_dtype=_reduced(reader)), nodes


def _reduced(reader: Reader) -> Literal["none", "bfloat16", "float16"]:
    """Fabric reduces in the 16-bit dtype; weights are gathered as they are and cast by autocast."""
    precision = reader.get("precision", text) or "bf16-mixed"
    return "bfloat16" if precision.startswith("bf16") else "float16" if precision.startswith("16") else "none"


def _length(reader: Reader, script: Script, model: Model) -> int:
    length = reader.get("train.max_seq_length", positive)
    if length is not None:
        reader.written("sequence_length", "train.max_seq_length")
        return length
    longest = positive(model.config.get("max_position_embeddings"))
    if script.name == "pretrain" and longest:
        reader.default("sequence_length", "the model's context when pretraining")
        return longest
    reason = f"train.max_seq_length cuts nothing, so the longest sample decides; {UNBOUNDED} tokens assumed"
    reader.assume("sequence_length", reason)
    return min(UNBOUNDED, longest or UNBOUNDED)


def _optimizer(reader: Reader) -> str:
    section = reader.get("optimizer", mapping)
    named = text(section.get("class_path")) if section is not None else reader.get("optimizer", text)
    if named is None:
        reader.default("optimizer")
        return "adamw_torch"
    reader.written("optimizer", "optimizer.class_path" if section is not None else "optimizer")
    return name_of_class(named)


def _check(reader: Reader, quantization: Quantization | None, devices: int) -> None:
    """What the scripts refuse."""
    if quantization is None:
        return
    written = reader.get("precision", text)
    if written is None or "mixed" in written:
        message = f"quantize needs precision: bf16-true; {written or 'the default bf16-mixed'} is refused"
        related = ("precision",) if written else ()
        reader.problem("quantized-mixed-precision", "quantize", message, "error", related)
    if devices > 1:
        message = f"quantize works on one device only; {devices} are asked for"
        related = ("devices",) if reader.has("devices") else ()
        reader.problem("quantized-sharding", "quantize", message, "error", related)


def _method(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    """LoRA and QLoRA share a script; full fine-tuning is another."""
    if job.adapter is None or value not in ("lora", "qlora"):
        return None
    if value == "lora":
        return (SetKey(("quantize",), None),)
    return (SetKey(("quantize",), "bnb.nf4"), SetKey(("precision",), "bf16-true"), SetKey(("devices",), 1))


def _weights(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    known = {"bfloat16": "bf16-true", "float32": "bf16-mixed"}
    return (SetKey(("precision",), known[value]),) if value in known else None


def _optimizer_edit(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    """Another class under `optimizer`; its short form names classes of torch only."""
    component = class_of(value)
    if component is None or not isinstance(values.get("optimizer"), Mapping):
        return None
    return (SetKey(("optimizer", "class_path"), component),)


_EDITORS: Mapping[str, Editor] = {
    "precision.weights": _weights,
    "method": _method,
    "adapter.r": key("lora_r"),
    "micro_batch_size": key("train.micro_batch_size"),
    "sequence_length": key("train.max_seq_length"),
    "optimizer": _optimizer_edit,
    "gpu_count": key("devices"),
    "nodes": key("num_nodes"),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where the scripts cannot."""
    written = edit(_EDITORS, values, job, without_accumulation(changes))
    if written is None or "gradient_accumulation_steps" not in changes:
        return written
    return (*written, *whole_batch("train.global_batch_size", values, job, changes))


DIALECT = Dialect(
    name="litgpt",
    title="LitGPT",
    version=VERSION,
    keys=KEYS,
    read=read,
    edits=edits,
    unknown_keys="refused",
    schema="litgpt",
)
