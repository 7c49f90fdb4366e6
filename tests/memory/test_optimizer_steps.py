"""What a step of a low-rank optimizer, of Muon and of StableAdamW allocates, from a recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from configs import estimate_of

MODEL: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 1024,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "intermediate_size": 4096,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
}
EMBEDDING, WIDEST = 32000 * 1024, 4096 * 1024
"""Elements of the embedding (and the head), and of the largest matrix of a layer."""
TRL = """\
model_name_or_path: ./model
dataset_name: a/b
dtype: {dtype}
bf16: false
max_length: 16
per_device_train_batch_size: 1
optim: {optimizer}
optim_target_modules: [attn, mlp]
"""


def step(folder: Path, optimizer: str, dtype: str = "bfloat16", **changes: int) -> int:
    """Bytes that the optimizer's step has beside weights, gradients and states."""
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "config.json").write_text(json.dumps({**MODEL, **changes}))
    estimate = estimate_of(folder, TRL.format(optimizer=optimizer, dtype=dtype))
    parts = (estimate.component_sizes[name] for name in ("weights", "gradients", "optimizer_states"))
    return estimate.phase_peaks["optimizer"] - sum(parts)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ("galore_adamw", 2 * 2 * EMBEDDING),
        ("apollo_adamw", 2 * 2 * EMBEDDING),
        ("stable_adamw", 2 * 2 * EMBEDDING),
        ("muon", 2 * 2 * EMBEDDING),
        ("galore_adamw_8bit", 3 * 2 * WIDEST),
    ],
)
def test_temporaries_in_the_weights_own_dtype(tmp_path: Path, optimizer: str, expected: int) -> None:
    """Denominator and update of the embedding; torch's AdamW on embedding and head beside Muon."""
    assert step(tmp_path, optimizer) == pytest.approx(expected, rel=0.01)


def test_muon_where_the_matrices_decide(tmp_path: Path) -> None:
    """An update, two iterates and two products of the shorter side (torch 2.13, optim/_muon.py)."""
    expected = 3 * 2 * WIDEST + 2 * 2 * 1024**2
    assert step(tmp_path, "muon", vocab_size=512) == pytest.approx(expected, rel=0.01)


def test_galore_keeps_whole_factors_in_float32(tmp_path: Path) -> None:
    """A cut of a factor that no cast copies keeps the factor (galore-torch 1.0, galore_projector.py)."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps({**MODEL, "vocab_size": 512}))
    sizes = {
        name: estimate_of(tmp_path, TRL.format(optimizer=name, dtype="float32")).component_sizes[
            "optimizer_states"
        ]
        for name in ("galore_adamw", "apollo_adamw")
    }
    matrices = 2 * (4 + 3)
    more = matrices * (1024 - 128) * 1024 * 4
    assert sizes["galore_adamw"] - sizes["apollo_adamw"] == pytest.approx(more, rel=0.01)
