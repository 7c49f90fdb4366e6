"""What is offloaded lies in host memory, which has an end too."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of

from vramlint.advice.advise import suggest
from vramlint.catalog.amounts import memory_bytes
from vramlint.catalog.models import Models
from vramlint.job import Parallel, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory import estimate_job

PARAMETERS = 32_763_876_352
"""Of Qwen2.5 32B."""
DEEPSPEED = """{"train_batch_size": "auto", "train_micro_batch_size_per_gpu": "auto",
"gradient_accumulation_steps": "auto", "bf16": {"enabled": "auto"}, "zero_optimization": {"stage": 3,
"offload_optimizer": {"device": "cpu", "pin_memory": true},
"offload_param": {"device": "cpu", "pin_memory": true}}}"""
FULL = """# vramlint: gpu=H100-NVL DECLARED
model_name_or_path: Qwen/Qwen2.5-32B-Instruct
stage: sft
do_train: true
finetuning_type: full
deepspeed: ds.json
dataset: d
template: qwen
cutoff_len: 2048
output_dir: o
per_device_train_batch_size: 1
gradient_accumulation_steps: 1
bf16: true
"""


def test_zero3_keeps_eighteen_bytes_a_parameter_on_the_host(tmp_path: Path) -> None:
    host = estimate_of(tmp_path, FULL.replace("DECLARED", ""), ds__json=DEEPSPEED).host
    assert host is not None
    assert host.bytes_per_node == pytest.approx(18 * PARAMETERS, rel=0.01)


def test_all_ranks_of_a_node_share_its_memory(tmp_path: Path) -> None:
    text = FULL.replace("DECLARED", "").replace("H100-NVL", "H100-NVL x8")
    host = estimate_of(tmp_path, text, ds__json=DEEPSPEED).host
    assert host is not None
    assert host.bytes_per_node == 8 * host.bytes_per_rank
    assert host.bytes_per_node == pytest.approx(18 * PARAMETERS, rel=0.01)


@pytest.mark.parametrize(
    ("declared", "verdict", "severities"),
    [
        ("", "unknown", ["information"]),
        ("ram=256GiB", "does_not_fit", ["error"]),
        ("ram=1TB", "fits", []),
    ],
)
def test_declared_host_memory_is_held_against_it(
    declared: str, verdict: str, severities: list[str], tmp_path: Path
) -> None:
    analysis = analysis_of(tmp_path, FULL.replace("DECLARED", declared), ds__json=DEEPSPEED)
    assert analysis.estimate is not None
    assert analysis.estimate.host is not None
    assert analysis.estimate.host.verdict == verdict
    assert [found.severity for found in analysis.findings if found.code == "VL103"] == severities


def test_a_run_that_offloads_nothing_has_no_host_memory(tmp_path: Path) -> None:
    assert estimate_of(tmp_path, "vramlint: 1\nmodel: Qwen/Qwen2.5-0.5B\n").host is None


@pytest.mark.parametrize(
    ("text", "size"),
    [("512GiB", 2**39), ("80 GB", 80 * 10**9), ("512G", 2**39), ("1.5TB", 1.5e12), (2**30, 2**30)],
)
def test_amounts(text: object, size: float) -> None:
    assert memory_bytes(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-3GiB", "0GiB", 0, True, None, [1]])
def test_what_is_no_amount(text: object) -> None:
    assert memory_bytes(text) is None


def test_offloaded_states_are_saved_too(tmp_path: Path) -> None:
    """2 bytes of weights, 4 of masters and 8 of moments a parameter."""
    estimate = estimate_of(tmp_path, FULL.replace("DECLARED", ""), ds__json=DEEPSPEED)
    assert estimate.checkpoint_bytes["resume_state"] == pytest.approx(14 * PARAMETERS, rel=0.01)


def test_the_settings_declare_host_memory(tmp_path: Path) -> None:
    text = FULL.replace("DECLARED", "")
    small = analysis_of(tmp_path, text, ds__json=DEEPSPEED, vramlint__toml='ram = "256GiB"\n')
    assert small.estimate is not None
    assert small.estimate.host is not None
    assert small.estimate.host.verdict == "does_not_fit"
    wrong = analysis_of(tmp_path, text, ds__json=DEEPSPEED, vramlint__toml='ram = "lots"\n')
    assert any("amount of memory is expected" in found.message for found in wrong.findings)


def test_a_section_of_the_settings_declares_it_for_some_files(tmp_path: Path) -> None:
    settings = 'ram = "256GiB"\n[per-path."train.yaml"]\nram = "2TB"\n'
    estimate = estimate_of(
        tmp_path, FULL.replace("DECLARED", ""), ds__json=DEEPSPEED, vramlint__toml=settings
    )
    assert estimate.host is not None
    assert estimate.host.verdict == "fits"


@pytest.mark.parametrize(
    ("machine", "ram"), [("p4d.24xlarge", 1152), ("a2-highgpu-8g", 680), ("g5.xlarge", 16)]
)
def test_a_cloud_machines_host_memory_is_known(tmp_path: Path, machine: str, ram: int) -> None:
    text = FULL.replace("H100-NVL DECLARED", machine)
    host = estimate_of(tmp_path, text, ds__json=DEEPSPEED).host
    assert host is not None
    assert host.declared_bytes == ram * 2**30
    more = estimate_of(tmp_path, text.replace(machine, f"{machine} ram=3TB"), ds__json=DEEPSPEED).host
    assert more is not None
    assert more.declared_bytes == 3 * 10**12


FSDP = """# vramlint: gpu=A100-80GB x8 ram=400GiB
model_name_or_path: meta-llama/Llama-3.1-70B
dataset_name: trl-lib/Capybara
output_dir: o
use_peft: true
max_length: 2048
per_device_train_batch_size: 1
gradient_accumulation_steps: 1
bf16: true
dtype: bfloat16
fsdp: full_shard auto_wrap
fsdp_config: {fsdp_version: 2, cpu_ram_efficient_loading: EFFICIENT}
"""


def test_every_rank_reads_the_model_where_loading_is_not_efficient(tmp_path: Path) -> None:
    """141 GB once, or on each of eight ranks."""
    once = analysis_of(tmp_path, FSDP.replace("EFFICIENT", "true"))
    assert once.estimate is not None
    assert once.estimate.host is not None
    assert once.estimate.host.verdict == "fits"
    assert once.estimate.host.loading_bytes_per_node == pytest.approx(2 * 70_553_706_496, rel=0.02)
    each = analysis_of(tmp_path, FSDP.replace("EFFICIENT", "false"))
    assert each.estimate is not None
    assert each.estimate.host is not None
    assert each.estimate.host.loading_bytes_per_node == 8 * once.estimate.host.loading_bytes_per_node
    assert each.estimate.host.verdict == "does_not_fit"
    assert [found.code for found in each.findings if found.code in ("VL103", "VL113")] == ["VL113"]
    small = analysis_of(tmp_path, FSDP.replace("EFFICIENT", "true").replace("400GiB", "100GiB"))
    assert any("loading reads" in found.message for found in small.findings if found.code == "VL103")


OFFLOAD = """# vramlint: gpu=24GiB RAM
vramlint: 1
model: meta-llama/Llama-3.1-8B
method: qlora
adapter: {r: 16}
precision: {weights: bfloat16, autocast: bfloat16}
optimizer: paged_adamw_8bit
gradient_checkpointing: full
sequence_length: 32768
loss: fused-linear
attention: flash_attention_2
micro_batch_size: 1
"""


@pytest.mark.parametrize(("ram", "offered"), [("", True), ("ram=64GiB", True), ("ram=6GiB", False)])
def test_no_fix_offloads_into_host_memory_that_is_not_there(tmp_path: Path, ram: str, offered: bool) -> None:
    analysis = analysis_of(tmp_path, OFFLOAD.replace("RAM", ram))
    assert analysis.job is not None
    assert analysis.capacity is not None
    titles = [advice.title for advice in suggest(analysis.job, analysis.capacity)]
    assert any("offload activations" in title for title in titles) is offered


def test_an_optimizer_on_the_host_leaves_gradients_where_fsdp_made_them() -> None:
    """torchao 0.18, optim/cpu_offload.py: gradients are copied to the host, and those of the GPU stay."""
    model = Models().model("Qwen/Qwen2.5-0.5B")
    assert model is not None
    shards = Parallel(strategy="fsdp2", data=4)
    on_gpu = TrainingJob(model=model, runtime="torchtune", loop="plain", parallel=shards)
    away = replace(on_gpu, parallel=replace(shards, offload="optimizer"))
    kept, moved = estimate_job(on_gpu), estimate_job(away)
    assert moved.sizes["gradients"] == kept.sizes["gradients"] > 0
    assert moved.sizes["optimizer_states"] == 0
    assert moved.host is not None
    states_weights_gradients = 4 + 2 + 2
    assert moved.host.bytes_per_rank == pytest.approx(states_weights_gradients * 494_032_768 / 4, rel=0.01)
