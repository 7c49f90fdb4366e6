"""What `runs` reads from scripts and notebooks: fields, the lines that decide them, and what is open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.analysis.programs import all_runs
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

HEAD = "from transformers import *\nfrom trl import SFTConfig, SFTTrainer\nfrom peft import LoraConfig\n"


def described(tmp_path: Path, text: str, name: str = "fit.py", gpu: str | None = None) -> list[Any]:
    path = tmp_path / name
    path.write_text(text)
    document, overrides = Document.read(str(path)), Overrides(gpu=gpu)
    return list(all_runs(document, Workspace().surroundings(document.path, overrides), overrides))


def fields(run: Any) -> dict[str, Any]:
    return {name: field.value for name, field in run.fields.items()}


SCRIPT = """\
from peft import LoraConfig
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from trl import SFTConfig, SFTTrainer
NAME = "Qwen/Qwen2.5-7B"
def load(name, four=True):
    bits = BitsAndBytesConfig(load_in_4bit=four)
    return AutoModelForCausalLM.from_pretrained(name, quantization_config=bits)
base = dict(per_device_train_batch_size=4, max_length=2048)
args = SFTConfig("out", **base)
args.gradient_accumulation_steps = 16 // 2
SFTTrainer(model=load(NAME), args=args, peft_config=LoraConfig(r=32)).train()
"""


def test_constants_functions_dictionaries_and_later_attributes_are_followed(tmp_path: Path) -> None:
    (run,) = described(tmp_path, SCRIPT, gpu="A100-80GB")
    said = fields(run)
    assert said["model"] == "Qwen/Qwen2.5-7B"
    assert (said["micro_batch"], said["grad_accum"], said["seq_len"], said["lora_r"]) == (4, 8, 2048, 32)
    assert said["quant"] == "bnb-fp4"  # BitsAndBytesConfig's own default
    assert run.verdict == "fits"
    place = run.fields["model"].place
    assert SCRIPT[place.span.start : place.span.end] == '"Qwen/Qwen2.5-7B"'


def test_an_open_value_has_no_field_and_no_verdict(tmp_path: Path) -> None:
    text = SCRIPT.replace("per_device_train_batch_size=4", "per_device_train_batch_size=size()")
    (run,) = described(tmp_path, "from own import size\n" + text, gpu="A100-80GB")
    assert "micro_batch" not in run.fields
    assert run.verdict == "unknown"
    assert "micro_batch" in {item.field for item in run.open}


def test_a_condition_that_is_not_known_leaves_open_what_it_decides(tmp_path: Path) -> None:
    text = SCRIPT.replace(
        'NAME = "Qwen/Qwen2.5-7B"', 'import sys\nNAME = "a/B-7B" if sys.platform else "Qwen/Qwen2.5-7B"'
    )
    (run,) = described(tmp_path, text)
    assert "model" not in run.fields
    assert run.fields["lora_r"].value == 32


def test_arguments_of_the_command_line_have_their_declared_defaults(tmp_path: Path) -> None:
    text = SCRIPT.replace(
        'NAME = "Qwen/Qwen2.5-7B"',
        "import argparse\np = argparse.ArgumentParser()\n"
        'p.add_argument("--model-id", default="Qwen/Qwen2.5-7B")\n'
        "NAME = p.parse_args().model_id",
    )
    (run,) = described(tmp_path, text)
    assert run.fields["model"].value == "Qwen/Qwen2.5-7B"


@pytest.mark.parametrize(
    "text",
    [
        'AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")',
        'AutoModelForImageClassification.from_pretrained("google/vit-base-patch16-224")',
    ],
)
def test_another_kind_of_model_is_no_run(tmp_path: Path, text: str) -> None:
    assert not described(tmp_path, f"{HEAD}Trainer(model={text}, args=TrainingArguments('o')).train()\n")


def test_a_trainer_that_only_evaluates_is_no_run(tmp_path: Path) -> None:
    assert not described(tmp_path, SCRIPT.replace(".train()", ".evaluate()"))


def notebook(*cells: str) -> str:
    return json.dumps(
        {
            "cells": [
                {"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []}
                for cell in cells
            ],
            "nbformat": 4,
        },
        indent=1,
    )


UNSLOTH = (
    "%%capture\n!pip install unsloth\n",
    "from unsloth import FastLanguageModel\nlength = 2048 # any\n"
    "model, tokenizer = FastLanguageModel.from_pretrained(\n"
    '    model_name = "unsloth/Llama-3.1-8B", max_seq_length = length, load_in_4bit = True,\n)\n'
    "model = FastLanguageModel.get_peft_model(model, r = 8)\n",
    "this is no Python\n",
    "from trl import SFTConfig, SFTTrainer\n"
    "trainer = SFTTrainer(model = model, args = SFTConfig(output_dir = 'o'))\n",
    "trainer.train()\n",
    'if False:\n    model, _ = FastLanguageModel.from_pretrained("other", load_in_4bit = False)\n',
)


def test_a_notebook_is_read_cell_by_cell(tmp_path: Path) -> None:
    text = notebook(*UNSLOTH)
    (run,) = described(tmp_path, text, "fit.ipynb", gpu="T4")
    said = fields(run)
    assert (said["framework"], said["model"]) == ("unsloth", "unsloth/Llama-3.1-8B")
    assert (said["seq_len"], said["lora_r"], said["quant"]) == (2048, 8, "bnb-nf4")
    # models/rl.py of unsloth 2026.10.9: defaults of the configs of TRL that it patches.
    assert (said["micro_batch"], said["grad_accum"], said["optimizer"]) == (4, 2, "adamw_8bit")
    place = run.fields["seq_len"].place
    assert text[place.span.start : place.span.end] == "2048"


def test_the_optimizer_of_a_script_is_that_of_its_run_under_unsloth(tmp_path: Path) -> None:
    states = {}
    for optimizer in ("adamw_8bit", "adamw_torch"):
        cells = [cell.replace("output_dir = 'o'", f"optim = '{optimizer}'") for cell in UNSLOTH]
        (run,) = described(tmp_path, notebook(*cells), f"{optimizer}.ipynb", gpu="T4")
        assert run.estimate is not None
        states[optimizer] = run.estimate.component_sizes["optimizer_states"]
    assert states["adamw_torch"] > 3.5 * states["adamw_8bit"]


def test_unsloth_raises_the_batch_to_a_group_of_completions(tmp_path: Path) -> None:
    cells = (
        *UNSLOTH[:2],
        "from trl import GRPOConfig, GRPOTrainer\n"
        "args = GRPOConfig(per_device_train_batch_size = 1, "
        "gradient_accumulation_steps = 1, num_generations = 6)\n"
        "GRPOTrainer(model = model, args = args, reward_funcs = []).train()\n",
    )
    (run,) = described(tmp_path, notebook(*cells), "fit.ipynb")
    assert (run.fields["micro_batch"].value, run.fields["method"].value) == (6, "grpo")


MODAL = """\
import modal
app = modal.App("fit")

@app.function(gpu="L40S:2", timeout=60)
def fit(model: str = "Qwen/Qwen2.5-0.5B"):
    from trl import SFTConfig, SFTTrainer
    SFTTrainer(model, SFTConfig(max_length=512)).train()

@app.local_entrypoint()
def main():
    fit.remote(model="Qwen/Qwen2.5-1.5B")
"""


def test_the_gpu_that_modal_is_asked_for_is_declared(tmp_path: Path) -> None:
    (run,) = described(tmp_path, MODAL)
    assert run.fields["model"].value == "Qwen/Qwen2.5-1.5B"
    assert run.declared is not None
    assert (run.declared.gpu.name, run.declared.source, run.verdict) == ("L40S", "launcher", "fits")


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({"accelerator": "GPU", "colab": {"gpuType": "T4"}}, "T4"),
        ({"kaggle": {"accelerator": "nvidiaTeslaT4"}}, "T4"),
        ({"accelerator": "GPU", "colab": {"gpuType": "A100"}}, None),  # 40 GB or 80
        ({"accelerator": "GPU"}, None),
        ({}, None),
    ],
)
def test_the_gpu_in_the_metadata_of_a_notebook_is_declared(
    tmp_path: Path, metadata: dict[str, Any], name: str | None
) -> None:
    text = json.dumps({**json.loads(notebook(*UNSLOTH)), "metadata": metadata})
    (run,) = described(tmp_path, text, "fit.ipynb")
    assert (run.declared.gpu.name if run.declared else None) == name
    text = "# %%\n" + "\n# %%\n".join(UNSLOTH)  # as an editor has it, the file beside
    document = Document.parse(text, str(tmp_path / "fit.ipynb"))
    around = Workspace().surroundings(document.path, Overrides())
    (run,) = all_runs(document, around, Overrides())
    assert (run.declared.gpu.name if run.declared else None) == name
    (run,) = described(tmp_path, text.replace("length = ", "# vramlint: gpu=A100-80GB\nlength = "), "a.ipynb")
    assert run.declared.source == "directive"


KBIT = """\
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments
bits = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
name = "Qwen/Qwen2.5-7B"
model = AutoModelForCausalLM.from_pretrained(name, quantization_config=bits, torch_dtype="bfloat16")
model = prepare_model_for_kbit_training(model)
model = get_peft_model(model, LoraConfig(r=8))
Trainer(model, TrainingArguments("o", per_device_train_batch_size=1), max_length=512).train()
"""


def test_what_prepare_model_for_kbit_training_does_is_part_of_the_run(tmp_path: Path) -> None:
    """utils/other.py of peft 0.21.2: 16-bit weights become float32; checkpointing over a quantized base."""
    text = KBIT.replace(", max_length=512", "")
    text = text.replace(
        "Trainer(model,", "tokens = tok('x', truncation=True, max_length=512)\nTrainer(model,"
    )
    text = "from transformers import AutoTokenizer\ntok = AutoTokenizer.from_pretrained('q')\n" + text
    jobs = {}
    for name, changed in {
        "prepared": text,
        "plain": text.replace("model = prepare_model_for_kbit_training(model)\n", ""),
        "whole": text.replace(", quantization_config=bits", ""),
        "kept": text.replace("training(model)", "training(model, use_gradient_checkpointing=False)"),
    }.items():
        (run,) = described(tmp_path, changed, gpu="A100-80GB")
        assert run.reading is not None
        jobs[name] = run.reading.job, run.estimate
    assert jobs["prepared"][0].quantization.kbit_prep == "fp32-norms-embeddings-head"
    assert jobs["prepared"][0].gradient_checkpointing == "full"
    # Embedding and head of Qwen2.5-7B: 2 × 152,064 × 3,584, two bytes more for each.
    more = jobs["prepared"][1].components["weights"] - jobs["plain"][1].components["weights"]
    assert more == pytest.approx(2 * 2 * 152_064 * 3_584, rel=0.01)
    assert jobs["plain"][0].gradient_checkpointing == "none"
    assert jobs["whole"][0].precision.weights == "float32"
    assert jobs["whole"][0].gradient_checkpointing == "none"
    assert jobs["kept"][0].gradient_checkpointing == "none"


def test_values_in_a_function_of_another_cell_are_placed_in_that_cell(tmp_path: Path) -> None:
    load = "def load(name='Qwen/Qwen2.5-7B'):\n    return AutoModelForCausalLM.from_pretrained(name)\n"
    cells = [HEAD + load]
    cells.append("trainer = SFTTrainer(model=load(), args=SFTConfig('out', max_length=512))\n")
    text = json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells], "nbformat": 4})
    (run,) = described(tmp_path, text, "fit.ipynb")
    place = run.fields["model"].place
    assert text[place.span.start : place.span.end] == "'Qwen/Qwen2.5-7B'"


@pytest.mark.parametrize(
    "text",
    [
        "from trl import SFTTrainer\nSFTTrainer(model='Qwen/Qwen2.5-7B', train_dataset=rows).train()\n",
        "from transformers import AutoModelForCausalLM, Trainer, TrainingArguments\n"
        "model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-3.1-8B')\n"
        "rows = data.map(lambda row: tok(row['text'], truncation=True, max_length=2048))\n"
        "tok = None\nTrainer(model, TrainingArguments('out', bf16=True)).train()\n",
    ],
)
def test_a_trainer_trains_whatever_names_its_model(tmp_path: Path, text: str) -> None:
    """What another linter of scripts calls inference, or passes over."""
    (run,) = described(tmp_path, text, gpu="RTX4090")
    assert run.estimate is None or run.estimate.components["gradients"] > 10 * 2**30
    assert run.verdict in ("does_not_fit", "unknown")
    assert fields(run)["method"] == "sft"


@pytest.mark.parametrize(
    "rows",
    [
        "data['train'].map(cut)",
        "data.train_test_split(0.1)['train'].map(cut, batched=True)",
        "data['train'].map(lambda row: cut(row))",
    ],
)
def test_a_function_that_something_unknown_is_handed_is_followed(tmp_path: Path, rows: str) -> None:
    text = (
        "from datasets import load_dataset\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments\n"
        "data, tok = load_dataset('a/b'), AutoTokenizer.from_pretrained('gpt2')\n"
        "def cut(row):\n    return tok(row['text'], truncation=True, max_length=512)\n"
        f"rows = {rows}\n"
        "model = AutoModelForCausalLM.from_pretrained('gpt2')\n"
        "Trainer(model, TrainingArguments('out'), train_dataset=rows).train()\n"
    )
    (run,) = described(tmp_path, text, gpu="T4")
    assert fields(run)["seq_len"] == 512


@pytest.mark.parametrize(
    ("argument", "known"),
    [("layers_to_transform=[0, 1]", False), ("exclude_modules='lm_head'", False), ("rank_pattern={}", True)],
)
def test_arguments_that_change_what_is_adapted_are_not_passed_over(
    tmp_path: Path, argument: str, known: bool
) -> None:
    (run,) = described(tmp_path, SCRIPT.replace("r=32", f"r=32, {argument}"), gpu="A100-80GB")
    assert (run.verdict == "fits") is known
    assert ("lora_targets" in {item.field for item in run.open}) is not known


SHARDED = """# vramlint: gpu={gpu}
from transformers import AutoModelForCausalLM
from trl import SFTConfig, SFTTrainer
zero = {{"stage": 3, "offload_optimizer": {{"device": "cpu"}}}}
model = AutoModelForCausalLM.from_pretrained("meta-llama/Llama-3.1-8B")
args = SFTConfig(
    output_dir="out", max_length=1024, per_device_train_batch_size=1, bf16=True,
    deepspeed={{"bf16": {{"enabled": "auto"}}, "zero_optimization": zero}},
)
SFTTrainer(model=model, args=args).train()
"""


@pytest.mark.parametrize(("gpu", "ranks"), [("A100-80GB x8", 8), ("A100-80GB x4", 4), ("A100-80GB", None)])
def test_an_engine_in_a_script_divides_by_the_declared_gpus(
    tmp_path: Path, gpu: str, ranks: int | None
) -> None:
    """Nothing in the script says how many processes run; without a count there is no verdict."""
    (tmp_path / "train.py").write_text(SHARDED.format(gpu=gpu))
    analysis = analyse(Document.read(str(tmp_path / "train.py")), Workspace(tmp_path))
    if ranks is None:
        assert analysis.estimate is None
        assert any("how many" in finding.message for finding in analysis.findings)
        return
    assert analysis.job is not None
    parallel = analysis.job.parallel
    assert (parallel.strategy, parallel.data, parallel.offload) == ("zero3", ranks, "optimizer")
    assert analysis.verdict == "fits"


def placed(tmp_path: Path, loading: str, trl: str = "1.16") -> tuple[int, int]:
    """Processes and GPUs of each that a script on two GPUs has, whose trainer is given `loading`."""
    text = f"# vramlint: gpu=RTX-3090x2 versions=trl@{trl}\n{HEAD}" + (
        f"model = {loading}\nargs = SFTConfig('out', max_length=1024)\n"
        "SFTTrainer(model=model, args=args, peft_config=LoraConfig(r=8)).train()\n"
    )
    path = tmp_path / "fit.py"
    path.write_text(text)
    analysis = analyse(Document.read(str(path)), Workspace(), Overrides())
    assert analysis.job is not None
    return analysis.job.parallel.data, analysis.job.parallel.pipeline


def test_a_device_map_spreads_the_layers_of_one_process(tmp_path: Path) -> None:
    """A model that TRL is given by name is loaded so from 0.26 (trl/trainer/utils.py,
    create_model_from_path).
    """
    load = 'AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-7B", device_map={})'
    assert placed(tmp_path, load.format('"auto"')) == (1, 2)
    assert placed(tmp_path, load.format('{"": 0}')) == (2, 1)
    assert placed(tmp_path, '"Qwen/Qwen2.5-7B"') == (1, 2)
    assert placed(tmp_path, '"Qwen/Qwen2.5-7B"', trl="0.25") == (2, 1)


BY_NAME = """\
from peft import LoraConfig
from transformers import BitsAndBytesConfig, Mxfp4Config
from trl import SFTConfig, SFTTrainer
bits = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
args = SFTConfig("o", max_length=512, model_init_kwargs={"dtype": "float16"})
SFTTrainer("Qwen/Qwen2.5-7B", args, peft_config=LoraConfig(r=8), quantization_config=bits).train()
"""


@pytest.mark.parametrize("handed", [False, True], ids=["argument", "handed on"])
def test_trainers_quantize_the_model_that_they_load_by_its_name(tmp_path: Path, handed: bool) -> None:
    text = BY_NAME
    if handed:
        text = text.replace(", quantization_config=bits)", ")").replace(
            '"float16"}', '"float16", "quantization_config": bits}'
        )
    (run,) = described(tmp_path, text, gpu="A100-80GB")
    assert run.reading is not None
    assert run.reading.job.quantization.scheme == "bnb-nf4"
    assert run.reading.job.precision.weights == "float16"


def test_a_checkpoint_in_mxfp4_that_is_unpacked_has_16_bit_weights(tmp_path: Path) -> None:
    """quantizers/quantizer_mxfp4.py of transformers 5.24."""
    text = BY_NAME.replace("Qwen/Qwen2.5-7B", "openai/gpt-oss-20b").replace('"float16"', '"bfloat16"')
    text = text.replace("_config=bits", "_config=Mxfp4Config(dequantize=True)").replace(
        "r=8", "r=8, target_modules=['q_proj']"
    )
    (run,) = described(tmp_path, text, gpu="H100-80GB")
    assert run.reading is not None
    assert run.estimate is not None
    assert run.estimate.components["weights"] == pytest.approx(2 * 20.9e9, rel=0.02)


@pytest.mark.parametrize(
    ("release", "bits", "weights"),
    [
        ("5.2", "", "bfloat16"),
        ("4.57", "", "float32"),
        ("4.57", ", torch_dtype='auto'", "bfloat16"),
        ("4.57", ", quantization_config=BitsAndBytesConfig(load_in_4bit=True)", "float16"),
    ],
)
def test_a_model_that_is_loaded_without_a_dtype_gets_the_one_of_its_release(
    tmp_path: Path, release: str, bits: str, weights: str
) -> None:
    """`from_pretrained` without one: modeling_utils.py, and quantizers/quantizer_bnb_4bit.py before 5.0."""
    text = f"# vramlint: versions=transformers@{release}\n{HEAD}" + (
        f"model = AutoModelForCausalLM.from_pretrained('Qwen/Qwen2.5-7B'{bits})\n"
        "SFTTrainer(model=model, args=SFTConfig('out'), peft_config=LoraConfig(r=8)).train()\n"
    )
    (run,) = described(tmp_path, text, gpu="A100-80GB")
    assert run.reading is not None
    assert run.reading.job.precision.weights == weights
