"""VL218 where the size of the generation batch follows from the GPUs."""

from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

GRPO = """model_name_or_path: Qwen/Qwen2.5-0.5B
dataset_name: trl-lib/tldr
output_dir: ./outputs
per_device_train_batch_size: {rows}
gradient_accumulation_steps: {steps}
gradient_checkpointing: true
max_completion_length: 256
dtype: bfloat16
num_generations: 8
"""


@pytest.mark.parametrize(
    ("gpu", "rows", "steps", "refused"),
    [
        ("A100-80GB x4", 1, 1, True),
        ("A100-80GB x4", 1, 2, False),
        ("A100-80GB x4", 2, 1, False),
        ("A100-80GB x3", 2, 2, True),
        ("A100-80GB", 1, 1, False),  # nothing says how many GPUs there are
        (None, 1, 1, False),
    ],
)
def test_whole_groups(gpu: str | None, rows: int, steps: int, refused: bool, tmp_path: Path) -> None:
    document = Document.parse(GRPO.format(rows=rows, steps=steps), str(tmp_path / "grpo.yaml"))
    found = analyse(document, Workspace(tmp_path), Overrides(gpu=gpu)).findings
    said = [finding.message for finding in found if finding.code == "VL218"]
    assert bool(said) == refused
    if refused:
        assert f"{rows * steps * int(gpu[-1] if gpu else 1)} completions" in said[0]


def test_a_size_of_its_own_is_left_to_the_table(tmp_path: Path) -> None:
    text = GRPO.format(rows=1, steps=1) + "generation_batch_size: 16\n"
    document = Document.parse(text, str(tmp_path / "grpo.yaml"))
    found = analyse(document, Workspace(tmp_path), Overrides(gpu="A100-80GB x4")).findings
    assert "VL218" not in [finding.code for finding in found]
