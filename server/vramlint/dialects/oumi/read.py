"""oumi: YAML in sections, which becomes arguments of TRL's and transformers' trainers.

Semantics of 0.9 (`core/configs/`, `builders/models.py`, `distributed.py`): the arguments are made as oumi
makes them and read as TRL's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import UNSET, Changes, Context, Dialect, Obstacle, ReadResult, SetKey
from vramlint.dialects.kit.edits import Editor, edit, key
from vramlint.dialects.kit.interpolation import resolve
from vramlint.dialects.kit.reader import Reader, look_up, positive
from vramlint.dialects.kit.reading import find_model, finish, framework_reader
from vramlint.dialects.kit.run import Trainer
from vramlint.dialects.oumi.flatten import flatten, word
from vramlint.dialects.oumi.keys import KEYS, arguments
from vramlint.dialects.trl.read import job_of
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace

VERSION = "0.9"
_TRAINERS: Mapping[str, Trainer] = {
    "TRL_SFT": Trainer("trl", "sft"),
    "TRL_DPO": Trainer("trl", "dpo"),
    "TRL_KTO": Trainer("trl", "kto"),
    "TRL_GRPO": Trainer("trl", "grpo"),
    "TRL_GKD": Trainer("trl", "distillation"),
    "HF": Trainer("transformers", "sft"),
    "OUMI": Trainer("transformers", "sft"),
}
UNBOUNDED = 2048
"""Tokens that stand for the longest sample where the file cuts nothing."""


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run of `oumi train`."""
    whole = resolve(values)
    flat = flatten(whole)
    kind = word(whole, "training.trainer_type") or "HF"
    trainer = _TRAINERS.get(kind)
    reader = framework_reader(flat.values, context, "oumi", VERSION, arguments())
    releases = reader.releases if trainer and trainer.library == "trl" else {**reader.releases, "trl": "0"}
    reader = replace(reader, places=flat.places, releases=releases)
    if not isinstance(whole.get("training"), Mapping):
        return finish(
            DIALECT, reader, Obstacle("not-a-training-file", "no training section: it does not train")
        )
    if trainer is None:
        path = ("training", "trainer_type")
        return finish(
            DIALECT, reader, Obstacle("not-modelled", f"training.trainer_type: {kind} is not modelled", path)
        )
    if look_up(whole, "peft.lora_exclude_modules") not in (UNSET, None, [], ""):
        message = "peft.lora_exclude_modules: linears that are left out are not modelled"
        return finish(DIALECT, reader, Obstacle("not-modelled", message, ("peft", "lora_exclude_modules")))
    model = find_model(reader, context, "model_name_or_path")
    if isinstance(model, Obstacle):
        return finish(DIALECT, reader, model)
    context = replace(context, trainer=trainer)
    return finish(DIALECT, reader, _job(reader, context, model, kind), whole)


def _job(reader: Reader, context: Context, model: Model, kind: str) -> TrainingJob:
    job = job_of(reader, context, model)
    if reader.get("max_length", positive) is None and job.generation is None:
        reader.assume(
            "sequence_length",
            f"model.model_max_length cuts nothing, so the longest sample decides; {UNBOUNDED} tokens assumed",
        )
        job = replace(job, sequence_length=UNBOUNDED)
    if job.quantization is not None:
        # build_peft_model calls PEFT's prepare_model_for_kbit_training.
        job = replace(job, quantization=replace(job.quantization, kbit_prep="fp32-norms-embeddings-head"))
    return replace(job, loop="plain") if kind == "OUMI" else job


_EDITORS: Mapping[str, Editor] = {
    "micro_batch_size": key("training.per_device_train_batch_size"),
    "gradient_accumulation_steps": key("training.gradient_accumulation_steps"),
    "sequence_length": key("model.model_max_length"),
    "adapter.r": key("peft.lora_r"),
    "optimizer": key("training.optimizer"),
    "evaluation.batch": key("training.per_device_eval_batch_size"),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`."""
    return edit(_EDITORS, values, job, changes)


DIALECT = Dialect("oumi", "oumi", VERSION, KEYS, read, edits, "unchecked")
