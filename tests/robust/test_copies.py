"""A config whose text was seen before is not read again, where nothing around it differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from vramlint.cli.check_file import Checker
from vramlint.cli.options import Task
from vramlint.cli.report import FileReport
from vramlint.lazy_dataclasses import replace
from vramlint.project.overrides import Overrides

EXAMPLES = sorted(path for path in (Path(__file__).parents[2] / "examples").iterdir() if path.is_file())
TEXT = """\
base_model: meta-llama/Llama-3.1-8B
sequence_len: 4096
micro_batch_size: 16
optimizer: adamw_torch
datasets: [{path: x, type: alpaca}]
"""
ZERO = '{"zero_optimization": {"stage": 3}, "train_micro_batch_size_per_gpu": 1}'
TASK = Task(Overrides(gpu="RTX-4090"), copies=True)


def reports(files: dict[str, str], *paths: str, task: Task = TASK) -> list[FileReport]:
    """Of the files at `paths`, each beside what a process says that sees nothing else."""
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    check = Checker(task)
    found = [check(path) for path in paths]
    assert found == [Checker(replace(task, copies=False))(path) for path in paths]
    return found


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_copy_is_reported_under_its_own_name_without_being_read(monkeypatch: pytest.MonkeyPatch) -> None:
    check = Checker(TASK)
    for name in ("a.yaml", "b.yaml"):
        Path(name).write_text(TEXT, encoding="utf-8")
    first = check("a.yaml")
    monkeypatch.setattr(check.inspector, "_inspected", None)
    assert first.findings
    assert check("b.yaml") == replace(first, path="b.yaml")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_copies_of_every_example_are_reported_alike(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    names = [f"{folder}/{path.name}" for folder in ("a", "b")]
    reports(dict.fromkeys(names, text), *names, *names)


@pytest.mark.parametrize(
    "around",
    [
        {"b/vramlint.toml": 'gpu = "H100"\n'},
        {"b/vramlint.toml": '[severity]\nVL1 = "warning"\n'},
        {"vramlint.toml": '[per-path."b/*"]\ngpu = "H100"\n'},
        {"b/run.sh": "accelerate launch --num_processes 8 -m axolotl.cli.train b/t.yaml\n"},
    ],
    ids=["settings", "severity", "settings of a path", "launcher"],
)
def test_what_surrounds_a_copy_counts(around: dict[str, str]) -> None:
    text = TEXT + "gradient_checkpointing: true\nadapter: lora\nlora_r: 8\n"
    paths = ("a/t.yaml", "b/t.yaml", "a/t.yaml")
    reports({"a/t.yaml": text, "b/t.yaml": text, **around}, *paths, task=Task(Overrides(), copies=True))


@pytest.mark.parametrize("order", [("a/t.yaml", "b/t.yaml"), ("b/t.yaml", "a/t.yaml")], ids=" ".join)
def test_a_companion_beside_one_copy_counts(order: tuple[str, str]) -> None:
    text = TEXT + "deepspeed: ds/zero.json\n"
    reports({"a/t.yaml": text, "b/t.yaml": text, "b/ds/zero.json": ZERO}, *order)


def test_a_companion_that_is_a_folder_counts() -> None:
    text = TEXT + "deepspeed: zero.json\n"
    Path("b/zero.json").mkdir(parents=True)
    reports({"a/t.yaml": text, "b/t.yaml": text}, "a/t.yaml", "b/t.yaml")


def test_a_model_folder_beside_one_copy_counts() -> None:
    text = TEXT.replace("meta-llama/Llama-3.1-8B", "./model")
    sizes = '"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96'
    shapes = f'{{"model_type": "llama", "vocab_size": 99, {sizes}}}'
    files = {"a/t.yaml": text, "b/t.yaml": text, "b/model/config.json": shapes}
    first, second = reports(files, "a/t.yaml", "b/t.yaml")
    assert first.verdict != second.verdict


def test_settings_files_and_texts_of_other_languages_are_read_each() -> None:
    reports({"a/t.yaml": ZERO, "a/t.json": ZERO, "b/t.json": ZERO}, "a/t.yaml", "a/t.json", "b/t.json")
