"""LLaMA-Factory's way to Liger's kernels (0.9.5, model/model_utils/liger_kernel.py)."""

from __future__ import annotations

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.liger import fused_loss, read_liger
from vramlint.dialects.kit.reader import Reader, text
from vramlint.vocabulary import LigerKernel, Loss, Objective

_LIGER = frozenset(
    {
        *(
            "gemma",
            "gemma2",
            "gemma3",
            "gemma3_text",
            "glm4",
            "granite",
            "llama",
            "llava",
            "mistral",
            "mixtral",
        ),
        *("mllama", "olmo2", "paligemma", "phi3", "qwen2", "qwen2_vl", "qwen2_5_vl", "qwen3", "qwen3_moe"),
        *("qwen3_next", "qwen3_5", "gpt_oss"),
    }
)
"""Families for which LLaMA-Factory asks for Liger (0.9.5, model/model_utils/liger_kernel.py)."""


def liger_kernels(reader: Reader, model: Model) -> tuple[LigerKernel, ...]:
    """The kernels that `enable_liger_kernel` puts into the layers; reported where there are none."""
    if model.model_type in _LIGER or not reader.flag("enable_liger_kernel"):
        return read_liger(reader, model, "enable_liger_kernel")
    message = f"enable_liger_kernel changes nothing: LLaMA-Factory does not apply it to {model.model_type}"
    reader.problem("ineffective-key", "enable_liger_kernel", message, "information")
    return ()


def read_loss(reader: Reader, model: Model, objective: Objective) -> Loss:
    """What becomes of the logits: only stages pt and sft leave them to Liger."""
    if not reader.flag("enable_liger_kernel"):
        reader.default("loss")
        return "full-logits"
    if objective in ("pretrain", "sft"):
        reader.written("loss", "enable_liger_kernel")
        return fused_loss(reader, model) if model.model_type in _LIGER else "full-logits"
    message = (
        f"enable_liger_kernel leaves the loss as it is in stage {reader.get('stage', text)}: full logits "
        "remain, only the layers change"
    )
    reader.problem("ineffective-key", "enable_liger_kernel", message, "information", ("stage",))
    return "full-logits"
