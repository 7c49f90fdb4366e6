"""What scripts work out before they train: comprehensions, class methods, settings that are checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from started_programs import described, fields, project

HEAD = """\
import argparse
import functools
from dataclasses import dataclass, field
import yaml
from peft import LoraConfig
from pydantic import BaseModel
from trl import SFTConfig, SFTTrainer
"""
TAIL = """
SFTTrainer(model, SFTConfig(per_device_train_batch_size=rows, max_length=tokens),
           peft_config=LoraConfig(r=rank, target_modules=targets)).train()
"""
PLAIN = "model, rows, tokens, rank, targets = 'gpt2', 2, 256, 8, ['c_attn']\n"


def one(tmp_path: Path, text: str, **files: str) -> Any:
    """The only run of a script with what it works out between its imports and its trainer."""
    project(tmp_path, {"train.py": HEAD + PLAIN + text + TAIL, **files})
    (run,) = described(tmp_path, "train.py")
    return run


def targets(run: Any) -> Any:
    """The linears that the adapter is given; None where they are open."""
    return run.run.arguments["lora_target_modules"].value


COMPREHENSIONS = {
    "list": "targets = [name + '_proj' for name in ('q', 'k')]\n",
    "set": "targets = {name for name in ['q_proj', 'k_proj', 'lm_head'] if name != 'lm_head'}\n",
    "pairs": "targets = [a for a, used in {'q_proj': 1, 'v_proj': 0, 'k_proj': 1}.items() if used]\n",
    "two loops": "targets = [a + b for a in ['q', 'k'] for b in ['_proj']]\n",
    "dictionary": "targets = {k: [v, 'k_proj'] for k, v in {'x': 'q_proj'}.items()}['x']\n",
}


@pytest.mark.parametrize("case", COMPREHENSIONS)
def test_comprehensions_are_worked_out(tmp_path: Path, case: str) -> None:
    assert targets(one(tmp_path, COMPREHENSIONS[case])) == ["q_proj", "k_proj"]


@pytest.mark.parametrize(
    "text",
    [
        "import os\ntargets = [each for each in os.listdir()]\n",
        "import sys\ntargets = [each for each in ['q_proj', 'k_proj'] if sys.platform]\n",
        "targets = [str(n) for n in range(10**6)]\n",
    ],
)
def test_a_comprehension_over_what_only_the_run_knows_is_open(tmp_path: Path, text: str) -> None:
    run = one(tmp_path, text)
    assert targets(run) is None
    assert run.verdict == "unknown"


def test_any_and_all_are_decided_by_what_is_known(tmp_path: Path) -> None:
    text = "big = any(size in model for size in ['xl', '70b'])\nall_known = all([rows > 1, tokens > 1])\n"
    run = one(tmp_path, text + "rows = 1 if big else 3\ntokens = 512 if all_known else 64\n")
    assert (fields(run)["micro_batch"], fields(run)["seq_len"]) == (3, 512)


CLASSES = """\
@dataclass
class Parts:
    rank: int = 4

@dataclass
class Settings:
    rows: int = 1
    tokens: int = 128
    parts: Parts = field(default_factory=Parts)
    names: list = field(default_factory=lambda: ["k_proj"])

    @classmethod
    def read(cls, name):
        with open(name) as file:
            return cls(**yaml.safe_load(file))

    @staticmethod
    def doubled(number):
        return 2 * number

    @functools.cached_property
    def wide(self):
        return self.doubled(self.tokens)

settings = Settings.read("run.yaml")
rows, tokens, rank, targets = settings.rows, settings.wide, settings.parts.rank, settings.names
"""


def test_methods_of_a_class_and_its_properties(tmp_path: Path) -> None:
    run = one(tmp_path, CLASSES, **{"run.yaml": "rows: 5\ntokens: 300\n"})
    found = fields(run)
    assert (found["micro_batch"], found["seq_len"], found["lora_r"]) == (5, 600, 4)
    assert targets(run) == ["k_proj"]


CHECKED = """\
class Parts(BaseModel):
    rank: int = 4
    alpha: int = 8

class Settings(BaseModel):
    rows: int = 1
    parts: Parts

settings = Settings.{how}
rows, rank = settings.rows, settings.parts.{part}
"""


@pytest.mark.parametrize(
    "how", ["model_validate(yaml.safe_load(open('run.yaml')))", "parse_obj({'parts': {}})"]
)
def test_settings_that_pydantic_checks(tmp_path: Path, how: str) -> None:
    text = CHECKED.format(how=how, part="alpha")
    found = fields(one(tmp_path, text, **{"run.yaml": "rows: 6\nparts: {rank: 32}\n"}))
    assert found["micro_batch"] == (6 if "yaml" in how else 1)
    assert found["lora_r"] == 8


def test_what_is_looked_up_by_an_argument_says_which_one(tmp_path: Path) -> None:
    text = "p = argparse.ArgumentParser()\np.add_argument('--size', required=True)\n"
    text += "rows = {'small': 8, 'large': 1}[p.parse_args().size]\n"
    run = one(tmp_path, text)
    assert "micro_batch" not in fields(run)
    assert [each.why for each in run.open if each.field == "micro_batch"] == [
        "--size is an argument of the command line, without a default"
    ]


def test_a_model_that_unsloth_switches_is_the_model(tmp_path: Path) -> None:
    text = "from unsloth import FastLanguageModel\nfrom trl import SFTConfig, SFTTrainer\n"
    text += "model, _ = FastLanguageModel.from_pretrained('unsloth/Llama-3.2-1B', max_seq_length=512)\n"
    text += "model = FastLanguageModel.for_training(FastLanguageModel.get_peft_model(model, r=4))\n"
    text += "SFTTrainer(model, args=SFTConfig(per_device_train_batch_size=3)).train()\n"
    project(tmp_path, {"train.py": text})
    (run,) = described(tmp_path, "train.py")
    assert (fields(run)["model"], fields(run)["lora_r"]) == ("unsloth/Llama-3.2-1B", 4)


ADAPTED = """\
from peft import PeftModel
from transformers import AutoModelForCausalLM
from trl import SFTConfig, SFTTrainer
base = AutoModelForCausalLM.from_pretrained("gpt2")
model = PeftModel.from_pretrained(base, "out/adapter"{how}
SFTTrainer(model, SFTConfig(per_device_train_batch_size=3, max_length=64)).train()
"""


@pytest.mark.parametrize(
    ("how", "adapter"),
    [(")", None), (").merge_and_unload()", "none"), (", is_trainable=True)", "lora")],
)
def test_an_adapter_that_is_loaded_is_frozen_until_it_is_merged(
    tmp_path: Path, how: str, adapter: str | None
) -> None:
    project(tmp_path, {"train.py": ADAPTED.format(how=how)})
    (run,) = described(tmp_path, "train.py")
    assert fields(run).get("adapter") == adapter
    assert (run.verdict == "fits") is (adapter == "none")


LINEARS = """\
import bitsandbytes as bnb
import torch
def find(model, bits):
    {classes}
    names = set()
    for name, module in model.named_modules():
        if isinstance(module, {kinds}):
            parts = name.split(".")
            names.add(parts[0] if len(parts) == 1 else parts[-1])
    {head}
    return list(names)
targets = find(model, 4)
"""
ANY = "cls = bnb.nn.Linear4bit if bits == 4 else (bnb.nn.Linear8bitLt if bits == 8 else torch.nn.Linear)"
REMOVED = "names.discard('lm_head')"


@pytest.mark.parametrize(
    ("classes", "kinds", "head", "expected"),
    [
        (ANY, "cls", REMOVED, "all-linear"),
        ("", "(bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)", "", "all-linear"),
        ("", "torch.nn.Linear", REMOVED, "all-linear"),
        ("", "torch.nn.Linear", "", None),
        ("", "(torch.nn.Linear, torch.nn.Embedding)", REMOVED, None),
        ("", "torch.nn.Linear) and 'mlp' in (name", REMOVED, None),
    ],
)
def test_the_names_of_all_linear_layers(
    tmp_path: Path, classes: str, kinds: str, head: str, expected: str | None
) -> None:
    text = LINEARS.format(classes=classes or "pass", kinds=kinds, head=head or "pass")
    assert targets(one(tmp_path, text)) == expected


def test_a_function_that_holds_such_a_function_is_followed(tmp_path: Path) -> None:
    inner = LINEARS.format(classes=ANY, kinds="cls", head=REMOVED).replace("\n", "\n    ")
    text = f"def prepare():\n    {inner}\n    return targets, 5\ntargets, rows = prepare()\n"
    run = one(tmp_path, text)
    assert (targets(run), fields(run)["micro_batch"]) == ("all-linear", 5)
