"""What GPT-NeoX makes of its options (repository of May 2026)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from dialect_reading import edited, expect, job_of, reading

from vramlint.dialects import detect
from vramlint.job import Written
from vramlint.memory import estimate_job

EXAMPLE = Path(__file__).parents[2] / "examples" / "gpt-neox-pythia-1.4b.yml"
PYTHIA: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("change", "gpus", "fields"),
    [
        pytest.param(
            {},
            8,
            {
                "runtime": "own",
                "objective": "pretrain",
                "precision.weights": "float16",
                "precision.master_weights": "float32",
                "parallel.strategy": "zero1",
                "parallel.data": 8,
                "parallel.buckets.overlap_comm": False,
                "micro_batch_size": 8,
                "gradient_accumulation_steps": 2,
                "sequence_length": 2048,
                "gradient_checkpointing": "reentrant",
                "attention": "flash_attention_2",
                "optimizer": "adamw_apex_fused",
                "loss": "full-logits",
            },
            id="as it is",
        ),
        pytest.param(
            {"pipe_parallel_size": 0}, 8, {"parallel.buckets.overlap_comm": True}, id="no pipeline engine"
        ),
        pytest.param(
            {"model_parallel_size": 2, "pipe_parallel_size": 2},
            8,
            {"parallel.data": 2, "parallel.tensor": 2, "parallel.pipeline": 2},
            id="degrees",
        ),
        pytest.param({"attention_config": None}, 1, {"attention": "eager"}, id="global attention"),
        pytest.param(
            {"fp16": None, "precision": "bfloat16", "data_types": {"grad_accum_dtype": "fp32"}},
            8,
            {"precision.weights": "bfloat16", "precision.gradients": "float32"},
            id="bfloat16",
        ),
        pytest.param({"fp16": None}, 8, {"precision.weights": "float32"}, id="float32"),
        pytest.param(
            {"train_batch_size": 64, "gradient_accumulation_steps": None},
            4,
            {"micro_batch_size": 8, "gradient_accumulation_steps": 2},
            id="rows of a step",
        ),
        pytest.param({"use_bnb_optimizer": True}, 1, {"optimizer": "adamw_8bit"}, id="8-bit moments"),
        pytest.param({"train_impl": "dpo"}, 1, {"objective": "dpo"}, id="dpo"),
    ],
)
def test_fields(change: dict[str, Any], gpus: int, fields: dict[str, Any]) -> None:
    expect(job_of(PYTHIA | change, gpus=gpus), fields)


@pytest.mark.parametrize(
    ("layers", "hidden", "heads", "parameters"),
    # pythia-70m, 1b and 1.4b, as the catalog counts the released models.
    [(6, 512, 8, 70_426_624), (16, 2048, 8, 1_011_781_632), (24, 2048, 16, 1_414_647_808)],
)
def test_parameters_are_those_of_the_released_models(
    layers: int, hidden: int, heads: int, parameters: int
) -> None:
    sizes = {"num_layers": layers, "hidden_size": hidden, "num_attention_heads": heads}
    config = PYTHIA | sizes | {"attention_config": [[["flash"], layers]]}
    assert estimate_job(job_of(config)).parameters == parameters


@pytest.mark.parametrize(("change", "words"), [({}, 50304), ({"model_parallel_size": 4}, 50688)])
def test_the_vocabulary_is_padded_for_every_rank_of_a_tensor(change: dict[str, Any], words: int) -> None:
    """Of 50,277 words, to a multiple of 128 a rank (megatron/tokenizer/tokenizer.py)."""
    silent = {name: value for name, value in PYTHIA.items() if name != "model_parallel_size"}
    assert job_of(silent | change, gpus=4).model.config["vocab_size"] == words


def test_gated_feed_forwards_without_biases_are_those_of_llama() -> None:
    llama = PYTHIA | {
        "num_layers": 32, "hidden_size": 4096, "num_attention_heads": 32, "rotary_pct": 1, "norm": "rmsnorm",
        "gpt_j_residual": False, "activation": "swiglu", "use_bias_in_norms": False, "use_bias_in_mlp": False,
        "use_bias_in_attn_linear": False, "intermediate_size": 32768, "attention_config": [[["flash"], 32]],
    }  # fmt: skip
    config = job_of(llama).model.config
    assert config["intermediate_size"] == 11008
    gate_up_down = 3 * 4096 * 11008
    layer = gate_up_down + 4 * 4096**2 + 2 * 4096
    assert estimate_job(job_of(llama)).parameters == 32 * layer + 2 * 50304 * 4096 + 4096


def test_dashes_are_underscores_and_origins_name_the_key_as_it_is_written() -> None:
    dashed = {name.replace("_", "-"): value for name, value in PYTHIA.items()}
    job = job_of(dashed)
    assert job.origin("sequence_length") == Written(("seq-length",))
    assert job.origin("micro_batch_size") == Written(("train-micro-batch-size-per-gpu",))
    expect(job, {"parallel.strategy": "zero1", "gradient_accumulation_steps": 2})


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"tokenizer_type": "SPMTokenizer"}, "tokenizer_type"),
        ({"vocab_file": "/data/tokenizer.json"}, "vocab_file"),
        ({"moe_num_experts": 8}, "moe_num_experts"),
        ({"attention_config": [[["mamba"], 24]]}, "attention_config"),
        ({"checkpoint_num_layers": 4}, "checkpoint_num_layers"),
        ({"train_impl": "reinforce"}, "train_impl"),
        ({"optimizer": {"type": "sm3"}}, "optimizer"),
    ],
)
def test_what_the_file_leaves_open_is_said_at_its_key(change: dict[str, Any], key: str) -> None:
    obstacle = reading(PYTHIA | change).obstacle
    assert obstacle is not None
    assert (obstacle.code, obstacle.key[0]) == ("not-modelled", key)


@pytest.mark.parametrize("dashes", [False, True])
def test_degrees_are_written_in_the_spelling_that_is_there(dashes: bool) -> None:
    sizes = {"pipe_parallel_size": 1, "num_layers": 24, "hidden_size": 2048, "num_attention_heads": 16}
    sizes |= {"seq_length": 2048, "max_position_embeddings": 2048}
    values: dict[str, Any] = {
        name.replace("_", "-") if dashes else name: value for name, value in sizes.items()
    }
    values |= {"train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": 8}
    values |= {"optimizer": {"type": "Adam"}, "zero_optimization": {"stage": 1}}
    changes = {
        "parallel.pipeline": 2,
        "parallel.tensor": 4,
        "parallel.sequence": True,
        "parallel.strategy": "zero1",
        "micro_batch_size": 2,
        "gradient_accumulation_steps": 16,
        "gradient_checkpointing": "full",
    }
    dialect = detect(values).dialect
    assert dialect is not None
    keys = dialect.edits(values, job_of(values, gpus=8), changes)
    assert keys
    written = edited(values, keys)
    job = job_of(written, gpus=8)
    assert (job.parallel.pipeline, job.parallel.tensor, job.parallel.data) == (2, 4, 1)
    assert job.parallel.sequence
    assert (job.micro_batch_size, job.gradient_accumulation_steps) == (2, 16)
    sign = "-" if dashes else "_"
    assert {f"pipe{sign}parallel{sign}size", f"model{sign}parallel{sign}size"} <= set(written)
