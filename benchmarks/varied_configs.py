"""Training configs as teams write them, each with its own model and numbers.

The frameworks, keys and values are those that configs have; which of them meet is drawn from a number, so
that a tree can be built again. Models are the catalog's language models, evenly over their names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "schemas")]

MODELS = 40
LARGEST = 80_000_000_000
"""Parameters; larger ones are trained by few."""
GPUS = ("RTX-4090", "A100-80GB", "H100 x2", "L40S", "A100-40GB x4")
ROWS = (1, 2, 4, 8, 16)
LENGTHS = (512, 1024, 2048, 4096, 8192)
RANKS = (8, 16, 32, 64)
OPTIMIZERS = ("adamw_torch_fused", "adamw_torch", "adamw_8bit", "paged_adamw_8bit", "adafactor")

Drawn = Mapping[str, Any]

AXOLOTL = """\
base_model: {model}
{adapter}datasets:
  - path: org/data-{number}
    type: alpaca
val_set_size: 0.05
output_dir: ./outputs/run-{number}
sequence_len: {length}
sample_packing: {packing}
micro_batch_size: {rows}
gradient_accumulation_steps: {accumulation}
num_epochs: 1
optimizer: {optimizer}
lr_scheduler: cosine
learning_rate: {rate}
bf16: auto
gradient_checkpointing: {checkpointing}
attn_implementation: {attention}
logging_steps: 1
"""
LLAMAFACTORY = """\
model_name_or_path: {model}
stage: sft
do_train: true
{adapter}dataset: data_{number}
template: default
cutoff_len: {length}
packing: {packing}
output_dir: ./saves/run-{number}
per_device_train_batch_size: {rows}
gradient_accumulation_steps: {accumulation}
learning_rate: {rate}
num_train_epochs: 3.0
lr_scheduler_type: cosine
optim: {optimizer}
bf16: true
flash_attn: {flash}
disable_gradient_checkpointing: {unchecked}
"""
TRAINER = """\
model_name_or_path: {model}
dataset_name: org/data-{number}
output_dir: ./out/run-{number}
max_length: {length}
packing: {packing}
per_device_train_batch_size: {rows}
gradient_accumulation_steps: {accumulation}
learning_rate: {rate}
num_train_epochs: 1
optim: {optimizer}
bf16: true
gradient_checkpointing: {checkpointing}
attn_implementation: {attention}
{adapter}"""


@cache
def models() -> Sequence[str]:
    """Names of language models, evenly over all."""
    from vramlint.catalog.models import Models

    names = [
        model.name
        for model in Models().search("")
        if model.kind == "decoder" and (model.parameters or 0) <= LARGEST
    ]
    return names[:: max(1, len(names) // MODELS)]


def _axolotl(drawn: Drawn) -> str:
    rank = drawn["rank"]
    adapter = (
        "" if rank is None else f"adapter: lora\nlora_r: {rank}\nlora_alpha: 16\nlora_target_linear: true\n"
    )
    return AXOLOTL.format(**drawn, adapter=adapter)


def _llamafactory(drawn: Drawn) -> str:
    rank = drawn["rank"]
    kind = "full" if rank is None else f"lora\nlora_rank: {rank}\nlora_target: all"
    flash = {"flash_attention_2": "fa2", "sdpa": "sdpa"}[drawn["attention"]]
    return LLAMAFACTORY.format(**drawn, adapter=f"finetuning_type: {kind}\n", flash=flash)


def _trainer(drawn: Drawn) -> str:
    rank = drawn["rank"]
    adapter = "" if rank is None else f"use_peft: true\nlora_r: {rank}\nlora_target_modules: all-linear\n"
    return TRAINER.format(**drawn, adapter=adapter)


KINDS: tuple[tuple[str, Callable[[Drawn], str]], ...] = (
    ("axolotl.yaml", _axolotl),
    ("llamafactory.yaml", _llamafactory),
    ("trl.yaml", _trainer),
)


def varied(number: int, run: int) -> tuple[str, str]:
    """The name and the text of a config: the run of a number, with a name and a learning rate of its own."""
    random = Random(run)
    checkpointing = random.random() < 0.7
    drawn = {
        "number": number,
        "model": random.choice(models()),
        "rows": random.choice(ROWS),
        "length": random.choice(LENGTHS),
        "accumulation": random.choice(ROWS),
        "rank": random.choice((None, *RANKS)),
        "optimizer": random.choice(OPTIMIZERS),
        "rate": f"{1 + number % 64}.0e-5",
        "attention": random.choice(("flash_attention_2", "sdpa")),
        "packing": _written(random.random() < 0.5),
        "checkpointing": _written(checkpointing),
        "unchecked": _written(not checkpointing),
    }
    name, make = KINDS[run % len(KINDS)]
    return name, f"# vramlint: gpu={random.choice(GPUS)}\n# run {number}\n{make(drawn)}"


def _written(value: bool) -> str:
    return str(value).lower()
