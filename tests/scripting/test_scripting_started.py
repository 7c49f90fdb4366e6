"""A program, its launch line and the config files that it loads are one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from started_programs import ARGPARSE, CLASSES, described, fields, project

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

FIRE = """\
import fire, transformers
from transformers import AutoModelForCausalLM, TrainingArguments
from trl import SFTConfig, SFTTrainer

def train(base_model: str = "", micro_batch_size: int = 4, cutoff_len: int = 256):
    config = SFTConfig(per_device_train_batch_size=micro_batch_size, max_length=cutoff_len)
    SFTTrainer(base_model, config).train()

fire.Fire(train)
"""


@pytest.mark.parametrize(
    ("program", "flags", "expected"),
    [
        (
            ARGPARSE,
            "--model-id Qwen/Qwen2.5-7B -b 4 --ckpt",
            {"model": "Qwen/Qwen2.5-7B", "micro_batch": 4, "lora_r": 8, "grad_ckpt": True, "seq_len": 1024},
        ),
        (
            CLASSES,
            "--base Qwen/Qwen2.5-7B --per_device_train_batch_size 2 --gradient_checkpointing true --bf16",
            {"model": "Qwen/Qwen2.5-7B", "micro_batch": 2, "seq_len": 512, "framework": "hf-trainer"},
        ),
        (
            FIRE,
            "--base_model Qwen/Qwen2.5-7B --micro_batch_size 2 --cutoff_len 512",
            {"model": "Qwen/Qwen2.5-7B", "micro_batch": 2, "seq_len": 512},
        ),
    ],
)
def test_the_arguments_of_the_launch_line_reach_the_program(
    tmp_path: Path, program: str, flags: str, expected: dict[str, Any]
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "sft.py").write_text(program)
    line = f"torchrun --nproc_per_node 2 src/sft.py {flags}\n"
    (tmp_path / "run.sh").write_text(line)
    (run,) = described(tmp_path, "run.sh")
    said = fields(run)
    assert {name: said.get(name) for name in expected} == expected
    assert said["ranks"] == 2
    place = run.fields["micro_batch"].place
    assert place.document is None
    assert line[slice(*place.span)] == str(expected["micro_batch"])
    assert run.verdict != "unknown"


def test_what_the_line_does_not_say_is_decided_in_the_program(tmp_path: Path) -> None:
    (tmp_path / "sft.py").write_text(ARGPARSE)
    (tmp_path / "run.sh").write_text("python sft.py --model-id Qwen/Qwen2.5-7B --batch $1\n")
    (run,) = described(tmp_path, "run.sh")
    assert run.verdict == "unknown"
    assert "micro_batch" in {item.field for item in run.open}
    place = run.fields["lora_r"].place
    assert place.document == "sft.py"
    assert ARGPARSE[slice(*place.span)] == "8"


def test_an_argument_that_must_be_given_is_open_where_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "sft.py").write_text(ARGPARSE)
    (tmp_path / "run.sh").write_text("python sft.py --batch 2\n")
    (run,) = described(tmp_path, "run.sh")
    assert run.verdict == "unknown"
    assert "model" in {item.field for item in run.open}


CONFIG = "model:\n  name: Qwen/Qwen2.5-7B\ntrainer:\n  per_device_train_batch_size: 2\n  max_length: 1024\n"
LOADED = """\
import yaml
from omegaconf import OmegaConf
from trl import SFTConfig, SFTTrainer
with open("conf/fit.yaml") as file:
    cfg = {load}
SFTTrainer(cfg["model"]["name"], SFTConfig(output_dir="o", **cfg["trainer"])).train()
"""
HYDRA = """\
import hydra
from trl import SFTConfig, SFTTrainer

@hydra.main(version_base=None, config_path="conf", config_name="fit")
def main(cfg):
    SFTTrainer(cfg.model.name, SFTConfig(**cfg.trainer)).train()

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    "program",
    [
        LOADED.format(load="yaml.safe_load(file)"),
        LOADED.format(load='OmegaConf.load("conf/fit.yaml")'),
        HYDRA,
    ],
)
def test_a_config_that_the_program_loads_is_part_of_its_run(tmp_path: Path, program: str) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "fit.yaml").write_text(CONFIG)
    (tmp_path / "sft.py").write_text(program)
    (run,) = described(tmp_path, "sft.py")
    said = fields(run)
    assert (said["model"], said["micro_batch"], said["seq_len"]) == ("Qwen/Qwen2.5-7B", 2, 1024)
    place = run.fields["micro_batch"].place
    assert (place.document, CONFIG[slice(*place.span)]) == ("conf/fit.yaml", "2")


def test_overrides_of_hydra_beat_its_config(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "fit.yaml").write_text(CONFIG)
    (tmp_path / "sft.py").write_text(HYDRA)
    (tmp_path / "run.sh").write_text("python sft.py trainer.per_device_train_batch_size=8\n")
    (run,) = described(tmp_path, "run.sh")
    assert run.fields["micro_batch"].value == 8


def test_a_config_that_is_not_here_leaves_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "sft.py").write_text(HYDRA)
    (run,) = described(tmp_path, "sft.py")
    assert run.verdict == "unknown"
    assert "micro_batch" not in run.fields


def test_a_document_knows_the_files_that_decide_its_run(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "fit.yaml").write_text(CONFIG)
    (tmp_path / "sft.py").write_text(HYDRA)
    (tmp_path / "run.sh").write_text("python sft.py trainer.max_length=512\n")
    for name, expected in (("sft.py", {"conf/fit.yaml"}), ("run.sh", {"conf/fit.yaml", "sft.py"})):
        analysis = analyse(Document.read(str(tmp_path / name)), Workspace(tmp_path))
        assert analysis.reading is not None
        assert set(analysis.reading.companions) == expected


def test_a_script_without_a_trainer_gives_the_defaults_of_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text(
        "from dataclasses import dataclass, field\nimport transformers\nfrom own import train\n"
        "@dataclass\nclass Model:\n    model_name_or_path: str = 'gpt2'\n"
        "    lora_r: int = field(default=64)\n"
        "@dataclass\nclass Arguments(transformers.TrainingArguments):\n"
        "    optim: str = field(default='paged_adamw_32bit')\n    gradient_accumulation_steps: int = 16\n"
        "parser = transformers.HfArgumentParser((Model, Arguments))\n"
        "model, args = parser.parse_args_into_dataclasses()\ntrain(model, args)\n"
    )
    script = "torchrun --nproc_per_node 2 fit.py --per_device_train_batch_size 4 --lora_r 8\n"
    (tmp_path / "go.sh").write_text(script)
    (run,) = described(tmp_path, "go.sh")
    said = fields(run)
    assert (said["framework"], said["model"], said["engine"]) == ("hf-trainer", "gpt2", "ddp")
    assert (said["micro_batch"], said["grad_accum"], said["lora_r"]) == (4, 16, 8)
    assert said["optimizer"] == "paged_adamw_32bit"
    assert run.verdict == "unknown"


def test_nothing_is_said_of_what_hangs_on_a_value_that_only_the_run_knows(tmp_path: Path) -> None:
    text = (
        "from transformers import AutoModelForCausalLM, BitsAndBytesConfig\n"
        "from peft import LoraConfig, get_peft_model\n"
        "from trl import SFTConfig, SFTTrainer\n"
        "import somewhere\n"
        "quantized = BitsAndBytesConfig(load_in_4bit=True)\n"
        'model = AutoModelForCausalLM.from_pretrained("gpt2", quantization_config=quantized)\n'
        "if somewhere.wants():\n    model = get_peft_model(model, LoraConfig(r=4))\n"
        "SFTTrainer(model, SFTConfig(max_length=64)).train()\n"
    )
    project(tmp_path, {"train.py": text})
    analysis = analyse(Document.read(str(tmp_path / "train.py")), Workspace(tmp_path), Overrides())
    assert [each.code for each in analysis.findings if each.severity in ("error", "warning")] == []


@pytest.mark.parametrize(
    "guard",
    [
        'if not a.ckpt:\n    raise SystemExit("say --ckpt")\n',
        'if a.ckpt:\n    pass\nelif a.rank > 99:\n    print(a)\nelse:\n    raise ValueError("say one")\n',
    ],
)
def test_a_switch_that_must_be_given_is_given(tmp_path: Path, guard: str) -> None:
    project(tmp_path, {"train.py": ARGPARSE.replace("a = p.parse_args()\n", f"a = p.parse_args()\n{guard}")})
    (run,) = described(tmp_path, "train.py")
    assert fields(run)["micro_batch"] == 1


OWN_RANK = """\
from dataclasses import dataclass
from transformers import HfArgumentParser
from trl import SFTConfig, SFTTrainer
import elsewhere

@dataclass
class Ours(SFTConfig):
    lora_r: int = 24

ours = HfArgumentParser(Ours).parse_args_into_dataclasses()[0]
SFTTrainer(elsewhere.model(ours), ours).train()
"""


def test_a_field_of_ones_own_class_is_no_key_of_the_model(tmp_path: Path) -> None:
    project(tmp_path, {"train.py": OWN_RANK})
    (run,) = described(tmp_path, "train.py")
    assert not {"lora_r", "adapter"} & fields(run).keys()


def test_a_line_that_asks_for_no_training_starts_none(tmp_path: Path) -> None:
    asked = CLASSES.replace(
        "Trainer(model=model, args=args).train()", "t = Trainer(model=model, args=args)\n"
    )
    asked += "if args.do_train:\n    t.train()\nif args.do_predict:\n    t.predict([])\n"
    lines = "python train.py --output_dir o --do_predict\n"
    project(tmp_path, {"train.py": asked, "predict.sh": lines, "train.sh": lines.replace("predict", "train")})
    assert [fields(run)["method"] for run in described(tmp_path, "train.sh")] == ["sft"]
    assert described(tmp_path, "predict.sh") == []


SWITCHED = """\
from dataclasses import dataclass
import transformers
from ours import trainer

@dataclass
class Ours(transformers.TrainingArguments):
    lora_enable: bool = False
    lora_rank: int = 64

args = transformers.HfArgumentParser(Ours).parse_args_into_dataclasses()[0]
trainer(args)
"""


def test_a_declared_rank_behind_a_switch_that_is_off_is_no_adapter(tmp_path: Path) -> None:
    line = "python train.py --model_name_or_path gpt2 --per_device_train_batch_size 2\n"
    project(
        tmp_path, {"train.py": SWITCHED, "off.sh": line, "on.sh": line.replace("\n", " --lora_enable True\n")}
    )
    (off,), (on,) = described(tmp_path, "off.sh"), described(tmp_path, "on.sh")
    assert not {"adapter", "lora_r"} & fields(off).keys()
    assert (fields(on)["adapter"], fields(on)["lora_r"]) == ("lora", 64)


FILES = """\
import os, sys
from dataclasses import dataclass
from transformers import HfArgumentParser
from trl import SFTConfig, SFTTrainer

@dataclass
class Ours:
    base: str = "gpt2"

parser = HfArgumentParser((Ours, SFTConfig))
if len(sys.argv) == 2 and sys.argv[1].endswith(".yaml"):
    ours, args = parser.parse_yaml_file(os.path.abspath(sys.argv[1]))
else:
    ours, args = parser.parse_args_into_dataclasses()
SFTTrainer(ours.base, args).train()
"""
OF_TRL = (
    FILES.partition("parser =")[0].replace("transformers import Hf", "trl import Trl")
    + """\
ours, args = TrlParser((Ours, SFTConfig)).parse_args_and_config()
SFTTrainer(ours.base, args).train()
"""
)
RECIPE = "base: HuggingFaceTB/SmolLM2-135M\nper_device_train_batch_size: 9\nmax_length: 640\n"


@pytest.mark.parametrize(
    ("script", "line", "batch"),
    [
        pytest.param(FILES, "python train.py run.yaml", 9, id="a file alone"),
        pytest.param(FILES, "python train.py --max_length 640", 8, id="flags alone"),
        pytest.param(OF_TRL, "python train.py --config run.yaml", 9, id="TRL's parser"),
        pytest.param(
            OF_TRL,
            "python train.py --config run.yaml --per_device_train_batch_size 4",
            4,
            id="a flag over the file",
        ),
    ],
)
def test_a_parser_of_classes_reads_the_file_that_it_is_given(
    tmp_path: Path, script: str, line: str, batch: int
) -> None:
    project(tmp_path, {"train.py": script, "run.yaml": RECIPE, "go.sh": line + "\n"})
    (run,) = described(tmp_path, "go.sh")
    found = fields(run)
    assert (found["micro_batch"], found["seq_len"]) == (batch, 640)
    assert found["model"] == ("HuggingFaceTB/SmolLM2-135M" if "run.yaml" in line else "gpt2")


PATHS = """\
import os
from pathlib import Path
import yaml
from trl import SFTConfig, SFTTrainer

HERE = Path(__file__).resolve().parent
with open(HERE.parent / "conf" / "run.yaml") as file:
    config = yaml.safe_load(file)
rows = yaml.safe_load((Path(__file__).parents[1] / "conf" / "rows.yaml").read_text())["rows"]
MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models")
model = f"{MODELS}/Qwen2.5-1.5B"
args = SFTConfig(per_device_train_batch_size=rows, max_length=config["tokens"])
SFTTrainer(NAME, args).train()
"""


@pytest.mark.parametrize(
    "name",
    [
        "model",
        'str(HERE / "models" / "Qwen2.5-1.5B")',
        '(HERE.parent / "models").joinpath("Qwen2.5-1.5B").as_posix()',
    ],
)
def test_names_of_files_are_put_together(tmp_path: Path, name: str) -> None:
    project(tmp_path, {"bin/train.py": PATHS.replace("NAME", name), "conf/run.yaml": "tokens: 896\n"})
    project(tmp_path, {"conf/rows.yaml": "rows: 11\n", "other/run.yaml": "tokens: 1\n"})
    (run,) = described(tmp_path, "bin/train.py")
    assert (fields(run)["seq_len"], fields(run)["micro_batch"]) == (896, 11)
    assert str(fields(run)["model"]).endswith("models/Qwen2.5-1.5B")
    assert run.estimate is not None


LISTS = """\
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer
import elsewhere

targets = ["q_proj"]
targets.append("v_proj")
BODY
SFTTrainer("gpt2", SFTConfig(max_length=64), peft_config=LoraConfig(r=4, target_modules=targets)).train()
"""


@pytest.mark.parametrize(
    ("body", "known"),
    [
        pytest.param("targets.extend(['o_proj'])", ["q_proj", "v_proj", "o_proj"], id="known"),
        pytest.param(
            "for each in elsewhere.names():\n    targets.append(each)", None, id="a loop that is not known"
        ),
        pytest.param(
            "if elsewhere.wants():\n    targets.append('k_proj')", None, id="a condition that is not known"
        ),
        pytest.param("targets.remove('q_proj')", None, id="not followed"),
    ],
)
def test_a_list_is_what_is_put_into_it(tmp_path: Path, body: str, known: list[str] | None) -> None:
    project(tmp_path, {"train.py": LISTS.replace("BODY", body)})
    (run,) = described(tmp_path, "train.py")
    assert run.run.arguments["lora_target_modules"].value == known


def test_targets_that_are_not_known_are_not_called_missing(tmp_path: Path) -> None:
    body = "targets.clear()\nfor each in elsewhere.names():\n    targets.append(each)"
    text = LISTS.replace("BODY", body).replace("gpt2", "Qwen/Qwen2.5-VL-3B-Instruct")
    project(tmp_path, {"train.py": text})
    analysis = analyse(Document.read(str(tmp_path / "train.py")), Workspace(tmp_path), Overrides())
    assert "VL201" not in {each.code for each in analysis.findings}


@pytest.mark.parametrize("end", ["sys.exit(main())", "raise SystemExit(main())", "main()"])
def test_a_script_that_ends_with_what_its_main_returns_is_read(tmp_path: Path, end: str) -> None:
    body = "".join(f"    {line}\n" for line in ARGPARSE.splitlines())
    text = f"import sys\ndef main():\n{body}    return 0\n\nif __name__ == '__main__':\n    {end}\n"
    project(tmp_path, {"train.py": text})
    (run,) = described(tmp_path, "train.py")
    assert (fields(run)["micro_batch"], fields(run)["lora_r"]) == (1, 8)


def test_a_line_starts_from_a_folder_between_the_script_and_the_workspace(tmp_path: Path) -> None:
    parts = {f"{part}/code/fit.py": ARGPARSE for part in ("one", "two")}
    line = "torchrun --nproc_per_node 2 code/fit.py --model-id gpt2 -b 6\n"
    project(tmp_path, {**parts, "two/jobs/small/go.sh": line, "other/go.sh": line})
    (run,) = described(tmp_path, "two/jobs/small/go.sh")
    assert (fields(run)["micro_batch"], fields(run)["lora_r"]) == (6, 8)
    assert run.fields["lora_r"].place.document == "two/code/fit.py"
    assert described(tmp_path, "other/go.sh") == []


def test_a_script_takes_abbreviated_flags(tmp_path: Path) -> None:
    project(tmp_path, {"fit.py": ARGPARSE, "go.sh": "python fit.py --model gpt2 --ba 6 --r 4\n"})
    (run,) = described(tmp_path, "go.sh")
    found = fields(run)
    assert (found["model"], found["micro_batch"], found["lora_r"]) == ("gpt2", 6, 4)


def test_programs_that_one_script_starts_have_one_budget(tmp_path: Path) -> None:
    """A hundred lines that each start a long program are not followed a hundred times."""
    long = "\n".join(f"x{number} = {number}" for number in range(900)) + "\n"
    for number in range(100):
        (tmp_path / f"train_{number}.py").write_text(long + CLASSES)
    line = "python train_{}.py --base Qwen/Qwen2.5-0.5B --per_device_train_batch_size 2 --bf16 true\n"
    script = "".join(line.format(number) for number in range(100))
    runs = analyse(Document.parse(script, str(tmp_path / "all.sh")), Workspace(tmp_path), Overrides()).runs
    judged = [run for run in runs if run.estimate is not None]
    assert 5 < len(judged) < 30
    assert all(run.cannot is not None for run in runs if run.estimate is None)


def test_defaults_that_a_program_declares_do_not_make_it_another_frameworks(tmp_path: Path) -> None:
    program = (
        "from dataclasses import dataclass, field\n"
        "from transformers import HfArgumentParser, TrainingArguments\n"
        "@dataclass\n"
        "class Data:\n"
        "    dataset_dir: str = field(default='data')\n"
        "    overwrite_cache: bool = field(default=True)\n"
        "data, args = HfArgumentParser((Data, TrainingArguments)).parse_args_into_dataclasses()\n"
        "fit(data, args)\n"
    )
    flags = "--model_name_or_path gpt2 --do_train --do_eval --per_device_train_batch_size 4"
    project(tmp_path, {"run_own.py": program, "run.sh": f"python run_own.py {flags}\n"})
    (run,) = described(tmp_path, "run.sh")
    assert fields(run)["framework"] == "hf-trainer"
    assert run.estimate is None
