"""Shell lines and cells of notebooks, with the files that cells write for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.analysis.programs import all_runs
from vramlint.document import Document
from vramlint.document.place import Snippet
from vramlint.document.python.magics import magics
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace


def notebook(*cells: str) -> str:
    listed = [
        {"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []} for cell in cells
    ]
    return json.dumps({"cells": listed, "nbformat": 4}, indent=1)


def described(tmp_path: Path, *cells: str) -> tuple[str, list[Any]]:
    text = notebook(*cells)
    document = Document.parse(text, str(tmp_path / "fit.ipynb"))
    overrides = Overrides(gpu="A100-80GB")
    around = Workspace(tmp_path).surroundings(document.path, overrides)
    return text, list(all_runs(document, around, overrides))


AXOLOTL = """\
import yaml
config = {
    "base_model": "Qwen/Qwen2.5-7B", "datasets": [{"path": "a/b", "type": "alpaca"}],
    "sequence_len": 2048, "micro_batch_size": 2, "bf16": True, "adapter": "lora", "lora_r": 8,
    "lora_target_linear": True,
}
config["micro_batch_size"] = 4
with open("fit.yaml", "w") as file:
    yaml.dump(config, file)
"""


def test_a_dictionary_that_is_dumped_is_the_config_of_a_shell_line(tmp_path: Path) -> None:
    text, (run,) = described(tmp_path, AXOLOTL, "!accelerate launch -m axolotl.cli.train /content/fit.yaml\n")
    said = {name: field.value for name, field in run.fields.items()}
    assert (said["framework"], said["model"], said["adapter"]) == ("axolotl", "Qwen/Qwen2.5-7B", "lora")
    assert (said["micro_batch"], said["ranks"]) == (4, 1)
    assert run.verdict == "fits"
    place = run.fields["seq_len"].place
    assert text[slice(*place.span)] == "2048"


def test_an_open_value_of_the_dictionary_leaves_no_verdict(tmp_path: Path) -> None:
    cell = AXOLOTL.replace('"micro_batch_size"] = 4', '"micro_batch_size"] = size()')
    _, (run,) = described(tmp_path, "from own import size\n" + cell, "!axolotl train fit.yaml\n")
    assert run.verdict == "unknown"
    assert "micro_batch_size" in {item.field for item in run.open}


def test_python_names_and_the_environment_reach_a_shell_line(tmp_path: Path) -> None:
    text, (run,) = described(
        tmp_path,
        'import os\nMODEL = "Qwen/Qwen2.5-7B"\nbatch = 2 * 2\nos.environ["CUDA_VISIBLE_DEVICES"] = "0,1"\n',
        "%env PYTORCH_ALLOC_CONF expandable_segments:True\n"
        "!llamafactory-cli train --stage sft --model_name_or_path {MODEL} --finetuning_type lora \\\n"
        "    --per_device_train_batch_size $batch --cutoff_len 1024\n"
        "print('done')\n",
    )
    said = {name: field.value for name, field in run.fields.items()}
    assert (said["model"], said["micro_batch"], said["seq_len"]) == ("Qwen/Qwen2.5-7B", 4, 1024)
    assert said["ranks"] == 2
    assert run.run.environment["PYTORCH_ALLOC_CONF"].value == "expandable_segments:True"
    place = run.fields["seq_len"].place
    assert text[slice(*place.span)] == "1024"


def test_a_cell_writes_a_config_and_a_shell_cell_starts_it(tmp_path: Path) -> None:
    text, (run,) = described(
        tmp_path,
        "%%writefile fit.yaml\nbase_model: Qwen/Qwen2.5-7B\ndatasets: []\nsequence_len: 1024\n"
        "micro_batch_size: 2\nbf16: true\nadapter: lora\nlora_r: 8\nlora_target_linear: true\n",
        "%%bash\nexport CUDA_VISIBLE_DEVICES=0\naxolotl train fit.yaml \\\n  --sequence-len 2048\n",
    )
    said = {name: field.value for name, field in run.fields.items()}
    assert (said["seq_len"], said["micro_batch"]) == (2048, 2)
    place = run.fields["micro_batch"].place
    assert text[slice(*place.span)] == "2"


def test_a_finding_of_a_shell_line_is_at_its_word(tmp_path: Path) -> None:
    text = notebook(
        "!CUDA_VISIBLE_DEVICES=0 trl sft --model_name_or_path Qwen/Qwen2.5-7B --use_peft --dtype bfloat16 "
        "--per_device_train_batch_size 8 --max_length 4096\n"
    )
    analysis = analyse(
        Document.parse(text, str(tmp_path / "fit.ipynb")), Workspace(tmp_path), Overrides(gpu="RTX-4090")
    )
    (finding,) = (each for each in analysis.findings if each.code == "VL101")
    assert text[slice(*analysis.span(finding.at))] in ("8", "4096")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("x = 1\n", []),
        ("!a b\n", [("shell", "a b")]),
        ("if x:\n    !a \\\n     --b {c}\n", [("shell", "a \\\n     --b ${c}")]),
        ("!a ${b} {1..3}\n", [("shell", "a ${b} {1..3}")]),
        ("%%bash\na\nb\n", [("shell", "a\nb\n")]),
        ("%%writefile a.yaml\nb: 1\n", [("file", "b: 1\n")]),
        ("%env A=b c\n%env A b\n", [("variable", "b c"), ("variable", "b")]),
        ("%%time\n!a\n", [("shell", "a")]),
        ("x = 5 % 2\ny = x != 3\n", []),
    ],
)
def test_what_a_cell_has_for_other_languages(cell: str, expected: list[tuple[str, str]]) -> None:
    assert [(each.kind, each.snippet.text) for each in magics(Snippet.whole(cell))] == expected


@pytest.mark.parametrize(
    "call",
    [
        'subprocess.run(["tune", "run", "--nproc_per_node", str(GPUS), "lora_finetune_distributed", '
        '"--config", "llama3_1/8B_lora", f"batch_size={SIZE}"], check=True)',
        'os.system(f"tune run --nproc_per_node {GPUS} lora_finetune_distributed --config llama3_1/8B_lora '
        'batch_size={SIZE}")',
        'subprocess.check_call(f"tune run --nproc_per_node={GPUS} lora_finetune_distributed '
        '--config llama3_1/8B_lora batch_size={SIZE}".split())',
    ],
)
def test_commands_that_a_program_hands_to_the_system(tmp_path: Path, call: str) -> None:
    text = f"import os, subprocess\nGPUS, SIZE = 8, 2\n{call}\n"
    document = Document.parse(text, str(tmp_path / "launch.py"))
    around = Workspace(tmp_path).surroundings(document.path, Overrides())
    (run,) = all_runs(document, around, Overrides())
    said = {name: field.value for name, field in run.fields.items()}
    assert (said["framework"], said["adapter"], said["ranks"]) == ("torchtune", "lora", 8)
    assert (said["model"], said["micro_batch"]) == ("llama3_1 8B", 2)


def test_a_command_that_trains_nothing_is_no_run(tmp_path: Path) -> None:
    text = 'import subprocess\nsubprocess.run(["pip", "install", "axolotl"])\nsubprocess.run(command())\n'
    document = Document.parse(text, str(tmp_path / "launch.py"))
    around = Workspace(tmp_path).surroundings(document.path, Overrides())
    assert not all_runs(document, around, Overrides())
