"""How changes of a job are written in a torchtune config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.optimizers import class_of
from vramlint.dialects.kit.dialect import Changes, SetKey
from vramlint.dialects.kit.edits import Editor, degrees, edit, key, translated
from vramlint.dialects.torchtune.keys import KEYS
from vramlint.job import TrainingJob


def _method_edit(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    """LoRA and QLoRA share a recipe and differ by the builder's prefix; other methods need another recipe."""
    section = values.get("model")
    component = section.get("_component_") if isinstance(section, Mapping) else None
    if (
        not isinstance(component, str)
        or job.method not in ("lora", "qlora")
        or value not in ("lora", "qlora")
    ):
        return None
    module, _, name = component.rpartition(".")
    renamed = f"{value}_{name.split('_', 1)[1]}"
    return (SetKey(("model", "_component_"), f"{module}.{renamed}"),)


def _optimizer_edit(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    component = class_of(value)
    if component is None:
        return None
    fused = (SetKey(("optimizer", "fused"), True),) if value == "adamw_torch_fused" else ()
    return (SetKey(("optimizer", "_component_"), component), *fused)


_EDITORS: Mapping[str, Editor] = {
    "method": _method_edit,
    "adapter.r": key("model.lora_rank"),
    "micro_batch_size": key("batch_size"),
    "gradient_accumulation_steps": key("gradient_accumulation_steps"),
    "sequence_length": key("tokenizer.max_seq_len"),
    "packing": key("dataset.packed"),
    "gradient_checkpointing": translated("enable_activation_checkpointing", {"full": True, "none": False}),
    "activation_offload": key("enable_activation_offloading"),
    "optimizer": _optimizer_edit,
    "optimizer_in_backward": key("optimizer_in_bwd"),
    "precision.weights": translated("dtype", {"bfloat16": "bf16", "float32": "fp32"}),
    "compile": key("compile"),
    "parallel.offload": translated("fsdp_cpu_offload", {"both": True, "none": False}),
}
_MESH: Mapping[str, Editor] = degrees(KEYS)
"""Dimensions that the recipe of full fine-tuning alone has (0.6, recipes/full_finetune_distributed.py), where
FSDP shards over what tensor parallelism leaves.
"""
_OTHER_RECIPES = ("data_parallel_shard_dim", "data_parallel_replicate_dim", "context_parallel_dim")
"""Dimensions of people's own recipes, written where they are there."""


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where the recipe cannot."""
    written = edit({**_EDITORS, **(_MESH if job.method == "full" else {})}, values, job, changes)
    paths = [str(item.path[0]) for item in written or ()]
    return None if any(path in _OTHER_RECIPES and path not in values for path in paths) else written
