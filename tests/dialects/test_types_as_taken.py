"""Values as each framework takes them: unions, words beside switches, numbers below a count's own bound.
What a framework takes is never called nonsense, whether or not this file's run reads it.
"""

from __future__ import annotations

from typing import Any

import pytest
from dialect_reading import reading

AXOLOTL: dict[str, Any] = {
    "base_model": "NousResearch/Llama-3.2-1B",
    "datasets": [{"path": "tatsu-lab/alpaca", "type": "alpaca"}],
    "sequence_len": 1024,
    "micro_batch_size": 1,
}
VERL: dict[str, Any] = {
    "actor_rollout_ref": {
        "model": {"path": "Qwen/Qwen2.5-0.5B", "use_fused_kernels": True},
        "actor": {"ppo_micro_batch_size_per_gpu": 2},
    },
    "data": {"train_batch_size": 64},
}
AUTOMODEL: dict[str, Any] = {
    "recipe": "TrainFinetuneRecipeForNextTokenPrediction",
    "model": {
        "_target_": "nemo_automodel.NeMoAutoModelForCausalLM.from_pretrained",
        "pretrained_model_name_or_path": "meta-llama/Llama-3.2-1B",
    },
}
PRIME: dict[str, Any] = {
    "model": {"name": "Qwen/Qwen3-0.6B"},
    "trainer": {"model": {"quantization": {"type": "fp8"}}},
    "orchestrator": {"batch_size": 128},
    "inference": {},
    "seq_len": 2048,
}


def changed(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The config with a value at a dotted path."""
    name, _, rest = path.partition(".")
    return {**config, name: changed(config.get(name, {}), rest, value) if rest else value}


@pytest.mark.parametrize(
    ("config", "path", "value"),
    [
        pytest.param(AXOLOTL, "gradient_checkpointing", "offload", id="axolotl: Literal or bool"),
        pytest.param(AXOLOTL, "gradient_checkpointing", "offload_disk", id="axolotl: the other word"),
        pytest.param(AXOLOTL, "activation_offloading", "legacy", id="axolotl: a way to offload"),
        pytest.param(
            VERL, "actor_rollout_ref.actor.entropy_coeff", 0.001, id="verl: a share beside a default of 0"
        ),
        pytest.param(AUTOMODEL, "distributed.dp_replicate_size", "none", id="automodel: none is null"),
        pytest.param(
            AUTOMODEL, "distributed.activation_checkpointing", "selective", id="automodel: selective"
        ),
        pytest.param(PRIME, "trainer.model.ac_offloading", {}, id="prime-rl: a section switches it on"),
        pytest.param(
            PRIME, "trainer.model.ac_offloading", {"pin_memory": False}, id="prime-rl: with a setting"
        ),
    ],
)
def test_what_a_framework_takes_is_not_nonsense(config: dict[str, Any], path: str, value: Any) -> None:
    found = reading(changed(config, path, value))
    assert [problem.message for problem in found.problems if problem.kind == "unread-nonsense"] == []
    assert [unusable for unusable in found.unusable if unusable.key == tuple(path.split("."))] == []


@pytest.mark.parametrize(
    ("config", "path", "value"),
    [
        pytest.param(VERL, "actor_rollout_ref.actor.entropy_coeff", -4, id="below the default"),
        pytest.param(AXOLOTL, "gradient_checkpointing", "sideways", id="a word that is in no table"),
    ],
)
def test_what_no_run_takes_is_said(config: dict[str, Any], path: str, value: Any) -> None:
    found = reading(changed(config, path, value))
    said = [problem.key for problem in found.problems if problem.kind == "unread-nonsense"]
    assert [*said, *(unusable.key for unusable in found.unusable)] == [tuple(path.split("."))]
