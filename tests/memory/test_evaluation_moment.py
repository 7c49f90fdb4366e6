"""Evaluation while training: its batch and length, logits without gradients, who keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of, moment, names

from vramlint.analysis.analyse import fixes_for

TRL = """# vramlint: gpu=A100-80GB versions=trl@0.18,transformers@4.52
model_name_or_path: Qwen/Qwen2.5-7B
dataset_name: trl-lib/Capybara
output_dir: out
torch_dtype: bfloat16
bf16: true
use_peft: true
lora_r: 16
lora_target_modules: all-linear
max_length: 4096
packing: true
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
gradient_checkpointing: true
"""
LLAMAFACTORY = """# vramlint: gpu=A100-80GB
model_name_or_path: Qwen/Qwen2.5-7B
stage: sft
do_train: true
finetuning_type: lora
lora_target: all
dataset: identity
template: qwen
cutoff_len: 4096
output_dir: out
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
bf16: true
"""
AXOLOTL = """# vramlint: gpu=A100-80GB
base_model: Qwen/Qwen2.5-7B
adapter: lora
lora_r: 16
lora_alpha: 32
lora_target_linear: true
datasets: [{path: a, type: alpaca}]
sequence_len: 4096
sample_packing: true
micro_batch_size: 1
gradient_accumulation_steps: 8
gradient_checkpointing: true
optimizer: adamw_torch_fused
bf16: true
flash_attention: true
"""
TOKENS, VOCABULARY = 8 * 4096, 152_064


@pytest.mark.parametrize(
    ("text", "on", "smaller"),
    [
        (TRL, "eval_strategy: steps\n", "per_device_eval_batch_size: 1\n"),
        (TRL, "evaluation_strategy: epoch\n", "per_device_eval_batch_size: 1\n"),
        (LLAMAFACTORY, "val_size: 0.1\neval_strategy: steps\n", "per_device_eval_batch_size: 1\n"),
        (AXOLOTL, "val_set_size: 0.05\neval_batch_size: 8\n", ""),
    ],
    ids=["trl", "old name", "llamafactory", "axolotl"],
)
def test_eight_sequences_with_full_logits_are_worse_than_the_step(
    text: str, on: str, smaller: str, tmp_path: Path
) -> None:
    analysis = analysis_of(tmp_path, text + on)
    estimate = analysis.estimate
    assert estimate is not None
    assert estimate.peak_phase == "evaluation"
    logits = TOKENS * VOCABULARY
    assert moment(estimate, "evaluation").components["activations"] > 8 * logits
    assert moment(estimate, "evaluation").components["gradients"] == 0
    one = estimate_of(tmp_path, text + on.replace("eval_batch_size: 8", "eval_batch_size: 1") + smaller)
    assert one.peak_phase == "backward"
    assert moment(one, "evaluation").device_bytes < moment(one, "loss").device_bytes


@pytest.mark.parametrize(
    "text",
    [
        TRL,
        TRL + "eval_strategy: 'no'\n",
        TRL + "do_eval: true\n",
        LLAMAFACTORY,
        AXOLOTL,
        AXOLOTL + "val_set_size: 0\neval_batch_size: 64\n",
        AXOLOTL + "val_set_size: 0.1\neval_strategy: 'no'\n",
    ],
)
def test_what_is_not_asked_for_does_not_happen(text: str, tmp_path: Path) -> None:
    assert "evaluation" not in names(estimate_of(tmp_path, text))


def test_axolotl_evaluates_in_micro_batches_where_nothing_else_is_said(tmp_path: Path) -> None:
    estimate = estimate_of(tmp_path, AXOLOTL + "val_set_size: 0.05\n")
    assert moment(estimate, "evaluation").device_bytes < moment(estimate, "loss").device_bytes


def test_the_finding_says_that_it_is_the_evaluation(tmp_path: Path) -> None:
    text = TRL.replace("A100-80GB", "A100-40GB") + "eval_strategy: steps\nper_device_eval_batch_size: 8\n"
    (finding,) = (found for found in analysis_of(tmp_path, text).findings if found.code == "VL101")
    assert finding.at.key == ("per_device_eval_batch_size",)
    assert "evaluation takes batches of 8 × 4096" in finding.message


def test_a_smaller_evaluation_batch_is_a_safe_fix(tmp_path: Path) -> None:
    text = TRL.replace("A100-80GB", "A100-40GB") + "eval_strategy: steps\nper_device_eval_batch_size: 8\n"
    analysis = analysis_of(tmp_path, text)
    (finding,) = (found for found in analysis.findings if found.code == "VL101")
    fix = fixes_for(analysis, finding)[0]
    assert fix.title.startswith("evaluation batch")
    assert fix.safe


JOB = """vramlint: 1
model: Qwen/Qwen2.5-0.5B
gpu: A100-80GB
sequence_length: 1024
evaluation: {batch: 4}
"""


def test_a_length_of_its_own(tmp_path: Path) -> None:
    same = moment(estimate_of(tmp_path, JOB), "evaluation").components["activations"]
    half = moment(
        estimate_of(tmp_path, JOB.replace("batch: 4", "batch: 4, sequence_length: 512")), "evaluation"
    ).components["activations"]
    assert half == pytest.approx(same / 2, rel=0.02)


def test_kept_logits_leave_the_verdict_open(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path, JOB.replace("batch: 4", "batch: 4, keep_logits: true"))
    assert analysis.verdict == "unknown"
    assert analysis.estimate is not None
    more = moment(analysis.estimate, "evaluation").components["activations"]
    less = moment(estimate_of(tmp_path, JOB), "evaluation").components["activations"]
    assert more - less == pytest.approx(2 * 2 * 4 * 1024 * 151_936, rel=0.01)


def test_a_run_without_checkpointing_evaluates_in_less_than_it_trains(tmp_path: Path) -> None:
    estimate = estimate_of(tmp_path, JOB.replace("batch: 4", "batch: 1"))
    assert moment(estimate, "evaluation").device_bytes < moment(estimate, "loss").device_bytes
