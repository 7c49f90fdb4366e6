"""A run field by field, as people speak of it: what is certain, and the place that decides it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from vramlint.dialects.engines.deepspeed import stage_of_name
from vramlint.dialects.kit.dialect import UNSET
from vramlint.dialects.kit.reader import look_up, positive, text
from vramlint.dialects.kit.run import Given
from vramlint.dialects.torchtune.models import family_and_size
from vramlint.document.place import Place
from vramlint.job import Assumed, Open, TrainingJob, Written
from vramlint.lazy_dataclasses import dataclass
from vramlint.project.run_subject import Source, Subject

Opener: TypeAlias = Callable[[str], "Source | None"]


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a run; without a place it is the framework's default."""

    value: Any
    place: Place | None = None


_TABLE: Mapping[str, str] = {
    "model": "model",
    "lora_r": "adapter.r",
    "micro_batch": "micro_batch_size",
    "grad_accum": "gradient_accumulation_steps",
    "seq_len": "sequence_length",
    "packing": "packing",
    "optimizer": "optimizer",
    "grad_ckpt": "gradient_checkpointing",
}
"""Fields that are a key's value as it is written, by the job's field that the key decides."""
_NUMBERS = frozenset(("adapter.r", "micro_batch_size", "gradient_accumulation_steps", "sequence_length"))
_OBJECTIVES: Mapping[str, str] = {"reward": "rm"}
_FRAMEWORKS: Mapping[str, str] = {"nemo": "nemo-rl"}
_SUBCOMMANDS: Mapping[str, str] = {"pt": "pretrain", "pretrain": "pretrain", "sft": "sft"}


def fields_of(subject: Subject, job: TrainingJob | None, open_file: Opener) -> dict[str, Field]:
    """What is known of a run whose framework is known."""
    assert subject.dialect is not None
    found: dict[str, Field] = {"framework": _framework(subject, job)}
    for name, decided in _TABLE.items():
        field = _of_keys(subject, decided, job)
        if field is not None:
            found[name] = field
    if job is not None:
        found |= _of_job(subject, job, open_file)
    else:
        found |= _unread(subject)
    built = subject.run.arguments.get("model._component_")
    if subject.dialect.name == "torchtune" and built is not None and built.how == "implied":
        found["model"] = Field(family_and_size(str(built.value)), built.place)
    return found


def _framework(subject: Subject, job: TrainingJob | None) -> Field:
    assert subject.dialect is not None
    name = subject.dialect.name
    plain = job is not None and name == "trl" and job.loop == "trainer" and not subject.run.framework
    return Field("hf-trainer" if plain else _FRAMEWORKS.get(name, name), subject.run.program.place)


def _of_keys(subject: Subject, decided: str, job: TrainingJob | None) -> Field | None:
    """The value of the key that decides a job's field: as written, else as the framework takes it."""
    assert subject.dialect is not None
    rows = [row for row in subject.dialect.keys if row.field == decided]
    paths = [row.path for row in rows]
    if subject.dialect.model_keys and decided == "model":
        return _of_several(subject, subject.dialect.model_keys)
    paths += [old.path for old in subject.dialect.renamed if old.replacement in paths]
    if any(_is_open(subject, path) for path in paths):
        return None
    origin = job.origins.get(decided) if job else None
    if isinstance(origin, Written) and origin.document is None and origin.key:
        paths.insert(0, ".".join(map(str, origin.key)))
    for path in paths:
        value = look_up(subject.values, path)
        if value is UNSET or value is None or isinstance(value, Mapping):
            continue
        if decided in _NUMBERS and positive(value) is None:
            continue  # a switch that takes part, or a rank of none
        if decided == "gradient_accumulation_steps" and "accum" not in path:
            return Field(job.gradient_accumulation_steps, subject.place(_key(path))) if job else None
        return Field(_spelled(value), subject.place(_key(path)))
    if job is not None and decided != "adapter.r":
        known = decided != "model" and not isinstance(job.origins.get(decided), Assumed | Open | None)
        return Field(getattr(job, decided)) if known else None
    default = next((row.default for row in rows if row.default is not UNSET), None)
    if decided in _NUMBERS and positive(default) is None:
        return None
    return Field(default) if default is not None else None


def _of_several(subject: Subject, paths: tuple[str, ...]) -> Field | None:
    """A model that several keys name together, the last of them at least: torchtitan's `llama3` and `8B`."""
    words = [text(look_up(subject.values, path)) for path in paths]
    if any(_is_open(subject, path) for path in paths) or words[-1] is None:
        return None
    return Field(" ".join(word for word in words if word), subject.place(_key(paths[-1])))


def _is_open(subject: Subject, path: str) -> bool:
    given = subject.run.arguments.get(path)
    return given is not None and given.value is None


def _key(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _spelled(value: Any) -> Any:
    return value.removeprefix("torch.optim.") if isinstance(value, str) else value


def _of_job(subject: Subject, job: TrainingJob, open_file: Opener) -> dict[str, Field]:
    """What only the reading of the whole says: objective, adapter, quantization, engine."""

    def where(name: str) -> Place | None:
        return origin_place(subject, job, name, open_file)

    strategy = job.parallel.strategy
    found = {
        "method": Field(_OBJECTIVES.get(job.objective, job.objective), where("objective")),
        "adapter": Field("none" if job.method == "full" else job.method, where("method")),
        "quant": Field(job.quantization.scheme if job.quantization else "none", where("quantization")),
        "engine": Field(_engine(subject, job), _named(subject) or where("parallel.strategy")),
        "grad_ckpt": Field(job.gradient_checkpointing != "none", where("gradient_checkpointing")),
        "packing": Field(job.packing, where("packing")),
    }
    if found["engine"].value == "deepspeed":
        found["zero_stage"] = Field(int(strategy[-1]), where("parallel.strategy"))
    return found


def _named(subject: Subject) -> Place | None:
    """Where the run names its engine."""
    return subject.place(("deepspeed",)) or subject.place(("fsdp",))


def _engine(subject: Subject, job: TrainingJob) -> str:
    """Megatron's distributed optimizer shares states out as ZeRO's first stage does, without DeepSpeed."""
    strategy = job.parallel.strategy
    if job.runtime == "megatron":
        return (subject.dialect.engine if subject.dialect else "") or "megatron"
    return "deepspeed" if strategy.startswith("zero") else strategy


def origin_place(subject: Subject, job: TrainingJob, name: str, open_file: Opener) -> Place | None:
    """Where the value of a job's field is written; None where nothing is written."""
    origin = job.origins.get(name)
    if not isinstance(origin, Written):
        return None
    if origin.document is None:
        return subject.place(origin.key)
    source = next((each for each in subject.sources if each.path == origin.document), None)
    source = source or open_file(origin.document)
    return source.place(origin.key) if source else None


def _unread(subject: Subject) -> dict[str, Field]:
    """What the keys alone say where no job can be made: the method, the adapter and the engine."""
    assert subject.dialect is not None
    found: dict[str, Field] = {}
    rows = {row.field: row for row in reversed(subject.dialect.keys) if row.field}
    method = _of_keys(subject, "method", None)
    if method is not None and isinstance(method.value, str):
        found["adapter"] = Field("none" if method.value == "full" else method.value, method.place)
    quant = _of_keys(subject, "quantization.scheme", None)
    if "quantization.scheme" in rows:
        found["quant"] = quant or Field("none")
    words = str(subject.run.program.value).split()
    if subject.dialect.name == "torchtune":
        found |= _recipe(subject)
    if len(words) > 1 and words[1] in _SUBCOMMANDS:
        found["method"] = Field(_SUBCOMMANDS[words[1]], subject.run.program.place)
    kind = subject.values.get("rlhf_type")
    if isinstance(kind, str):
        found["method"] = Field(kind, subject.place(("rlhf_type",)))
    named = text(subject.values.get("deepspeed"))
    if named is not None:
        place = subject.place(("deepspeed",))
        found["engine"] = Field("deepspeed", place)
        stage = stage_of_name(named)
        if stage is not None:
            found["zero_stage"] = Field(stage, place)
    return found


def _recipe(subject: Subject) -> dict[str, Field]:
    """What the names of torchtune's recipes and of the configs that it ships say (_recipe_registry.py of
    torchtune 0.6: `lora_finetune_distributed`, `llama3_1/70B_lora`).
    """
    program = subject.run.program
    named = re.match(r"(?:qat_)?(full|lora)_(?:finetune|(dpo))", str(program.value))
    found: dict[str, Field] = {}
    if named:
        found["adapter"] = Field("none" if named[1] == "full" else "lora", program.place)
        found["method"] = Field(named[2] or "sft", program.place)
    for config in subject.missing:
        shipped = re.fullmatch(r"(\w+)/(\d+B)_\w+", str(config.value))
        if shipped:
            found["model"] = Field(f"{shipped[1]} {shipped[2]}", config.place)
    return found


BY_NAME: Mapping[str, tuple[str, ...]] = {
    "model": ("model_name_or_path", "model", "model_path", "base_model", "model_id", "model_id_or_path"),
    "micro_batch": ("per_device_train_batch_size", "micro_batch_size", "micro_batch_size_per_gpu"),
    "grad_accum": ("gradient_accumulation_steps",),
    "seq_len": (
        "model_max_length", "max_seq_length", "max_seq_len", "max_length", "block_size", "cutoff_len",
        "seq_length", "seq_len",
    ),
    "lora_r": ("lora_r", "lora_rank", "lora_dim", "use_llm_lora"),
    "optimizer": ("optim", "optimizer"),
    "zero_stage": ("zero_stage",),
}  # fmt: skip
"""Arguments of people's own scripts, by the names that most of them have."""
_SWITCHES: Mapping[str, tuple[str, ...]] = {
    "grad_ckpt": ("gradient_checkpointing", "grad_checkpoint", "checkpoint_activations"),
    "packing": ("packing", "pack"),
}
_ADAPTERS = ("lora", "use_lora", "use_peft", "lora_enable", "enable_lora")
_QUANTIZED_ADAPTERS = ("use_qlora", "q_lora", "qlora")
"""Where one of these is off, there may still be an adapter."""
_BITS = ("quant_bit", "bits", "load_in_kbits", "quantization_bit")


def fields_by_name(subject: Subject, open_file: Opener) -> dict[str, Field]:
    """What the arguments of a script that nobody knows say by their names: only what is written."""
    arguments = subject.run.arguments
    found: dict[str, Field] = {}
    framework = subject.run.framework
    if framework is not None:
        deep = framework == "megatron" and ("deepspeed" in arguments or "deepspeed_config" in arguments)
        found["framework"] = Field("megatron-deepspeed" if deep else framework, subject.run.program.place)
    for field, names in BY_NAME.items():
        given = _first(arguments, names)
        if given is not None and not isinstance(given.value, bool):
            found[field] = Field(given.value, given.place)
    for field, names in _SWITCHES.items():
        given = _first(arguments, names)
        if given is not None:
            found[field] = Field(_on(given.value), given.place)
    switch, quantized = _first(arguments, _ADAPTERS), _first(arguments, _QUANTIZED_ADAPTERS)
    if switch is None and quantized is not None and _on(quantized.value):
        switch = quantized
    if switch is not None and not _on(switch.value):
        found.pop("lora_r", None)
    elif switch is not None or "lora_r" in found:
        found["adapter"] = Field("lora", switch.place if switch else found["lora_r"].place)
    found |= _quantized(arguments)
    found |= _engine_by_name(arguments, open_file)
    return found


def _first(arguments: Mapping[str, Given], names: tuple[str, ...]) -> Given | None:
    return next(
        (arguments[name] for name in names if name in arguments and arguments[name].value is not None), None
    )


def _on(value: Any) -> bool:
    return str(value).lower() not in ("false", "0", "no", "none", "")


def _quantized(arguments: Mapping[str, Given]) -> dict[str, Field]:
    bits = _first(arguments, _BITS)
    if bits is not None:
        known = {4: "bnb-4bit", 8: "int8", 16: "none"}.get(bits.value)
        return {"quant": Field(known, bits.place)} if known else {}
    for name, scheme in (("load_in_4bit", "bnb-4bit"), ("load_in_8bit", "int8"), ("q_lora", "bnb-4bit")):
        given = _first(arguments, (name,))
        if given is not None:
            return {"quant": Field(scheme if _on(given.value) else "none", given.place)}
    return {}


def _engine_by_name(arguments: Mapping[str, Given], open_file: Opener) -> dict[str, Field]:
    """DeepSpeed or FSDP where an argument names them."""
    given = next((arguments[name] for name in ("deepspeed", "deepspeed_config") if name in arguments), None)
    if given is not None and given.value is not False:
        found = {"engine": Field("deepspeed", given.place)}
        source = open_file(str(given.value)) if isinstance(given.value, str) else None
        stage = look_up(source.values, "zero_optimization.stage") if source else UNSET
        if source is not None and stage is not UNSET:
            found["zero_stage"] = Field(stage, source.place(("zero_optimization", "stage")))
        return found
    sharded = arguments.get("fsdp")
    if sharded is not None and isinstance(sharded.value, str) and sharded.value:
        return {"engine": Field("fsdp", sharded.place)}
    return {}
