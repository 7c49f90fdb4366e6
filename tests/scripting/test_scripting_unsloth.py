"""Runs of scripts that load their model with Unsloth (2026.10.9)."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_scripting_runs import described

from vramlint.job import TrainingJob
from vramlint.memory import estimate_job

SCRIPT = """\
from trl import SFTConfig, SFTTrainer
from unsloth import FastModel
model, tokenizer = FastModel.from_pretrained("MODEL", max_seq_length=2048, load_in_4bit=True)
model = FastModel.get_peft_model(model, r=8, finetune_vision_layers=False)
args = SFTConfig("o", per_device_train_batch_size=1, max_length=2048)
SFTTrainer(model, args, processing_class=tokenizer).train()
"""


def job_of(folder: Path, text: str, gpu: str) -> TrainingJob:
    (run,) = described(folder, text, gpu=gpu)
    assert run.reading is not None
    job: TrainingJob | None = run.reading.job
    assert job is not None, run.reading.obstacle
    return job


@pytest.mark.parametrize(
    ("model", "gpu", "attention"),
    [
        ("unsloth/gemma-3-4b-it", "T4", "sdpa-efficient"),
        ("unsloth/gemma-3-4b-it", "A100-80GB", "sdpa"),
        ("unsloth/gemma-4-31B-it", "A100-80GB", "sdpa-efficient"),
        ("unsloth/gpt-oss-20b", "A100-80GB", "flex"),
    ],
)
def test_scores_of_attention_are_never_whole(tmp_path: Path, model: str, gpu: str, attention: str) -> None:
    """temporary_patches/misc.py and gpt_oss.py of unsloth_zoo 2026.10.9: where flash does not take the heads
    the mask is kept, with which PyTorch's memory-efficient kernel runs.
    """
    assert job_of(tmp_path, SCRIPT.replace("MODEL", model), gpu).attention == attention


def test_a_script_says_what_it_adapts_and_whether_it_reads_images(tmp_path: Path) -> None:
    text = SCRIPT.replace("MODEL", "unsloth/Qwen2.5-VL-7B-Instruct")
    collator = "data_collator=UnslothVisionDataCollator(model, tokenizer)"
    shown = text.replace("processing_class=tokenizer", collator)
    shown = "from unsloth.trainer import UnslothVisionDataCollator\n" + shown
    plain, images = (job_of(tmp_path, each, "A100-80GB") for each in (text, shown))
    assert (plain.images, images.images, images.image_pixels) == ("none", "one", 512**2)
    tower = job_of(tmp_path, text.replace(", finetune_vision_layers=False", ""), "A100-80GB")
    adapted = [estimate_job(job).trainable_parameters for job in (plain, tower)]
    assert adapted[0] < adapted[1]


@pytest.mark.parametrize(("gpu", "dtype"), [("T4", "float32"), ("A100-80GB", "bfloat16")])
def test_what_trains_in_float16_is_kept_in_float32(tmp_path: Path, gpu: str, dtype: str) -> None:
    """unsloth_zoo/training_utils.py, prepare_model_for_training."""
    text = SCRIPT.replace("MODEL", "unsloth/Qwen3-0.6B").replace("load_in_4bit", "full_finetuning")
    text = text.replace("model = FastModel.get_peft_model(model, r=8, finetune_vision_layers=False)\n", "")
    assert job_of(tmp_path, text, gpu).precision.weights == dtype
