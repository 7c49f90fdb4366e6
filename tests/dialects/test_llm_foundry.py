"""What LLM Foundry makes of its files (0.22.0 over Composer 0.32.1)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from dialect_reading import expect, job_of, reading

from vramlint.job import Written
from vramlint.memory import estimate_job

EXAMPLE = Path(__file__).parents[2] / "examples" / "llm-foundry-mpt-7b.yaml"
MPT: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
LOADED = MPT | {"model": {"name": "hf_causal_lm", "pretrained_model_name_or_path": "gpt2"}}


def changed(base: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A config with keys set; `a__b` stands for the key b of section a."""
    out = copy.deepcopy(base)
    for name, value in values.items():
        inner = out
        *sections, key = name.split("__")
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[key] = value
    return out


@pytest.mark.parametrize(
    ("config", "gpus", "fields"),
    [
        pytest.param(
            MPT,
            8,
            {
                "runtime": "composer",
                "precision.weights": "float32",
                "precision.autocast": "none",
                "parallel.strategy": "fsdp1",
                "parallel.param_dtype": "bfloat16",
                "parallel.reduce_dtype": "bfloat16",
                "parallel.sync_each_batch": True,
                "parallel.backward_prefetch": "post",
                "micro_batch_size": 8,
                "gradient_accumulation_steps": 16,
                "sequence_length": 2048,
                "gradient_checkpointing": "full",
                "optimizer": "decoupled_adamw",
                "loss": "fused-cross-entropy",
                "attention": "flash_attention_2",
                "allocator": "expandable_segments:True",
            },
            id="pretraining",
        ),
        pytest.param(
            changed(MPT, fsdp_config__backward_prefetch="BACKWARD_PRE"),
            8,
            {"parallel.backward_prefetch": "pre"},
            id="gathers before",
        ),
        pytest.param(
            changed(MPT, fsdp_config__backward_prefetch="none"),
            8,
            {"parallel.backward_prefetch": "none"},
            id="gathers nothing ahead",
        ),
        pytest.param(
            MPT,
            1,
            {
                "parallel.strategy": "none",
                "precision.autocast": "bfloat16",
                "gradient_checkpointing": "none",
                "gradient_accumulation_steps": 128,
            },
            id="one GPU falls back, and layers are no longer recomputed",
        ),
        pytest.param(
            changed(MPT, fsdp_config__mixed_precision="DEFAULT", global_train_batch_size=32),
            8,
            {"parallel.reduce_dtype": "float32", "micro_batch_size": 4, "gradient_accumulation_steps": 1},
            id="rows of a step bound the micro batch",
        ),
        pytest.param(
            changed(MPT, fsdp_config__data_parallel_shard_degree=4),
            16,
            {"parallel.sharding": "hybrid", "parallel.data": 4, "parallel.replicate": 4},
            id="what is left of the GPUs holds copies of the group that shards",
        ),
        pytest.param(
            changed(LOADED, model__use_flash_attention_2=True, model__peft_config={"r": 16}),
            8,
            {
                "runtime": "transformers",
                "attention": "flash_attention_2",
                "loss": "full-logits",
                "method": "lora",
                "adapter.r": 16,
            },
            id="a model of the hub with LoRA",
        ),
        pytest.param(LOADED, 8, {"attention": "eager"}, id="a model of the hub is eager"),
    ],
)
def test_fields(config: dict[str, Any], gpus: int, fields: dict[str, Any]) -> None:
    expect(job_of(config, gpus=gpus), fields)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        # (50,368 + 2,048) d + layers (12 d² + 13 d) + 2 d; without biases layers (12 d² + 2 d) + d.
        ({"d_model": 768, "n_heads": 12, "n_layers": 12}, 125_311_488),
        ({"d_model": 4096, "n_heads": 32, "n_layers": 32}, 6_658_859_008),
        ({"d_model": 4096, "n_heads": 32, "n_layers": 32, "no_bias": True}, 6_657_413_120),
    ],
)
def test_parameters_of_mpt(model: dict[str, Any], parameters: int) -> None:
    config = changed(MPT, model={"name": "mpt_causal_lm", "max_seq_len": 2048} | model)
    assert estimate_job(job_of(config)).parameters == parameters


def test_values_come_through_variables() -> None:
    config = changed(MPT, variables={"n": 512}, max_seq_len="${variables.n}")
    job = job_of(config)
    assert job.sequence_length == 512
    assert job.origin("sequence_length") == Written(("max_seq_len",))


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"device_train_microbatch_size": "auto"}, ("device_train_microbatch_size",)),
        ({"model__ffn_config": {"ffn_type": "mb_dmoe"}}, ("model", "ffn_config", "ffn_type")),
        ({"optimizer__name": "mine"}, ("optimizer", "name")),
    ],
)
def test_what_the_file_leaves_open_is_said_at_its_key(change: dict[str, Any], key: tuple[str, ...]) -> None:
    obstacle = reading(changed(MPT, **change)).obstacle
    assert obstacle is not None
    assert (obstacle.code, obstacle.key) == ("not-modelled", key)


def test_heads_may_have_a_width_of_their_own() -> None:
    """models/layers/attention.py of llm-foundry 0.22: projections are `n_heads` × `head_dim` wide."""
    model = {"d_model": 1024, "n_heads": 16, "n_layers": 12, "vocab_size": 50368}
    own = estimate_job(job_of(changed(MPT, model={"name": "mpt_causal_lm", **model, "head_dim": 128})))
    shared = estimate_job(job_of(changed(MPT, model={"name": "mpt_causal_lm", **model})))
    biases = 3 * 1024
    assert own.parameters - shared.parameters == 12 * (4 * 1024 * 1024 + biases)


def test_auto_is_no_value_to_be_corrected() -> None:
    assert not reading(changed(MPT, device_train_microbatch_size="auto")).unusable
    (refused,) = reading(changed(MPT, device_train_microbatch_size="many")).unusable
    assert refused.value == "many"
