"""TRL: the configuration classes of its trainers."""

from __future__ import annotations

from pathlib import Path

from generator.emit import LAX_STRINGS, Reader
from generator.entry import Entries, Entry, Facts, join, removed_keys
from generator.packages import unpack
from generator.source import Source
from generator.trainer import trainer_files, with_optimizers

# argparse converts defaults that are strings with the field's type, and leaves all others as they are
READER = Reader(
    "accepted",
    "dropped",
    "open",
    LAX_STRINGS,
    {
        "str": ("number",),
        "list": ("string",),
        "int": ("boolean",),
        "float": ("boolean",),
        "bool": ("integer",),
    },
)


CLASSES = (
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


VERSION = "1.16.0"


def facts(folder: Path, version: str = VERSION) -> Facts:
    """The union over its trainers' configuration classes, with the arguments of its scripts and of the
    transformers Trainer."""
    package = unpack("trl", version, folder) / "trl"
    trainer = trainer_files(unpack("transformers", "5.24.0", folder))
    keys: Entries = {}
    for path, name in CLASSES:
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
    removed = removed_keys("trl")
    known = {key: entry for key, entry in keys.items() if key not in removed}
    return Facts("trl", version, with_optimizers(known, Source(trainer)), removed)
