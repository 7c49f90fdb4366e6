"""Programs that a launch line starts, and what is read of their runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vramlint.analysis.programs import all_runs
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace


def described(folder: Path, name: str) -> list[Any]:
    document, overrides = Document.read(str(folder / name)), Overrides(gpu="A100-80GB")
    around = Workspace(folder).surroundings(document.path, overrides)
    return list(all_runs(document, around, overrides))


def fields(run: Any) -> dict[str, Any]:
    return {name: field.value for name, field in run.fields.items()}


ARGPARSE = """\
import argparse
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer
p = argparse.ArgumentParser()
p.add_argument("--model-id", required=True)
p.add_argument("-b", "--batch", dest="size", type=int, default=1)
p.add_argument("--rank", type=int, default=8)
p.add_argument("--ckpt", action="store_true")
a = p.parse_args()
config = SFTConfig(per_device_train_batch_size=a.size, max_length=1024, gradient_checkpointing=a.ckpt)
SFTTrainer(a.model_id, config, peft_config=LoraConfig(r=a.rank)).train()
"""
CLASSES = """\
from dataclasses import dataclass, field
import transformers
from transformers import AutoModelForCausalLM, HfArgumentParser, Trainer

@dataclass
class Ours:
    base: str = field(default="gpt2")
    max_seq_length: int = field(default=512)

ours, args = HfArgumentParser((Ours, transformers.TrainingArguments)).parse_args_into_dataclasses()
model = AutoModelForCausalLM.from_pretrained(ours.base, torch_dtype="bfloat16")
Trainer(model=model, args=args).train()
"""


def project(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
