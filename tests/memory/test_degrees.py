"""A degree of parallelism acts on a model, or the estimate says that it does not and gives no verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of

from vramlint.catalog.facts import Model
from vramlint.job import Parallel, TrainingJob
from vramlint.memory import estimate_job

MIXTRAL = {
    "hidden_size": 1024,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "intermediate_size": 3584,
    "vocab_size": 1024,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
}
"""Mixtral 8x7B's shape, smaller."""
SHARED = {
    **MIXTRAL,
    "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 2048,
    "num_experts": 8,
    "norm_topk_prob": True,
}


def weights(kind: str, config: dict[str, object], **parallel: int) -> int:
    """Bytes of the weights on a rank."""
    return estimate_job(TrainingJob(Model("small", kind, config), parallel=Parallel(**parallel))).components[
        "weights"
    ]


@pytest.mark.parametrize(("kind", "config"), [("mixtral", MIXTRAL), ("qwen2_moe", SHARED)])
def test_tensor_ranks_cut_the_experts_too(kind: str, config: dict[str, object]) -> None:
    whole = weights(kind, config)
    assert weights(kind, config, tensor=4) == pytest.approx(whole / 4, rel=0.05)
    assert weights(kind, config, expert=8) < 0.6 * whole


def test_experts_that_are_spread_have_a_tensor_degree_of_their_own() -> None:
    spread = weights("mixtral", MIXTRAL, tensor=4, expert=8)
    assert weights("mixtral", MIXTRAL, tensor=4, expert=8, expert_tensor=4) < 0.45 * spread


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_tensor_ranks_cut_an_encoder(kind: str) -> None:
    config: dict[str, object] = {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "vocab_size": 30522,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
    }
    assert weights(kind, config, tensor=4) < 0.3 * weights(kind, config)


TOO_MUCH = """# vramlint: gpu=L4 x8
vramlint: 1
model: google/gemma-3n-E2B
parallel: {strategy: none, tensor: 8}
"""


def test_a_degree_without_effect_gives_no_verdict(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path, TOO_MUCH)
    assert analysis.verdict == "unknown"
    (finding,) = (finding for finding in analysis.findings if finding.code == "VL104")
    assert "needs at most" in finding.message
    assert "tensor parallelism over 8 GPUs is not modelled for gemma3n" in finding.message


def test_an_upper_bound_that_fits_fits(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path, TOO_MUCH.replace("L4", "B200"))
    assert analysis.verdict == "fits"
    assert (
        any("tensor parallelism" in note for note in analysis.estimate.notes) if analysis.estimate else False
    )
