"""Which release a script was written for, and what its calls do there when they say nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from started_programs import described

LOADED = "model = AutoModelForCausalLM.from_pretrained('Qwen/Qwen2.5-1.5B'{loading})\n"
TRAINER = (
    "from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments\n"
    + LOADED
    + "def cut(row):\n"
    "    return tokenizer(row['text'], truncation=True, max_length=512, padding='max_length')\n"
    "Trainer(model, TrainingArguments('out', bf16=True{arguments}), train_dataset=data.map(cut)).train()\n"
)
SFT = (
    "from transformers import AutoModelForCausalLM\nfrom trl import SFTConfig, SFTTrainer\n"
    + LOADED
    + "SFTTrainer(model, SFTConfig('out', max_length=512{arguments})).train()\n"
)


def run_of(folder: Path, text: str, loading: str = "", arguments: str = "", head: str = "") -> Any:
    (folder / "fit.py").write_text(
        head + text.replace("{loading}", loading).replace("{arguments}", arguments)
    )
    (run,) = described(folder, "fit.py")
    return run


@pytest.mark.parametrize(
    ("release", "weights"),
    [("", "bfloat16"), ("transformers@5.0", "bfloat16"), ("transformers@4.57", "float32")],
)
@pytest.mark.parametrize("text", [TRAINER, SFT], ids=["trainer", "trl"])
def test_a_model_that_is_loaded_without_a_dtype(
    tmp_path: Path, text: str, release: str, weights: str
) -> None:
    """modeling_utils.py of transformers 4.57 (float32) and 5.24 (the checkpoint's own)."""
    head = f"# vramlint: versions={release}\n" if release else ""
    assert run_of(tmp_path, text, head=head).reading.job.precision.weights == weights
    said = run_of(tmp_path, text, ", torch_dtype='float16'", head=head)
    assert said.reading.job.precision.weights == "float16"


def test_bitsandbytes_had_a_dtype_of_its_own(tmp_path: Path) -> None:
    """quantizers/quantizer_bnb_4bit.py, update_dtype, of transformers 4.57."""
    loading = ", quantization_config=BitsAndBytesConfig(load_in_4bit=True)"
    text = TRAINER.replace("Trainer(model,", "Trainer(get_peft_model(model, LoraConfig()),")
    text = "from peft import LoraConfig, get_peft_model\n" + text
    for head, compute in (("", "bfloat16"), ("# vramlint: versions=transformers@4.57\n", "float16")):
        job = run_of(tmp_path, head + text, loading).reading.job
        assert job.quantization.compute == compute


@pytest.mark.parametrize(
    ("text", "arguments", "version"),
    [
        (TRAINER, "", "5.24"),
        (TRAINER, ", overwrite_output_dir=True", "4.57.6"),
        (TRAINER, ", overwrite_output_dir=True, evaluation_strategy='no'", "4.50.3"),
        (SFT, "", "1.16"),
        (SFT, ", evaluation_strategy='no'", "0.16"),
        (SFT, ", no_cuda=False", "0.24"),
        (SFT, ", no_cuda=False, use_liger=True", "0.15"),
    ],
)
def test_a_call_with_a_name_that_is_gone_is_of_an_older_release(
    tmp_path: Path, text: str, arguments: str, version: str
) -> None:
    run = run_of(tmp_path, text, arguments=arguments)
    assert run.reading.version == version
    newest = version in ("5.24", "1.16")
    assert [problem.kind for problem in run.reading.problems] == ([] if newest else ["older-release"])


def test_a_declared_release_is_not_doubted(tmp_path: Path) -> None:
    head = "# vramlint: versions=transformers@4.40\n"
    run = run_of(tmp_path, TRAINER, arguments=", overwrite_output_dir=True", head=head)
    assert (run.reading.version, run.reading.problems) == ("4.40", ())
