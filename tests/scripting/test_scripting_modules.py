"""Modules of a script's own project are read as they are imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from started_programs import ARGPARSE, described, fields, project

from vramlint.dialects.scripting.marks import starts_run

SETTINGS = """\
from dataclasses import dataclass

MODEL = "Qwen/Qwen2.5-1.5B"

@dataclass
class Settings:
    rows: int = 3
    tokens: int = 1536
"""
LOADING = """\
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
from .settings import MODEL

def adapted(rank):
    base = AutoModelForCausalLM.from_pretrained(MODEL, torch_dtype=torch.bfloat16)
    return get_peft_model(base, LoraConfig(r=rank))
"""
OF_MODULES = """\
from trl import SFTConfig, SFTTrainer
from ours import adapted, settings
import ours.settings as written

config = SFTConfig(per_device_train_batch_size=settings.Settings().rows, max_length=written.Settings.tokens)
SFTTrainer(adapted(12), config).train()
"""
RUNNER = """\
from trl import SFTConfig, SFTTrainer

def run(size):
    SFTTrainer("gpt2", SFTConfig(per_device_train_batch_size=size, max_length=256)).train()
"""
CALLER = """\
from transformers import Trainer  # Trainer(
import helpers.runner

helpers.runner.run(5)
"""


@pytest.mark.parametrize("script", ["train.py", "jobs/train.py"])
def test_modules_of_the_project_are_read_as_they_are_imported(tmp_path: Path, script: str) -> None:
    package = {
        "ours/__init__.py": "from ours.loading import adapted\n",
        "ours/settings.py": SETTINGS,
        "ours/loading.py": LOADING,
    }
    project(tmp_path, {script: OF_MODULES, **package})
    (run,) = described(tmp_path, script)
    found = fields(run)
    assert found["model"] == "Qwen/Qwen2.5-1.5B"
    assert (found["lora_r"], found["micro_batch"], found["seq_len"]) == (12, 3, 1536)
    assert run.fields["model"].place.document == "ours/settings.py"
    assert run.verdict == "fits"


def test_a_run_that_a_module_starts_is_placed_at_the_call_of_the_file(tmp_path: Path) -> None:
    project(tmp_path, {"main.py": CALLER, "helpers/runner.py": RUNNER})
    (run,) = described(tmp_path, "main.py")
    assert fields(run)["micro_batch"] == 5
    place = run.run.launch.place
    assert place.document is None
    assert CALLER[slice(*place.span)] == "helpers.runner.run(5)"


@pytest.mark.parametrize(
    "brings",
    [
        "from work.train import run",
        "from work import (\n    helpers,\n    train,\n)\nrun = train.run",
        "import work.train\nrun = work.train.run",
    ],
)
def test_a_program_that_only_starts_a_module_is_one_that_trains(tmp_path: Path, brings: str) -> None:
    main = f"{brings}\n\ndef main():\n    run(7)\n\nif __name__ == '__main__':\n    main()\n"
    project(tmp_path, {"main.py": main, "work/train.py": RUNNER})
    (run,) = described(tmp_path, "main.py")
    assert fields(run)["micro_batch"] == 7
    assert starts_run(main.encode())
    assert not starts_run(b"from sklearn.model_selection import train_test_split\n'__main__'\n")
    assert not starts_run(b"import helpers\n'__main__'\n")


def test_a_line_for_the_shell_in_a_string_is_a_notebooks() -> None:
    line = b'"!torchrun train.py"'
    assert starts_run(b'{"cells": [{"source": [%b]}]}' % line)
    assert not starts_run(b"text = %b\n" % line)
    assert starts_run(b"!torchrun train.py\n".join((b"# a cell\n", b"")))


def test_a_function_is_called_like_its_module(tmp_path: Path) -> None:
    package = {
        "ours/__init__.py": "from ours.wide import narrow, wide\n",
        "ours/wide.py": "from ours.narrow import narrow\ndef wide():\n    return 6\n",
        "ours/narrow.py": "from ours import missing\ndef narrow():\n    return missing.missing.missing\n",
    }
    text = "from ours import narrow, wide\nfrom trl import SFTConfig, SFTTrainer\n"
    text += "SFTTrainer('gpt2', SFTConfig(per_device_train_batch_size=wide(), max_length=narrow())).train()\n"
    project(tmp_path, {"train.py": text, **package})
    (run,) = described(tmp_path, "train.py")
    assert fields(run)["micro_batch"] == 6


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"sub/ours/settings.py": SETTINGS}, id="not above the script"),
        pytest.param({"ours/settings.py": "from ours.settings import MODEL\n"}, id="imports itself"),
        pytest.param({"ours/settings.py": "MODEL = ("}, id="no Python"),
        pytest.param({"ours/settings.py": "x = 1\n" * 50_000}, id="too large"),
    ],
)
def test_a_module_that_cannot_be_read_leaves_its_names_open(tmp_path: Path, files: dict[str, str]) -> None:
    text = "from trl import SFTTrainer\nfrom ours.settings import MODEL\nSFTTrainer(MODEL).train()\n"
    project(tmp_path, {"train.py": text, **files})
    (run,) = described(tmp_path, "train.py")
    assert "model" not in fields(run)
    assert run.verdict == "unknown"


def test_a_library_is_read_by_its_names_whatever_the_project_calls_its_folders(tmp_path: Path) -> None:
    project(tmp_path, {"train.py": ARGPARSE, "trl/__init__.py": "SFTTrainer = None\nSFTConfig = None\n"})
    assert [fields(run)["method"] for run in described(tmp_path, "train.py")] == ["sft"]


def test_a_line_starts_a_module_of_the_project(tmp_path: Path) -> None:
    line = "torchrun --nproc_per_node 2 -m tools.tune --model-id gpt2 -b 6\n"
    project(tmp_path, {"tools/tune.py": ARGPARSE, "go.sh": line, "go2.sh": line.replace("tools.tune", "fit")})
    project(tmp_path, {"src/fit/__main__.py": ARGPARSE})
    for name in ("go.sh", "go2.sh"):
        (run,) = described(tmp_path, name)
        assert (fields(run)["micro_batch"], fields(run)["ranks"], fields(run)["lora_r"]) == (6, 2, 8)


def test_a_program_that_leaves_the_training_to_a_module_is_followed(tmp_path: Path) -> None:
    main = "import argparse\nfrom work.fitting import run\np = argparse.ArgumentParser()\n"
    main += "p.add_argument('--rows', type=int, default=1)\nrun(p.parse_args().rows)\n"
    project(tmp_path, {"main.py": main, "work/fitting.py": RUNNER, "go.sh": "python main.py --rows 13\n"})
    (run,) = described(tmp_path, "go.sh")
    assert (fields(run)["micro_batch"], fields(run)["model"]) == (13, "gpt2")


def test_a_module_that_is_linked_from_outside_is_not_read(tmp_path: Path) -> None:
    project(tmp_path / "outside", {"settings.py": SETTINGS})
    inside = tmp_path / "inside"
    text = "from trl import SFTTrainer\nfrom ours.settings import MODEL\nSFTTrainer(MODEL).train()\n"
    project(inside, {"train.py": text})
    (inside / "ours").symlink_to(tmp_path / "outside")
    (run,) = described(inside, "train.py")
    assert "model" not in fields(run)


def test_modules_that_lead_deeper_without_end_are_left(tmp_path: Path) -> None:
    text = "from trl import SFTTrainer\nfrom a import x\nSFTTrainer(x).train()\n"
    deeper = {f"{'a/' * depth}__init__.py": "from .a import x\n" for depth in range(1, 30)}
    project(tmp_path, {"train.py": text, **deeper})
    (run,) = described(tmp_path, "train.py")
    assert "model" not in fields(run)
