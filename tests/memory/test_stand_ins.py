"""Models of families that are not modelled, read from a config.json alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from configs import analysis_of

from vramlint.catalog.config_json import model_from_config
from vramlint.job import TrainingJob
from vramlint.memory import estimate_job
from vramlint.memory.architectures import FAMILIES, network_of
from vramlint.memory.estimate import CannotEstimate
from vramlint.memory.weights import Weights

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOG = ROOT / "schemas" / "vramlint_schemas" / "catalog" / "models.jsonl"
MIXTURES = [
    record
    for record in map(json.loads, CATALOG.read_text().splitlines())
    if record.get("parameters") and record.get("breakdown", {}).get("experts")
]


def config_of(record: dict[str, Any]) -> dict[str, Any]:
    """What the model's config.json says."""
    return {"architectures": [record["class"]], "model_type": record["type"], **record["config"]}


def counted(config: dict[str, Any]) -> int:
    """Parameters of the network that a config.json alone gives."""
    model = model_from_config(config, "local", "config.json")
    assert model is not None
    weights = Weights(TrainingJob(model))
    network_of(weights.job, weights)
    return sum(parameter.numel * times for parameter, times in weights.all())


@pytest.mark.parametrize("record", MIXTURES, ids=lambda record: record["ids"][0])
def test_experts_are_counted_or_the_model_is_refused(record: dict[str, Any]) -> None:
    """A mixture is never priced as a dense model, whatever its family (the catalog's counts are of the class
    on the meta device).
    """
    try:
        found = counted(config_of(record))
    except CannotEstimate:
        return
    assert found == pytest.approx(record["parameters"], rel=0.035)


@pytest.mark.parametrize(
    ("keys", "sparse"),
    [
        ({"first_k_dense_replace": 1}, 3),
        ({"mlp_layer_types": ["dense", "dense", "sparse", "sparse"]}, 2),
        ({"moe_layer_freq": [0, 1, 1, 1]}, 3),
        ({"decoder_sparse_step": 2}, 2),
        ({"decoder_sparse_step": 2, "mlp_only_layers": [1]}, 1),
        ({"expert_layer_period": 4, "expert_layer_offset": 1}, 1),
        ({"moe_layers_enum": "2,3"}, 2),
        ({}, 4),
    ],
)
def test_layers_with_experts(keys: dict[str, Any], sparse: int) -> None:
    """Every way to say which layers have experts."""
    plain = {
        "model_type": "of-tomorrow",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "vocab_size": 512,
    }
    experts = {"n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    mixed = 8 * 3 * 64 * 32 + 8 * 64 - 3 * 64 * 128
    assert counted(plain | experts | keys) - counted(plain) == sparse * mixed


def test_a_mixture_whose_experts_have_no_width_is_refused() -> None:
    """Nothing is guessed."""
    config = {
        "model_type": "of-tomorrow",
        "hidden_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "vocab_size": 512,
        "num_experts": 8,
    }
    with pytest.raises(CannotEstimate, match="8 experts and does not say how wide one is"):
        counted(config)


@pytest.mark.parametrize(
    "keys",
    [
        {"hybrid_override_pattern": "M-M*-M-"},
        {"layers_block_type": ["mamba", "moe", "mamba", "attention"]},
        {"layer_types": ["recurrent", "full_attention", "recurrent", "full_attention"]},
        {"block_configs": [{"attention": {"no_op": True}}]},
    ],
)
def test_layers_of_several_kinds_are_refused_where_the_class_is_unknown(keys: dict[str, Any]) -> None:
    """They are not priced as attention and an MLP each."""
    config = {
        "model_type": "of-tomorrow",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "vocab_size": 512,
    }
    with pytest.raises(CannotEstimate, match=next(iter(keys))):
        counted(config | keys)


def test_only_what_was_counted_is_called_exact(tmp_path: Path) -> None:
    """A config.json of an unknown family has the weights of a relative; a catalogued model those of its
    class.
    """
    (tmp_path / "model").mkdir()
    config = {
        "model_type": "of-tomorrow",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "vocab_size": 512,
    }
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    job = "vramlint: 1\nmodel: {}\nmicro_batch_size: 1\nsequence_length: 512\n"
    local = analysis_of(tmp_path, job.format("model")).estimate
    listed = analysis_of(tmp_path, job.format("ai21labs/Jamba-v0.1")).estimate
    assert local is not None
    assert listed is not None
    assert not any("exact" in note for note in local.notes)
    assert any("a plain decoder with the config's sizes and experts" in note for note in local.notes)
    assert any("weights and states are exact" in note for note in listed.notes)


def test_mlp_layer_types_say_which_layers_have_experts() -> None:
    """transformers 5 writes the list in place of first_k_dense_replace (configuration_glm4_moe_lite.py)."""
    sizes = {
        "hidden_size": 256,
        "intermediate_size": 512,
        "moe_intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "n_routed_experts": 8,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
        "kv_lora_rank": 64,
        "q_lora_rank": 96,
        "qk_rope_head_dim": 16,
        "qk_nope_head_dim": 32,
        "v_head_dim": 32,
        "vocab_size": 1024,
    }
    config = {"model_type": "glm4_moe_lite", **sizes}
    listed = counted({**config, "mlp_layer_types": ["dense", "sparse", "sparse"]})
    assert listed == counted({**config, "first_k_dense_replace": 1})
    assert listed < counted({**config, "mlp_layer_types": ["sparse"] * 3})
    assert "glm4_moe_lite" in FAMILIES
    assert estimate_job(TrainingJob(model_from_config(config, "x"))).modelled  # type: ignore[arg-type]
