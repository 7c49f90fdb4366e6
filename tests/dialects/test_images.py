"""Whether rows hold images, as each framework is told, and what a model that reads them then holds."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_reading import MODELS, job_of

from vramlint.dialects.kit.dialect import Context
from vramlint.dialects.kit.run import Trainer
from vramlint.dialects.trl.read import read as read_trl
from vramlint.job import Written
from vramlint.memory import estimate_job
from vramlint.memory.architectures.vision_language import NO_IMAGES
from vramlint.memory.estimate import Estimate

GEMMA = "google/gemma-3-4b-it"
AXOLOTL: dict[str, Any] = {
    "base_model": GEMMA,
    "datasets": [{"path": "data", "type": "alpaca"}],
    "sequence_len": 2048,
    "micro_batch_size": 4,
}
LLAMAFACTORY: dict[str, Any] = {
    "model_name_or_path": "Qwen/Qwen2.5-VL-7B-Instruct",
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "template": "qwen2_vl",
    "dataset": "alpaca_en_demo",
    "cutoff_len": 2048,
    "bf16": True,
}
SWIFT: dict[str, Any] = {"model": "Qwen/Qwen2.5-VL-7B-Instruct", "tuner_type": "lora", "dataset": ["a/b"]}


@pytest.mark.parametrize(
    ("config", "images", "pixels", "said_by"),
    [
        pytest.param(AXOLOTL, "none", None, None, id="axolotl: text"),
        pytest.param(
            AXOLOTL | {"processor_type": "AutoProcessor", "image_size": 512},
            "one",
            512 * 512,
            "processor_type",
            id="axolotl: a processor",
        ),
        pytest.param(LLAMAFACTORY, "tiny", 768 * 768, None, id="llama-factory: text"),
        pytest.param(
            LLAMAFACTORY | {"stage": "pt"}, "none", 768 * 768, None, id="llama-factory: pretraining"
        ),
        pytest.param(
            LLAMAFACTORY | {"image_max_pixels": 262144},
            "one",
            262144,
            "image_max_pixels",
            id="llama-factory: pixels",
        ),
        pytest.param(SWIFT, "tiny", None, None, id="ms-swift: text"),
        pytest.param(
            SWIFT | {"ENV": {"MAX_PIXELS": 100352}}, "one", 100352, "ENV.MAX_PIXELS", id="ms-swift: pixels"
        ),
    ],
)
def test_what_says_that_rows_hold_images(
    config: dict[str, Any], images: str, pixels: int | None, said_by: str | None
) -> None:
    job = job_of(config)
    assert (job.images, job.image_pixels) == (images, pixels)
    if said_by is not None:
        assert job.origin("images") == Written(tuple(said_by.split(".")))


@pytest.mark.parametrize("images", [False, True])
def test_trl_is_told_by_its_script(images: bool) -> None:
    values = {"model_name_or_path": GEMMA, "max_length": 2048, "dataset_name": "a/b"}
    context = Context(MODELS, trainer=Trainer("trl", "sft", images=images))
    job = read_trl(values, context).job
    assert job is not None
    assert job.images == ("one" if images else "none")


def estimated(**changes: Any) -> Estimate:
    return estimate_job(job_of(AXOLOTL | changes))


def test_rows_of_text_leave_the_tower_alone() -> None:
    """The weights of Gemma's tower lie there; no gradient and no state is made of them (loaders/model.py of
    axolotl 0.21 loads AutoModelForImageTextToText whatever the rows hold).
    """
    text, read = estimated(), estimated(processor_type="AutoProcessor")
    assert text.parameters == read.parameters == 4_300_079_472
    tower = 4_300_079_472 - 3_880_263_168
    for component, each in (("gradients", 2), ("optimizer_states", 4)):
        difference = read.component_sizes[component] - text.component_sizes[component]
        assert difference == pytest.approx(each * tower, rel=0.001)
    assert text.components["activations"] < read.components["activations"]
    assert NO_IMAGES in text.notes


def test_text_under_llama_factory_has_one_small_image_a_micro_batch() -> None:
    text = estimate_job(job_of(LLAMAFACTORY | {"per_device_train_batch_size": 4}))
    read = estimate_job(job_of(LLAMAFACTORY | {"per_device_train_batch_size": 4, "image_max_pixels": 589824}))
    assert text.components["activations"] < read.components["activations"]
    assert any("each micro batch has one of 64 × 64 pixels" in note for note in text.notes)
    assert any("one image of 768 × 768 pixels" in note for note in read.notes)
