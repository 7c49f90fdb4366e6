"""Writing changes of a job into a file of NeMo RL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Changes, SetKey
from vramlint.dialects.kit.edits import Editor, edit, key, translated, without_accumulation
from vramlint.dialects.nemo.keys import DTENSOR
from vramlint.job import TrainingJob


def _checkpointing(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    engine = "policy.megatron_cfg." if job.runtime == "megatron" else DTENSOR
    spelled = {"full": True, "none": False}
    if value not in spelled:
        return None
    return (SetKey(tuple(f"{engine}activation_checkpointing".split(".")), spelled[value]),)


def _offload(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    if job.runtime == "megatron" or value not in ("both", "none"):
        return None
    return (SetKey((*DTENSOR.rstrip(".").split("."), "cpu_offload"), value == "both"),)


_EDITORS: Mapping[str, Editor] = {
    "gradient_checkpointing": _checkpointing,
    "parallel.offload": _offload,
    "optimizer": translated("policy.optimizer.kwargs.fused", {"adamw_torch_fused": True}),
    "generation.memory_fraction": key("policy.generation.vllm_cfg.gpu_memory_utilization"),
}
_OF_ROWS: Mapping[str, Editor] = {
    **_EDITORS,
    "micro_batch_size": key("policy.train_micro_batch_size"),
    "sequence_length": key("policy.max_total_sequence_length"),
}
"""Where batches are rows, and not filled to a number of tokens."""


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where the file cannot. The rows of a step are said by a key of their
    own, so that accumulation follows. Automodel's files are not written.
    """
    rows = changes.get("micro_batch_size", job.micro_batch_size) * changes.get(
        "gradient_accumulation_steps", job.gradient_accumulation_steps
    )
    if "policy" not in values or rows != job.micro_batch_size * job.gradient_accumulation_steps:
        return None
    return edit(_EDITORS if job.packing else _OF_ROWS, values, job, without_accumulation(changes))
