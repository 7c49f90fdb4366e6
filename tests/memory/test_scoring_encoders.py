"""Encoders that score a row: the classes `…ForSequenceClassification` of transformers."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import estimate_of

JOB = """
vramlint: 1
model: {model}
objective: {objective}
precision: {{weights: float32}}
micro_batch_size: 4
sequence_length: 512
"""


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("google-bert/bert-base-uncased", 109_483_778),
        ("google-bert/bert-large-uncased", 335_143_938),
        ("FacebookAI/roberta-base", 124_647_170),
        ("FacebookAI/xlm-roberta-base", 278_045_186),
        ("distilbert/distilbert-base-uncased", 66_955_010),
        ("microsoft/deberta-v3-base", 184_423_682),
        ("answerdotai/ModernBERT-base", 149_606_402),
    ],
)
def test_a_dense_layer_and_two_scores_replace_the_language_head(
    tmp_path: Path, model: str, parameters: int
) -> None:
    """Counts of the classes with two labels."""
    estimate = estimate_of(tmp_path, JOB.format(model=model, objective="classification"), "run.job.yaml")
    assert estimate.parameters == parameters


def test_no_logits_over_the_vocabulary(tmp_path: Path) -> None:
    """A V100 that trains bert-large-uncased on four rows of 512 tokens holds 14,949 MiB with what the driver
    and CUDA take (transformers 4.18, docs/source/en/perf_train_gpu_one.mdx).
    """
    scored, spoken = (
        estimate_of(tmp_path, JOB.format(model="bert-large-uncased", objective=objective), "run.job.yaml")
        for objective in ("classification", "sft")
    )
    words = 4 * 512 * 30522 * 4
    assert spoken.peak_allocated_bytes - scored.peak_allocated_bytes > 2 * words
