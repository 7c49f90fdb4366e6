"""Megatron's layers, pipelines and optimizer (`runtime: megatron`), by the formulas of its source."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import MEGATRON_STEP, estimate_of, moment

JOB = (
    """\
# vramlint: gpu=H100-80GB x8
vramlint: 1
runtime: megatron
model: {{model_type: llama, hidden_size: 4096, num_attention_heads: 32, num_key_value_heads: 8,
  intermediate_size: 14336, vocab_size: 32000, tie_word_embeddings: false, num_hidden_layers: {layers}}}
precision: {{weights: bfloat16, master_weights: float32, optimizer_states: float32, gradients: float32{fp8}}}
gradient_checkpointing: {checkpointing}
parallel: {{strategy: zero1, data: {data}, tensor: {tensor}, sequence: {sequence}}}
"""
    + MEGATRON_STEP
)
HIDDEN, QUERY, KEY, INNER, TOKENS = 4096, 4096, 1024, 14336, 4096


def layer(
    folder: Path, tensor: int, fp8: str = "", checkpointing: str = "none", sequence: str = "true"
) -> float:
    """Bytes a token that one layer keeps for backward."""

    def kept(layers: int) -> int:
        text = JOB.format(
            layers=layers,
            tensor=tensor,
            data=8 // tensor,
            fp8=fp8,
            checkpointing=checkpointing,
            sequence=sequence if tensor > 1 else "false",
        )
        return moment(estimate_of(folder, text), "loss").components["activations"]

    return (kept(9) - kept(5)) / 4 / TOKENS


def formula(tensor: int) -> float:
    return (8 * HIDDEN + 4 * QUERY + 4 * KEY + 6 * INNER) / tensor


@pytest.mark.parametrize("tensor", [1, 2, 4, 8])
def test_a_layer_keeps_what_the_formula_says(tmp_path: Path, tensor: int) -> None:
    """Roots of the norms and the kernel's sums a head come on top: less than a percent."""
    assert layer(tmp_path, tensor) == pytest.approx(formula(tensor), rel=0.01)


def test_without_sequence_parallelism_the_hidden_width_stays_whole(tmp_path: Path) -> None:
    expected = 8 * HIDDEN + (4 * QUERY + 4 * KEY + 6 * INNER) / 4
    assert layer(tmp_path, 4, sequence="false") == pytest.approx(expected, rel=0.01)


def test_fp8_products_keep_their_inputs_in_a_byte(tmp_path: Path) -> None:
    """The norms' outputs and the MLP's product in one byte for two; attention's output in both."""
    less = (2 * HIDDEN + INNER - QUERY) / 4
    assert layer(tmp_path, 4, ", fp8: tensorwise") == pytest.approx(formula(4) - less, rel=0.01)


def test_the_mlp_alone_recomputed_keeps_its_input(tmp_path: Path) -> None:
    """Of the MLP the output of its norm, of which the norm's input is kept too."""
    expected = (8 * HIDDEN + 4 * QUERY + 4 * KEY) / 4
    assert layer(tmp_path, 4, checkpointing="{modules: [mlp]}") == pytest.approx(expected, rel=0.02)


def test_the_core_of_eager_attention_recomputed_keeps_no_scores(tmp_path: Path) -> None:
    def kept(checkpointing: str) -> int:
        text = JOB.format(
            layers=8, tensor=1, data=8, fp8="", checkpointing=checkpointing, sequence="false"
        ).replace("flash_attention_2", "eager")
        return moment(estimate_of(tmp_path, text), "loss").components["activations"]

    scores = 8 * 32 * TOKENS * TOKENS * 2
    assert kept("none") - kept("{modules: [core_attn]}") > scores


def test_a_whole_layer_recomputed_keeps_this_ranks_tokens(tmp_path: Path) -> None:
    assert layer(tmp_path, 4, checkpointing="full") == pytest.approx(2 * HIDDEN / 4, rel=0.01)


def test_bytes_of_weights_gradients_and_states(tmp_path: Path) -> None:
    """2 + 4 bytes on every rank, 12 shared by the data-parallel ones."""
    text = JOB.format(layers=8, tensor=2, data=4, fp8="", checkpointing="full", sequence="true")
    estimate = estimate_of(tmp_path, text)
    sizes, parameters = estimate.component_sizes, estimate.parameters / 2
    assert sizes["weights"] == pytest.approx(2 * parameters, rel=0.01)
    assert sizes["gradients"] == pytest.approx(4 * parameters, rel=0.01)
    assert sizes["optimizer_states"] == pytest.approx(12 * parameters / 4, rel=0.01)


def test_sequence_parallelism_is_megatrons(tmp_path: Path) -> None:
    text = JOB.format(layers=8, tensor=2, data=4, fp8="", checkpointing="none", sequence="true")
    said, implied = (estimate_of(tmp_path, each) for each in (text, text.replace("runtime: megatron\n", "")))
    assert implied.device_bytes == said.device_bytes


@pytest.mark.parametrize(("stages", "chunks"), [(4, 1), (4, 5), (8, 2)])
def test_what_the_first_stage_has_in_flight(tmp_path: Path, stages: int, chunks: int) -> None:
    """p micro batches of a stage's layers, or p (1 + (p - 1) / (p v)) in v chunks."""
    layers = 40

    def kept(tokens: int) -> int:
        text = JOB.format(
            layers=layers, tensor=1, data=1, fp8="", checkpointing="none", sequence="false"
        ).replace("sequence_length: 4096", f"sequence_length: {tokens}")
        pipeline = f"pipeline: {stages}, virtual_pipeline: {chunks}, schedule: interleaved"
        text = text.replace("sequence: false}", f"sequence: false, {pipeline}}}")
        text = text.replace("x8\n", f"x{stages}\n") + "gradient_accumulation_steps: 64\n"
        return moment(estimate_of(tmp_path, text), "backward").components["activations"]

    in_flight = stages if chunks == 1 else stages * (1 + (stages - 1) / (stages * chunks))
    expected = in_flight * formula(1) * layers / stages
    assert (kept(4096) - kept(2048)) / 2048 == pytest.approx(expected, rel=0.06)


def test_adapters_have_the_bases_dtype(tmp_path: Path) -> None:
    text = JOB.format(layers=8, tensor=1, data=8, fp8="", checkpointing="full", sequence="false")
    text = text.replace("objective: pretrain", "method: lora\nadapter: {r: 16}").replace(
        "gradients: float32", "gradients: same-as-weights"
    )
    estimate = estimate_of(tmp_path, text)
    assert estimate.component_sizes["gradients"] == pytest.approx(2 * estimate.trainable_parameters, rel=0.01)


SPARSE = """\
# vramlint: gpu=H100-80GB x8
vramlint: 1
{runtime}
model: zai-org/GLM-5
objective: sft
precision: {{weights: bfloat16, master_weights: float32, optimizer_states: float32}}
optimizer: adamw
micro_batch_size: 1
sequence_length: 16384
attention: {attention}
gradient_checkpointing: full
parallel: {{strategy: zero1, data: 8, tensor: 8, pipeline: {pipeline}, expert: 64, offload: optimizer{more}}}
"""


@pytest.mark.parametrize(
    ("runtime", "pipeline", "attention", "open_"),
    [
        ("runtime: megatron", 1, "sdpa", True),
        ("", 8, "sdpa", True),
        ("", 1, "flash_attention_2", False),
        ("runtime: megatron", 1, "flash_attention_2", False),
    ],
)
def test_an_indexers_scores_are_a_bound_where_kernels_may_be_fused(
    tmp_path: Path, runtime: str, pipeline: int, attention: str, open_: bool
) -> None:
    """Megatron-Core makes them whole unless told otherwise (0.16 to 0.19, experimental_attention_variant/
    dsa.py, fused_qk_topk_naive), as transformers does; runs of such models bring kernels of their own.
    """
    text = SPARSE.format(runtime=runtime, pipeline=pipeline, attention=attention, more="")
    found = estimate_of(tmp_path, text)
    assert any("fused kernels" in reason for reason in found.why_unknown) == open_


def sparse(folder: Path, sequence: int, context: int = 1) -> int:
    """Bytes of activations at the peak, where fused kernels choose keys and attend to them."""
    text = SPARSE.format(
        runtime="runtime: megatron", pipeline=1, attention="flash_attention_2", more=f", context: {context}"
    )
    text = text.replace("16384", str(sequence)).replace("data: 8", f"data: {8 // context}")
    return moment(estimate_of(folder, text), "backward").components["activations"]


def test_fused_kernels_score_a_block_of_queries_at_a_time(tmp_path: Path) -> None:
    """Beyond a block of 8,192 queries, activations grow with tokens; scores by 4 bytes a key of the block."""
    short, long = sparse(tmp_path, 16384), sparse(tmp_path, 65536)
    assert long < 4 * short + 8192 * (65536 - 16384) * 4


def test_fused_kernels_are_said_by_flash_attention_or_a_key(tmp_path: Path) -> None:
    """transformers refuses flash attention for such models, and no flash kernel takes a mask of keys."""
    text = SPARSE.format(runtime="runtime: megatron", pipeline=1, attention="flash_attention_2", more="")
    implied = estimate_of(tmp_path, text)
    said, whole = (
        estimate_of(
            tmp_path,
            text.replace("flash_attention_2", "sdpa") + f"kernels: {{sparse_attention: {kernels}}}\n",
        )
        for kernels in ("fused", "whole")
    )
    assert implied.device_bytes == said.device_bytes < whole.device_bytes / 2


def test_keys_of_all_context_ranks_are_gathered(tmp_path: Path) -> None:
    """Half the queries, as many keys: more than half of what one rank alone holds."""
    assert sparse(tmp_path, 32768) > sparse(tmp_path, 32768, 2) > sparse(tmp_path, 16384)
