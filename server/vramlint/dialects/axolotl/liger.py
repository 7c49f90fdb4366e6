"""Axolotl's Liger plugin: a key for each kernel (0.21, integrations/liger/plugin.py, pre_model_load)."""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.catalog.facts import Model
from vramlint.catalog.liger import ALL, WITHOUT_ROPE, liger_family
from vramlint.dialects.axolotl.checks import LIGER, plugin
from vramlint.dialects.kit.reader import Reader, boolean
from vramlint.vocabulary import LigerKernel

_KEYS: tuple[tuple[str, LigerKernel], ...] = (
    ("liger_rms_norm", "rms_norm"),
    ("liger_glu_activation", "swiglu"),
    ("liger_swiglu", "swiglu"),
    ("liger_rope", "rope"),
)
_OWN: Mapping[str, tuple[LigerKernel, ...]] = {
    "glm4_moe_lite": ALL,
    **dict.fromkeys(("mistral3", "ministral3", "jamba", "granitemoe"), ALL),
    "deepseek_v2": WITHOUT_ROPE,
    **dict.fromkeys(("gemma4_unified", "gemma4_unified_text"), WITHOUT_ROPE),
}
"""Families that the plugin patches itself."""
_ROPE_BY_DEFAULT = frozenset({"qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe"})


def liger_kernels(reader: Reader, model: Model) -> tuple[LigerKernel, ...]:
    """The kernels that the config turns on and the plugin has for the model's family."""
    if not plugin(reader, LIGER):
        return ()
    family = liger_family(model.model_type, reader.releases.get("liger-kernel"))
    there = _OWN.get(model.model_type) or (family.kernels if family is not None else ())
    on = [(path, kernel) for path, kernel in _KEYS if reader.flag(path)]
    for path, _ in on:
        reader.written("kernels.liger", path)
    wanted = {kernel for _, kernel in on}
    if model.model_type in _ROPE_BY_DEFAULT and reader.get("liger_rope", boolean) is None:
        wanted.add("rope")
    return tuple(kernel for kernel in there if kernel in wanted)
