"""A Python script or a notebook is a document: findings, places and fixes are at its arguments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from findings import does_not_fit, shown

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.document import Document
from vramlint.document.edit import apply_edits
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

SCRIPT = """# vramlint: gpu=RTX-4090
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer

BATCH = 8
args = SFTConfig(
    output_dir="out",
    per_device_train_batch_size=BATCH,
    max_length=4096,
    gradient_checkpointing=False,
    bf16=True,
    model_init_kwargs={"dtype": "bfloat16"},  # not float32
)
trainer = SFTTrainer(
    model="Qwen/Qwen2.5-7B",
    args=args,
    peft_config=LoraConfig(r=16, target_modules="all-linear"),
    train_dataset=data,
)
trainer.train()
"""
CELLS = (
    "%%capture\n!pip install unsloth\n",
    "# vramlint: gpu=T4\nfrom unsloth import FastLanguageModel\n"
    "length = 8192 # any\n"
    "model, tokenizer = FastLanguageModel.from_pretrained(\n"
    '    model_name = "unsloth/Meta-Llama-3.1-8B-bnb-4bit",\n    max_seq_length = length,\n)\n'
    "model = FastLanguageModel.get_peft_model(model, r = 16)\n",
    "not Python at all\n",
    "from trl import SFTConfig, SFTTrainer\n"
    "trainer = SFTTrainer(\n    model = model,\n    args = SFTConfig(\n"
    '        per_device_train_batch_size = 32,\n        optim = "adamw_8bit",\n    ),\n)\n',
    "trainer.train()\n",
)


def notebook(*cells: str) -> str:
    listed = [
        {"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []} for cell in cells
    ]
    return json.dumps({"cells": listed, "nbformat": 4}, indent=1)


def analysed(text: str, root: Path, name: str = "fit.py", gpu: str | None = None) -> Analysis:
    return analyse(Document.parse(text, str(root / name)), Workspace(root), Overrides(gpu=gpu))


def test_a_finding_is_at_the_argument_that_decides(tmp_path: Path) -> None:
    analysis = analysed(SCRIPT, tmp_path)
    assert analysis.dialect is not None
    assert (analysis.dialect.name, analysis.verdict) == ("trl", "does_not_fit")
    finding = does_not_fit(analysis)
    assert shown(analysis, finding) in ("8", "4096")
    assert "per_device_train_batch_size 8 × max_length 4096" in finding.message


def test_every_fix_does_what_it_says(tmp_path: Path) -> None:
    for name, text in (("fit.py", SCRIPT), ("fit.ipynb", notebook(*CELLS))):
        analysis = analysed(text, tmp_path, name)
        fixes = fixes_for(analysis, does_not_fit(analysis))
        assert fixes
        for fix in fixes:
            after = analysed(apply_edits(text, fix.edits), tmp_path, name)
            assert after.estimate is not None
            assert (after.verdict, after.estimate.device_bytes) == ("fits", fix.device_bytes_after)
            if name.endswith(".ipynb"):
                json.loads(after.document.text)


def test_an_argument_that_is_not_written_is_added_to_the_call_that_takes_it(tmp_path: Path) -> None:
    text = SCRIPT.replace("    gradient_checkpointing=False,\n", "").replace(
        "SFTConfig(\n", "SFTConfig(\n", 1
    )
    analysis = analysed(text.replace("bf16=True", "bf16=True, gradient_checkpointing=False"), tmp_path)
    assert analysis.verdict == "does_not_fit"
    without = analysed(
        text.replace("per_device_train_batch_size=BATCH,", "").replace("=4096", "=16384"), tmp_path
    )
    edits = {
        apply_edits(without.document.text, fix.edits) for fix in fixes_for(without, does_not_fit(without))
    }
    assert any("# not float32" in each and ", per_device_train_batch_size=" in each for each in edits)


def test_a_hover_finds_the_argument_at_its_name_and_at_its_assignment(tmp_path: Path) -> None:
    document = analysed(SCRIPT, tmp_path).document
    for words, key in (
        ("per_device", "per_device_train_batch_size"),
        ("8\n", "per_device_train_batch_size"),
        ("4096", "max_length"),
        ("r=16", "lora_r"),
        ("Qwen/", "model_name_or_path"),
    ):
        place = document.place_at(SCRIPT.index(words))
        assert place is not None
        assert place.path == (key,)
    assert document.place_at(SCRIPT.index("train_dataset")) is None


def test_places_in_a_notebook_are_those_of_the_file(tmp_path: Path) -> None:
    text = notebook(*CELLS)
    analysis = analysed(text, tmp_path, "fit.ipynb")
    assert (analysis.verdict, analysis.dialect and analysis.dialect.name) == ("does_not_fit", "unsloth")
    finding = does_not_fit(analysis)
    assert shown(analysis, finding) in ("32", "8192")
    assert "per_device_train_batch_size 32 × max_seq_length 8192" in finding.message


def test_an_editor_hands_over_the_cells_alone(tmp_path: Path) -> None:
    text = "# %%\n" + "\n# %%\n".join(CELLS)
    analysis = analysed(text, tmp_path, "fit.ipynb")
    assert shown(analysis, does_not_fit(analysis)) in ("32", "8192")
    said = analysed(notebook(*CELLS), tmp_path, "fit.ipynb").estimate
    assert analysis.estimate is not None
    assert said is not None
    assert analysis.estimate.device_bytes == said.device_bytes


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("BATCH = 8", "BATCH = int(input())", "per_device_train_batch_size"),
        ('"Qwen/Qwen2.5-7B"', "os.environ['MODEL']", "model_name_or_path"),
        ("args=args", "args=arguments()", "per_device_train_batch_size"),
    ],
)
def test_an_open_value_that_decides_leaves_no_verdict(tmp_path: Path, old: str, new: str, named: str) -> None:
    analysis = analysed("import os\n" + SCRIPT.replace(old, new), tmp_path)
    assert analysis.verdict == "unknown"
    (finding,) = analysis.findings
    assert (finding.code, finding.severity) == ("VL104", "information")
    assert named in finding.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def f(:\n",
        "import lightning\nlightning.Trainer(max_epochs=1).fit(model)\n",
        "print('SFTTrainer(')\n",
        "from trl import SFTTrainer\nclass Mine(SFTTrainer):\n    pass\n",
    ],
)
def test_a_program_that_trains_nothing_known_is_left_alone(tmp_path: Path, text: str) -> None:
    for name in ("fit.py", "fit.ipynb"):
        analysis = analysed(text, tmp_path, name)
        assert analysis.dialect is None
        assert analysis.findings == ()


def test_a_comment_silences_a_finding_and_a_string_is_none(tmp_path: Path) -> None:
    at = SCRIPT.replace("BATCH = 8", "BATCH = 8  # vramlint: ignore[VL101] tried")
    analysis = analysed(at, tmp_path)
    if shown(analysed(SCRIPT, tmp_path), does_not_fit(analysed(SCRIPT, tmp_path))) == "8":
        assert {each.code for each in analysis.suppressed} == {"VL101"}
    quoted = analysed(
        SCRIPT.replace("# vramlint: gpu=RTX-4090", '"""\n# vramlint: gpu=RTX-4090\n"""'), tmp_path
    )
    assert quoted.declared is None
