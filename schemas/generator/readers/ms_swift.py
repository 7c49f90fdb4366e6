"""ms-swift: the argument classes of its commands."""

from __future__ import annotations

from pathlib import Path

from generator.emit import LAX_STRINGS, Reader
from generator.entry import Entries, Entry, Facts, join
from generator.packages import unpack
from generator.source import Source
from generator.trainer import trainer_files, with_optimizers

# Every value of a file becomes words of a command line, which argparse converts.
READER = Reader(
    "accepted",
    "refused",
    "open",
    LAX_STRINGS,
    {
        "str": ("number", "boolean", "object", "array"),
        "list": ("string", "number"),
        "dict": ("string",),
        "bool": ("integer",),
        "float": ("integer",),
    },
)
VERSION, OLDER = "4.6.0", "3.12.0"
_COMMANDS = ("SftArguments", "PretrainArguments", "RLHFArguments")
_MEGATRON = ("MegatronSftArguments", "MegatronPretrainArguments", "MegatronRLHFArguments")


def facts(folder: Path, version: str = VERSION) -> Facts:
    """The union over its commands, with the arguments of the Trainer; what 3.12 had is known as removed."""
    keys = _keys(unpack("ms-swift", version, folder) / "swift", folder, "5.19.0")
    older = _keys(unpack("ms-swift", OLDER, folder) / "swift", folder, "4.57.6")
    removed = {key: OLDER.rpartition(".")[0] for key in older if key not in keys}
    return Facts("ms-swift", version, keys, removed)


def _keys(package: Path, folder: Path, transformers: str) -> Entries:
    trainer = Source(trainer_files(unpack("transformers", transformers, folder)))
    files = (path for path in package.rglob("*.py") if "ui" not in path.parts)
    own = Source(sorted(path for path in files if "arg" in path.name or "arg" in path.parent.name))
    keys: Entries = {}
    for name in (*_COMMANDS, *_MEGATRON, "TrainArguments"):
        if name in own.classes:
            join(keys, own.fields(name))
    # ms-swift's classes inherit from the Trainer's under other names.
    keys = trainer.fields("Seq2SeqTrainingArguments") | keys
    keys = {name: entry for name, entry in keys.items() if "." not in name}
    return with_optimizers(keys, trainer) | {"ENV": Entry(("dict",))} | _groups(package)


def _groups(package: Path) -> Entries:
    """Keys that only Ray's driver takes, each group of GPUs with arguments of its own (parse_ray_yaml)."""
    if not (package / "ray/megatron/driver_utils.py").exists():
        return {}
    groups: Entries = {name: Entry(("dict",)) for name in ("train", "rollout", "teacher")}
    return groups | {"colocate_groups": Entry(("list",)), "nnodes": Entry(("int",), 1)}
