"""verl: fine-tuning by the engine of 0.9.1 and by the one before, and reinforcement learning with FSDP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from dialect_reading import MODELS, edited, expect

from vramlint.catalog.gpus import find_gpu
from vramlint.dialects import detect
from vramlint.dialects.kit.dialect import Context, ReadResult
from vramlint.job import FrameworkDefault, TrainingJob, Written
from vramlint.memory import Estimate, estimate_job

MODEL = "meta-llama/Llama-3.2-1B"
GPU = find_gpu("A100-80GB")
SFT = f"""
defaults:
  - model@model: hf_model
  - engine@engine: fsdp
  - optim@optim: fsdp
  - _self_
model: {{path: {MODEL}}}
data:
  train_batch_size: 256
  micro_batch_size_per_gpu: 4
  max_token_len_per_gpu: 8192
  use_dynamic_bsz: True
  max_length: 1024
trainer: {{nnodes: 1, n_gpus_per_node: 8}}
"""
"""The keys of trainer/config/sft_trainer_engine.yaml of 0.9.1 that matter here, with a model."""
GRPO = f"""
hydra: {{searchpath: [file://verl/trainer/config]}}
defaults: [ppo_trainer, _self_]
data: {{train_batch_size: 256, max_prompt_length: 512, max_response_length: 1024}}
algorithm: {{adv_estimator: grpo}}
actor_rollout_ref:
  model: {{path: {MODEL}}}
  actor:
    ppo_mini_batch_size: 64
    ppo_micro_batch_size_per_gpu: 4
    use_kl_loss: true
  rollout: {{name: vllm, n: 8, gpu_memory_utilization: 0.6, log_prob_micro_batch_size_per_gpu: 4}}
trainer: {{n_gpus_per_node: 8, nnodes: 1}}
"""


def read(text: str, changes: Mapping[str, Any] | None = None) -> ReadResult:
    values = yaml.safe_load(text)
    for path, value in (changes or {}).items():
        inner = values
        *above, last = path.split(".")
        for name in above:
            inner = inner.setdefault(name, {})
        inner[last] = value
    dialect = detect(values).dialect
    assert dialect is not None
    assert dialect.name == "verl"
    return dialect.read(values, Context(MODELS, gpu=GPU, gpu_count=8))


def job_of(text: str, **changes: Any) -> TrainingJob:
    job = read(text, {name.replace("__", "."): value for name, value in changes.items()}).job
    assert job is not None
    return job


def test_the_old_key_counts_the_rows_of_a_micro_batch_over_all_gpus() -> None:
    actor = "actor_rollout_ref__actor__ppo_micro_batch_size"
    assert job_of(GRPO, **{f"{actor}_per_gpu": None, actor: 16}).micro_batch_size == 2


def moments(job: TrainingJob) -> Mapping[str, Mapping[str, int]]:
    return {moment.name: moment.components for moment in estimated(job).moments}


def estimated(job: TrainingJob) -> Estimate:
    return estimate_job(job)


ACTOR, CRITIC = "actor_rollout_ref__actor", "critic"


def test_its_own_fine_tuning_config_is_read() -> None:
    job = job_of(SFT)
    assert (job.parallel.strategy, job.parallel.data, job.parallel.sync_each_batch) == ("fsdp1", 8, True)
    assert (job.micro_batch_size, job.sequence_length, job.gradient_accumulation_steps) == (1, 8192, 4)
    assert (job.precision.weights, job.optimizer) == ("float32", "adamw_torch")
    assert estimated(job).device_bytes > 0


def test_batches_of_rows_and_rows_over_a_ring() -> None:
    job = job_of(SFT, data__use_dynamic_bsz=False)
    assert (job.micro_batch_size, job.sequence_length, job.gradient_accumulation_steps) == (4, 1024, 8)
    ring = job_of(SFT, engine__ulysses_sequence_parallel_size=2)
    assert (ring.parallel.data, ring.parallel.context, ring.sequence_length) == (4, 2, 16384)


def test_gradients_are_reduced_in_every_micro_batch_unless_a_key_says_otherwise() -> None:
    whole = job_of(SFT, engine__use_no_sync_for_gradient_accumulation=True)
    assert whole.parallel.sync_each_batch is False
    assert moments(whole)["backward"]["gradients"] > moments(job_of(SFT))["backward"]["gradients"]


def test_grpo_with_the_defaults_that_ship() -> None:
    job = job_of(GRPO)
    assert (job.objective, job.parallel.strategy, job.parallel.data) == ("grpo", "fsdp1", 8)
    assert (job.micro_batch_size, job.sequence_length, job.gradient_accumulation_steps) == (4, 1536, 16)
    assert job.generation is not None
    assert (job.generation.memory_fraction, job.generation.tensor, job.generation.sleep) == (
        0.6,
        2,
        "weights",
    )
    assert isinstance(job.origins["generation.sleep"], FrameworkDefault)
    assert isinstance(job.origins["generation.memory_fraction"], Written)
    assert job.reference_model == "none", "it waits on the host"
    found = moments(job)
    assert found["generation"]["generation"] == int(0.6 * job.gpu.memory_bytes)  # type: ignore[union-attr]
    assert found["backward"]["generation"] == 0


def test_an_engine_that_keeps_its_memory_is_there_in_training() -> None:
    job = job_of(GRPO, actor_rollout_ref__rollout__free_cache_engine=False)
    assert moments(job)["backward"]["generation"] == moments(job)["generation"]["generation"] > 0


def test_what_is_offloaded_between_turns_is_gone_while_completions_are_made() -> None:
    stays = moments(job_of(GRPO))["generation"]
    config = f"{ACTOR}__fsdp_config"
    job = job_of(GRPO, **{f"{config}__param_offload": True, f"{config}__optimizer_offload": True})
    assert job.parallel.offload == "none", "it is back to train"
    gone = moments(job)["generation"]
    assert stays["weights"] > gone["weights"] == 0
    assert stays["optimizer_states"] > gone["optimizer_states"] == 0
    assert moments(job)["optimizer"] == moments(job_of(GRPO))["optimizer"]


def test_batches_filled_to_a_number_of_tokens() -> None:
    job = job_of(GRPO, **{f"{ACTOR}__use_dynamic_bsz": True, f"{ACTOR}__ppo_max_token_len_per_gpu": 6000})
    assert (job.micro_batch_size, job.sequence_length) == (1, 6000)


def test_scoring_more_rows_than_are_trained_on_at_once_is_counted() -> None:
    job = job_of(GRPO, actor_rollout_ref__rollout__log_prob_micro_batch_size_per_gpu=64)
    assert job.generation is not None
    assert job.generation.scored_tokens == 64 * 1536
    logits = 64 * 1536 * 128_256 * 2
    assert moments(job)["forward"]["activations"] > logits > moments(job_of(GRPO))["forward"]["activations"]


def test_entropy_needs_the_logits_beside_their_gradient() -> None:
    plain, entropy = job_of(GRPO), job_of(GRPO, **{f"{ACTOR}__entropy_coeff": 0.001})
    assert (plain.loss, entropy.loss) == ("fused-cross-entropy", "full-logits")
    assert moments(entropy)["backward"]["activations"] > moments(plain)["backward"]["activations"]


PPO = {
    "algorithm__adv_estimator": "gae",
    "critic__model__path": MODEL,
    "critic__ppo_micro_batch_size_per_gpu": 8,
}


def test_ppo_trains_a_critic_with_batches_of_its_own() -> None:
    job = job_of(GRPO, **PPO)
    assert (job.objective, job.roles.critic_steps, job.roles.critic_tokens) == ("ppo", "apart", 8 * 1536)
    more, less = moments(job)["optimizer"], moments(job_of(GRPO))["optimizer"]
    assert more["optimizer_states"] == pytest.approx(2 * less["optimizer_states"], rel=0.2)
    away = {f"critic__fsdp__{name}_offload": True for name in ("param", "optimizer")}
    assert (
        moments(job_of(GRPO, **PPO, **away))["generation"]["weights"] < moments(job)["generation"]["weights"]
    )


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm__adv_estimator": "gae"},
        {"reward__reward_model__enable": True},
        {"distillation__enabled": True},
    ],
)
def test_models_that_nobody_can_size_leave_the_verdict_open(change: Mapping[str, Any]) -> None:
    estimate = estimated(job_of(GRPO, **change))
    assert estimate.unknown
    assert estimate.verdict(2**50) == "unknown"


def test_a_reward_model_on_gpus_of_its_own_is_no_concern() -> None:
    own = {"reward__reward_model__enable": True, "reward__reward_model__enable_resource_pool": True}
    assert not estimated(job_of(GRPO, **own)).unknown


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"actor_rollout_ref.actor.strategy": "veomni"}, "not-modelled"),
        ({"defaults": [{"../engine@engine": "torchtitan"}, "_self_"]}, "not-modelled"),
        ({"defaults": ["mine", "_self_"]}, "missing-parent"),
    ],
)
def test_what_is_not_modelled_is_said(changes: Mapping[str, Any], code: str) -> None:
    reading = read(GRPO, changes)
    assert reading.obstacle is not None
    assert reading.obstacle.code == code


@pytest.mark.parametrize(
    ("change", "bound"),
    [
        ({"actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": None}, "at least "),
        ({"actor_rollout_ref.model": {}}, "about "),
    ],
)
def test_what_is_given_when_the_run_starts_leaves_the_verdict_open(
    change: Mapping[str, Any], bound: str
) -> None:
    job = read(GRPO, change).job
    assert job is not None
    estimate = estimated(job)
    assert estimate.bound == bound
    assert estimate.verdict(2**50) == "unknown"
    assert estimate.verdict(2**30) == ("does_not_fit" if bound == "at least " else "unknown")


@pytest.mark.parametrize(
    "how",
    [
        {"actor_rollout_ref.actor.strategy": "megatron"},
        {"defaults": ["ppo_megatron_trainer", "_self_"]},
        {"actor_rollout_ref.actor.megatron": {"tensor_model_parallel_size": 1}},
    ],
)
def test_megatron_trains_the_actor_where_the_file_or_its_parent_says_so(how: Mapping[str, Any]) -> None:
    job = read(GRPO, how).job
    assert job is not None
    assert (job.runtime, job.parallel.strategy, job.precision.gradients) == ("megatron", "zero1", "float32")
    assert job.gradient_checkpointing == "none"


def test_degrees_of_megatron_leave_fewer_groups_for_the_rows() -> None:
    options = {
        "tensor_model_parallel_size": 2,
        "pipeline_model_parallel_size": 2,
        "param_offload": True,
        "override_transformer_config": {"recompute_granularity": "full", "recompute_method": "uniform"},
    }
    whole, split = (
        read(GRPO, {"actor_rollout_ref.actor.megatron": each}).job
        for each in ({"tensor_model_parallel_size": 1}, options)
    )
    assert whole is not None
    assert split is not None
    assert split.gradient_accumulation_steps == 4 * whole.gradient_accumulation_steps
    assert (split.parallel.data, split.parallel.sequence) == (whole.parallel.data // 4, True)
    assert (split.gradient_checkpointing, split.generation.away) == ("full", "parameters")  # type: ignore[union-attr]


def test_a_part_of_the_configs_is_recognised_and_not_estimated() -> None:
    part = {"_target_": "verl.workers.config.FSDPEngineConfig", "param_offload": False}
    assert detect(part).name == "verl"
    obstacle = read(yaml.safe_dump(part)).obstacle
    assert obstacle is not None
    assert obstacle.code == "not-a-training-file"


def test_a_child_of_the_shipped_trainer_has_its_values() -> None:
    child = {"hydra": {"searchpath": ["file://verl/trainer/config"]}, "defaults": ["ppo_trainer", "_self_"]}
    assert detect(child).name == "verl"
    job = read(yaml.safe_dump(child)).job
    assert job is not None
    assert job.objective == "ppo"


def test_rollouts_on_other_gpus_take_nothing_here() -> None:
    job = job_of(GRPO, rollout__n_gpus_per_node=8)
    assert "generation" not in moments(job)


COUNTED = SFT.replace("use_dynamic_bsz: True", "use_dynamic_bsz: False")


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (COUNTED, {"micro_batch_size": 1, "gradient_accumulation_steps": 32}),
        (COUNTED, {"micro_batch_size": 1}),
        (COUNTED, {"sequence_length": 512}),
        (COUNTED, {"loss": "fused-linear"}),
        (SFT, {"gradient_checkpointing": "none"}),
        (SFT, {"optimizer": "adamw_torch_fused"}),
        (GRPO, {"micro_batch_size": 2, "gradient_accumulation_steps": 32}),
        (GRPO, {"generation.memory_fraction": 0.3}),
        (GRPO, {"activation_offload": True, "loss": "fused-linear"}),
    ],
    ids=str,
)
def test_edits_read_back_as_what_was_asked(text: str, changes: dict[str, Any]) -> None:
    values = yaml.safe_load(text)
    dialect = detect(values).dialect
    assert dialect is not None
    edits = dialect.edits(values, job_of(text), changes)
    assert edits
    expect(job_of(yaml.safe_dump(edited(values, edits))), changes)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (SFT, {"micro_batch_size": 2, "gradient_accumulation_steps": 2}),
        (SFT, {"sequence_length": 512}),
        (GRPO, {"micro_batch_size": 1}),
        (GRPO, {"method": "lora"}),
    ],
    ids=str,
)
def test_what_a_file_cannot_say(text: str, changes: dict[str, Any]) -> None:
    values = yaml.safe_load(text)
    dialect = detect(values).dialect
    assert dialect is not None
    assert dialect.edits(values, job_of(text), changes) is None
