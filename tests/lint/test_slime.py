"""slime's launch lines: Megatron's arguments in arrays, behind `ray job submit`."""

from __future__ import annotations

from pathlib import Path

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.project.workspace import Workspace

SCRIPT = """#!/bin/bash
CKPT_ARGS=(
   --hf-checkpoint Qwen/Qwen3-4B
   #--ref-load elsewhere
)
ROLLOUT_ARGS=(
   --rollout-batch-size 32
   --n-samples-per-prompt 8
   --global-batch-size 256
)
PERF_ARGS=(
   --tensor-model-parallel-size 2
   --sequence-parallel
   --use-dynamic-batch-size
   --max-tokens-per-gpu 9216
)
ray job submit --address="http://127.0.0.1:8265" \\
   --runtime-env-json="${RUNTIME_ENV_JSON}" \\
   -- python3 train.py \\
   --actor-num-nodes 1 \\
   --actor-num-gpus-per-node 8 \\
   --colocate \\
   ${CKPT_ARGS[@]} \\
   ${ROLLOUT_ARGS[@]} \\
   ${PERF_ARGS[@]}
"""


def test_a_script_is_known_and_says_why_it_gets_no_verdict(tmp_path: Path) -> None:
    file = tmp_path / "run.sh"
    file.write_text(SCRIPT, encoding="utf-8")
    analysis = analyse(Document.parse(SCRIPT, str(file)), Workspace(tmp_path))
    assert analysis.dialect is not None
    assert analysis.dialect.name == "slime"
    assert analysis.estimate is None
    assert analysis.cannot is not None
    assert "float32 logits" in analysis.cannot.message


def test_another_train_script_is_not_slimes(tmp_path: Path) -> None:
    text = SCRIPT.replace("--hf-checkpoint", "--checkpoint")
    file = tmp_path / "run.sh"
    file.write_text(text, encoding="utf-8")
    analysis = analyse(Document.parse(text, str(file)), Workspace(tmp_path))
    assert analysis.dialect is None or analysis.dialect.name != "slime"
