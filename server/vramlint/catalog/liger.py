"""Liger's kernels: which of them replace a family's layers, and since which release.

liger-kernel 0.3.0 to 0.8.5, transformers/monkey_patch.py: MODEL_TYPE_TO_APPLY_LIGER_FN and the defaults of
the functions that it names.
"""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.lazy_dataclasses import dataclass
from vramlint.versions import at_least
from vramlint.vocabulary import LigerKernel

ALL: tuple[LigerKernel, ...] = ("rms_norm", "swiglu", "rope")
WITHOUT_ROPE: tuple[LigerKernel, ...] = ("rms_norm", "swiglu")


@dataclass(frozen=True, slots=True)
class LigerFamily:
    """What Liger has for a family. `since`: the first release that knows it."""

    since: str
    kernels: tuple[LigerKernel, ...] = ALL
    in_place: bool = True
    """The norm writes its input's gradient over that of its output; not where a residual needs the latter."""
    fuses_head: bool = True
    """Head and loss run in one kernel; else the loss alone is Liger's, over whole logits."""


FAMILIES: Mapping[str, LigerFamily] = {
    **dict.fromkeys(
        ("llama", "mistral", "mixtral", "gemma", "qwen2", "phi3", "qwen2_vl"), LigerFamily("0.3")
    ),
    "gemma2": LigerFamily("0.3", in_place=False),
    "mllama": LigerFamily("0.4.2"),
    "granite": LigerFamily("0.5.4", fuses_head=False),
    "olmo2": LigerFamily("0.5.4", in_place=False),
    "qwen2_5_vl": LigerFamily("0.5.5"),
    **dict.fromkeys(("llava", "paligemma"), LigerFamily("0.5.6")),
    **dict.fromkeys(("gemma3", "gemma3_text"), LigerFamily("0.5.8", in_place=False)),
    "glm4": LigerFamily("0.5.9", WITHOUT_ROPE, in_place=False),
    "qwen3": LigerFamily("0.5.9"),
    "qwen3_moe": LigerFamily("0.5.10"),
    **dict.fromkeys(("llama4", "llama4_text"), LigerFamily("0.6")),
    "smollm3": LigerFamily("0.6.1"),
    **dict.fromkeys(("falcon_h1", "internvl", "smolvlm"), LigerFamily("0.6.3")),
    "qwen3_next": LigerFamily("0.6.3", WITHOUT_ROPE, in_place=False),
    **dict.fromkeys(("hunyuan_v1_dense", "qwen3_vl", "qwen3_vl_moe"), LigerFamily("0.6.4")),
    "olmo3": LigerFamily("0.6.4", in_place=False),
    "exaone4": LigerFamily("0.7", in_place=False),
    "gpt_oss": LigerFamily("0.7", ("rms_norm", "rope")),
    "ministral": LigerFamily("0.8"),
    "nemotron": LigerFamily("0.8", ()),
    **dict.fromkeys(("qwen3_5", "qwen3_5_moe"), LigerFamily("0.8", WITHOUT_ROPE, in_place=False)),
    **dict.fromkeys(("gemma4", "gemma4_text"), LigerFamily("0.8", WITHOUT_ROPE, in_place=False)),
    **dict.fromkeys(("deepseek_v2", "deepseek_v3"), LigerFamily("0.8.5", WITHOUT_ROPE)),
}


def liger_family(model_type: str, release: str | None) -> LigerFamily | None:
    """What this release of liger-kernel has for a family; None where it does not know it."""
    family = FAMILIES.get(model_type)
    return family if family is not None and at_least(release, family.since) else None
