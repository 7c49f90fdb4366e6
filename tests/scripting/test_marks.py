"""What a program's text has to hold for it to be read as one that may start a run."""

from __future__ import annotations

import pytest

from vramlint.dialects.scripting.marks import holds_lines, starts_run

STARTED = "axolotl train a.yaml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ("import json\n", False),
        ("import trl\nSFTTrainer(model).train()\n", True),
        ("import transformers\nTrainer(model)\n", True),
        ("SFTTrainer(model).train()\n", False),
        ("class Trainer:\n    pass\n", False),
        ("config = Trainer.Config(seq_len=1)\n", True),
        (f"x = 1\n!{STARTED}\n", True),
        (f'{{"cells": [{{"source": ["!{STARTED}"]}}]}}', True),
        (f'"source": ["!{STARTED}"]', False),
        (f"x != 1 # {STARTED}\n", False),
        (f"%%bash\n{STARTED}\n", True),
        (f"%bash\n{STARTED}\n", False),
        (f"import os\nos.system('{STARTED}')\n", True),
        (f"import subprocess\nsubprocess.run('{STARTED}'.split())\n", True),
        ("import subprocess\nsubprocess.run(['swift', 'sft'])\n", True),
        ("import subprocess\nsubprocess.run(['ls'])\n", False),
        ("from ours.train import main\nif __name__ == '__main__':\n    main()\n", True),
        ("from ours.work import main\nif __name__ == '__main__':\n    main()\n", False),
        ("from sagemaker.huggingface import HuggingFace\nHuggingFace(entry_point='a.py')\n", True),
        ("HuggingFace(entry_point='a.py')\n", False),
    ],
)
def test_what_starts_a_run(text: str, expected: bool) -> None:
    assert starts_run(text.encode()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"run: {STARTED}\n", True),
        (f"command: {STARTED}\n", True),
        (f"script: {STARTED}\n", True),
        (f"name: {STARTED}\n", False),
        ("run: ls\n", False),
    ],
)
def test_what_holds_launch_lines(text: str, expected: bool) -> None:
    assert holds_lines(text) == expected
