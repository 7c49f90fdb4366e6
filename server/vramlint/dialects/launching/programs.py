"""The programs that train, and how each takes its arguments: what is left of a command as a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple, TypeAlias

from vramlint.dialects.kit.run import Given, Launch, Run, Trainer, Unknown
from vramlint.dialects.launching import unsloth
from vramlint.dialects.launching.arguments import OPEN, Arguments, is_flag, read_arguments
from vramlint.dialects.launching.options import ACCELERATE, TORCHRUN, engine_keys
from vramlint.dialects.launching.peel import Peeled
from vramlint.dialects.launching.registered import (
    with_components,
    with_named,
    with_registered,
    with_shipped,
)
from vramlint.document.flags import spelled_out
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Objective
from vramlint_schemas import removed_in, section

Ranks: TypeAlias = Literal["one", "launcher", "environment", "config"]
"""Who says how many processes run: nobody (one), a launcher, the environment, or the config itself."""


class Program(NamedTuple):
    """A program that trains: its name as a pattern, the subcommands that train (empty: it has none), the
    dialect of its files and flags (None: its config says), and who starts its processes.
    """

    name: str
    subcommands: frozenset[str] = frozenset()
    framework: str | None = None
    ranks: Ranks = "launcher"
    positional: str | None = None
    """The key that its first positional word sets."""
    named: str | None = None
    """The key that its own name sets, where only the name says what it trains for."""
    implied: Mapping[str, Mapping[str, Any]] = {}
    """What a subcommand or a module says by its name: keys with its own defaults."""
    started_by: str = ""
    """The launcher without which a script of this name is another's."""
    keys: Mapping[str, str] = {}
    """Its options by the keys of its config, where they are called otherwise."""
    counts: tuple[str, str] = ("", "")
    """Its own arguments that say how many processes a node has, and how many nodes."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TRL_EXAMPLES = r"(?:.*/)?examples/scripts/(?:sft|dpo|kto|orpo|cpo|reward_modeling)\.py"
"""Scripts of trl's repository, which take the arguments of its commands; another project can have files of
such names, so one that is there is read instead.
"""

PROGRAMS = (
    Program(r"axolotl", _words("train"), "axolotl"),
    Program(r"axolotl\.cli\.train|scripts/finetune\.py", framework="axolotl"),
    Program(r"llamafactory-cli|lmf|llamafactory\.cli", _words("train"), "llamafactory", "environment"),
    Program(r"(?:.*\.)?llamafactory\.(?:launcher|cli)|train_bash\.py", framework="llamafactory"),
    Program(r"swift", _words("sft pt rlhf dpo"), "ms-swift", "environment"),
    Program(r"(?:.*/)?swift/cli/(?:sft|pt|rlhf)\.py|swift\.cli\.(?:sft|pt|rlhf)", framework="ms-swift"),
    Program(r"megatron", _words("sft pt rlhf"), "ms-swift", "environment"),
    Program(r"(?:.*/)?swift/cli/_megatron/\w+\.py|swift\.cli\._megatron\.\w+", framework="ms-swift"),
    Program(r"tune", _words("run"), "torchtune"),
    Program(
        r"litgpt",
        _words("finetune finetune_full finetune_lora"),
        "litgpt",
        "config",
        "checkpoint_dir",
        implied={
            "finetune": {"lora_r": 8, "devices": 1},
            "finetune_lora": {"lora_r": 8, "devices": 1},
            "finetune_full": {"devices": 1},
        },  # finetune/lora.py and finetune/full.py of litgpt 0.5.13
    ),
    Program(r"litgpt", _words("pretrain"), "litgpt", "config", "model_name"),
    Program(r"trl", _words("sft dpo kto grpo rloo reward orpo cpo online-dpo"), "trl"),
    Program(r"trl\.scripts\.\w+|(?:.*/)?trl/scripts/\w+\.py", framework="trl"),
    Program(TRL_EXAMPLES, framework="trl"),
    Program(
        r"verl\.trainer\.(?:fsdp_sft_trainer|sft_trainer\w*|main_ppo\w*)"
        r"|(?:.*/)?verl/trainer/(?:fsdp_sft_trainer|sft_trainer\w*|main_ppo\w*)\.py",
        framework="verl",
        implied={"verl.trainer.main_ppo": {"trainer.n_gpus_per_node": 8}},  # trainer/config of verl 0.9.1
    ),
    Program(r"torchtitan\.train|(?:.*/)?torchtitan/train\.py", framework="torchtitan"),
    Program(r"(?:.*/)?scripts/train/train\.py", framework="llm-foundry"),
    Program(r"(?:.*/)?train/train\.py", framework="llm-foundry", started_by="composer"),
    Program(r"llmfoundry", _words("train"), "llm-foundry"),
    Program(r"oumi", _words("train"), "oumi"),
    Program(r"unsloth", _words("train"), "unsloth", keys=unsloth.COMMAND_KEYS),
    Program(
        r"(?:.*/)?unsloth-cli\.py",
        framework="unsloth",
        keys=unsloth.SCRIPT_KEYS,
        implied={"unsloth-cli.py": unsloth.SCRIPT_DEFAULTS},
    ),
    Program(
        r"openrlhf\.cli\.train_\w+",
        framework="openrlhf",
        named="script",
        counts=("actor_num_gpus_per_node", "actor_num_nodes"),
    ),
    Program(r"sft|rl|prime_rl\.(?:trainer\.)?(?:sft|rl)(?:\.train)?", framework="prime-rl", started_by="@"),
    Program(r"(?:.*/)?prime_rl/(?:trainer/)?(?:sft|rl)(?:/train)?\.py", framework="prime-rl"),
    Program(r"automodel|nemo_automodel\.cli\.app", framework="nemo", counts=("nproc_per_node", "")),
    Program(r"(?:.*/)?train\.py", framework="gpt-neox", started_by="deepy"),
    Program(r"(?:.*/)?pretrain_(?:gpt|mamba|t5|bert|llama)\.py", framework="megatron"),
)


EXAMPLE_SCRIPTS = re.compile(r"(?:.*/)?(?:run_clm|run_clm_no_trainer|run_mlm|run_clm_lora)\.py\Z")
"""Scripts of transformers (examples/pytorch/language-modeling) whose arguments are its Trainer's own."""
_OBJECTIVES: Mapping[str, Objective] = {
    "sft": "sft",
    "dpo": "dpo",
    "kto": "kto",
    "orpo": "orpo",
    "cpo": "orpo",
    "grpo": "grpo",
    "rloo": "grpo",
    "reward": "reward",
    "reward_modeling": "reward",
}
"""What each command of trl trains for, as its scripts are named (cli/commands of trl 1.16)."""


def run_of(peeled: Peeled, environment: Mapping[str, Given]) -> Run | None:
    """The run that a command without its launchers is; None where it does not train, as far as its name says.

    `environment`: the variables that it sees, by name.
    """
    first = str(peeled.words[0].value) if peeled.words else ""
    for program in PROGRAMS:
        if not re.fullmatch(program.name, first) and not re.fullmatch(
            program.name, PurePosixPath(first).name
        ):
            continue
        if program.started_by and program.started_by not in (*peeled.by, *_second(peeled)):
            continue
        if not program.subcommands:
            return _script(peeled, environment, program)
        named = peeled.words[1].value if len(peeled.words) > 1 else None
        if named in program.subcommands:
            return _subcommand(peeled, environment, program)
    if first.endswith((".py", OPEN)) or peeled.module:
        return _script(peeled, environment, None)
    return None


def _second(peeled: Peeled) -> tuple[object, ...]:
    """The word after the program: `sft @ run.toml`."""
    return tuple(word.value for word in peeled.words[1:2])


def _script(peeled: Peeled, environment: Mapping[str, Given], program: Program | None) -> Run:
    words = peeled.words[1:]
    if program is not None and program.framework == "gpt-neox":
        words = _in_folder(words)
    arguments = read_arguments(words)
    if program is None and any(key.startswith("actor_rollout_ref.") for key in arguments.values):
        program = _OVER_VERL
        arguments = _composed(arguments, peeled.words[0])
    if program is None:
        program = next((known for names, known in _BY_ARGUMENTS if arguments.values.keys() >= names), None)
    if program is not None and program.framework == "torchtitan":
        arguments = with_registered(arguments)
    if program is not None and program.framework == "verl":
        arguments = with_named(arguments)
    if program is not None and peeled.per_node is None and peeled.processes is None:
        per_node, nodes = program.counts
        peeled.per_node = arguments.values.get(per_node)
        peeled.nodes = arguments.values.get(nodes, peeled.nodes)
    return _run(peeled.launch(), peeled.words[0], arguments, environment, program)


_OVER_VERL = Program(r"", framework="verl")
"""A program that its keys alone tell."""
_BY_ARGUMENTS: tuple[tuple[frozenset[str], Program], ...] = (
    (
        frozenset(("hf_checkpoint", "rollout_batch_size")),
        Program(r"", framework="slime", counts=("actor_num_gpus_per_node", "actor_num_nodes")),
    ),
    (
        frozenset(("num_layers", "hidden_size", "num_attention_heads", "micro_batch_size", "seq_length")),
        Program(r"", framework="megatron"),
    ),
)
"""Arguments without which no program over slime, or over Megatron-LM (training/arguments.py), starts."""
_RECIPES = re.compile(r"(?:recipe|verl)[./].*")
"""verl's own programs: the configs of its recipes change nothing that decides memory (recipe/ of verl)."""


def _composed(arguments: Arguments, name: Given) -> Arguments:
    """The arguments of a program over verl, which has defaults of its own."""
    if _RECIPES.fullmatch(str(name.value)):
        return arguments
    why = f"the defaults of {name.value} are its own"
    return arguments._replace(open=(*arguments.open, Unknown("config", why, name.place)))


def _in_folder(words: Sequence[Given]) -> Sequence[Given]:
    """`-d FOLDER A.yml B`: the config files of a folder, whose ends may be left out (consume_deepy_args of
    megatron/neox_arguments in gpt-neox 2.0).
    """
    at = next((index for index, word in enumerate(words) if word.value in ("-d", "--conf_dir")), None)
    folder = "" if at is None else "".join(f"{word.value}/" for word in words[at + 1 : at + 2])
    named = words if at is None else [*words[:at], *words[at + 2 :]]
    return [
        word if is_flag(word) else replace(word, value=folder + _with_end(str(word.value))) for word in named
    ]


def _with_end(name: str) -> str:
    return name if name.endswith((".yml", ".yaml")) else f"{name}.yml"


def _subcommand(peeled: Peeled, environment: Mapping[str, Given], program: Program) -> Run:
    """`axolotl train FILE`, `swift sft`, `tune run RECIPE --config NAME` …"""
    first, second, *rest = peeled.words
    words: Sequence[Given] = rest
    name = replace(first, value=f"{first.value} {second.value}")
    peeled.by.append(str(first.value))
    if first.value == "tune":
        options, at = TORCHRUN.split(words)
        peeled.per_node = options.get("nproc_per_node", peeled.per_node)
        peeled.nodes = options.get("nnodes", peeled.nodes)
        words = words[at + 1 :]
        name = rest[at] if at < len(rest) else name
    if first.value == "axolotl":
        words = _axolotl(peeled, words)
    arguments = read_arguments(words)
    if first.value == "trl":
        arguments = _trl(peeled, arguments)
    if program.framework == "torchtune":
        arguments = with_components(arguments)
    if program.framework is not None:
        arguments = with_shipped(arguments, program.framework)
    launch = peeled.launch()
    if program.ranks == "environment":
        launch = _by_environment(launch, environment)
    return _run(launch, name, arguments, environment, program)


def _axolotl(peeled: Peeled, words: Sequence[Given]) -> Sequence[Given]:
    """`axolotl train` starts accelerate, or what `--launcher` says with the words after `--`
    (cli/utils/train.py of axolotl 0.21).
    """
    texts = [word.value for word in words]
    end = texts.index("--") if "--" in texts else len(words)
    own, handed = words[:end], words[end + 1 :]
    chosen = next(
        (
            str(text).partition("=")[2] or texts[index + 1]
            for index, text in enumerate(texts[:end])
            if str(text).startswith("--launcher") and ("=" in str(text) or index + 1 < end)
        ),
        "accelerate",
    )
    peeled.by.append(str(chosen))
    if chosen == "torchrun":
        options, _ = TORCHRUN.split(handed)
        peeled.per_node = options.get("nproc_per_node", peeled.per_node)
        peeled.nodes = options.get("nnodes", peeled.nodes)
    elif chosen == "accelerate":
        options, _ = ACCELERATE.split(handed)
        _accelerated(peeled, options)
    return own


def _trl(peeled: Peeled, arguments: Arguments) -> Arguments:
    """trl hands what it does not know to `accelerate launch` (cli/accelerate_launcher.py of trl 1.16)."""
    peeled.by.append("accelerate")
    keys = engine_keys(arguments.values)
    own = {name: given for name, given in arguments.values.items() if name not in _ACCELERATED}
    _accelerated(peeled, {name: given for name, given in arguments.values.items() if name in _ACCELERATED})
    peeled.engine = {key: given for key, given in keys.items() if key.rpartition(".")[2] not in own}
    return arguments._replace(values=own)


_ACCELERATED = frozenset(
    ("num_processes", "num_machines", "config_file", "use_fsdp", "use_deepspeed", "multi_gpu")
)


def _accelerated(peeled: Peeled, options: Mapping[str, Given]) -> None:
    peeled.engine = engine_keys(options)
    peeled.engine_file = options.get("config_file")
    peeled.processes = options.get("num_processes", peeled.processes)
    peeled.nodes = options.get("num_machines", peeled.nodes)


def _by_environment(launch: Launch, environment: Mapping[str, Given]) -> Launch:
    """Programs that start torchrun themselves take its numbers from the environment (launcher.py of
    LLaMA-Factory 0.9.5; cli/main.py of ms-swift 4).
    """
    return replace(
        launch,
        per_node=launch.per_node or environment.get("NPROC_PER_NODE"),
        nodes=launch.nodes or environment.get("NNODES"),
    )


def _run(
    launch: Launch,
    name: Given,
    arguments: Arguments,
    environment: Mapping[str, Given],
    program: Program | None,
) -> Run:
    framework = program.framework if program else None
    values = _renamed(arguments.values, program.keys if program is not None else {})
    if framework in _PARSED_BY_CLASSES or (framework is None and EXAMPLE_SCRIPTS.match(str(name.value))):
        values = _spelled_out(values, framework or "trl")
    if framework in _NEGATED:
        values = _switched_off(values, framework or "trl")
    if program is not None and program.positional and arguments.positional:
        said = values.get(program.positional)
        if said is None or said.how == "implied":
            values[program.positional] = arguments.positional[0]
    if program is not None and program.named:
        values.setdefault(program.named, name)
    own_name = re.split(r"[ /]", str(name.value))[-1]
    implied = program.implied.get(own_name, {}) if program is not None else {}
    if not arguments.configs:
        values |= {
            key: Given(value, name.place, "implied") for key, value in implied.items() if key not in values
        }
    return Run(
        launch,
        name,
        framework,
        arguments.configs,
        values,
        environment,
        arguments.open,
        _trainer(str(name.value), framework),
    )


_NEGATED = frozenset((None, "trl", "axolotl", "llamafactory", "ms-swift"))
"""Frameworks whose `--no-x` switches a key off: by HfArgumentParser of transformers 5.24, and by Axolotl's
options (cli/utils/args.py of axolotl 0.21).
"""


def _switched_off(values: Mapping[str, Given], schema: str) -> dict[str, Given]:
    """The values with `no_x` as x, where x is a key that is not given."""
    found = dict(values)
    for name, given in values.items():
        key = name.removeprefix("no_")
        if key != name and given.value is True and key not in values and section(schema, (key,)) is not None:
            del found[name]
            found[key] = replace(given, value=False)
    return found


_PARSED_BY_CLASSES = frozenset(("trl", "llamafactory", "ms-swift"))
"""Frameworks whose arguments HfArgumentParser reads, which takes abbreviations as argparse does."""


def _spelled_out(values: Mapping[str, Given], schema: str) -> dict[str, Given]:
    """The values by whole keys: `--model_name` is the only key that begins so."""
    known = (section(schema) or {}).get("properties", {})
    found: dict[str, Given] = {}
    for name, given in values.items():
        whole = name in known or "." in name or removed_in(schema, name) is not None
        key = None if whole else spelled_out(name, known)
        found[key if key is not None and key not in values else name] = given
    return found


def _renamed(values: Mapping[str, Given], keys: Mapping[str, str]) -> dict[str, Given]:
    """Options by the keys that they set; `--no-x` switches x off."""
    found: dict[str, Given] = {}
    for name, given in values.items():
        off = name.removeprefix("no_")
        if name not in keys and off in keys and given.value is True:
            found[keys[off]] = replace(given, value=False)
        else:
            found[keys.get(name, name)] = given
    return found


def _trainer(name: str, framework: str | None) -> Trainer | None:
    """The trainer of `trl dpo`, of the module trl.scripts.dpo or its file, and of transformers' examples."""
    if framework is None and EXAMPLE_SCRIPTS.match(name):
        return Trainer("transformers", "sft")
    if framework != "trl":
        return None
    last, vision, _ = re.split(r"[ ./]", name.removesuffix(".py"))[-1].partition("_vlm")
    objective = _OBJECTIVES.get(last)
    return Trainer("trl", objective, images=bool(vision)) if objective is not None else None
