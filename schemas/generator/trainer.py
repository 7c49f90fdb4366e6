"""Where transformers keeps the arguments of its Trainer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from generator.entry import Entries
from generator.source import Source

TRAINER_FILES = (
    "training_args.py", "training_args_seq2seq.py", "trainer_utils.py", "trainer_pt_utils.py",
    "debug_utils.py",
)  # fmt: skip
TRAINER_FSDP = (
    "transformer_layer_cls_to_wrap", "fsdp_transformer_layer_cls_to_wrap", "limit_all_gathers", "cpu_offload",
    "xla", "xla_fsdp_v2", "xla_fsdp_settings", "xla_fsdp_grad_ckpt",
)  # fmt: skip
"""What transformers' training_args.py (5.24) reads of `fsdp_config` beside accelerate's own options."""


def trainer_files(folder: Path) -> list[Path]:
    """The files of an unpacked transformers that declare the arguments."""
    files = (folder / "transformers" / name for name in (*TRAINER_FILES, "utils/generic.py"))
    return [path for path in files if path.is_file()]


def with_optimizers(keys: Entries, source: Source) -> Entries:
    """`optim` is annotated as text, and converted to the enumeration afterwards."""
    return keys | {"optim": replace(keys["optim"], choices=tuple(source.choices("OptimizerNames")))}
