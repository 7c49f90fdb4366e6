"""The runs of a script or a notebook: each trainer that it makes, with all that is given to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from vramlint.dialects.kit.reader import text as as_text
from vramlint.dialects.kit.run import Given, Launch, Run, Trainer, Unknown
from vramlint.dialects.scripting.by_name import handed_on, quantized_by_name
from vramlint.dialects.scripting.classes import ARGUMENTS_OF_TRAINER, IMAGES, is_arguments, trainer_of
from vramlint.dialects.scripting.facts import MODEL, PREPARED, SHAPE, SPREAD, adapter_facts, model_facts
from vramlint.dialects.scripting.given import Facts, argument_of, as_value, given
from vramlint.dialects.scripting.lightning import lightning_run
from vramlint.dialects.scripting.loops import own_loop
from vramlint.dialects.scripting.machine import asked_gpu, hosted_gpu
from vramlint.dialects.scripting.program import Program
from vramlint.dialects.scripting.rooms import OF_ADAPTER, OF_MODEL, rooms, unsloth_rooms
from vramlint.dialects.scripting.rows import asked_length, tokenized, undecided
from vramlint.dialects.scripting.shell import Files, shell_runs, started_runs
from vramlint.dialects.scripting.torchtitan import registry_runs
from vramlint.dialects.scripting.unsloth import as_config, unread, unsloth_arguments
from vramlint.dialects.scripting.workers import launched
from vramlint.dialects.trl.read import LENGTHS
from vramlint.document.node import Span
from vramlint.document.place import Place, Room
from vramlint.document.python.evaluate import Evaluation
from vramlint.document.python.merging import UNDECIDED
from vramlint.document.python.values import Known, Made, Open, Table, Value
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Objective


class ScriptRun(NamedTuple):
    """A run of a script. `stated`: fields that the script says itself, whatever its framework reads."""

    run: Run
    stated: Mapping[str, Given]
    files: Files
    """What the script writes itself."""
    gpu: str | None = None
    """The GPU that the script asks its host for."""


def runs_in_program(program: Program) -> tuple[ScriptRun, ...]:
    """The runs that a script or a notebook starts, in the order of its lines; one of which nothing is known
    where not all of it is followed.
    """
    found: tuple[ScriptRun, ...] = ()
    with program.reading.limited():
        found = found if program.reading.unread else _runs(program)
    return (_unfollowed(program),) if program.reading.unread else found


def _unfollowed(program: Program) -> ScriptRun:
    """What is said of a program that is too long to follow: read in part, it may say something else."""
    return unfollowed(program.reading.unread, "a program", program.text, program.document)


def unfollowed(why: str, what: str, text: str, document: str | None = None) -> ScriptRun:
    """The run of which only that is known, at the first line of the text."""
    place = Place(Span(0, len(text.partition("\n")[0].rstrip("\r"))), document)
    opened = Unknown("estimate", f"too long to follow: {why}", place)
    run = Run(Launch(place, ("python",)), Given(what, place), "own-script", open=(opened,))
    return ScriptRun(run, {"framework": Given(None, place)}, {})


def _runs(program: Program) -> tuple[ScriptRun, ...]:
    text, language, cells, reading, _ = program
    found = []
    for made in tuple(reading.made):
        if (run := _run(made, reading)) is not None:
            reading.spend(_OF_RUN + len(reading.made) // 4)
            found.append(_with_environment(run, reading))
    looped = own_loop(reading, cells) if not found else None
    if looped is not None:
        found.append(_with_environment(ScriptRun(*looped, {}), reading))
    if "torchtitan" in text:
        found += (ScriptRun(run, _registered(run), {}) for run in registry_runs(reading))
    found += (ScriptRun(run, {}, files) for run, files in chain(shell_runs(reading), started_runs(reading)))
    gpu = hosted_gpu(text) if language == "notebook" else asked_gpu(reading.made)
    ordered = sorted(found, key=lambda each: each.run.launch.place.span.start)
    return tuple(each._replace(gpu=gpu) for each in ordered)


_OF_RUN = 50
"""The work that the facts of a run are, beside what all calls of the program say of it."""


def _registered(run: Run) -> Facts:
    """What a registry's function states; as for a config file, a launch line elsewhere says how many run."""
    place = run.program.place
    return {"framework": Given("torchtitan", place), "ranks": Given(None, place)}


def _with_environment(each: ScriptRun, reading: Evaluation) -> ScriptRun:
    """The run with the variables that the script sets."""
    known = {name: value for name, value in reading.environment.items() if isinstance(value, Known)}
    environment = {name: given(value, each.run.launch.place) for name, value in known.items()}
    return each._replace(run=replace(each.run, environment=environment)) if environment else each


def _run(made: Made, reading: Evaluation) -> ScriptRun | None:
    trainer = trainer_of(made.name)
    if trainer is not None:
        return _trained(made, trainer, reading)
    fitted = lightning_run(made, reading)
    return ScriptRun(*fitted, {}) if fitted is not None else _handed_over(made)


_FUNCTIONS: Mapping[str, str] = {
    "llamafactory.train.tuner.run_exp": "llamafactory",
    "axolotl.cli.config.load_cfg": "axolotl",
    "swift.llm.sft_main": "ms-swift",
    "swift.llm.pt_main": "ms-swift",
    "swift.llm.rlhf_main": "ms-swift",
    "swift.sft_main": "ms-swift",
    "swift.rlhf_main": "ms-swift",
    "swift.pretrain_main": "ms-swift",
}
"""Functions that take a whole config of their framework."""


def _handed_over(made: Made) -> ScriptRun | None:
    """A config that is handed to another framework's function as a dictionary or an object."""
    framework = _FUNCTIONS.get(made.name)
    config = made.arguments[0] if made.arguments else None
    keywords = (
        config.entries if isinstance(config, Table) else config.keywords if isinstance(config, Made) else None
    )
    if framework is None or not keywords:
        return None
    place = made.place
    missing = (isinstance(config, Made) and config.missing) or (
        isinstance(config, Table) and not config.whole
    )
    words = config.words if isinstance(config, Table | Made) else {}
    arguments = {name: given(value, place, words.get(name)) for name, value in keywords.items()}
    opened = (Unknown("config", "it holds more than is known here", place),) if missing else ()
    launch = Launch(place, ("python",))
    run = Run(launch, Given(made.name, place), framework, arguments=arguments, open=opened)
    return ScriptRun(run, _stated_method(framework, made, arguments), {})


def _stated_method(framework: str, made: Made, arguments: Facts) -> Facts:
    if framework != "ms-swift":
        return {}
    bits = arguments.get("quant_bits")
    scheme = {4: "bnb-nf4", 8: "int8"}.get(bits.value) if bits is not None else None
    stated = {"quant": replace(bits, value=scheme)} if bits is not None and scheme is not None else {}
    kind = {"sft_main": "sft", "pt_main": "pretrain", "pretrain_main": "pretrain"}.get(made.kind)
    asked = arguments.get("rlhf_type")
    found = Given(kind, made.place) if kind is not None else asked
    return {**stated, "method": found} if found is not None else stated


def _trained(made: Made, trainer: Trainer, reading: Evaluation) -> ScriptRun | None:
    """A trainer with its model, its arguments and its adapter."""
    if not _is_used_to_train(made):
        return None
    place = made.origin or made.place
    model = made.argument("model", 0)
    if made.defined is not None and model is None and not made.keywords:
        return None
    facts = model_facts(model, place)
    if isinstance(model, Known) and facts is not None:
        facts[MODEL] = argument_of(made, "model", 0) or facts[MODEL]
        facts |= quantized_by_name(made, made.argument("args", 1), place)
    if facts is None or (model is None and not made.missing):
        return None
    if trainer.objective != "reward" and _is_classifier(model):
        return None
    if trainer.library == "transformers" and isinstance(model, Open) and made.owner is None and not facts:
        return None
    config = made.argument("args", 1)
    found, opened = _arguments(config, trainer, place)
    own = {
        name: given(made.keywords[name], place, made.words.get(name))
        for name in ARGUMENTS_OF_TRAINER
        if name in made.keywords
    }
    facts |= adapter_facts(made.keywords.get("peft_config"), place)
    checkpoints = facts.get("gradient_checkpointing")
    arguments: Facts = {**own, **found, **{k: v for k, v in facts.items() if k != "gradient_checkpointing"}}
    if checkpoints is not None:
        # Both switch it on: the method of the model acts whatever the arguments say, unless they say it too.
        arguments["gradient_checkpointing"] = checkpoints
    prepared, shape, spread = (arguments.pop(name, None) for name in (PREPARED, SHAPE, SPREAD))
    if prepared is not None:
        trainer = trainer._replace(prepared=bool(prepared.value))
        if prepared.value is None:
            opened.append(Unknown("weights_dtype", prepared.why, prepared.place))
    objective: Objective = "pretrain" if arguments.pop("fresh", None) else trainer.objective
    room = rooms(arguments, config, reading.made)
    if "unsloth" in arguments:
        room = unsloth_rooms(room, arguments["unsloth"].place, reading.made)
        return _with_unsloth(made, arguments, config, objective, opened, room)
    if trainer.library == "transformers":
        length = tokenized(reading.made) or asked_length(reading.made)
        if length is not None:
            arguments.setdefault("max_length", length)
        elif not any(name in arguments and arguments[name].value for name in LENGTHS):
            opened.append(undecided(reading.made, place))
    launch = launched(place, reading.made, alone=not _needs_launcher(arguments, reading.made))
    if not made.certain:
        opened.append(Unknown("entry", UNDECIDED, place))
    stated = _halved(arguments) | ({"model": shape} if shape is not None else {})
    run = Run(
        launch,
        Given(made.kind, place),
        "trl",
        arguments=arguments,
        open=tuple(opened),
        trainer=trainer._replace(
            objective=objective,
            images=_reads_images(made),
            spread=spread is not None,
            by_name=isinstance(model, Known),
            called=True,
        ),
        rooms=room,
    )
    library = "hf-trainer" if trainer.library == "transformers" else "trl"
    method = {"reward": "rm"}.get(objective, objective)
    if made.kind == "Seq2SeqTrainer":
        method = "seq2seq"
    return ScriptRun(run, {**stated, "framework": Given(library, place), "method": Given(method, place)}, {})


def _reads_images(made: Made) -> bool:
    """Whether a trainer is given a processor, which makes tokens and pixels, or a collator of images."""
    given_to = (made.argument(name) for name in ("processing_class", "tokenizer", "data_collator"))
    return any(isinstance(each, Made) and IMAGES.search(each.name) for each in given_to)


def _halved(arguments: Facts) -> Facts:
    """`auto_find_batch_size` halves the batch until it fits (trainer.py of transformers 5.24)."""
    switch = arguments.get("auto_find_batch_size")
    if switch is None or not switch.value:
        return {}
    why = "auto_find_batch_size halves it until it fits"
    arguments["per_device_train_batch_size"] = replace(switch, value=None, why=why)
    return {"micro_batch": replace(switch, value="auto")}


def _stated_bits(arguments: Facts) -> Facts:
    """The quantization of a model that Unsloth loads (bitsandbytes' nf4 in models/loader.py)."""
    for name, scheme in (("load_in_8bit", "int8"), ("load_in_4bit", "bnb-nf4")):
        if as_value(arguments, name):
            return {"quant": replace(arguments[name], value=scheme)}
    return {}


def _with_unsloth(
    made: Made,
    arguments: Facts,
    config: Value | None,
    objective: Objective,
    opened: list[Unknown],
    room: Mapping[str, Room],
) -> ScriptRun:
    """A run of a model that Unsloth loaded."""
    place = made.place
    if as_value(arguments, "embedding_learning_rate") is not None:
        objective = "pretrain"  # UnslothTrainingArguments have it for continued pretraining alone
    patched = isinstance(config, Made) and config.name.startswith("trl.")
    arguments = unsloth_arguments(arguments, patched=patched, objective=objective)
    why = unread(arguments, objective)
    if why is not None:
        opened.append(Unknown("estimate", why, place))
    run = Run(
        Launch(place, ("python",)),
        Given(made.kind, place),
        "unsloth",
        arguments=as_config(arguments),
        open=tuple(opened),
        trainer=Trainer(
            "unsloth",
            objective,
            optimizer=as_text(as_value(arguments, "optim")),
            images=_reads_images(made),
        ),
        rooms=room,
    )
    stated = {"framework": Given("unsloth", arguments["unsloth"].place), "method": Given(objective, place)}
    if "optim" in arguments:
        stated["optimizer"] = arguments["optim"]
    stated |= _stated_bits(arguments)
    return ScriptRun(run, stated, {})


def _is_used_to_train(made: Made) -> bool:
    """Whether nothing says that the trainer only evaluates."""
    called = {method.name for method in made.methods}
    return "train" in called or not called & {"evaluate", "predict"}


def _is_classifier(model: Value | None) -> bool:
    while isinstance(model, Made):
        if "ForSequenceClassification" in model.name:
            return True
        model = model.arguments[0] if model.arguments else None
    return False


def _arguments(config: Value | None, trainer: Trainer, place: Place) -> tuple[Facts, list[Unknown]]:
    """TrainingArguments and the configs of TRL: their names are the keys."""
    if config is None or (isinstance(config, Known) and config.value is None):
        return {}, []
    if not isinstance(config, Made):
        why = config.why if isinstance(config, Open) else "arguments that are not known here"
        return _all_open(why, place), []
    found = {
        name: given(handed_on(value), config.place, config.words.get(name))
        for name, value in config.keywords.items()
    }
    found = {name: each for name, each in found.items() if name not in _RUNTIME or each.value is not None}
    for name in (OF_MODEL | OF_ADAPTER.keys()) & found.keys():
        del found[name]  # of a class of the script's own: what it means is up to the script
    for name in ("bf16", "fp16"):
        if name in found and found[name].value is None:
            _decide_by_gpu(found, name, config)
    missing = config.missing
    if not missing and not is_arguments(config.name):
        missing = f"made by {config.name}(), which is not followed"
    if missing:
        return {**_all_open(missing, config.place), **found}, []
    if trainer.library == "trl" and config.kind == "TrainingArguments":
        # SFTTrainer makes an SFTConfig of all its values (trainer/sft_trainer.py of trl 1.16).
        for name in ("gradient_checkpointing", "bf16"):
            found.setdefault(name, Given(False, config.place, "implied"))
    return found, []


_RUNTIME = frozenset(
    [
        "output_dir",
        "run_name",
        "hub_model_id",
        "learning_rate",
        "num_train_epochs",
        "max_steps",
        "warmup_steps",
        "warmup_ratio",
        "eval_strategy",
        "save_strategy",
        "logging_steps",
        "seed",
        "report_to",
        "save_steps",
        "eval_steps",
        "logging_dir",
        "push_to_hub",
        "hub_token",
        "weight_decay",
        "lr_scheduler_type",
        "hub_private_repo",
        "do_train",
        "do_eval",
    ]
)
"""Arguments that decide no memory, so that an open one is no loss."""
_DECIDING = ("per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing", "optim")


def _all_open(why: str, place: Place) -> Facts:
    names = (*_DECIDING, "max_length", "packing", "bf16")
    return {name: Given(None, place, "literal", place, why) for name in names}


_BY_GPU = (
    "is_bf16_supported",
    "is_bfloat16_supported",
    "is_torch_bf16_gpu_available",
    "get_device_capability",
)


def _decide_by_gpu(found: Facts, name: str, config: Made) -> None:
    """`bf16=is_bf16_supported(), fp16=not …`: 16 bits either way; bfloat16 where the GPU has it."""
    value = config.keywords[name]
    said = value.why if isinstance(value, Open) else value.kind if isinstance(value, Made) else ""
    if any(each in said for each in _BY_GPU) or (name == "fp16" and "bf16" in config.keywords):
        found[name] = Given(name == "bf16", found[name].place, "implied")


def _needs_launcher(arguments: Mapping[str, Given], made: Sequence[Made]) -> bool:
    """Whether an engine is named, which takes a launcher that is not seen."""
    return any(
        arguments[name].value not in (None, False, "", [])
        for name in ("deepspeed", "fsdp")
        if name in arguments
    ) or any(each.kind == "init_process_group" for each in made)
