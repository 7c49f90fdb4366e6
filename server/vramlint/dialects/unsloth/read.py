"""Unsloth's command line: YAML with the sections data, training, lora, logging.

Semantics of 2026.10.9 (`unsloth_cli/config.py`, `unsloth_cli/commands/train.py`, `unsloth/models/llama.py`,
`unsloth_zoo/`): a 4-bit base with an adapter in float32 and Unsloth's own kernels, layer inputs kept on the
host, a loss that never holds all logits, 8-bit AdamW.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.unsloth import ALLOCATOR, OWN, SHORT, attention_of, experts_of, loss_of
from vramlint.dialects.kit.dialect import (
    Changes,
    Context,
    Dialect,
    Key,
    Obstacle,
    ReadResult,
    SetKey,
)
from vramlint.dialects.kit.edits import Editor, edit, key, translated
from vramlint.dialects.kit.read_only import reader_of
from vramlint.dialects.kit.reader import Reader, boolean, choice, names, number, positive, text
from vramlint.dialects.kit.reading import find_model, finish, hardware, world_size
from vramlint.dialects.unsloth.targets import KEYS as TARGET_KEYS
from vramlint.dialects.unsloth.targets import read_targets
from vramlint.job import Adapter, Parallel, Precision, Quantization, TrainingJob
from vramlint.vocabulary import Checkpointing

_SEVEN = "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj"
KEYS = (
    Key("model", "model", "The model that is trained: hub id or folder."),
    Key(
        "training.training_type",
        "method",
        "lora freezes the base and trains an adapter; full trains every weight in bf16.",
        "lora",
        ("lora", "full"),
    ),
    Key(
        "training.max_seq_length", "sequence_length", "Tokens of a row; activations grow in proportion.", 2048
    ),
    Key("training.load_in_4bit", "quantization.scheme", "Stores the frozen linears in 4 bits.", True),
    Key("training.batch_size", "micro_batch_size", "Rows of one forward pass.", 2),
    Key("training.gradient_accumulation_steps", "gradient_accumulation_steps", "Micro-batches of a step.", 4),
    Key(
        "training.gradient_checkpointing",
        "gradient_checkpointing",
        "unsloth keeps each layer's input on the host and recomputes the layer in backward; true keeps it on "
        "the GPU; none keeps everything.",
        "unsloth",
        ("unsloth", "true", "none"),
    ),
    Key("training.packing", "packing", "Fills every row with several samples.", False),
    Key("lora.lora_r", "adapter.r", "Rank: each adapted linear gains r × (in + out) float32 weights.", 64),
    Key("lora.lora_alpha", "adapter.alpha", "Scale of the adapter. Costs no memory.", 16),
    Key("lora.lora_dropout", "adapter.dropout", "Above 0, switches Unsloth's fused kernels off.", 0.0),
    Key("lora.target_modules", "adapter.targets", "Linears that get an adapter.", _SEVEN),
    Key("lora.use_dora", "method", "DoRA adds a magnitude vector to each adapted linear.", False),
    *TARGET_KEYS,
)
_CHECKPOINTS: Mapping[str | bool, Checkpointing] = {
    "unsloth": "full",
    "true": "full",
    True: "full",
    "none": "none",
    False: "none",
}


_MODELLED = frozenset(("decoder", "hybrid-decoder", "vision-language"))
"""Kinds of models that are followed."""
_SIDE = 512
"""Pixels of a larger image's shorter side, of a model whose tower names none (unsloth_zoo/vision_utils.py,
UnslothVisionDataCollator).
"""


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The job that `unsloth train --config` runs."""
    reader = reader_of(DIALECT, values, context)
    model = find_model(reader, context, "model")
    if isinstance(model, Model) and model.kind not in _MODELLED:
        model = Obstacle(
            "not-modelled", f"model: Unsloth's way with the kind {model.kind} is not modelled", ("model",)
        )
    return finish(DIALECT, reader, model if isinstance(model, Obstacle) else _job(reader, context, model))


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob:
    full = reader.read("training.training_type", text, field="method") == "full"
    four_bit = not full and (reader.read("training.load_in_4bit", boolean) or model.quantized_as is not None)
    dora = not full and reader.flag("lora.use_dora")
    dropout = reader.read("lora.lora_dropout", number)
    length = reader.read("training.max_seq_length", positive)
    checkpointing: Checkpointing = reader.read(
        "training.gradient_checkpointing", choice(_CHECKPOINTS), "full"
    )
    offloads = reader.raw("training.gradient_checkpointing") not in ("true", "none", True, False)
    optimizer = context.trainer.optimizer if context.trainer else None
    if optimizer is None and context.launch is not None:  # `unsloth-cli.py --optim`
        optimizer = reader.get("optim", text)
    if optimizer is not None:
        reader.written("optimizer", "optim")
    else:
        reader.default("optimizer", "the command line trains with 8-bit AdamW")
    for field, note in (
        ("precision.weights", "bf16, wherever the GPU has it"),
        ("adapter.dtype", "adapters are kept in float32"),
    ):
        reader.default(field, note)
    reader.default("allocator")
    reader.same_origin_as("activation_offload", "gradient_checkpointing")
    world = world_size(reader, context)
    dtype = _dtype(context)
    shows = context.trainer is not None and context.trainer.images
    scaled = "image_size" in (model.config.get("vision_config") or {})
    # What trains in float16 is kept in float32 (unsloth_zoo/training_utils.py, prepare_model_for_training).
    weights: Literal["bfloat16", "float16", "float32"] = "float32" if full and dtype == "float16" else dtype
    return TrainingJob(
        model=model,
        method="full" if full else "dora" if dora else "qlora" if four_bit else "lora",
        adapter=None
        if full
        else Adapter(
            r=reader.read("lora.lora_r", positive),
            alpha=reader.read("lora.lora_alpha", number),
            dropout=dropout,
            targets=_targets(reader, model),
            fused_kernels=dropout == 0 and not dora and model.model_type in OWN,
        ),
        quantization=Quantization(experts=experts_of(reader, model)) if four_bit else None,
        precision=Precision(weights=weights, autocast=dtype),
        optimizer=optimizer or "adamw_8bit",
        micro_batch_size=reader.read("training.batch_size", positive),
        gradient_accumulation_steps=reader.read("training.gradient_accumulation_steps", positive),
        sequence_length=length,
        packing=reader.read("training.packing", boolean),
        images="one" if shows else "none",
        image_pixels=None if scaled or not shows else _SIDE**2,
        gradient_checkpointing=checkpointing,
        activation_offload=offloads and length >= SHORT,
        allocator=ALLOCATOR,
        attention=attention_of(reader, context, model),
        loss=loss_of(reader),
        parallel=Parallel("ddp", data=world) if world > 1 else Parallel(),
        origins=reader.record.origins,
        **hardware(context),
    )


def _targets(reader: Reader, model: Model) -> str | tuple[str, ...]:
    if model.model_type in OWN or model.kind == "decoder":
        return reader.read("lora.target_modules", names, tuple(_SEVEN.split(",")))
    return read_targets(reader)


def _dtype(context: Context) -> Literal["bfloat16", "float16"]:
    """Unsloth asks the GPU (`dtype = None` in models/loader.py)."""
    lacks = context.gpu is not None and context.gpu.supports.get("bf16") is False
    return "float16" if lacks else "bfloat16"


_EDITORS: Mapping[str, Editor] = {
    "micro_batch_size": key("training.batch_size"),
    "gradient_accumulation_steps": key("training.gradient_accumulation_steps"),
    "sequence_length": key("training.max_seq_length"),
    "gradient_checkpointing": translated("training.gradient_checkpointing", {"full": "true", "none": "none"}),
    "adapter.r": key("lora.lora_r"),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys to set for changes of the job."""
    return edit(_EDITORS, values, job, changes)


DIALECT = Dialect("unsloth", "Unsloth", "2026.10.9", KEYS, read, edits, "unchecked")
