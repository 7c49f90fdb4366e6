"""transformers: the arguments of its Trainer, which most dialects share. Compared only: the schemas of those
dialects hold them.
"""

from __future__ import annotations

from pathlib import Path

from generator.entry import Facts
from generator.packages import unpack
from generator.source import Source
from generator.trainer import trainer_files, with_optimizers

READER = None
VERSION = "5.24.0"


def facts(folder: Path, version: str = VERSION) -> Facts:
    """Seq2SeqTrainingArguments, which holds all of TrainingArguments."""
    trainer = Source(trainer_files(unpack("transformers", version, folder)))
    return Facts(
        "transformers", version, with_optimizers(trainer.fields("Seq2SeqTrainingArguments"), trainer)
    )
