"""Experts of a mixture over many GPUs: what a rank keeps of them under ZeRO, FSDP and Megatron."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of, moment

from vramlint.memory import Estimate

ZERO3 = '{"bf16": {"enabled": "auto"}, "zero_optimization": {"stage": 3}}'
LLAMAFACTORY = """# vramlint: gpu=p4de.24xlarge x8
model_name_or_path: mistralai/Mixtral-8x7B-v0.1
stage: sft
do_train: true
finetuning_type: full
deepspeed: ds.json
dataset: own
template: mistral
cutoff_len: 2048
output_dir: out
per_device_train_batch_size: 1
gradient_accumulation_steps: 1
bf16: true
"""
AXOLOTL = """# vramlint: gpu=p5.48xlarge x128
base_model: deepseek-ai/DeepSeek-V3
datasets: [{path: own, type: alpaca}]
sequence_len: 2048
micro_batch_size: 1
gradient_accumulation_steps: 1
gradient_checkpointing: true
optimizer: adamw_torch_fused
bf16: true
flash_attention: true
fsdp_version: 2
fsdp_config:
  reshard_after_forward: true
  auto_wrap_policy: TRANSFORMER_BASED_WRAP
  transformer_layer_cls_to_wrap: DeepseekV3DecoderLayer
"""


def test_64_ranks_share_the_states_of_8_experts(tmp_path: Path) -> None:
    """ZeRO-3's partitions are flat: float32 weights and two moments, 12 bytes a parameter, over all ranks
    (deepspeed 0.19.2, runtime/zero/stage3.py, _create_fp16_sub_groups).
    """
    sizes = estimate_of(tmp_path, LLAMAFACTORY, ds__json=ZERO3).component_sizes
    assert sizes["optimizer_states"] == pytest.approx(12 * 46_702_792_704 / 64, rel=0.01)


DEEPSEEK_EXPERTS = 58 * 256 * 3 * 7168 * 2048


def test_fsdp1_shares_experts_in_flat_parameters(tmp_path: Path) -> None:
    """Two moments of float32 masters, which accelerate makes, over all 1,024 ranks (torch 2.13,
    distributed/fsdp/_flat_param.py).
    """
    sizes = estimate_of(tmp_path, AXOLOTL.replace("fsdp_version: 2", "fsdp_version: 1")).component_sizes
    assert sizes["optimizer_states"] == pytest.approx(8 * 671_026_404_352 / 1024, rel=0.01)


def test_fsdp2_gives_no_rank_less_than_an_expert(tmp_path: Path) -> None:
    """It cuts [experts, out, in] by rows: of 1,024 ranks 256 have one expert each of every layer, and 768
    none (torch 2.13, _fsdp_param.py, _chunk_with_empty; accelerate names no other dimension).
    """
    sizes = estimate_of(tmp_path, AXOLOTL).component_sizes
    rest = 671_026_404_352 - DEEPSEEK_EXPERTS
    assert sizes["optimizer_states"] == pytest.approx(4 * (DEEPSEEK_EXPERTS / 256 + rest / 1024), rel=0.01)


def test_fsdp2_gathers_the_padding_of_experts_too(tmp_path: Path) -> None:
    """Counted on torch 2.13: 4 experts over 16 ranks are gathered, copied out and reduced as 16."""
    text = AXOLOTL.replace("deepseek-ai/DeepSeek-V3", "mistralai/Mixtral-8x7B-v0.1")
    text = text.replace("p5.48xlarge x128", "p5.48xlarge xNODES").replace(
        "sequence_len: 2048", "sequence_len: 64"
    )
    layer = 2 * 8 * 3 * 4096 * 14336
    few, many = (
        moment(estimate_of(tmp_path, text.replace("NODES", nodes)), "forward").components["activations"]
        for nodes in ("1", "4")
    )
    assert few == pytest.approx(3 * layer, rel=0.1)
    assert many == pytest.approx(3 * 4 * layer, rel=0.1)


MEGATRON = """# vramlint: gpu=H100-80GB x8
model: Qwen/Qwen3-30B-A3B
tuner_type: full
dataset: [own.jsonl]
micro_batch_size: 1
global_batch_size: 64
max_length: 4096
packing: true
sequence_parallel: true
recompute_granularity: full
"""
EXPERTS = 48 * 128 * 3 * 2048 * 768
"""Weights in all experts of Qwen3 30B-A3B."""
REST = 30_532_122_624 - EXPERTS


def swift(folder: Path, **degrees: int) -> Estimate:
    """An ms-swift file for `megatron sft` with these degrees."""
    keys = "".join(f"{name}_parallel_size: {degree}\n" for name, degree in degrees.items())
    return estimate_of(folder, MEGATRON + keys)


@pytest.mark.parametrize(
    ("tensor", "expert", "expert_tensor"), [(1, 1, 1), (1, 8, 1), (4, 1, 1), (4, 2, 1), (4, 2, 4), (2, 8, 1)]
)
def test_megatron_gives_experts_degrees_of_their_own(
    tmp_path: Path, tensor: int, expert: int, expert_tensor: int
) -> None:
    """An expert is cut over its own tensor-parallel ranks, and its states are shared by the ranks that are
    left of all (megatron-core 0.16.1, core/parallel_state.py: expert_data_parallel_size).
    """
    estimate = swift(tmp_path, tensor_model=tensor, expert_model=expert, expert_tensor=expert_tensor)
    held, shared_by = EXPERTS / (expert * expert_tensor), 8 / (expert * expert_tensor)
    assert estimate.component_sizes["weights"] == pytest.approx(2 * (held + REST / tensor), rel=0.02)
    states = 12 * (held / shared_by + REST / tensor / (8 / tensor))
    assert estimate.component_sizes["optimizer_states"] == pytest.approx(states, rel=0.02)


def test_megatrons_experts_do_not_depend_on_transformers(tmp_path: Path) -> None:
    """Before transformers 5 an expert was linear layers, which no expert-parallel rank shared."""
    text = MEGATRON + "expert_model_parallel_size: 8\n"
    older = text.replace("gpu=H100-80GB x8", "gpu=H100-80GB x8 versions=transformers@4.57")
    assert estimate_of(tmp_path, older).component_sizes == estimate_of(tmp_path, text).component_sizes


def test_expert_ranks_divide_the_experts_of_a_large_mixture(tmp_path: Path) -> None:
    """GLM-5 over 32 expert-parallel ranks: whole, its weights are 1,386 GiB."""
    text = MEGATRON.replace("gpu=H100-80GB x8", "gpu=p5.48xlarge x32").replace(
        "Qwen/Qwen3-30B-A3B", "zai-org/GLM-5"
    )
    whole, spread = (
        estimate_of(tmp_path, text + f"expert_model_parallel_size: {degree}\n").component_sizes["weights"]
        for degree in (1, 32)
    )
    experts = 75 * 256 * 3 * 6144 * 2048
    assert whole - spread == pytest.approx(2 * experts * 31 / 32, rel=0.01)


def test_a_degree_that_is_not_modelled_leaves_the_verdict_open(tmp_path: Path) -> None:
    """Tensor parallelism of linear attention: the estimate says that it is at most, and of what."""
    text = MEGATRON.replace("Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-Next-80B-A3B-Instruct")
    analysis = analysis_of(tmp_path, text + "tensor_model_parallel_size: 4\n")
    assert analysis.verdict == "unknown"
    (finding,) = [finding for finding in analysis.findings if finding.code == "VL104"]
    assert "needs at most" in finding.message
    assert "tensor parallelism over 4 GPUs is not modelled for qwen3_next" in finding.message


TITAN = """# vramlint: gpu=H100-80GB x64
[model]
name = "deepseek_v3"
flavor = "16B"
[training]
local_batch_size = 1
seq_len = 4096
[parallelism]
data_parallel_shard_degree = {data}
tensor_parallel_degree = {tensor}
expert_parallel_degree = {expert}
[activation_checkpoint]
mode = "full"
"""


@pytest.mark.parametrize(("tensor", "expert"), [(1, 1), (1, 8), (1, 64), (4, 8), (4, 64)])
def test_torchtitan_shares_experts_by_all_ranks_that_have_them(
    tmp_path: Path, tensor: int, expert: int
) -> None:
    """The expert-parallel mesh is made of ranks of all other meshes, so that every layout leaves a GPU as
    much: float32 weights, and two moments of them (torchtitan 0.3, distributed/parallel_dims.py).
    """
    text = TITAN.format(data=64 // tensor, tensor=tensor, expert=expert)
    estimate = estimate_of(tmp_path, text, "train.toml")
    sizes = estimate.component_sizes
    assert sizes["weights"] == pytest.approx(4 * estimate.parameters / 64, rel=0.05)
    assert sizes["optimizer_states"] == pytest.approx(8 * estimate.parameters / 64, rel=0.05)
