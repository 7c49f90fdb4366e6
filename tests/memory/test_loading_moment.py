"""Loading: where the weights are read before an engine shards them, by framework and release."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of, moment, names

from vramlint.analysis.analyse import fixes_for

AXOLOTL = """# vramlint: gpu=A100-80GB x8 versions=axolotl@0.12
base_model: meta-llama/Llama-3.1-70B
datasets: [{path: a, type: alpaca}]
sequence_len: 512
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
  transformer_layer_cls_to_wrap: LlamaDecoderLayer
"""
LORA = "adapter: lora\nlora_r: 16\nlora_alpha: 32\nlora_target_linear: true\n"
QLORA = LORA.replace(": lora", ": qlora") + "load_in_4bit: true\n"
WHOLE = 2 * 70_553_706_496
"""Bytes of the model in 16 bits."""


def indented(text: str) -> str:
    return text + "  cpu_ram_efficient_loading: true\n"


def test_axolotl_moves_the_whole_model_to_every_gpu(tmp_path: Path) -> None:
    estimate = estimate_of(tmp_path, LORA + AXOLOTL)
    assert names(estimate)[0] == "load"
    load = moment(estimate, "load")
    assert load.components["weights"] >= WHOLE
    assert load.components["gradients"] == load.components["optimizer_states"] == 0
    assert estimate.peak_phase == "load"


def test_axolotl_leaves_the_model_on_the_host_from_0_13_on(tmp_path: Path) -> None:
    """`experimental_skip_move_to_device` became true."""
    newer = LORA + AXOLOTL.replace("axolotl@0.12", "axolotl@0.16")
    assert estimate_of(tmp_path, newer).peak_phase != "load"
    key = "experimental_skip_move_to_device: "
    assert estimate_of(tmp_path, f"{key}false\n" + newer).peak_phase == "load"
    assert estimate_of(tmp_path, f"{key}true\n" + LORA + AXOLOTL).peak_phase != "load"


def test_efficient_loading_sends_weight_by_weight(tmp_path: Path) -> None:
    load = moment(estimate_of(tmp_path, LORA + indented(AXOLOTL)), "load")
    assert load.components["weights"] == pytest.approx(WHOLE / 8, rel=0.02)
    assert load.components["activations"] == pytest.approx(2 * 128_256 * 8192, rel=0.01)


def test_the_finding_names_the_key_and_the_bytes(tmp_path: Path) -> None:
    text = LORA + AXOLOTL + "  cpu_ram_efficient_loading: false\n"
    (finding,) = (found for found in analysis_of(tmp_path, text).findings if found.code == "VL101")
    assert finding.at.key == ("fsdp_config", "cpu_ram_efficient_loading")
    assert "loading puts" in finding.message
    assert "on every GPU" in finding.message


def test_qlora_under_fsdp_quantises_the_whole_model_on_every_gpu(tmp_path: Path) -> None:
    """What Axolotl's issue 1522 ran into: 70B in 4 bits are 37 GB before FSDP shares them."""
    text = QLORA + AXOLOTL.replace("A100-80GB x8", "RTX-3090 x2")
    estimate = estimate_of(tmp_path, text)
    assert estimate.peak_phase == "load"
    assert 2 * 35e9 > moment(estimate, "load").components["weights"] > 35e9
    assert analysis_of(tmp_path, text).verdict == "does_not_fit"


TRL = """# vramlint: gpu=A100-80GB x4 versions={versions}
model_name_or_path: Qwen/Qwen2.5-7B
dataset_name: trl-lib/Capybara
output_dir: out
dtype: bfloat16
bf16: true
use_peft: true
load_in_4bit: true
max_length: 512
per_device_train_batch_size: 1
gradient_checkpointing: true
fsdp: full_shard auto_wrap
fsdp_config: {{version: 1, cpu_ram_efficient_loading: {efficient}}}
"""


@pytest.mark.parametrize(
    ("release", "efficient", "whole"),
    [
        ("trl@0.16,transformers@4.51", "true", False),
        ("trl@0.16,transformers@4.51", "false", True),
        ("trl@1.16,transformers@5.24", "true", True),
    ],
)
def test_transformers_5_leaves_quantised_weights_on_the_gpu(
    release: str, efficient: str, whole: bool, tmp_path: Path
) -> None:
    estimate = estimate_of(tmp_path, TRL.format(versions=release, efficient=efficient))
    load, loss = moment(estimate, "load"), moment(estimate, "loss")
    four_bits = 7.6e9 / 2
    assert (load.components["weights"] > four_bits) is whole
    assert loss.components["weights"] < four_bits


LLAMAFACTORY = """# vramlint: gpu=A100-80GB x8
model_name_or_path: Qwen/Qwen2.5-72B
stage: sft
do_train: true
finetuning_type: lora
lora_target: all
dataset: identity
template: qwen
cutoff_len: 512
output_dir: out
per_device_train_batch_size: 1
bf16: true
fsdp: full_shard auto_wrap
fsdp_config: {version: 1, cpu_ram_efficient_loading: EFFICIENT}
"""


@pytest.mark.parametrize(("efficient", "loads"), [("false", True), ("true", False)])
def test_llamafactory_maps_to_the_gpu_without_efficient_loading(
    efficient: str, loads: bool, tmp_path: Path
) -> None:
    phase = estimate_of(tmp_path, LLAMAFACTORY.replace("EFFICIENT", efficient)).peak_phase
    assert (phase == "load") is loads


ACCELERATE = """distributed_type: DEEPSPEED
num_processes: 4
mixed_precision: bf16
deepspeed_config: {zero_stage: 3, zero3_init_flag: false}
"""


@pytest.mark.parametrize(("release", "whole"), [("0.34", True), ("1.0", False)])
def test_the_flag_of_sharded_initialization_counts_until_accelerate_1(
    release: str, whole: bool, tmp_path: Path
) -> None:
    text = TRL.replace("load_in_4bit: true\n", "").partition("fsdp:")[0] + "accelerate_config: acc.yaml\n"
    text = text.format(versions=f"trl@0.16,accelerate@{release}")
    load = moment(estimate_of(tmp_path, text, acc__yaml=ACCELERATE), "load")
    assert (load.components["weights"] > 2 * 7.6e9) is whole


JOB = """vramlint: 1
model: meta-llama/Llama-3.1-8B
gpu: A100-80GB x8
parallel: {strategy: STRATEGY, data: 8}
"""


@pytest.mark.parametrize("strategy", ["zero3", "fsdp1", "fsdp2"])
def test_a_job_file_says_where_the_weights_are_read(strategy: str, tmp_path: Path) -> None:
    text = JOB.replace("STRATEGY", strategy)
    sizes = {
        place: moment(estimate_of(tmp_path, text + f"loading: {place}\n"), "load").device_bytes
        for place in ("host", "rank-0", "device")
    }
    assert sizes["device"] > 2 * 8.03e9 > sizes["host"] >= sizes["rank-0"]


QUANTISED = """vramlint: 1
model: mistralai/Mixtral-8x7B-v0.1
gpu: A100-80GB x2
method: qlora
adapter: {r: 16, targets: [q_proj, v_proj]}
parallel: {strategy: fsdp1, data: 2}
sequence_length: 512
gradient_checkpointing: full
"""


@pytest.mark.parametrize(("release", "whole"), [("4.48.1", False), ("5.23", True)])
def test_a_job_file_loads_quantised_weights_as_its_release_does(
    release: str, whole: bool, tmp_path: Path
) -> None:
    load = moment(estimate_of(tmp_path, QUANTISED + f"versions: {{transformers: {release}}}\n"), "load")
    assert (load.components["weights"] > 20e9) is whole


def test_without_sharding_loading_is_the_weights(tmp_path: Path) -> None:
    text = JOB.replace("{strategy: STRATEGY, data: 8}", "{strategy: none}").replace(" x8", "")
    load = moment(estimate_of(tmp_path, text), "load")
    assert load.components["activations"] == 0
    assert load.components["weights"] == pytest.approx(2 * 8_030_261_248, rel=0.001)


def test_efficient_loading_is_a_safe_fix(tmp_path: Path) -> None:
    text = LORA + AXOLOTL + "  cpu_ram_efficient_loading: false\n"
    analysis = analysis_of(tmp_path, text)
    (finding,) = (found for found in analysis.findings if found.code == "VL101")
    fix = fixes_for(analysis, finding)[0]
    assert fix.title.startswith("load on one rank of each node")
    assert fix.safe


PREPARED = """# vramlint: gpu=A100-80GB versions={versions}
base_model: meta-llama/Llama-3.1-8B
datasets: [{{path: a, type: alpaca}}]
sequence_len: 512
micro_batch_size: 1
gradient_checkpointing: true
flash_attention: true
bf16: true
adapter: qlora
load_in_4bit: true
lora_r: 8
lora_target_modules: [q_proj]
"""
TABLE = 128_256 * 4096
"""Elements of the embedding, and of the head."""


def test_axolotl_raised_embedding_and_head_for_a_moment(tmp_path: Path) -> None:
    """Both in 32 bits over one in 16 bits, until 0.19."""
    load = moment(estimate_of(tmp_path, PREPARED.format(versions="axolotl@0.19")), "load")
    assert load.components["activations"] == pytest.approx(3 * 2 * TABLE, rel=1e-4)
    load = moment(estimate_of(tmp_path, PREPARED.format(versions="axolotl@0.20")), "load")
    assert load.components["activations"] < TABLE
