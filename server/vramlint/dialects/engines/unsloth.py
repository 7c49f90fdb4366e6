"""What Unsloth puts in place of a model's layers, its loss and its checkpoints, whoever trains (unsloth and
unsloth_zoo 2026.10.9).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Context
from vramlint.dialects.kit.reader import Reader
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Loss

ALLOCATOR = "expandable_segments:True,roundup_power2_divisions:[32:256,64:128,256:64,>:32]"
"""What `import unsloth` exports (unsloth/__init__.py)."""
SHORT = 512
"""Tokens below which layer inputs stay on the GPU (unsloth_zoo/gradient_checkpointing.py)."""
OWN = frozenset(("gemma", "gemma2", "llama", "mistral", "qwen2", "qwen3", "qwen3_moe"))
"""Architectures whose layers Unsloth runs itself (models/loader.py, FastLanguageModel.from_pretrained); the
others are transformers' and PEFT's (models/vision.py, FastBaseModel).
"""
NO_PAIRS = "losses over pairs and rewards are not modelled under Unsloth"
"""What is said where a framework's preference training loads the model by Unsloth."""
_XFORMERS = OWN - {"gemma2", "qwen3_moe"}
"""Those whose attention xformers runs (utils/attention_dispatch.py)."""
_FLASH_HEAD = 256
"""Elements of the largest head that PyTorch's flash kernel takes."""


def attention_of(reader: Reader, context: Context, model: Model) -> Literal["sdpa", "sdpa-efficient", "flex"]:
    """Unsloth requires xformers, whose kernel runs where flash does not (utils/attention_dispatch.py). For
    transformers' layers it keeps the mask there, without which PyTorch would compute all scores
    (unsloth_zoo/temporary_patches/misc.py, _flash_sdpa_takes_causal); gpt-oss trains with flex attention
    (temporary_patches/gpt_oss.py).
    """
    if model.model_type == "gpt_oss" and reader.runs("unsloth", "2025.9"):
        return "flex"
    lacks = context.gpu is not None and context.gpu.supports.get("flash_attention_2") is False
    wide = any(size > _FLASH_HEAD for part in model.texts for size in _heads(part))
    if model.model_type in _XFORMERS:
        return "sdpa-efficient" if lacks else "sdpa"
    return "sdpa-efficient" if (lacks or wide) and reader.runs("unsloth", "2026.10.7") else "sdpa"


def _heads(config: Mapping[str, Any]) -> Iterator[int]:
    """Sizes of the heads that a config names."""
    for name in ("head_dim", "global_head_dim"):
        if isinstance(size := config.get(name), int):
            yield size


def experts_of(reader: Reader, model: Model) -> Literal["auto", "packed", "unpacked-whole"]:
    """How experts in 4 bits are stored. Of gpt-oss every release loads an upload of Unsloth's own, whose
    experts are linear layers (unsloth/models/mapper.py; unsloth_zoo 2026.10.9, temporary_patches/gpt_oss.py,
    GptOssExpertsBnb4bit). Under transformers 5 others are packed from 2026.7 on, and unpacked whole while
    they run (moe_utils_bnb4bit.py).
    """
    if model.model_type == "gpt_oss":
        reader.default("quantization.experts", "Unsloth loads its own 4-bit upload")
        return "packed"
    return "unpacked-whole" if reader.runs("unsloth", "2026.7") else "auto"


def loss_of(reader: Reader) -> Loss:
    """The loss over a head that is not trained (unsloth/models/llama.py, CausalLM_fast_forward)."""
    fused = reader.runs("unsloth", "2024.11.8")
    reader.default("loss", f"Unsloth's cross entropy {'never holds' if fused else 'over'} all logits")
    return "fused-linear" if fused else "fused-cross-entropy"


def under_unsloth(
    reader: Reader, context: Context, job: TrainingJob, switch: str, *, keeps_logits: bool = False
) -> TrainingJob:
    """`job` of a framework that has Unsloth load the model and make the adapter, with layer inputs on the
    host; `switch` is the key that says so. `keeps_logits`: it asks for all logits.
    """
    adapter, quantization = job.adapter, job.quantization
    if adapter is not None:
        fused = adapter.dropout == 0 and job.method != "dora" and job.model.model_type in OWN
        adapter = replace(adapter, dtype="float32", fused_kernels=fused)
    if quantization is not None:
        quantization = replace(quantization, experts=experts_of(reader, job.model), kbit_prep="none")
    loss: Loss = "fused-cross-entropy" if keeps_logits else loss_of(reader)
    for field in ("gradient_checkpointing", "activation_offload", "attention", "allocator"):
        reader.written(field, switch)
    return replace(
        job,
        adapter=adapter,
        quantization=quantization,
        gradient_checkpointing="full",
        activation_offload=job.sequence_length >= SHORT,
        attention=attention_of(reader, context, job.model),
        loss=loss,
        allocator=ALLOCATOR,
    )
