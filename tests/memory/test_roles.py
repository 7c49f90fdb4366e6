"""Critic, reward model, teacher and reference: counted where they are named, else the verdict is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of

PARAMETERS = 8_030_261_248
"""Of Llama 3.1 8B."""
SEQUENCE_CLASSIFIER = PARAMETERS - 128_256 * 4096 + 4096
"""The same with a row of scores in place of the language head."""
JOB = """vramlint: 1
model: meta-llama/Llama-3.1-8B
objective: ppo
gpu: H100-80GB x8
gradient_checkpointing: full
sequence_length: 1024
precision: {weights: bfloat16}
"""
PPO = """# vramlint: gpu=H200-141GB x8 versions=trl@0.24
model_name_or_path: meta-llama/Llama-3.1-8B
sft_model_path: meta-llama/Llama-3.1-8B
reward_model_path: REWARD
dataset_name: trl-lib/tldr
output_dir: out
vf_coef: 0.1
num_ppo_epochs: 1
per_device_train_batch_size: 1
gradient_accumulation_steps: 1
dtype: bfloat16
gradient_checkpointing: true
"""
LLAMAFACTORY = """# vramlint: gpu=H100-80GB
model_name_or_path: meta-llama/Llama-3.1-8B-Instruct
stage: ppo
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: all
reward_model: meta-llama/Llama-3.1-8B
dataset: identity
template: llama3
cutoff_len: 1024
output_dir: out
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
bf16: true
"""
DISTILLATION = """# vramlint: gpu=H100-80GB versions=trl@1.16
model_name_or_path: meta-llama/Llama-3.2-1B
teacher_model_name_or_path: TEACHER
dataset_name: trl-lib/chatbot_arena_completions
output_dir: out
lmbda: 0.5
per_device_train_batch_size: 1
"""


def test_ppo_in_a_job_file_has_four_models_of_one_size(tmp_path: Path) -> None:
    four, one = estimate_of(tmp_path, JOB), estimate_of(tmp_path, JOB.replace("ppo", "grpo"))
    assert four.component_sizes["weights"] == pytest.approx(4 * one.component_sizes["weights"], rel=1e-6)
    assert four.component_sizes["gradients"] == pytest.approx(2 * one.component_sizes["gradients"], rel=1e-6)
    states = one.component_sizes["optimizer_states"]
    assert four.component_sizes["optimizer_states"] == pytest.approx(2 * states, rel=1e-6)
    assert any("critic and reward model" in note for note in four.notes)


def test_critic_and_policy_side_by_side_keep_both_graphs(tmp_path: Path) -> None:
    none = estimate_of(tmp_path, JOB + "roles: {critic: none, reward_model: none}\n")
    beside = estimate_of(tmp_path, JOB + "roles: {reward_model: none}\n")
    apart = estimate_of(tmp_path, JOB + "roles: {reward_model: none, critic_steps: apart}\n")
    sizes = [found.component_sizes["activations"] for found in (none, apart, beside)]
    assert sizes[0] <= sizes[1] < sizes[2]
    gradients = [found.component_sizes["gradients"] for found in (none, apart, beside)]
    assert gradients[0] == gradients[1] < gradients[2]


def test_trl_loads_critic_and_reward_model_from_one_path(tmp_path: Path) -> None:
    known = estimate_of(tmp_path, PPO.replace("REWARD", "meta-llama/Llama-3.1-8B"))
    weights = 2 * 2 * (PARAMETERS + SEQUENCE_CLASSIFIER)
    assert known.component_sizes["weights"] == pytest.approx(weights, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PPO.replace("REWARD", "nobody/knows-this-reward"), "reward_model_path"),
        (PPO.replace("reward_model_path: REWARD\n", ""), "the file does not name it"),
        (
            LLAMAFACTORY.replace(
                "reward_model: meta-llama/Llama-3.1-8B", "reward_model: saves/rm\nreward_model_type: full"
            ),
            "reward_model",
        ),
        (DISTILLATION.replace("TEACHER", "nobody/knows-this-teacher"), "teacher_model_name_or_path"),
        (DISTILLATION.replace("teacher_model_name_or_path: TEACHER\n", ""), "the file does not name it"),
        (JOB + "roles: {reward_model: unknown}\n", "roles.reward_model"),
    ],
    ids=["unknown-reward", "no-reward", "llamafactory", "unknown-teacher", "no-teacher", "job-file"],
)
def test_a_model_that_nobody_can_size_leaves_the_verdict_open(text: str, said: str, tmp_path: Path) -> None:
    text = text.replace("H100-80GB", "B200").replace("H200-141GB", "B200")
    analysis = analysis_of(tmp_path, text)
    assert analysis.verdict == "unknown"
    assert analysis.estimate is not None
    assert any(said in reason for reason in analysis.estimate.unknown)
    small = analysis_of(tmp_path, text.replace("gpu=B200", "gpu=T4").replace("gpu: B200", "gpu: T4"))
    assert small.verdict == "does_not_fit"  # what is counted alone is too much


def test_a_reward_adapter_shares_the_base(tmp_path: Path) -> None:
    alone = estimate_of(tmp_path, LLAMAFACTORY)
    whole = estimate_of(tmp_path, LLAMAFACTORY + "reward_model_type: full\n")
    four_bits = estimate_of(
        tmp_path, LLAMAFACTORY + "reward_model_type: full\nreward_model_quantization_bit: 4\n"
    )
    assert not alone.unknown
    more = whole.components["weights"] - alone.components["weights"]
    assert more == pytest.approx(2 * PARAMETERS, rel=1e-3)
    assert 0.25 * more < four_bits.components["weights"] - alone.components["weights"] < 0.45 * more


def test_a_named_teacher_is_counted_in_its_released_dtype(tmp_path: Path) -> None:
    big = estimate_of(tmp_path, DISTILLATION.replace("TEACHER", "meta-llama/Llama-3.1-8B"))
    small = estimate_of(tmp_path, DISTILLATION.replace("TEACHER", "meta-llama/Llama-3.2-1B"))
    assert big.components["weights"] - small.components["weights"] == pytest.approx(
        2 * (PARAMETERS - 1_235_814_400), rel=1e-3
    )


def test_a_reference_of_its_own_is_counted_as_it_is(tmp_path: Path) -> None:
    dpo = LLAMAFACTORY.replace("stage: ppo", "stage: dpo").replace(
        "reward_model: meta-llama/Llama-3.1-8B\n", ""
    )
    shared = estimate_of(tmp_path, dpo)
    own = estimate_of(tmp_path, dpo + "ref_model: meta-llama/Llama-3.2-1B-Instruct\n")
    more = own.components["weights"] - shared.components["weights"]
    assert more == pytest.approx(2 * 1_235_814_400, rel=1e-3)


REWARD = """\
# vramlint: gpu=A100-80GB
model_name_or_path: meta-llama/Llama-3.1-8B
stage: rm
do_train: true
finetuning_type: {method}
template: llama3
cutoff_len: 2048
per_device_train_batch_size: 4
bf16: true
"""
VOCABULARY = 128256


def test_llamafactorys_reward_model_makes_the_language_heads_logits(tmp_path: Path) -> None:
    """Chosen and rejected rows: 16-bit logits and, under autocast, a copy in float32."""
    estimate = estimate_of(tmp_path, REWARD.format(method="lora"))
    logits = 2 * 4 * 2048 * VOCABULARY * (2 + 4)
    forward = {moment.name: moment for moment in estimate.moments}["loss"]
    assert forward.components["activations"] > logits


def test_no_loss_reaches_the_language_head_of_a_reward_model(tmp_path: Path) -> None:
    full = estimate_of(tmp_path, REWARD.format(method="full"))
    assert full.parameters - full.trainable_parameters == VOCABULARY * 4096
    zero = estimate_of(tmp_path, REWARD.format(method="full") + "deepspeed: ds.json\n", ds__json=ZERO_2)
    assert zero.parameters == zero.trainable_parameters


ZERO_2 = '{"zero_optimization": {"stage": 2}, "bf16": {"enabled": "auto"}}'
