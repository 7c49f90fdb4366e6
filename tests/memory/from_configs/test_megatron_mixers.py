"""State-space layers under Megatron, which calls mamba-ssm's kernels: what a layer keeps for backward."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import MEGATRON_STEP, analysis_of, estimate_of, moment

HIDDEN, HEADS, HEAD, GROUPS, STATE = 2048, 64, 64, 8, 128
TOKENS, INNER = 4096, HEADS * HEAD
PROJECTED = 2 * INNER + 2 * GROUPS * STATE + HEADS
JOB = (
    """\
# vramlint: gpu=H100-80GB x8
vramlint: 1
runtime: {runtime}
model: {{model_type: nemotron_h, hidden_size: 2048, num_attention_heads: 16, num_key_value_heads: 4,
  mamba_num_heads: 64, mamba_head_dim: 64, n_groups: 8, ssm_state_size: 128, chunk_size: 128,
  intermediate_size: 8192, vocab_size: 32000, tie_word_embeddings: false,
  hybrid_override_pattern: "{pattern}"}}
precision: {{weights: bfloat16, master_weights: float32, optimizer_states: float32, gradients: float32}}
parallel: {{strategy: zero1, data: {data}, tensor: {tensor}, sequence: {sequence}}}
"""
    + MEGATRON_STEP
)


def job(layers: int, tensor: int = 1, runtime: str = "megatron") -> str:
    return JOB.format(
        pattern="M" * layers,
        runtime=runtime,
        tensor=tensor,
        data=8 // tensor,
        sequence="true" if tensor > 1 else "false",
    )


@pytest.mark.parametrize("tensor", [1, 2, 4])
def test_a_mixer_keeps_its_projections_and_its_output_before_and_after_the_gate(
    tmp_path: Path, tensor: int
) -> None:
    """With the norm before it and the norm after it, of which input and output are kept."""
    kept = [
        moment(estimate_of(tmp_path, job(layers, tensor)), "loss").components["activations"]
        for layers in (8, 4)
    ]
    expected = 2 * (2 * HIDDEN + PROJECTED + 3 * INNER) / tensor
    assert (kept[0] - kept[1]) / 4 / TOKENS == pytest.approx(expected, rel=0.01)


def test_heads_and_groups_are_shared_out(tmp_path: Path) -> None:
    whole, half = (estimate_of(tmp_path, job(8, tensor)).component_sizes["weights"] for tensor in (1, 2))
    assert half == pytest.approx(whole / 2, rel=0.01)


def test_only_layers_of_transformers_are_taken_to_run_without_kernels(tmp_path: Path) -> None:
    notes = {
        runtime: analysis_of(tmp_path, job(4, runtime=runtime)).estimate.notes  # type: ignore[union-attr]
        for runtime in ("megatron", "transformers")
    }
    assert not any("state-space" in note for note in notes["megatron"])
    assert any("state-space" in note for note in notes["transformers"])
