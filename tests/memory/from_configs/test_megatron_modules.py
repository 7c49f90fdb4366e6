"""Megatron's selective recomputation, module by module: what a layer of DeepSeek-V3's kind keeps for
backward, in bytes a token, by hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import MEGATRON_STEP, analysis_of, estimate_of, moment

HIDDEN, HEADS, CONTENT, POSITION = 2048, 16, 128, 64
TOP, WIDTH, SHARED, INNER = 4, 1024, 1024, 8192
TOKENS = 4096
JOB = (
    """\
# vramlint: gpu=H100-80GB x16
vramlint: 1
runtime: megatron
model: {{model_type: deepseek_v3, hidden_size: 2048, num_attention_heads: 16, num_key_value_heads: 16,
  q_lora_rank: 768, kv_lora_rank: 512, qk_nope_head_dim: 128, qk_rope_head_dim: 64, v_head_dim: 128,
  n_routed_experts: 32, num_experts_per_tok: 4, moe_intermediate_size: 1024, n_shared_experts: 1,
  n_group: 1, topk_group: 1, intermediate_size: 8192, first_k_dense_replace: {dense}, vocab_size: 32000,
  tie_word_embeddings: false, num_hidden_layers: {layers}, num_nextn_predict_layers: 0}}
precision: {{weights: bfloat16, master_weights: float32, optimizer_states: float32, gradients: float32}}
gradient_checkpointing: {checkpointing}
parallel: {{strategy: zero1, data: {data}, tensor: {tensor}, sequence: {sequence}, expert: {expert},
  expert_tensor: {expert_tensor}}}
"""
    + MEGATRON_STEP
)


def layer(
    folder: Path,
    *modules: str,
    dense: bool = False,
    tensor: int = 1,
    expert_tensor: int = 1,
) -> float:
    """Bytes a token that one layer keeps."""

    def kept(layers: int) -> int:
        text = JOB.format(
            layers=layers,
            dense=layers if dense else 0,
            data=16 // tensor,
            tensor=tensor,
            sequence="true" if tensor > 1 else "false",
            expert=8,
            expert_tensor=expert_tensor,
            checkpointing=f"{{modules: [{', '.join(modules)}]}}" if modules else "none",
        )
        return moment(estimate_of(folder, text), "loss").components["activations"]

    return (kept(8) - kept(4)) / 4 / TOKENS


LATENT_UP = HEADS * 3 * (CONTENT + POSITION)
"""Query, key and value of all heads, the value padded to the width of a key as flash attention wants it."""


def test_the_second_product_of_the_experts_keeps_no_output(tmp_path: Path) -> None:
    """Tokens of each expert, both halves of the first product, and the weighted activation."""
    experts = TOP * (HIDDEN + 2 * WIDTH + WIDTH)
    spared = layer(tmp_path) - layer(tmp_path, "moe")
    assert spared == pytest.approx(2 * (experts + 3 * SHARED), rel=0.03)


def test_the_activation_of_the_experts(tmp_path: Path) -> None:
    assert layer(tmp_path) - layer(tmp_path, "moe_act") == pytest.approx(2 * TOP * WIDTH, rel=0.01)


def test_what_is_made_of_latents(tmp_path: Path) -> None:
    assert layer(tmp_path) - layer(tmp_path, "mla_up_proj") == pytest.approx(2 * LATENT_UP, rel=0.01)


def test_the_shared_experts(tmp_path: Path) -> None:
    assert layer(tmp_path) - layer(tmp_path, "shared_experts") == pytest.approx(2 * 3 * SHARED, rel=0.01)


def test_norms_that_are_kernels_of_their_own(tmp_path: Path) -> None:
    """Both of a mixture with latent attention; of a dense layer the first alone."""
    assert layer(tmp_path) - layer(tmp_path, "layernorm") == pytest.approx(2 * 2 * HIDDEN, rel=0.01)
    spared = layer(tmp_path, dense=True) - layer(tmp_path, "layernorm", dense=True)
    assert spared == pytest.approx(2 * HIDDEN, rel=0.01)


def test_mixtures_and_dense_blocks_have_names_of_their_own(tmp_path: Path) -> None:
    assert layer(tmp_path) == layer(tmp_path, "dense_mlp")
    assert layer(tmp_path, "moe") == layer(tmp_path, "mlp") < layer(tmp_path)
    assert layer(tmp_path, dense=True) == layer(tmp_path, "moe", dense=True)
    spared = layer(tmp_path, dense=True) - layer(tmp_path, "dense_mlp", dense=True)
    assert spared == pytest.approx(2 * 3 * INNER, rel=0.01)


def test_several_at_once_spare_what_each_spares(tmp_path: Path) -> None:
    alone = [layer(tmp_path) - layer(tmp_path, module) for module in ("moe", "mla_up_proj")]
    both = layer(tmp_path) - layer(tmp_path, "moe", "mla_up_proj")
    assert both == pytest.approx(sum(alone), rel=0.001)


LLAMA4 = """\
# vramlint: gpu=H100-80GB x8
vramlint: 1
runtime: megatron
model: meta-llama/Llama-4-Scout-17B-16E
objective: pretrain
precision: {{weights: bfloat16, master_weights: float32, optimizer_states: float32, gradients: float32}}
optimizer: adamw
sequence_length: 1024
attention: flash_attention_2
loss: fused-cross-entropy
loop: freed
packing: true
parallel: {{strategy: zero1, data: {data}, expert: {expert}, tensor: {tensor}, sequence: {sequence}}}
"""
SCOUTS_EXPERTS = 48 * 16 * 3 * 5120 * 8192


@pytest.mark.parametrize(("expert", "tensor"), [(8, 1), (4, 2), (8, 2)])
def test_experts_of_llama_4_are_spread(tmp_path: Path, expert: int, tensor: int) -> None:
    """Each token goes to one of them, as under Megatron only; the tower and the rest stay what they are."""
    degrees = {"data": 8 // tensor, "sequence": str(tensor > 1).lower()}
    alone, spread = (
        analysis_of(tmp_path, LLAMA4.format(**degrees, expert=each, tensor=tensor)).estimate
        for each in (1, expert)
    )
    assert alone is not None
    assert spread is not None
    assert not any("expert parallelism" in note for note in spread.notes)
    less = alone.component_sizes["weights"] - spread.component_sizes["weights"]
    assert less == pytest.approx(2 * SCOUTS_EXPERTS * (1 - 1 / expert), rel=0.001)


def test_ranks_send_their_own_part_of_the_sequence_to_the_experts(tmp_path: Path) -> None:
    """With expert-tensor ranks they work on the tokens of all, a part of each expert's width."""
    experts = TOP * (HIDDEN + 3 * WIDTH)
    halves = layer(tmp_path) - layer(tmp_path, tensor=2)
    cut = layer(tmp_path, tensor=2, expert_tensor=2) - layer(tmp_path, tensor=2)
    assert cut == pytest.approx(2 * TOP * HIDDEN / 2, rel=0.02)
    assert halves > 2 * experts / 2
