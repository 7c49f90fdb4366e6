"""Where each framework keeps the classes that its configuration files are read into."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

from generator.entry import Entries, Entry, Facts, join, load_facts
from generator.packages import unpack
from generator.source import Source, last_name

FACTS = Path(__file__).parent.parent / "facts"
TRAINER_FILES = (
    "training_args.py", "training_args_seq2seq.py", "trainer_utils.py", "trainer_pt_utils.py",
    "debug_utils.py",
)  # fmt: skip
TRAINER_FSDP = (
    "transformer_layer_cls_to_wrap", "fsdp_transformer_layer_cls_to_wrap", "limit_all_gathers", "cpu_offload",
    "xla", "xla_fsdp_v2", "xla_fsdp_settings", "xla_fsdp_grad_ckpt",
)  # fmt: skip
"""What transformers' training_args.py (5.23) reads of `fsdp_config` beside accelerate's own options."""
TRL_CLASSES = (
    ("trainer/sft_config.py", "SFTConfig"),
    ("trainer/dpo_config.py", "DPOConfig"),
    ("trainer/grpo_config.py", "GRPOConfig"),
    ("trainer/rloo_config.py", "RLOOConfig"),
    ("trainer/reward_config.py", "RewardConfig"),
    ("trainer/kto_config.py", "KTOConfig"),
    ("trainer/model_config.py", "ModelConfig"),
    ("scripts/utils.py", "ScriptArguments"),
    ("scripts/utils.py", "DatasetMixtureConfig"),
    ("scripts/grpo.py", "GRPOScriptArguments"),
    ("scripts/rloo.py", "RLOOScriptArguments"),
    ("experimental/a2po/a2po_config.py", "A2POConfig"),
    ("experimental/async_distillation/async_distillation_config.py", "AsyncDistillationConfig"),
    ("experimental/async_grpo/async_grpo_config.py", "AsyncGRPOConfig"),
    ("experimental/gmpo/gmpo_config.py", "GMPOConfig"),
    ("experimental/iw_opd/iw_opd_config.py", "IWOPDConfig"),
    ("experimental/sdft/sdft_config.py", "SDFTConfig"),
    ("experimental/sdpo/sdpo_config.py", "SDPOConfig"),
    ("experimental/server_distillation/server_distillation_config.py", "ServerDistillationConfig"),
    ("experimental/tpo/tpo_config.py", "TPOConfig"),
    ("experimental/orpo/orpo_config.py", "ORPOConfig"),
    ("experimental/cpo/cpo_config.py", "CPOConfig"),
    ("experimental/gkd/gkd_config.py", "GKDConfig"),
    ("experimental/online_dpo/online_dpo_config.py", "OnlineDPOConfig"),
    ("trainer/distillation_config.py", "DistillationConfig"),
    ("experimental/gold/gold_config.py", "GOLDConfig"),
)


def _trainer(folder: Path) -> list[Path]:
    files = (folder / "transformers" / name for name in (*TRAINER_FILES, "utils/generic.py"))
    return [path for path in files if path.is_file()]


def _removed(dialect: str) -> dict[str, str]:
    data: dict[str, dict[str, str]] = json.loads((FACTS / "removed.json").read_text(encoding="utf-8"))
    return data[dialect]


def _with_optimizers(keys: Entries, source: Source) -> Entries:
    """`optim` is annotated as text, and converted to the enumeration afterwards."""
    return keys | {"optim": replace(keys["optim"], choices=tuple(source.choices("OptimizerNames")))}


def axolotl(folder: Path) -> Facts:
    """Its pydantic model, and the models of its plugins (whose keys exist only where the plugin is
    listed)."""
    version = "0.19.0"
    package = unpack("axolotl", version, folder) / "axolotl"
    schemas = sorted((package / "utils/schemas").glob("*.py"))
    source = Source(schemas)
    keys = source.fields("AxolotlInputConfig")
    keys |= {key: replace(keys[key], deprecated=True) for key in source.fields("DeprecatedParameters")}
    for path in sorted((package / "integrations").glob("*/args.py")):
        source = Source([path])
        nested = {held for owner in source.classes for held in source.held(owner)}
        for name in source.classes:
            if name.endswith(("Args", "SwanLabConfig")) and name not in nested:
                for key, entry in source.fields(name).items():
                    keys.setdefault(key, replace(entry, plugin=path.parent.name))
    for key in [
        key for key in keys if key.startswith("fsdp_config.") and not key.startswith("fsdp_config.fsdp_")
    ]:
        alias = f"fsdp_{key.partition('.')[2]}"
        keys[key] = replace(keys[key], aliases=(*keys[key].aliases, alias))
    return Facts("axolotl", version, keys)


def trl(folder: Path) -> Facts:
    """The union over its trainers' configuration classes, with the arguments of its scripts and of the
    transformers Trainer."""
    version = "1.16.0"
    package = unpack("trl", version, folder) / "trl"
    trainer = _trainer(unpack("transformers", "5.23.0", folder))
    keys: Entries = {}
    for path, name in TRL_CLASSES:
        files = [
            package / path,
            package / "trainer/base_config.py",
            package / "trainer/sft_config.py",
            *trainer,
        ]
        join(keys, Source(files).fields(name))
    launcher = unpack("accelerate", "1.15.0", folder) / "accelerate/commands/launch.py"
    for flag in (*Source([launcher]).flags(), "accelerate_config", "env"):
        keys.setdefault(flag, Entry(("any",)))
    removed = _removed("trl")
    known = {key: entry for key, entry in keys.items() if key not in removed}
    return Facts("trl", version, _with_optimizers(known, Source(trainer)), removed)


UNCHECKED = (
    "quantization_method", "mixture_of_depths", "badam_mode", "export_device", "init_special_tokens",
    "reward_model_type",
)  # fmt: skip
"""Choices that LLaMA-Factory never checks: its files go through `parse_dict`, which looks at no choices, and
the code compares for equality without an else (0.9.5, `model/model_utils/quantization.py`, `model/loader.py`,
`train/trainer_utils.py`).
"""


def llamafactory(folder: Path) -> Facts:
    """The five argument classes over the newest transformers it admits, and those of its second engine."""
    version = "0.9.5"
    package = unpack("llamafactory", version, folder) / "llamafactory"
    trainer = _trainer(unpack("transformers", "5.6.0", folder))
    base = Source(trainer)
    keys = _with_optimizers(base.fields("Seq2SeqTrainingArguments"), base)
    source = Source([*sorted((package / "hparams").glob("*.py")), package / "extras/constants.py"])
    groups = (
        "ModelArguments",
        "DataArguments",
        "FinetuningArguments",
        "GeneratingArguments",
        "TrainingArguments",
    )
    for group in groups:
        keys |= source.fields(group)
    second = Source(
        [*sorted((package / "v1/config").glob("*.py")), *sorted((package / "v1/utils").glob("types.py"))]
    )
    for group in ("ModelArguments", "DataArguments", "TrainingArguments", "SampleArguments"):
        join(keys, second.fields(group))
    listed = _split_arguments(source)
    keys = {key: replace(e, words=(*e.words, "list")) if key in listed else e for key, e in keys.items()}
    for name in UNCHECKED:
        keys[name] = replace(keys[name], words=("str",))
    return Facts("llamafactory", version, keys)


def _split_arguments(source: Source) -> set[str]:
    """Keys that `split_arg` turns into a list, which therefore may be one already."""
    calls = [n for node in source.classes.values() for n in ast.walk(node) if isinstance(n, ast.Call)]
    return {last_name(c.args[0]) for c in calls if last_name(c.func) == "split_arg" and c.args}


def torchtitan(folder: Path) -> Facts:
    """The last release that reads TOML."""
    version = "0.2.2"
    package = unpack("torchtitan", version, folder) / "torchtitan"
    keys = Source([package / "config/job_config.py"]).fields("JobConfig")
    sections = {key.partition(".")[0] for key in keys if "." in key}
    return Facts(
        "torchtitan", version, {k: e for k, e in keys.items() if k not in sections}, _removed("torchtitan")
    )


def litgpt(folder: Path) -> Facts:
    """The signatures of its training scripts."""
    version = "0.5.13"
    package = unpack("litgpt", version, folder) / "litgpt"
    keys: Entries = {}
    scripts = (
        "pretrain",
        "finetune/full",
        "finetune/lora",
        "finetune/adapter",
        "finetune/adapter_v2",
        "finetune/lora_legacy",
    )
    for script in scripts:
        source = Source([package / f"{script}.py", package / "args.py"])
        join(keys, source.parameters("setup"))
    return Facts("litgpt", version, keys)


def kept(dialect: str) -> Facts:
    """Frameworks whose keys no class lists: facts kept as data beside this script."""
    return load_facts(FACTS / f"{dialect}.json")


def accelerate(folder: Path) -> Facts:
    """The launcher's keys; and, at the top, those of a file that holds FSDP options alone, which the Trainer
    reads."""
    facts = kept("accelerate")
    section = {
        key.partition(".")[2]: entry for key, entry in facts.keys.items() if key.startswith("fsdp_config.")
    }
    alone = section | {name.removeprefix("fsdp_"): entry for name, entry in section.items()}
    alone |= {name: Entry(("any",)) for name in TRAINER_FSDP}
    return replace(facts, keys=alone | facts.keys)
