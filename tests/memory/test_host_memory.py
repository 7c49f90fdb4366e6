"""What is offloaded lies in host memory, which has an end too."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of

from vramlint.catalog.amounts import memory_bytes

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
