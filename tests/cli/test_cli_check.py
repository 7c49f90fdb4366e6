"""`vramlint check` on real files: exit codes, what is left alone, several files, fixes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest
from cli_running import ROOT, Run
from work import PATIENCE

from vramlint.cli import check, parallel
from vramlint.dialects import REGISTRY, detect
from vramlint.document import Document
from vramlint.project.prefilter import could_be_config

FULL = "examples/axolotl-llama-3.1-8b-full.yaml"
QLORA = "examples/axolotl-llama-3.1-8b-qlora.yaml"
SHARED = ROOT.parent / "shared"

TINY = """\
# vramlint: gpu=RTX-4090
base_model: HuggingFaceTB/SmolLM2-135M
datasets: [{path: tatsu-lab/alpaca, type: alpaca}]
sequence_len: 512
micro_batch_size: 1
"""


def config(folder: Path, text: str = TINY, name: str = "train.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_run_that_does_not_fit_exits_with_1(run: Run) -> None:
    outcome = run("check", FULL)
    assert outcome.code == 1
    assert re.search(rf"^{FULL}:\d+:\d+: error\[VL101\] needs \d+", outcome.out)
    assert outcome.err == ""


def test_a_run_that_fits_exits_with_0(run: Run) -> None:
    outcome = run("check", QLORA)
    assert (outcome.code, outcome.out) == (0, "nothing found in 1 file\n1 run: 1 fits\n")


def test_exit_zero_and_the_failing_level(run: Run, tmp_path: Path) -> None:
    warned = config(tmp_path, TINY + "per_device_train_batch_size: 4\n")
    assert run("check", warned).code == 0
    assert run("check", warned, "--fail-on", "warning").code == 1
    assert run("check", FULL, "--exit-zero").code == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("compose.yaml", b"services: {web: {image: nginx}}\n"),
        ("package.json", b'{"name": "x", "version": "1.0.0"}'),
        ("list.yaml", b"- 1\n- 2\n"),
        ("empty.yaml", b""),
        ("broken.yaml", b"a: [1, 2\nb: }\n"),
        ("latin.yaml", "name: caf\u00e9\n".encode("latin-1")),
        ("notes.txt", b"vramlint is mentioned here: base_model, too\n"),
    ],
)
def test_files_of_no_known_dialect_are_left_alone(
    run: Run, tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    outcome = run("check", file, "--output-format", "json")
    assert outcome.code == 0
    assert outcome.json["files"] == [
        {
            "path": str(file),
            "dialect": None,
            "verdict": None,
            "verdicts": [],
            "device_bytes": None,
            "findings": [],
        }
    ]


def test_a_missing_file_exits_with_2_but_the_others_are_checked(run: Run) -> None:
    outcome = run("check", "missing.yaml", FULL, "--output-format", "json")
    assert outcome.code == 2
    assert outcome.err == "vramlint: missing.yaml: no such file or directory\n"
    assert [file["path"] for file in outcome.json["files"]] == [FULL]


def test_a_binary_file_is_named_and_exits_with_2(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "weights.yaml"
    file.write_bytes(b"\x93NUMPY\x00\x01base_model: x")
    outcome = run("check", file)
    assert outcome.code == 2
    assert outcome.err == f"vramlint: {file}: not a text file: there are NUL bytes in it\n"


def test_an_unknown_gpu_on_the_command_line_fails_with_the_nearest(run: Run) -> None:
    outcome = run("check", FULL, "--gpu", "RTX-4909")
    assert outcome.code == 2
    assert "RTX 4090" in outcome.err


def test_the_flag_is_stronger_than_the_file(run: Run) -> None:
    outcome = run("check", QLORA, "--gpu", "GTX-1080", "--output-format", "json")
    assert outcome.json["files"][0]["verdict"] == "does_not_fit"


def test_select_and_ignore_take_codes_beginnings_and_names(run: Run) -> None:
    assert run("check", FULL, "--ignore", "VL1").code == 0
    assert run("check", FULL, "--ignore", "does-not-fit").code == 0
    assert run("check", FULL, "--select", "VL0,VL9").code == 0
    assert run("check", FULL, "--select", "VL101").code == 1


def test_no_ignores_reports_what_comments_silence(run: Run, tmp_path: Path) -> None:
    text = (ROOT / FULL).read_text(encoding="utf-8")
    silenced = config(tmp_path, "# vramlint: ignore-file[VL101] known\n" + text)
    assert run("check", silenced).code == 0
    assert run("check", silenced, "--no-ignores").code == 1


def test_ranges_in_json_are_of_the_text(run: Run, tmp_path: Path) -> None:
    text = (ROOT / FULL).read_text(encoding="utf-8").replace("sequence_len: 4096", "sequence_len: 4096  # 😀")
    file = config(tmp_path, text)
    (found,) = run("check", file, "--output-format", "json").json["files"][0]["findings"]
    start, end = found["range"]["start"], found["range"]["end"]
    line = text.splitlines()[start["line"]]
    assert start["line"] == end["line"]
    assert line.startswith(found["key"])
    assert line.encode("utf-16-le")[2 * start["character"] : 2 * end["character"]].decode("utf-16-le") in line
    assert all(
        {"title", "safe", "edits", "device_bytes_after", "verdict_after"} == set(fix)
        for fix in found["fixes"]
    )


def test_every_fix_offered_makes_the_file_fit(run: Run, tmp_path: Path) -> None:
    (found,) = run("check", FULL, "--output-format", "json").json["files"][0]["findings"]
    text = (ROOT / FULL).read_text(encoding="utf-8")
    assert found["fixes"]
    for number, fix in enumerate(found["fixes"]):
        mended = config(tmp_path, edited(text, fix["edits"]), f"mended-{number}.yaml")
        report = run("check", mended, "--output-format", "json").json["files"][0]
        assert report["verdict"] == "fits"
        assert report["device_bytes"] == fix["device_bytes_after"]


def edited(text: str, edits: list[dict[str, Any]]) -> str:
    """The text after edits in the protocol's form (for texts of characters of one UTF-16 unit)."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def offset(position: dict[str, int]) -> int:
        return starts[position["line"]] + position["character"]

    spans = [
        (offset(edit["range"]["start"]), offset(edit["range"]["end"]), edit["new_text"]) for edit in edits
    ]
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text


MISSPELT = TINY + "gradient_checkpoiting: true\n"


def test_diff_prints_what_fix_would_do_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    file = config(tmp_path, MISSPELT)
    outcome = run("check", file, "--diff", "--unsafe-fixes")
    assert outcome.code == 1
    assert f"--- {file}" in outcome.out
    assert "-gradient_checkpoiting: true\n" in outcome.out
    assert "+gradient_checkpointing: true\n" in outcome.out
    assert file.read_text(encoding="utf-8") == MISSPELT
    assert run("check", config(tmp_path), "--diff").code == 0


def test_fix_mends_the_file_and_keeps_its_line_ends(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_bytes(MISSPELT.replace("\n", "\r\n").encode())
    outcome = run("check", file, "--fix", "--unsafe-fixes")
    assert outcome.code == 0
    assert (
        file.read_bytes() == MISSPELT.replace("\n", "\r\n").replace("checkpoiting", "checkpointing").encode()
    )
    assert "1 fixed" in outcome.out


def test_fix_until_it_fits(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "full.yaml"
    shutil.copy(ROOT / FULL, file)
    assert run("check", file, "--fix").code == 1, (
        "nothing that changes what is trained without --unsafe-fixes"
    )
    assert run("check", file, "--fix", "--unsafe-fixes").code == 0
    assert run("estimate", file, "--format", "json").json["verdict"] == "fits"


def test_standard_input(tmp_path: Path) -> None:
    def piped(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "vramlint", "check", *arguments]
        return subprocess.run(
            command,
            input=MISSPELT,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            encoding="utf-8",
            timeout=PATIENCE,
        )

    reported = json.loads(piped("--stdin-filename", "x/train.yaml", "--output-format", "json").stdout)
    assert reported["files"][0]["path"] == "x/train.yaml"
    assert reported["files"][0]["dialect"] == "axolotl"
    mended = piped("-", "--fix", "--unsafe-fixes")
    assert mended.stdout == MISSPELT.replace("checkpoiting", "checkpointing")
    assert "1 fixed" in mended.stderr


def test_colour_is_off_in_a_pipe_and_by_wish(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\033" not in run("check", FULL).out
    assert "\033[31;1m" in run("check", FULL, "--color", "always").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\033[31;1m" in run("check", FULL).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in run("check", FULL).out


def test_two_processes_report_the_same_in_the_same_order(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        config(tmp_path, TINY.replace("512", str(128 * (number + 1))), f"{number:02}.yaml")
    alone = run("check", tmp_path, "--output-format", "json").out
    monkeypatch.setattr(check, "MANY_FILES", 6)
    monkeypatch.setattr(parallel, "processors", lambda: 2)
    assert run("check", tmp_path, "--output-format", "json").out == alone


def nested(names: Iterable[str], value: Any) -> dict[str, Any]:
    """A mapping that has all the dotted names."""
    values: dict[str, Any] = {}
    for name in names:
        *above, last = name.split(".")
        inner = values
        for step in above:
            inner = inner.setdefault(step, {}) if isinstance(inner.get(step, {}), dict) else {}
        inner[last] = json.loads(json.dumps(value))
    return values


@pytest.mark.parametrize("value", ["x", 1, True, {"name": "x"}, [{"path": "x"}]], ids=str)
def test_the_first_look_lets_pass_whatever_a_dialect_would_recognise(value: Any) -> None:
    recognised = 0
    for entry in REGISTRY:
        signs = entry.signs
        named = [sign if isinstance(sign, str) else sign[0] for sign in (*signs.decisive, *signs.strong)]
        for pair in chain(combinations(named, 1), combinations(named, 2)):
            values = nested("+".join(pair).split("+"), value)
            if detect(values).dialect is not None:
                recognised += 1
                assert could_be_config(json.dumps(values).encode(), "x.json"), values
    assert recognised > 20 or not isinstance(value, str)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared folder beside the checkout")
def test_the_first_look_lets_every_real_config_pass() -> None:
    for path in sorted((SHARED / "corpus").rglob("*.*")):
        if path.suffix in (".yaml", ".yml", ".json", ".toml"):
            data = path.read_bytes()
            if not could_be_config(data, str(path)):
                values = Document.from_bytes(data, str(path)).values()
                assert detect(values).dialect is None, path


@pytest.mark.parametrize("name", ["axolotl-llama-3.1-8b-full.yaml", "trl-sft-tight.yaml"])
def test_what_people_read(run: Run, snapshot: Any, name: str) -> None:
    snapshot(f"check-{name}.txt", run("check", f"examples/{name}").out)


@pytest.mark.parametrize(
    "line",
    [
        "axolotl train c.yml",
        "python scripts/finetune.py c.yml",
        "llamafactory-cli train c.yaml",
        "lmf train c.yaml",
        "python src/train_bash.py --stage sft",
        "swift sft --model a/b",
        "python swift/cli/sft.py --model a/b",
        "megatron sft --model a/b",
        "tune run lora_finetune_single_device --config c",
        "litgpt finetune a/b",
        "trl sft --model_name_or_path a/b",
        "python -m verl.trainer.sft_trainer",
        "python torchtitan/train.py",
        "composer scripts/train/train.py c.yaml",
        "llmfoundry train c.yaml",
        "oumi train -c c.yaml",
        "unsloth train --model a/b",
        "python unsloth-cli.py",
        "python -m openrlhf.cli.train_sft",
        "uv run sft @ c.toml",
        "uv run rl @ c.toml",
        "python src/prime_rl/trainer/sft/train.py",
        "automodel finetune llm -c c.yaml",
        "python deepy.py train.py c.yml",
        "python pretrain_gpt.py --use-megatron-fsdp",
        "python run_clm.py",
    ],
)
def test_a_script_that_starts_any_program_that_is_known_is_looked_at(line: str) -> None:
    assert could_be_config(f"#!/bin/bash\n{line}\n".encode(), "run.sh")
