"""Launch lines as people write them: each a small workspace, and what its runs come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from launch_cases import CASES
from launch_files import TRL

from vramlint.analysis.analyse import analyse
from vramlint.analysis.runs import runs_of
from vramlint.document import Document
from vramlint.document.language import PROGRAMS
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace


def runs(folder: Path, name: str, files: dict[str, str]) -> list[Any]:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    document, overrides = Document.read(str(folder / name)), Overrides(gpu="A100-80GB")
    workspace = Workspace(folder)
    if document.language in PROGRAMS:
        from vramlint.analysis.programs import all_runs

        return list(all_runs(document, workspace.surroundings(document.path, overrides), overrides))
    return list(runs_of(document, workspace, overrides))


def said(run: Any) -> dict[str, Any]:
    return {name: field.value for name, field in run.fields.items()}


@pytest.mark.parametrize("case", CASES)
def test_a_launch_line(tmp_path: Path, case: str) -> None:
    name, files, wanted = CASES[case]
    found = [said(run) for run in runs(tmp_path, name, files)]
    assert len(found) == len(wanted)
    for have, want in zip(found, wanted, strict=True):
        assert {field: have.get(field) for field in want} == want


@pytest.mark.parametrize("case", CASES)
def test_each_value_is_placed_where_it_is_decided(tmp_path: Path, case: str) -> None:
    name, files, _ = CASES[case]
    for run in runs(tmp_path, name, files):
        for field in ("micro_batch", "seq_len"):
            place = run.fields[field].place if field in run.fields else None
            if place is not None:
                text = files[place.document or name]  # by the path as shown
                line = text[place.span.start :].partition("\n")[0]
                assert str(run.fields[field].value) in line


def test_launch_lines_of_a_task_are_checked(tmp_path: Path) -> None:
    (tmp_path / "t.yml").write_text(
        f"jobs:\n  a:\n    steps:\n      - run: {TRL.replace('gpt2', 'Qwen/Qwen2.5-7B')}\n"
    )
    document = Document.read(str(tmp_path / "t.yml"))
    analysis = analyse(document, Workspace(tmp_path), Overrides(gpu="RTX4090"))
    assert [finding.code for finding in analysis.findings][:1] == ["VL101"]


def test_declared_gpus_close_what_a_launcher_leaves_open(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text(f"{TRL}\ntorchrun --nproc_per_node 2 -m trl.scripts.sft\n")
    document = Document.read(str(tmp_path / "a.sh"))
    for gpu, ranks in (("A100-80GB", [None, 2]), ("A100-80GBx8", [8, 2])):
        found = runs_of(document, Workspace(tmp_path), Overrides(gpu=gpu))
        assert [said(run).get("ranks") for run in found] == ranks
        assert [any(item.field == "ranks" for item in run.open) for run in found] == [ranks[0] is None, False]


def test_a_script_that_is_not_known_gets_no_verdict(tmp_path: Path) -> None:
    line = "torchrun --nproc_per_node 8 train.py --model_name_or_path gpt2 --per_device_train_batch_size 4"
    (tmp_path / "a.sh").write_text("#!/bin/sh\n" + line + "\npython clean.py --model x\n")
    analysis = analyse(Document.read(str(tmp_path / "a.sh")), Workspace(tmp_path), Overrides())
    (finding,) = analysis.findings
    assert (finding.code, finding.severity) == ("VL104", "information")
    assert finding.message == "no verdict: what train.py does with its arguments is decided inside it"
    assert analysis.span(finding.at).start == len("#!/bin/sh\n")


def test_a_flag_that_a_variable_holds_is_at_the_variable(tmp_path: Path) -> None:
    text = f"MORE=--per_device_train_batch_size=64\n{TRL} $MORE --bf16\n"
    (tmp_path / "a.sh").write_text(text)
    document = Document.read(str(tmp_path / "a.sh"))
    span = analyse(document, Workspace(tmp_path), Overrides()).document.key_span(
        ("per_device_train_batch_size",)
    )
    assert span is not None
    assert text[slice(*span)] == "$MORE"


def test_aliases_are_not_followed_into_lists(tmp_path: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join(f'*a{n - 1}' for _ in range(9))}]" for n in range(1, 25)]
    text = "\n".join(["a0: &a0", "  command: [trl, sft, --model_name_or_path, gpt2]", *levels, ""])
    (run,) = runs(tmp_path, "job.yaml", {"job.yaml": text})
    assert said(run)["model"] == "gpt2"


ABBREVIATED = {
    "trl's own script": ("python trl/examples/scripts/sft.py --model_name gpt2 --per_device_train 2", 2),
    "ms-swift": ("swift sft --model gpt2 --per_device_train_batch 3", 3),
    "of several": ("trl sft --model_name gpt2 --per_device 4 --max_length 64", None),
}


@pytest.mark.parametrize("case", ABBREVIATED)
def test_flags_may_be_abbreviated_as_argparse_takes_them(tmp_path: Path, case: str) -> None:
    line, rows = ABBREVIATED[case]
    (run,) = runs(tmp_path, "go.sh", {"go.sh": line + "\n"})
    found = said(run)
    assert found["model"] == "gpt2"
    assert rows is None or found["micro_batch"] == rows


def test_a_program_over_megatron_is_told_by_its_arguments(tmp_path: Path) -> None:
    flags = "--num-layers 4 --hidden-size 64 --num-attention-heads 2 --micro-batch-size 3 --seq-length 128"
    (run,) = runs(tmp_path, "go.sh", {"go.sh": f"torchrun --nproc_per_node 2 ours/fit.py {flags}\n"})
    found = said(run)
    assert (found["framework"], found["micro_batch"], found["ranks"]) == ("megatron", 3, 2)


def test_what_is_not_modelled_is_named_before_anything_else(tmp_path: Path) -> None:
    line = "deepspeed --num_gpus 2 --module openrlhf.cli.train_sft --pretrain gpt2 --zero_stage 3 --zpg 2\n"
    path = tmp_path / "go.sh"
    path.write_text(line)
    analysis = analyse(Document.parse(line, str(path)), Workspace(tmp_path), Overrides(gpu="A100-80GB"))
    assert analysis.cannot is not None
    assert analysis.cannot.message.startswith("zpg: ")


def test_a_script_of_ones_own_is_no_framework_that_takes_no_flags(tmp_path: Path) -> None:
    line = "torchrun --nproc_per_node 4 fit.py --pipe_parallel_size 2 --model_parallel_size 2 --init a\n"
    assert runs(tmp_path, "go.sh", {"go.sh": line}) == []


ENTERED = {
    "torchrun": ("--entrypoint torchrun my/image:1 --nproc_per_node 4 -m axolotl.cli.train c.yaml", 4),
    "with an equals sign": ("-it --entrypoint=axolotl my/image train c.yaml", None),
    "among others": (
        "--gpus all --add-host a:b --entrypoint accelerate i launch --num_processes 2 "
        "-m axolotl.cli.train c.yaml",
        2,
    ),
}
AXOLOTL_FILE = (
    "base_model: gpt2\ndatasets: [{path: a, type: alpaca}]\nmicro_batch_size: 3\nsequence_len: 64\n"
)


@pytest.mark.parametrize("case", ENTERED)
def test_the_entry_that_a_container_is_given(tmp_path: Path, case: str) -> None:
    words, ranks = ENTERED[case]
    (run,) = runs(tmp_path, "go.sh", {"go.sh": f"docker run {words}\n", "c.yaml": AXOLOTL_FILE})
    found = said(run)
    assert (found["framework"], found["micro_batch"]) == ("axolotl", 3)
    assert ranks is None or found["ranks"] == ranks


JOB = "#!/bin/bash\n#SBATCH --gres=gpu:a100:4\n#SBATCH --nodes=2\n"
JOB += "torchrun --nproc_per_node 4 --nnodes $SLURM_NNODES -m axolotl.cli.train c.yaml\n"


@pytest.mark.parametrize(("line", "ranks"), [("sbatch job.slurm", 8), ("sbatch -N 4 job.slurm", None)])
def test_a_script_that_is_queued_has_its_own_header(tmp_path: Path, line: str, ranks: int | None) -> None:
    files = {"go.sh": line + "\n", "job.slurm": JOB, "c.yaml": AXOLOTL_FILE}
    (run,) = runs(tmp_path, "go.sh", files)
    assert said(run).get("ranks") == ranks
