"""Keys that a config.json leaves out are those of its class (transformers 5.24)."""

from __future__ import annotations

import pytest

from vramlint.catalog.class_defaults import with_defaults
from vramlint.catalog.config_json import model_from_config
from vramlint.job import TrainingJob
from vramlint.memory.architectures import network_of
from vramlint.memory.weights import Weights


def test_missing_keys_are_the_classes_own() -> None:
    """facebook/cwm's class describes it whole (configuration_cwm.py)."""
    config = with_defaults({"model_type": "cwm"})
    assert (config["hidden_size"], config["num_hidden_layers"]) == (6144, 64)
    assert with_defaults({"model_type": "cwm", "hidden_size": 64})["hidden_size"] == 64


def test_a_second_name_is_taken_for_the_first() -> None:
    """GPT-2's `hidden_size` is `n_embd` (attribute_map)."""
    assert with_defaults({"model_type": "gpt2", "hidden_size": 64})["n_embd"] == 64
    assert with_defaults({"model_type": "gpt2"})["n_embd"] == 768


def test_nested_configs_have_theirs() -> None:
    """A missing one is the whole's own; one that is there is completed by its type's class."""
    whole = with_defaults({"model_type": "mistral3"})
    assert whole["text_config"]["hidden_size"] == 5120
    assert whole["vision_config"]["model_type"] == "pixtral"
    given = with_defaults({"model_type": "mistral3", "text_config": {"model_type": "mistral4"}})
    assert given["text_config"]["n_routed_experts"] == 128
    assert with_defaults({"model_type": "gemma4", "audio_config": None})["audio_config"] is None


def test_what_lies_flat_stays_flat() -> None:
    """Qwen2-VL's released config.json has its text model's keys at the top."""
    flat = with_defaults({"model_type": "qwen2_vl", "hidden_size": 1536, "vision_config": {"depth": 32}})
    assert "text_config" not in flat


def test_a_type_of_elsewhere_is_left_alone() -> None:
    """Remote code has defaults of its own."""
    assert with_defaults({"model_type": "chatglm", "hidden_size": 64}) == {
        "model_type": "chatglm",
        "hidden_size": 64,
    }


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        ({"model_type": "cwm", "architectures": ["CwmForCausalLM"]}, 32_581_097_472),
        ({"model_type": "helium", "num_hidden_layers": 24}, 2_172_643_840),
        ({"model_type": "deepseek_v3", "num_hidden_layers": 3, "vocab_size": 1024}, 1_765_137_408),
    ],
)
def test_a_partial_config_has_its_parameters(config: dict[str, object], parameters: int) -> None:
    """Counted on the class built from the same keys on the meta device."""
    model = model_from_config(config, "local", "config.json")
    assert model is not None
    weights = Weights(TrainingJob(model))
    network_of(weights.job, weights)
    assert sum(one.numel * times for one, times in weights.all()) == parameters
