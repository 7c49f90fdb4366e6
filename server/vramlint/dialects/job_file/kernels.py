"""The kernels of a job file: what it says, and what the rest of the run implies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.catalog.liger import ALL, liger_family
from vramlint.dialects.kit.reader import Reader
from vramlint.job import Kernels, TrainingJob
from vramlint.vocabulary import LigerKernel, Runtime


def read_kernels(reader: Reader, model: Model, top: dict[str, Any], given: Mapping[str, Any]) -> Kernels:
    """The kernels of the run; `given` are those that the file says, or their defaults."""
    found = {**given, "liger": _liger(reader, model, top, given["liger"])}
    own = _has_sparse_kernels(top["runtime"], top["parallel"].pipeline, top["attention"])
    if own and not reader.has("kernels.sparse_attention"):
        reader.assume(
            "kernels.sparse_attention",
            "no flash kernel takes a mask of chosen keys: such a run has kernels that choose and attend",
        )
        found["sparse_attention"] = "fused"
    return Kernels(**found)


def is_implied(job: TrainingJob, path: str) -> bool:
    """Whether a job file that is silent about a key may read as another job."""
    if path == "kernels.liger":
        return _may_be_liger(job.loss, job.loop, job.runtime)
    return path == "kernels.sparse_attention" and _has_sparse_kernels(
        job.runtime, job.parallel.pipeline, job.attention
    )


def _liger(
    reader: Reader, model: Model, top: dict[str, Any], named: tuple[str, ...]
) -> tuple[LigerKernel, ...]:
    """Liger's kernels in the layers; `loss` among them means head and loss in one."""
    if "loss" in named and not reader.has("loss"):
        reader.written("loss", "kernels.liger")
        top["loss"] = "fused-linear"
    if not reader.has("kernels.liger") and _may_be_liger(top["loss"], top["loop"], top["runtime"]):
        family = liger_family(model.model_type, top["versions"].get("liger-kernel"))
        if family is not None and family.fuses_head:
            reader.assume(
                "kernels.liger",
                "a fused-linear loss in an own loop is taken for Liger's patch of the model, whose functions "
                "bring the kernels of the layers too; write kernels: {liger: []} for the loss alone",
            )
            return family.kernels
    return tuple(kernel for kernel in ALL if kernel in named)


def _may_be_liger(loss: Any, loop: str, runtime: str) -> bool:
    """Whether only Liger's patch may have put this loss into an own loop around transformers' model (0.8.5,
    transformers/auto_model.py and monkey_patch.py: all kernels of a family unless told otherwise).
    """
    return loss == "fused-linear" and loop == "plain" and runtime == "transformers"


def _has_sparse_kernels(runtime: Runtime, pipeline: int, attention: str) -> bool:
    """Whether flash attention, where a model chooses keys, means kernels made for that: Megatron's layers,
    and a pipeline, are not transformers', which refuses flash attention for such models (5.24,
    modeling_glm_moe_dsa.py, `_supports_flash_attn`).
    """
    return (runtime == "megatron" or pipeline > 1) and attention.startswith("flash_")
