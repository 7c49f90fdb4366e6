"""What one document may ask for is bounded, and where a bound is met it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.analysis.programs import MOST_LINES, MOST_RUNS
from vramlint.document import Document
from vramlint.document.document import LONGEST_CONFIG
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

CONFIG = """\
base_model: meta-llama/Llama-3.1-8B
micro_batch_size: 1
sequence_len: 2048
adapter: lora
"""
LINE = "llamafactory-cli train --model_name_or_path Qwen/Qwen2.5-7B --finetuning_type lora --bf16"
UNREAD = f"no verdict: only the first {MOST_RUNS} runs and {MOST_LINES} commands of a file are read: split it"


def found(text: str, path: str) -> Analysis:
    overrides = Overrides(gpu="A100-80GB")
    return analyse(Document.parse(text, path), Workspace(Path("/nowhere")), overrides)


def test_a_config_that_is_too_long_has_no_verdict():
    analysis = found(CONFIG + "# nothing more\n" * (LONGEST_CONFIG // 10), "a.yaml")
    assert [each.severity for each in analysis.findings if each.code == "VL001"] == ["error"]
    assert "characters are too many" in analysis.findings[0].message
    assert analysis.verdict == "unknown"
    assert analysis.estimate is None


def test_data_that_is_long_is_no_config():
    rows = '{"model": "gpt2", "text": "some words"},\n' * (LONGEST_CONFIG // 20)
    assert not found(f"[{rows}{{}}]", "a.json").findings


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.sh", "".join(f"{LINE} --cutoff_len {n + 100}\n" for n in range(MOST_RUNS + 1))),
        (
            "a.yaml",
            "jobs:\n"
            + "".join(f"  j{n}:\n    run: {LINE} --cutoff_len {n + 100}\n" for n in range(MOST_RUNS + 1)),
        ),
    ],
)
def test_runs_that_are_not_read_are_said(path: str, text: str):
    analysis = found(text, path)
    assert [each.message for each in analysis.findings if each.code == "VL104"] == [UNREAD]
    verdicts = [run.verdict for run in analysis.runs if run.is_run]
    assert verdicts.count("unknown") == 1
    assert len(verdicts) == MOST_RUNS + 1


def test_as_many_runs_as_are_read_are_judged():
    text = "".join(f"{LINE} --cutoff_len {n + 100}\n" for n in range(MOST_RUNS))
    verdicts = [run.verdict for run in found(text, "a.sh").runs]
    assert len(verdicts) == MOST_RUNS
    assert "unknown" not in verdicts


def test_a_run_after_many_commands_is_not_read_and_said():
    text = "steps:\n" + "  - run: nvidia-smi\n" * MOST_LINES + f"  - run: {LINE}\n"
    assert [each.message for each in found(text, "a.yaml").findings if each.code == "VL104"] == [UNREAD]
