"""NeMo RL and NeMo Automodel: YAML that inherits from parents. NeMo RL's fine-tuning, preference, reward,
GRPO, PPO and distillation files are estimated, over DTensor or Megatron-Core.

Semantics of NeMo RL in August 2026 (`nemo_rl/models/automodel/setup.py`, `models/megatron/setup.py`,
`models/policy/workers/`, `algorithms/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.hydra_defaults import inherit
from vramlint.dialects.kit.read_only import reader_of
from vramlint.dialects.kit.reader import Reader, positive, table
from vramlint.dialects.kit.reading import find_model, finish, framework_reader, hardware
from vramlint.dialects.nemo.automodel import VERSION as AUTOMODEL
from vramlint.dialects.nemo.automodel import automodel_job
from vramlint.dialects.nemo.automodel_keys import KEYS as AUTOMODEL_KEYS
from vramlint.dialects.nemo.edits import edits
from vramlint.dialects.nemo.engine import read_engine, read_world
from vramlint.dialects.nemo.keys import DTENSOR, KEYS
from vramlint.dialects.nemo.roles import read_roles
from vramlint.dialects.nemo.rollouts import ROLLS_OUT, read_generation
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Objective

_OBJECTIVES: Mapping[str, Objective] = {
    "sft": "sft",
    "dpo": "dpo",
    "rm": "reward",
    "grpo": "grpo",
    "ppo": "ppo",
    "distillation": "sft",
}
"""Sections of the algorithms, one of which a file has. In DPO a reference takes turns with the policy in the
same memory (use_reference_model). Distillation takes a few log-probabilities of each token's float32 logits,
where fine-tuning takes one (distributed/model_utils.py, get_distillation_topk_logprobs_from_logits).
"""
_FILLED = ("policy.sequence_packing", "policy.dynamic_batching")


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The job of a file with its parents, or the reason why there is none."""
    found = inherit(values, context.open)
    if any(name in found.values for name in ("recipe", "step_scheduler")):
        return _automodel(found.values, context)
    reader = reader_of(DIALECT, found.values, context)
    stated = _unmodelled(reader)
    found.report(reader, missing=stated is None)
    outcome: TrainingJob | Obstacle | Model | None = stated or found.obstacle or _obstacle(reader)
    outcome = outcome or find_model(reader, context, "policy.model_name")
    if isinstance(outcome, Model):
        outcome = _job(reader, context, outcome)
    found.place(reader)
    return finish(DIALECT, reader, outcome)


def _automodel(values: Mapping[str, Any], context: Context) -> ReadResult:
    reader = framework_reader(values, context, "nemo-automodel", AUTOMODEL, table(AUTOMODEL_KEYS))
    return finish(DIALECT, reader, automodel_job(reader, context))


def _unmodelled(reader: Reader) -> Obstacle | None:
    """The kind of run that the file states, where it is one that is not modelled."""
    for path, why in (("token_aligner", "logits of teachers with other tokenizers are not modelled"),):
        if reader.has(path):
            return Obstacle("not-modelled", f"{path}: {why}")
    return None


def _obstacle(reader: Reader) -> Obstacle | None:
    """What keeps a file whose parents are all there from being estimated."""
    if reader.has("eval") and reader.has("generation"):
        return Obstacle("not-a-training-file", "eval and no algorithm: the file evaluates", ("eval",))
    if not any(reader.has(section) for section in _OBJECTIVES):
        return Obstacle("not-modelled", "the file does not say how it trains: it names no algorithm")
    if not any(reader.flag(path) for path in (DTENSOR + "enabled", "policy.megatron_cfg.enabled")):
        return Obstacle(
            "not-modelled", "the file names no engine: policy.dtensor_cfg.enabled or megatron_cfg"
        )
    return None


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob | Obstacle:
    micro = reader.get("policy.train_micro_batch_size", positive)
    length = reader.get("policy.max_total_sequence_length", positive)
    if micro is None or length is None:
        return Obstacle(
            "not-modelled", "policy.train_micro_batch_size or max_total_sequence_length is not set"
        )
    world = read_world(reader)
    held = read_engine(reader, model, world)
    if isinstance(held, Obstacle):
        return held
    roles = read_roles(reader, context, model)
    rows = reader.get("policy.train_global_batch_size", positive) or micro
    for field, path in (
        ("micro_batch_size", "policy.train_micro_batch_size"),
        ("sequence_length", "policy.max_total_sequence_length"),
        ("parallel.data", "cluster.gpus_per_node"),
    ):
        reader.written(field, path)
    section = next(name for name in _OBJECTIVES if reader.has(name))
    reader.written("objective", section)
    groups = held.parallel.data * held.parallel.replicate
    steps = max(rows // (micro * groups), 1)
    filled = _filled(reader, micro * length)
    job = TrainingJob(
        model=model,
        runtime=held.runtime,
        objective=_OBJECTIVES[section],
        method="full" if held.adapter is None else "lora",
        adapter=held.adapter,
        precision=held.precision,
        optimizer=held.optimizer,
        micro_batch_size=micro,
        gradient_accumulation_steps=steps,
        sequence_length=length,
        packing=filled is not None,
        gradient_checkpointing=held.checkpointing,
        loss="full-logits",
        loop="plain",
        reference_model="none",
        roles=roles,
        generation=read_generation(reader, section, micro, length) if section in ROLLS_OUT else None,
        parallel=held.parallel,
        origins=reader.record.origins,
        **{**hardware(context), "gpu_count": world.per_node, "nodes": world.nodes},
    )
    if filled is None:
        return job
    return replace(
        job,
        micro_batch_size=1,
        sequence_length=filled,
        gradient_accumulation_steps=max(-(-rows * length // (groups * filled)), 1),
    )


def _filled(reader: Reader, whole: int) -> int | None:
    """Tokens to which batches are filled; `${mul:…}` of row and batch where they are not written."""
    path = next((path for path in _FILLED if reader.flag(f"{path}.enabled")), None)
    if path is None:
        return None
    reader.written("packing", f"{path}.enabled")
    tokens = reader.get(f"{path}.train_mb_tokens", positive)
    if tokens is not None:
        reader.written("sequence_length", f"{path}.train_mb_tokens")
    return tokens or whole


DIALECT = Dialect("nemo", "NeMo RL and Automodel", "0.5", (*KEYS, *AUTOMODEL_KEYS), read, edits, "unchecked")
