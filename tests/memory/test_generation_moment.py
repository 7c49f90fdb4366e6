"""Completions of online methods: engines on the training's GPU, asleep or not, and the model itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of, moment, names

from vramlint.analysis.analyse import fixes_for
from vramlint.catalog.facts import GIB, MIB
from vramlint.explain.verdict import verdict_line

GRPO = """# vramlint: gpu=A100-80GB versions=trl@1.16
model_name_or_path: Qwen/Qwen2.5-7B-Instruct
dataset_name: trl-lib/tldr
dtype: bfloat16
use_peft: true
lora_r: 16
lora_target_modules: all-linear
per_device_train_batch_size: 2
gradient_accumulation_steps: 4
num_generations: 8
max_completion_length: 1024
beta: 0.0
use_vllm: true
vllm_mode: colocate
vllm_gpu_memory_utilization: 0.5
"""
ASLEEP = GRPO + "vllm_enable_sleep_mode: true\n"
AXOLOTL = """# vramlint: gpu=A100-80GB
base_model: Qwen/Qwen2.5-7B-Instruct
rl: grpo
adapter: lora
lora_r: 16
lora_alpha: 32
lora_target_linear: true
sequence_len: 2048
micro_batch_size: 2
gradient_accumulation_steps: 4
optimizer: adamw_torch_fused
gradient_checkpointing: true
bf16: true
flash_attention: true
datasets: [{path: trl-lib/tldr}]
vllm: {gpu_memory_utilization: 0.5}
trl:
  use_vllm: true
  vllm_mode: colocate
  num_generations: 8
  max_completion_length: 1024
"""
SHARE = 0.5
"""Of the GPU, as both files say."""


@pytest.mark.parametrize(
    ("awake", "asleep"),
    [(GRPO, ASLEEP), (AXOLOTL, AXOLOTL + "  vllm_enable_sleep_mode: true\n")],
    ids=["trl", "axolotl"],
)
def test_an_engine_that_sleeps_leaves_the_training_step_alone(
    awake: str, asleep: str, tmp_path: Path
) -> None:
    always, between = estimate_of(tmp_path, awake), estimate_of(tmp_path, asleep)
    engine = always.component_sizes["generation"]
    assert engine == pytest.approx(SHARE * 80 * GIB, rel=0.02)
    for name in ("forward", "loss", "backward", "optimizer"):
        assert moment(always, name).components["generation"] == engine
        assert moment(between, name).components["generation"] == 0
    assert moment(always, "generation") == moment(between, "generation")
    step = max(moment(between, name).device_bytes for name in ("loss", "backward"))
    assert always.device_bytes == step + engine
    assert between.device_bytes == max(step, moment(between, "generation").device_bytes)


def test_the_worst_of_two_phases_decides(tmp_path: Path) -> None:
    short = estimate_of(tmp_path, ASLEEP.replace("1024", "64"))
    long = estimate_of(
        tmp_path,
        ASLEEP.replace("1024", "16384").replace("utilization: 0.5", "utilization: 0.2"),
    )
    assert (short.peak_phase, long.peak_phase) == ("generation", "backward")
    assert short.device_bytes == moment(short, "generation").device_bytes
    assert short.components == moment(short, "generation").components


def test_the_engine_is_a_component_of_its_own(tmp_path: Path) -> None:
    estimate = estimate_of(tmp_path, GRPO)
    assert sum(estimate.components.values()) == estimate.device_bytes
    assert estimate.components["overhead"] < 2 * GIB
    assert "generation" in estimate.parts
    assert "generation" not in estimate_of(tmp_path, GRPO.replace("colocate", "server")).parts


def test_a_run_that_does_not_fit_beside_its_engine_blames_the_share(tmp_path: Path) -> None:
    text = GRPO.replace("utilization: 0.5", "utilization: 0.9")
    (finding,) = (f for f in analysis_of(tmp_path, text).findings if f.code == "VL101")
    assert finding.at.key == ("vllm_gpu_memory_utilization",)
    assert "the generation engine takes 90% of the GPU" in finding.message.replace(" %", "%")


def test_a_fix_gives_the_engine_less_or_lets_it_sleep(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path, GRPO.replace("utilization: 0.5", "utilization: 0.9"))
    (finding,) = (f for f in analysis.findings if f.code == "VL101")
    fixes = fixes_for(analysis, finding)
    assert "of the GPU for the generation engine" in fixes[0].title
    assert fixes[0].safe
    long = ASLEEP.replace("vllm_enable_sleep_mode: true\n", "").replace("1024", "24576")
    analysis = analysis_of(tmp_path, long)
    (finding,) = (f for f in analysis.findings if f.code == "VL101")
    assert any("sleep" in fix.title for fix in fixes_for(analysis, finding))


def test_a_server_takes_nothing_of_the_training(tmp_path: Path) -> None:
    estimate = estimate_of(tmp_path, GRPO.replace("colocate", "server"))
    assert "generation" not in names(estimate)


def test_without_an_engine_the_keys_and_values_of_all_completions_are_held(tmp_path: Path) -> None:
    own = GRPO.partition("use_vllm")[0]
    estimate = estimate_of(tmp_path, own + "max_prompt_length: 1024\n")
    # 2 rows × 4 micro batches of 2,048 tokens; 28 layers and the growing one, 4 heads of 128, keys and values
    cache = 8 * 2048 * (28 + 1) * 2 * 4 * 128 * 2
    workspaces = int(2 * 8.125 * MIB)
    held = moment(estimate, "generation").components
    assert held["activations"] == pytest.approx(cache + workspaces, rel=0.01)
    assert held["generation"] == 0


def test_a_sharded_model_with_an_adapter_is_gathered_whole_for_the_engine(tmp_path: Path) -> None:
    sharded = GRPO.replace("A100-80GB", "A100-80GB x8") + "accelerate_config: zero3\n"
    gathered = moment(estimate_of(tmp_path, sharded), "generation").components["activations"]
    whole = estimate_of(tmp_path, ASLEEP).components["weights"]
    bucket = 2 * 5e8  # of DeepSpeed's own size, whatever is trained
    assert gathered - bucket == pytest.approx(whole, rel=0.05)


SWIFT = """#!/bin/bash
# vramlint: gpu=A100-80GB
NPROC_PER_NODE=8 swift rlhf --rlhf_type grpo --model Qwen/Qwen2.5-32B-Instruct --tuner_type lora \\
    --torch_dtype bfloat16 --use_vllm true --vllm_mode colocate --vllm_gpu_memory_utilization 0.5 \\
    --vllm_tensor_parallel_size 4 --max_length 1024 --max_completion_length 1024 --deepspeed zero3 \\
    --sleep_level 1 --offload_model true --offload_optimizer true {more}
"""


def test_an_engine_that_slept_has_no_cache_while_it_gets_the_weights(tmp_path: Path) -> None:
    """All 64 layers at once, or 4 at a time, beside the engine's own quarter of the weights; the cache comes
    back when they are there (ms-swift 4.6, rlhf_trainers/rollout_mixin.py).
    """
    outside = 2 * 2 * 152_064 * 5120
    layer = 2 * (2 * 5120 * (5120 + 1024) + 3 * 5120 * 27_648)
    whole = 64 * layer + outside

    def taken(more: str) -> dict[str, int]:
        estimate = estimate_of(tmp_path, SWIFT.format(more=more), "run.sh")
        return dict(moment(estimate, "generation").components)

    at_once = taken("")
    assert at_once["generation"] == pytest.approx(whole / 4, rel=0.02)
    assert at_once["activations"] == pytest.approx(whole, rel=0.03)
    in_groups = taken("--move_model_batches 16")
    assert in_groups["generation"] == pytest.approx(0.5 * 80 * GIB, rel=0.02)
    assert in_groups["activations"] < 4 * layer


LONG_PROMPTS = """# vramlint: gpu={gpu} versions=trl@0.17,transformers@4.51,torch@2.6
model_name_or_path: Qwen/Qwen3-1.7B
dataset_name: trl-lib/tldr
output_dir: out
per_device_train_batch_size: 4
num_generations: 4
max_prompt_length: 2048
max_completion_length: {completion}
"""


@pytest.mark.parametrize(
    ("gpu", "completion", "verdict"),
    [
        ("H200", 1024, "fits"),
        ("A100-80GB", 1024, "tight"),
        ("RTX-4090", 1024, "does_not_fit"),
        ("A100-80GB", 4096, "does_not_fit"),
    ],
)
def test_prompts_may_be_shorter_than_their_limit(
    tmp_path: Path, gpu: str, completion: int, verdict: str
) -> None:
    """`max_prompt_length` cuts prompts; only with completions alone too large does a run surely not fit."""
    estimate = estimate_of(tmp_path, LONG_PROMPTS.format(gpu=gpu, completion=completion))
    analysis = analysis_of(tmp_path, LONG_PROMPTS.format(gpu=gpu, completion=completion))
    assert analysis.verdict == verdict
    assert estimate.bound == ("" if verdict == "does_not_fit" else "at most ")
    assert ("at least" in verdict_line(analysis)) == (verdict == "fits")
    assert any("prompts are counted at 2,048 tokens" in note for note in estimate.notes)
