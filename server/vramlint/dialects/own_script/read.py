"""Reads people's own configs by name, as Hugging Face arguments: an assumption that every report repeats.

A fact that decides memory and is not there, or is said twice, leaves the file without an estimate. Nothing is
said of keys, and no framework's own rules apply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.read_only import no_edits
from vramlint.dialects.kit.reader import Reader, positive, table, text
from vramlint.dialects.kit.reading import finish, framework_reader
from vramlint.dialects.kit.run import Trainer
from vramlint.dialects.own_script.names import KEYS, Found, collect
from vramlint.dialects.trl.keys import KEYS as ARGUMENTS
from vramlint.dialects.trl.read import TRANSFORMERS, job_of
from vramlint.dialects.trl.weights import raised
from vramlint.job import Parallel, TrainingJob
from vramlint.lazy_dataclasses import replace

BY_NAME = "read by name as Hugging Face arguments; the script may do otherwise"
OWN_LOOP = "the training loop is read in the script; what other modules do is not known"
_DECIDING = {
    "model_name_or_path": "the model",
    "per_device_train_batch_size": "the batch of a GPU",
    "max_seq_length": "the length of a row",
}
"""Arguments without which there is no estimate, in words."""
_ADAPTERS = ("lora", "qlora", "dora", "rslora", "peft")
_OBJECTIVES: Mapping[str, tuple[str, str | float]] = {
    "dpo": ("loss_type", "sigmoid"),
    "orpo": ("cpo_alpha", 1.0),
    "kto": ("desirable_weight", 1.0),
}
"""Objective → an argument of TRL that says the same."""
_PLAIN = ("sft", "full", "pretrain", "causal_lm", "instruction", "finetune", "fine-tune", "full_finetune")
_UNSAID = re.compile(
    r"grpo|ppo|rloo|rlhf|gkd|distil|reward|rm$|classif|seq_cls|token_cls|embed|auto|mlx|freeze"
)
"""Methods whose memory such a file does not tell."""
_TUNED = re.compile(r"ia3|vera|loha|lokr|prefix|prompt|adalora|oft")


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The job that the names of a file describe."""
    found = collect(values)
    _objective(found)
    _switches(found)
    reader = _reader(found, context)
    outcome = _missing(found, reader) or _model(reader, context, values)
    job = _job(found, reader, context, outcome) if isinstance(outcome, Model) else outcome
    if isinstance(job, TrainingJob) and context.trainer is not None:
        job = _in_own_loop(job, context.trainer)
    return replace(finish(DIALECT, reader, job), problems=())


def _reader(found: Found, context: Context) -> Reader:
    """A reader of the arguments. TRL's own defaults do not hold: its rows are as before its first release."""
    reader = framework_reader(found.values, context, "transformers", TRANSFORMERS, table(ARGUMENTS))
    return replace(reader, releases={**reader.releases, "trl": "0"}, places=found.places)


def _objective(found: Found) -> None:
    for method, path in found.methods:
        argument = _OBJECTIVES.get(method)
        if argument is not None:
            found.values.setdefault(*argument)
            found.places.setdefault(argument[0], path)


def _switches(found: Found) -> None:
    """Turn on what the names imply: an adapter by its rank, autocast by the name of a dtype."""
    if "lora_r" in found.values and not found.off:
        found.values["use_peft"] = True
        found.places["use_peft"] = found.places["lora_r"]
    for word, argument in (("bf16", "bf16"), ("bfloat16", "bf16"), ("fp16", "fp16"), ("float16", "fp16")):
        if f"_{word}" in found.values:
            found.values.setdefault(argument, True)
            found.places.setdefault(argument, found.places[f"_{word}"])
    if found.values.get("gradient_checkpointing") == "unsloth":
        found.values["gradient_checkpointing"] = True
    if found.values.get("optim") in ("adamw", "AdamW"):
        found.values["optim"] = "adamw_torch"


def _missing(found: Found, reader: Reader) -> Obstacle | None:
    """What the file does not say, or says twice."""
    for argument, words in _DECIDING.items():
        value = reader.get(argument, text if argument == "model_name_or_path" else positive)
        if value is None or argument in found.open:
            why = "two names say it differently" if argument in found.open else "no name says it"
            return Obstacle("not-modelled", f"{words} is open: {why}", reader.at(argument))
    methods = [method for method, _ in found.methods]
    unsaid = next((method for method in methods if _UNSAID.search(method)), None)
    if unsaid is not None:
        return Obstacle("not-modelled", f"the file does not say what {unsaid} holds in memory")
    tuned = next((method for method in methods if _TUNED.search(method) and method != "ia3"), None)
    if tuned is not None:
        return Obstacle("not-modelled", f"what {tuned} trains is not told by names")
    if found.quantized and not {"load_in_4bit", "load_in_8bit"} & found.values.keys():
        name = ".".join(map(str, found.quantized[0]))
        return Obstacle(
            "not-modelled", f"quantization is open: {name} is no name that is known", found.quantized[0]
        )
    adapter = "lora_r" in found.values and not found.off
    if not adapter and "ia3" not in methods:
        quantized = reader.flag("load_in_4bit") or reader.flag("load_in_8bit")
        if quantized or any(method in _ADAPTERS for method in methods) or "lora_alpha" in found.values:
            return Obstacle("not-modelled", "the adapter's rank is open: no name says it")
    return None


_OF_TEXT = ("decoder", "hybrid-decoder", "ssm", "encoder-decoder")
_MEDIA = re.compile(
    r"(?i)image|vision|visual|video|pixel|audio|speech|multi_?modal|ocr|vqa|(?<![a-z])v(?:l|lm)(?![a-z])"
)
"""In names of keys, data sets and models whose rows are not text alone."""


def _media(name: str, values: Any) -> bool:
    """Whether anything of a file speaks of other rows than text, for a model that takes both."""
    if isinstance(values, Mapping):
        return any(_media(str(key), value) for key, value in values.items()) or bool(_MEDIA.search(name))
    if isinstance(values, list):
        return bool(_MEDIA.search(name)) or any(_media("", value) for value in values)
    return bool(_MEDIA.search(name) or (isinstance(values, str) and _MEDIA.search(values)))


def _model(reader: Reader, context: Context, values: Mapping[str, Any]) -> Model | Obstacle:
    name = reader.get("model_name_or_path", text) or ""
    found = context.catalog.model(name, context.folder)
    if found is None:
        return Obstacle("not-modelled", f"nothing is known about the model {name!r}")
    if found.kind not in _OF_TEXT and (found.kind != "vision-language" or _media(name, values)):
        return Obstacle("not-modelled", f"{name}: rows of images or other media are not told by names")
    reader.written("model", "model_name_or_path")
    return found


def _job(found: Found, reader: Reader, context: Context, model: Model) -> TrainingJob | Obstacle:
    if model.quantized_as is not None and "use_peft" not in found.values:
        return Obstacle("not-modelled", "the weights are quantized and the adapter's rank is open")
    if any(method == "ia3" for method, _ in found.methods):
        found.values["use_peft"] = True
        job = replace(job_of(reader, context, model), method="ia3")
    else:
        job = job_of(reader, context, model)
    if job.objective not in ("sft", "dpo", "orpo", "kto", "pretrain"):
        return Obstacle("not-modelled", f"names do not tell what {job.objective} holds in memory")
    reader.assume("loop", BY_NAME if context.trainer is None else OWN_LOOP)
    return job


def _in_own_loop(job: TrainingJob, trainer: Trainer) -> TrainingJob:
    """The job as a loop trains it that a script writes itself."""
    job = replace(job, loop=trainer.loop)
    if trainer.alone:
        job = replace(job, parallel=Parallel())
    return raised(job) if trainer.prepared else job


DIALECT = Dialect(
    name="own-script",
    title="own script, read by name",
    version=TRANSFORMERS,
    keys=KEYS,
    read=read,
    edits=no_edits,
    unknown_keys="unchecked",
)
