"""Liger's kernels under transformers' Trainer: one key turns on all that Liger has for the model's family."""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.catalog.facts import Model
from vramlint.catalog.liger import LigerFamily, liger_family
from vramlint.dialects.kit.reader import Reader, boolean, mapping
from vramlint.vocabulary import LigerKernel, Loss

KERNELS: Mapping[str, LigerKernel] = {
    "rms_norm": "rms_norm",
    "swiglu": "swiglu",
    "geglu": "swiglu",
    "rope": "rope",
}
"""Kernels by the names of `liger_kernel_config`, which are parameters of Liger's functions."""


def family_of(reader: Reader, model: Model) -> LigerFamily | None:
    """What the release of Liger that runs has for the model's family."""
    return liger_family(model.model_type, reader.releases.get("liger-kernel"))


def read_liger(reader: Reader, model: Model, *paths: str) -> tuple[LigerKernel, ...]:
    """The kernels that run where one of the keys `paths` is true (transformers 5.24, integrations/liger.py,
    apply_liger_kernel); reported where Liger does not know the family.
    """
    path = next((path for path in paths if reader.flag(path)), None)
    if path is None:
        return ()
    reader.written("kernels.liger", path)
    family = family_of(reader, model)
    if family is None:
        message = f"{path} changes nothing in the layers: Liger has no kernels for {model.model_type}"
        reader.problem("ineffective-key", path, message, "information")
        return ()
    wanted = reader.get("liger_kernel_config", mapping) or {}
    off = {KERNELS[name] for name in wanted if name in KERNELS and boolean(wanted[name]) is False}
    return tuple(kernel for kernel in family.kernels if kernel not in off)


def fused_loss(reader: Reader, model: Model) -> Loss:
    """The loss of a causal language model under Liger: head and loss in one kernel, the loss alone, or
    neither.
    """
    family = family_of(reader, model)
    wanted = reader.get("liger_kernel_config", mapping) or {}
    if family is None:
        return "full-logits"
    fuses = boolean(wanted.get("fused_linear_cross_entropy"))
    alone = boolean(wanted.get("cross_entropy"))
    if family.fuses_head and fuses is not False:
        return "fused-linear"
    return "fused-cross-entropy" if (not family.fuses_head if alone is None else alone) else "full-logits"
