"""A changed companion has the runs checked that read it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CONFIG = """\
base_model: Qwen/Qwen2.5-7B
datasets: [{path: a/b, type: alpaca}]
sequence_len: 1024
micro_batch_size: 1
bf16: true
deepspeed: zero.json
"""
PROGRAM = """\
# vramlint: gpu=A100-80GB
import yaml
from trl import SFTConfig, SFTTrainer
cfg = yaml.safe_load(open("sizes.yaml"))
SFTTrainer("Qwen/Qwen2.5-0.5B", SFTConfig(**cfg)).train()
"""


def checked(folder: Path, *arguments: str) -> set[str]:
    """The files that are reported on."""
    done = subprocess.run(
        [sys.executable, "-m", "vramlint", "check", "--output-format", "json", "--exit-zero", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {entry["path"] for entry in json.loads(done.stdout)["files"]}


def test_the_runs_that_read_a_named_file_are_checked_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG)
    (tmp_path / "b.yaml").write_text(CONFIG.replace("deepspeed: zero.json\n", "# not zero.json\n"))
    (tmp_path / "zero.json").write_text('{"zero_optimization": {"stage": 2}}')
    (tmp_path / "run.sh").write_text("torchrun --nproc_per_node 2 -m axolotl.cli.train a.yaml\n")
    (tmp_path / "sft.py").write_text(PROGRAM)
    (tmp_path / "sizes.yaml").write_text("per_device_train_batch_size: 1\n")
    assert checked(tmp_path, "zero.json") == {"zero.json"}
    assert checked(tmp_path, "--with-users", "zero.json") == {"zero.json", "a.yaml", "run.sh"}
    assert checked(tmp_path, "--with-users", "a.yaml") == {"a.yaml", "run.sh"}
    assert checked(tmp_path, "--with-users", "sizes.yaml") == {"sizes.yaml", "sft.py"}
