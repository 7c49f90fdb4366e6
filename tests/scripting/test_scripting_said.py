"""A comment says what a script is started with: its launch line, or its arguments alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from started_programs import ARGPARSE, described, fields, project

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.explain.why_not import why_not
from vramlint.lint.directives import read_directives
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

REQUIRED = """\
import argparse
import os
from trl import SFTConfig, SFTTrainer
p = argparse.ArgumentParser()
p.add_argument("-m", "--model-id", required=True)
p.add_argument("--rows", type=int, default=2)
a = p.parse_args()
SFTTrainer(a.model_id, SFTConfig(per_device_train_batch_size=a.rows, max_length=64, bf16=True)).train()
"""
CLASSES = """\
from dataclasses import dataclass
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, HfArgumentParser, Trainer, TrainingArguments

@dataclass
class Own:
    model_name_or_path: str
    length: int = 96

own, args = HfArgumentParser((Own, TrainingArguments)).parse_args_into_dataclasses()
tokenizer = AutoTokenizer.from_pretrained(own.model_name_or_path)
rows = load_dataset("text").map(lambda each: tokenizer(each, max_length=own.length, truncation=True))
Trainer(AutoModelForCausalLM.from_pretrained(own.model_name_or_path), args, train_dataset=rows).train()
"""
VARIABLE = """\
import os
from trl import SFTConfig, SFTTrainer
SFTTrainer(os.environ["BASE"], SFTConfig(per_device_train_batch_size=2, max_length=64)).train()
"""


def message(tmp_path: Path, text: str) -> str:
    """What VL104 says of a script."""
    path = project_file(tmp_path, text)
    document = Document.parse(text, str(path))
    analysis = analyse(document, Workspace(tmp_path), Overrides(gpu="A100-80GB"))
    return next(each.message for each in analysis.findings if each.code == "VL104")


def project_file(tmp_path: Path, text: str) -> Path:
    """The script as a file of its own project."""
    project(tmp_path, {"train.py": text})
    return tmp_path / "train.py"


SAID = {
    "arguments": (REQUIRED, "--model-id gpt2 --rows 5", {"model": "gpt2", "micro_batch": 5, "ranks": 1}),
    "with an equals sign": (REQUIRED, "--model-id=gpt2", {"model": "gpt2", "micro_batch": 2}),
    "a short flag": (REQUIRED, "-m gpt2", {"model": "gpt2"}),
    "a launch line": (
        REQUIRED,
        "torchrun --nproc_per_node 4 train.py --model-id gpt2",
        {"model": "gpt2", "ranks": 4},
    ),
    "classes": (
        CLASSES,
        "--model_name_or_path gpt2 --per_device_train_batch_size 3",
        {"model": "gpt2", "micro_batch": 3, "seq_len": 96},
    ),
    "a variable": (VARIABLE, "BASE=gpt2 python train.py", {"model": "gpt2"}),
}


@pytest.mark.parametrize("case", SAID)
def test_what_a_comment_says(tmp_path: Path, case: str) -> None:
    text, line, expected = SAID[case]
    project_file(tmp_path, f"# vramlint: gpu=A100-80GB run={line}\n{text}")
    (run,) = described(tmp_path, "train.py")
    found = fields(run)
    assert {name: found[name] for name in expected} == expected
    assert run.verdict == "fits"


def test_what_a_comment_says_is_placed_in_it(tmp_path: Path) -> None:
    text = f"# vramlint: gpu=T4 run=--model-id Qwen/Qwen2.5-7B\n{REQUIRED}"
    project_file(tmp_path, text)
    (run,) = described(tmp_path, "train.py")
    place = run.fields["model"].place
    assert place.document is None
    assert text[slice(*place.span)] == "Qwen/Qwen2.5-7B"


def test_a_launch_line_elsewhere_beats_the_comment(tmp_path: Path) -> None:
    project(tmp_path, {"train.py": f"# vramlint: run=--model-id gpt2 --rows 9\n{REQUIRED}"})
    project(tmp_path, {"go.sh": "python train.py --model-id gpt2 --rows 4\n"})
    (run,) = described(tmp_path, "go.sh")
    assert fields(run)["micro_batch"] == 4


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (REQUIRED, "--model-id VALUE"),
        (CLASSES, "--model_name_or_path VALUE --per_device_train_batch_size VALUE"),
        (VARIABLE, "BASE=VALUE python train.py"),
    ],
)
def test_what_only_the_start_decides_is_named_with_the_comment_that_says_it(
    tmp_path: Path, text: str, asked: str
) -> None:
    assert message(tmp_path, text).endswith(f"; say it in a comment: # vramlint: run={asked}")


def test_only_a_program_is_started(tmp_path: Path) -> None:
    problems = read_directives(Document.parse("# vramlint: run=--a 1\nbase_model: x\n", "a.yaml")).problems
    assert [each.message for each in problems] == ["run= says what starts a Python script or a notebook"]


def test_a_line_that_starts_nothing_says_nothing(tmp_path: Path) -> None:
    project_file(tmp_path, f"# vramlint: run=ls -l\n{ARGPARSE}")
    (run,) = described(tmp_path, "train.py")
    assert "model" not in fields(run)


@pytest.mark.parametrize("name", ["tool.py", "tool.sh", "tool.ipynb"])
def test_a_script_that_trains_nothing_is_not_called_empty(tmp_path: Path, name: str) -> None:
    text = '{"cells": []}' if name.endswith("ipynb") else "echo = 1\n"
    project(tmp_path, {name: text})
    analysis = analyse(Document.parse(text, str(tmp_path / name)), Workspace(tmp_path), Overrides())
    assert why_not(analysis)[1] in ("it starts no training run that vramlint knows",)


UNCUT = """\
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments
model = AutoModelForCausalLM.from_pretrained("gpt2")
tokenizer = AutoTokenizer.from_pretrained("gpt2")
{cut}
Trainer(model, TrainingArguments(per_device_train_batch_size=2), train_dataset=rows).train()
"""
LOOP = """\
import torch
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained("gpt2").cuda()
optimizer = torch.optim.AdamW(model.parameters())
for batch in DataLoader(rows, batch_size=4, shuffle=True):
    model(**batch).loss.backward()
    optimizer.step()
    optimizer.zero_grad()
"""
PAIRS = "tokenizer(a, max_length=512, truncation=True)\ntokenizer(b, max_length=64, truncation=True)"


@pytest.mark.parametrize("text", [UNCUT.format(cut="pass"), UNCUT.format(cut=PAIRS), LOOP])
def test_the_length_of_rows_that_the_data_decides_is_said_in_a_comment(tmp_path: Path, text: str) -> None:
    asked = message(tmp_path, text)
    assert asked.endswith("; say it in a comment: # vramlint: sequence_length=VALUE")
    assert ("rows are cut to 64 and to 512 tokens" in asked) is (PAIRS in text)
    project_file(tmp_path, f"# vramlint: gpu=A100-80GB sequence_length=384\n{text}")
    (run,) = described(tmp_path, "train.py")
    assert (fields(run)["seq_len"], run.verdict) == (384, "fits")


def test_a_length_that_the_script_says_is_not_replaced(tmp_path: Path) -> None:
    cut = UNCUT.format(cut="tokenizer(a, max_length=512, truncation=True)")
    project_file(tmp_path, f"# vramlint: sequence_length=384\n{cut}")
    (run,) = described(tmp_path, "train.py")
    assert fields(run)["seq_len"] == 512


@pytest.mark.parametrize("value", ["0", "many", "-1"])
def test_a_length_is_a_number_of_tokens(value: str) -> None:
    text = f"# vramlint: sequence_length={value}\n"
    problems = read_directives(Document.parse(text, "train.py")).problems
    assert [each.message for each in problems] == [f"'{value}' is no number of tokens"]
