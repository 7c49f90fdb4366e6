"""Files over TrainingArguments' names for a program whose own arguments decide what is trained."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_reading import reading

OWN = {
    "model_name_or_path": "Qwen/Qwen2.5-7B",
    "output_dir": "out",
    "per_device_train_batch_size": 1,
    "gradient_checkpointing": True,
    "max_seq_length": 1024,
    "train_file": "data.jsonl",
}


@pytest.mark.parametrize(
    "more",
    [
        {"lora_rank": 64},
        {"lora_rank": 64, "shuffle": False},
        {"train_mode": "qlora"},
        {"bits": 4},
        {"q_lora": True, "lora_alpha": 16},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_a_program_of_ones_own_decides_is_not_guessed(more: dict[str, Any]) -> None:
    obstacle = reading(OWN | more).obstacle
    assert obstacle is not None
    assert (obstacle.code, obstacle.key) == ("open-value", (next(iter(more)),))


@pytest.mark.parametrize(
    "more", [{}, {"q_lora": False, "lora_rank": 8}, {"train_mode": "full"}, {"bits": None}]
)
def test_a_program_of_ones_own_that_says_full_is_taken_at_its_word(more: dict[str, Any]) -> None:
    job = reading(OWN | more).job
    assert job is not None
    assert job.method == "full"


@pytest.mark.parametrize(
    "more",
    [
        {"method": "qlora"},
        {"train_mode": "qlora"},
        {"qlora": True},
        {"use_4bit": True},
        {"qlora": {"alpha": 16}},
    ],
    ids=str,
)
def test_names_that_say_qlora_quantize_the_base(more: dict[str, Any]) -> None:
    job = reading(OWN | {"lora_r": 64} | more).job
    assert job is not None
    assert job.method == "qlora"
    assert job.quantization is not None
    assert job.quantization.scheme == "bnb-nf4"


@pytest.mark.parametrize(
    ("more", "open_"),
    [
        ({"bits": 4}, True),
        ({"quantization": "4bit"}, True),
        ({"quantization": {"kind": "int4"}}, True),
        ({"bits": 16}, False),
        ({"quantization": {"enabled": False}}, False),
        ({"use_8bit_adam": True}, False),
        ({"gguf_quantization": "q4_k_m"}, False),
        ({"bits": 4, "load_in_4bit": True}, False),
    ],
    ids=str,
)
def test_quantization_under_a_name_that_is_not_known_is_open(more: dict[str, Any], open_: bool) -> None:
    obstacle = reading(OWN | {"lora_r": 64} | more).obstacle
    assert (obstacle is not None and obstacle.message.startswith("quantization is open")) == open_
