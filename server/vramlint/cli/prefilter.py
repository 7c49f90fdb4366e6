"""The bytes of a file, and a first look at them.

Most files of a repository are no training config. To read such a file as one costs ten times what it costs to
see that none of the words stands in its keys that a config of every known dialect has.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from vramlint.cli.console import Failure

STDIN = "-"
MOST_BYTES = 1 << 24
"""More is not read; a document of that size is refused anyway."""

WORDS = (
    "vramlint", "model", "train", "tune", "zero_optimization", "distributed_type", "compute_environment",
    "fsdp", "machine_rank", "num_machines", "num_processes", "prefetch", "all_gathers", "rdzv", "checkpoint",
    "bf16", "fp16", "optimizer", "lora", "sequence_len", "sample_packing", "val_set_size", "micro_batch_size",
    "class_path", "num_generations", "ref_log_probs", "peft", "attn_impl", "accelerators",
    "actor_rollout_ref", "adv_estimator", "llm_backbone", "hidden_size", "parallel_size", "parallel-size",
    "gpt_j", "gpt-j", "microbatch", "cluster", "policy", "orchestrator", "recipe", "defaults",
)  # fmt: skip
"""In a key of every file that some dialect recognises stands one of these; a test tries the signs."""

VALUES = ("torchtune",)
"""As WORDS, where a value tells the dialect."""

_ANY_WORD = re.compile(
    rf"""(?:{"|".join(sorted(WORDS))})[^\s"':=\]]*["']?\s*[:=\]]|{"|".join(VALUES)}""".encode()
)
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def read(path: str) -> bytes:
    """The content of the file at `path`, or of standard input. Raises Failure where there is none."""
    if path == STDIN:
        return sys.stdin.buffer.read(MOST_BYTES)
    try:
        with Path(path).open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise Failure(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:  # a NUL in the path
        raise Failure(f"{path!r}: {error}") from None


def is_text(data: bytes) -> bool:
    """Whether the content can be text: NUL bytes are in UTF-16 only."""
    return data.startswith(_WIDE) or b"\0" not in data


def could_be_config(data: bytes, path: str) -> bool:
    """Whether the content deserves to be parsed: a word is there, or settings may say what the file is."""
    return data.startswith(_WIDE) or _ANY_WORD.search(data) is not None or _forced(path)


def _forced(path: str) -> bool:
    """Whether some settings file above may name the dialect of this file."""
    return any(
        b"dialect" in text and b"vramlint" in text for text in _settings_above(Path(path).resolve().parent)
    )


def _settings_above(folder: Path) -> Iterator[bytes]:
    for each in (folder, *folder.parents):
        for name in ("vramlint.toml", "pyproject.toml"):
            file = each / name
            if file.is_file():
                yield (b"vramlint " if name == "vramlint.toml" else b"") + file.read_bytes()
