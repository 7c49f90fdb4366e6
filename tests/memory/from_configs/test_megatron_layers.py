"""Megatron from its front ends' own files: what a layer keeps for backward, and what a stage has in flight.

With sequence parallelism and a flash kernel a layer keeps `(8h + 4Q + 4K + 6I)/t` bytes a token: inputs of
norms and products, query, key, value and attention's output, gate and up with their product (Korthikanti et
al. 2205.05198, section 4, for gated feed-forwards).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import estimate_of, model_folder, moment

HIDDEN, KEYS, INNER, TOKENS = 2048, 512, 8192, 4096
MODEL = {
    "model_type": "llama",
    "hidden_size": HIDDEN,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "intermediate_size": INNER,
    "vocab_size": 4096,
    "tie_word_embeddings": False,
}
SWIFT = """# vramlint: gpu=H100-80GB x8
model: ./model
tuner_type: full
dataset: [own.jsonl]
micro_batch_size: 1
global_batch_size: 64
max_length: 4096
packing: true
tensor_model_parallel_size: {tensor}
sequence_parallel: true
"""
FACTORY = """# vramlint: gpu=H100-80GB x8
model_name_or_path: ./model
stage: sft
do_train: true
finetuning_type: full
dataset: own
template: llama3
cutoff_len: 4096
packing: true
output_dir: out
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
bf16: true
tensor_model_parallel_size: {tensor}
sequence_parallel: true
cross_entropy_loss_fusion: true
"""


def kept(folder: Path, text: str) -> float:
    """Bytes a token that one more layer keeps."""
    few, many = (
        moment(
            estimate_of(model_folder(folder, {**MODEL, "num_hidden_layers": layers}), text), "loss"
        ).components["activations"]
        for layers in (8, 16)
    )
    return (many - few) / 8 / TOKENS


def formula(tensor: int) -> float:
    return (8 * HIDDEN + 4 * HIDDEN + 4 * KEYS + 6 * INNER) / tensor


@pytest.mark.parametrize("text", [SWIFT, FACTORY], ids=["ms-swift", "llamafactory"])
@pytest.mark.parametrize("tensor", [1, 2, 4])
def test_a_layer_keeps_what_the_formula_says(tmp_path: Path, text: str, tensor: int) -> None:
    assert kept(tmp_path, text.format(tensor=tensor)) == pytest.approx(formula(tensor), rel=0.01)


@pytest.mark.parametrize("text", [SWIFT, FACTORY], ids=["ms-swift", "llamafactory"])
def test_whole_layers_recomputed_keep_their_input(tmp_path: Path, text: str) -> None:
    recomputed = text.format(tensor=2) + "recompute_granularity: full\nrecompute_method: uniform\n"
    assert kept(tmp_path, recomputed) == pytest.approx(2 * HIDDEN / 2, rel=0.02)


NEMO = """# vramlint: gpu=H100-80GB x8
policy:
  model_name: ./model
  train_global_batch_size: 64
  train_micro_batch_size: 1
  max_total_sequence_length: 4096
  precision: bfloat16
  dtensor_cfg: {enabled: false}
  megatron_cfg:
    enabled: true
    tensor_model_parallel_size: 1
    activation_checkpointing: true
    recompute_granularity: selective
    recompute_modules: [core_attn, mlp]
sft: {max_num_epochs: 1}
data: {dataset_name: own}
cluster: {gpus_per_node: 8, num_nodes: 1}
"""
SELECTIVE = SWIFT.format(tensor=1) + "recompute_granularity: selective\n"


@pytest.mark.parametrize(
    ("text", "recomputed"),
    [
        (SELECTIVE, False),
        (SELECTIVE + "recompute_modules: [core_attn]\n", False),
        (SELECTIVE + "recompute_modules: [core_attn, mlp]\n", True),
        (SELECTIVE + "recompute_modules: [moe]\n", False),
        (NEMO, True),
        (NEMO.replace(", mlp]", "]"), False),
    ],
)
def test_a_dense_block_that_is_recomputed_keeps_its_input(
    tmp_path: Path, text: str, recomputed: bool
) -> None:
    """Gate, up and their product are made again; attention's core by a flash kernel saves nothing
    (megatron-core 0.16.1, transformer_config.py, recompute_modules).
    """
    expected = formula(1) - (6 * INNER if recomputed else 0)
    assert kept(tmp_path, text) == pytest.approx(expected, rel=0.02)


def test_a_mixture_that_is_recomputed_is_named_moe(tmp_path: Path) -> None:
    text = SELECTIVE.replace("./model", "Qwen/Qwen3-30B-A3B")
    kept_by = {
        module: moment(estimate_of(tmp_path, f"{text}recompute_modules: [{module}]\n"), "loss").components[
            "activations"
        ]
        for module in ("mlp", "moe")
    }
    assert kept_by["moe"] < 0.6 * kept_by["mlp"]


@pytest.mark.parametrize(("stages", "chunks"), [(4, 1), (4, 2), (8, 2)])
def test_what_the_first_stage_has_in_flight(tmp_path: Path, stages: int, chunks: int) -> None:
    """p micro batches of a stage's layers, `p (1 + (p - 1)/(p v))` in v chunks (Narayanan et al. 2104.04473,
    section 2.2).
    """
    layers = 32
    text = SWIFT.format(tensor=1) + f"pipeline_model_parallel_size: {stages}\n"
    if chunks > 1:
        text += f"virtual_pipeline_model_parallel_size: {chunks}\n"
    folder = model_folder(tmp_path, {**MODEL, "num_hidden_layers": layers})
    long, short = (
        moment(
            estimate_of(folder, text.replace("max_length: 4096", f"max_length: {length}")), "backward"
        ).components["activations"]
        for length in (4096, 2048)
    )
    in_flight = stages if chunks == 1 else stages * (1 + (stages - 1) / (stages * chunks))
    expected = in_flight * formula(1) * layers / stages
    assert (long - short) / 2048 == pytest.approx(expected, rel=0.06)
