"""`vramlint estimate`: the documented object, the textbook's sums, what cannot be estimated, the job file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_running import ROOT, Run

from vramlint.cli import estimate, parallel

EXAMPLES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "examples").rglob("*")
    if path.suffix in (".yaml", ".yml", ".toml", ".sh", ".ipynb") and path.name != "README.md"
)
README = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
COMPONENTS = ["weights", "gradients", "optimizer_states", "activations", "overhead"]
CONTRACT = {
    *("schema_version", "path", "dialect", "model", "gpu", "components", "component_sizes"),
    *("peak_allocated_bytes", "peak_reserved_bytes", "device_bytes", "peak_phase", "error_band", "verdict"),
    *("headroom_bytes", "assumptions", "checkpoint_bytes"),
}


def job(folder: Path, **keys: Any) -> Path:
    file = folder / "run.job.json"
    file.write_text(json.dumps({"vramlint": 1, **keys}), encoding="utf-8")
    return file


def estimated(run: Run, *arguments: str | Path) -> Any:
    outcome = run("estimate", *arguments, "--format", "json")
    assert outcome.code == 0, outcome.err
    return outcome.json


def test_the_textbooks_seven_billion(run: Run) -> None:
    sizes = estimated(run, "examples/textbook-7b.job.yaml")["component_sizes"]
    assert sizes["weights"] == 14e9
    assert sizes["gradients"] == 14e9
    assert sizes["optimizer_states"] == 56e9


def test_the_textbooks_one_and_a_half_billion(run: Run) -> None:
    sizes = estimated(run, "examples/textbook-1.5b.job.yaml")["component_sizes"]
    assert sizes["weights"] + sizes["gradients"] + sizes["optimizer_states"] == 18e9


@pytest.mark.parametrize("path", EXAMPLES)
def test_every_example_gives_the_documented_object(run: Run, path: str) -> None:
    answer = estimated(run, path)
    assert set(answer) >= CONTRACT
    assert answer["schema_version"] == 1
    assert answer["path"] == path
    assert list(answer["components"]) == list(answer["component_sizes"]) == COMPONENTS
    assert sum(answer["components"].values()) == answer["device_bytes"]
    within = sum(size for name, size in answer["components"].items() if name != "overhead")
    assert within == answer["peak_allocated_bytes"]
    assert answer["gpu"]["usable_bytes"] - answer["device_bytes"] == answer["headroom_bytes"]
    assert all(set(each) == {"field", "value", "origin"} for each in answer["assumptions"])
    assert set(answer["checkpoint_bytes"]) >= {"weights", "resume_state"}


def listed() -> dict[str, str]:
    """File → verdict, as the table in the examples' README says."""
    rows = (line.strip("| ").split(" | ") for line in README.splitlines() if line.startswith("| ["))
    return {row[0].partition("](")[2].rstrip(")"): row[-1].replace(" ", "_") for row in rows}


def test_every_example_is_in_the_readme() -> None:
    assert sorted(f"examples/{name}" for name in listed()) == EXAMPLES


@pytest.mark.parametrize(("name", "verdict"), listed().items())
def test_the_examples_show_what_the_readme_says(run: Run, name: str, verdict: str) -> None:
    assert estimated(run, f"examples/{name}")["verdict"] == verdict


def test_zero_3_divides_the_states_by_the_ranks(run: Run) -> None:
    eight = estimated(run, "examples/deepspeed-zero3/axolotl.yaml")
    four = estimated(run, "examples/deepspeed-zero3/axolotl.yaml", "--gpu", "A100-80GBx4")
    ratio = four["component_sizes"]["optimizer_states"] / eight["component_sizes"]["optimizer_states"]
    assert ratio == pytest.approx(2, rel=0.01)


def test_eager_scores_grow_with_the_square_of_the_sequence(run: Run, tmp_path: Path) -> None:
    def scores(length: int) -> int:
        file = job(tmp_path, model="meta-llama/Llama-3.1-8B", attention="eager", sequence_length=length)
        shapes = [
            each for each in estimated(run, file)["largest_at_peak"] if each["shape"][-2:] == [length, length]
        ]
        assert shapes, "the scores are among the largest tensors"
        return max(each["bytes"] // each["count"] for each in shapes)

    assert scores(4096) == 4 * scores(2048)


@pytest.mark.parametrize("path", EXAMPLES)
def test_the_job_file_gives_the_same_estimate(run: Run, tmp_path: Path, path: str) -> None:
    shown = run("estimate", path, "--show-job")
    assert shown.code == 0
    assert yaml.safe_load(shown.out)["vramlint"] == 1
    file = tmp_path / "shown.job.yaml"
    file.write_text(shown.out, encoding="utf-8")
    first, second = estimated(run, path), estimated(run, file)
    same = ("components", "component_sizes", "device_bytes", "peak_phase", "gpu")
    assert {name: second[name] for name in same} == {name: first[name] for name in same}
    left_open = first["verdict"] == "unknown" and shown.out.startswith("# no verdict: ")
    assert left_open or second["verdict"] == first["verdict"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not-a-training-file"),
        (b"- 1\n- 2\n", "not-a-training-file"),
        (b"just text\n", "not-a-training-file"),
        (b"services: {web: {image: nginx}}\n", "unknown-dialect"),
        (b"\x93NUMPY\x00\x01", "encoding"),
        (b"vramlint: 1\nmodel: no-such/model\n", "unknown-model"),
        (b"vramlint: 1\n", "no-model"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_estimated_says_why(run: Run, tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(content)
    outcome = run("estimate", file, "--format", "json")
    assert outcome.code == 2
    assert outcome.err.startswith(f"vramlint: {file}:")
    assert outcome.err.count("\n") == 1
    answer = outcome.json
    assert (answer["schema_version"], answer["path"]) == (1, str(file))
    assert answer["error"]["code"] == code
    assert answer["error"]["message"] in outcome.err
    assert set(answer) == {"schema_version", "path", "dialect", "error"}
    assert run("estimate", file).out == ""


def test_the_line_of_an_error_counts_from_0_in_json_and_from_1_for_people(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("vramlint: 1\n\nmodel: no-such/model\n")
    outcome = run("estimate", file, "--format", "json")
    assert outcome.json["error"]["line"] == 2
    assert outcome.err.startswith(f"vramlint: {file}:3: ")


def test_a_missing_file_is_an_error_object_too(run: Run) -> None:
    outcome = run("estimate", "missing.yaml", "--format", "json")
    assert outcome.code == 2
    assert outcome.json["error"] == {
        "code": "unreadable-file",
        "message": "no such file or directory",
        "line": None,
    }


def test_jsonl_is_one_object_a_line_errors_included(run: Run) -> None:
    files = [EXAMPLES[0], "missing.yaml", EXAMPLES[1]]
    outcome = run("estimate", "--format", "jsonl", *files)
    assert outcome.code == 2
    objects = [json.loads(line) for line in outcome.out.splitlines()]
    assert [each["path"] for each in objects] == files
    assert ["error" in each for each in objects] == [False, True, False]


def test_without_a_gpu_the_verdict_is_unknown(run: Run, tmp_path: Path) -> None:
    file = job(tmp_path, model="meta-llama/Llama-3.2-1B")
    answer = estimated(run, file)
    assert (answer["gpu"], answer["verdict"], answer["headroom_bytes"]) == (None, "unknown", None)
    text = run("estimate", file).out
    assert "no GPU is declared" in text
    assert "--gpu" in text


def test_what_a_job_file_leaves_out_is_listed(run: Run, tmp_path: Path) -> None:
    answer = estimated(run, job(tmp_path, model="meta-llama/Llama-3.2-1B", micro_batch_size=2))
    fields = {each["field"]: each for each in answer["assumptions"]}
    assert fields["sequence_length"]["value"] == 2048
    assert "micro_batch_size" not in fields
    assert not any(name.startswith(("parallel.", "adapter.")) for name in fields)


@pytest.mark.parametrize(
    "name",
    [
        "axolotl-llama-3.1-8b-full.yaml",
        "axolotl-llama-3.1-8b-qlora.yaml",
        "textbook-7b.job.yaml",
        "trl-sft-tight.yaml",
        "deepspeed-zero3/axolotl.yaml",
    ],
)
def test_what_people_read(run: Run, snapshot: Any, name: str) -> None:
    text = run("estimate", f"examples/{name}").out
    assert max(map(len, text.splitlines())) <= 100
    snapshot(f"estimate-{name.replace('/', '-')}.txt", text)


@pytest.mark.parametrize("form", ["text", "json", "jsonl"])
def test_two_processes_print_the_same_in_the_same_order(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [", encoding="utf-8")
    files = [*EXAMPLES, broken, *EXAMPLES]
    alone = run("estimate", *files, "--format", form)
    monkeypatch.setattr(estimate, "MANY_FILES", 4)
    monkeypatch.setattr(parallel, "processors", lambda: 2)
    shared = run("estimate", *files, "--format", form)
    assert (shared.code, shared.out, shared.err) == (alone.code, alone.out, alone.err)
    assert alone.code == 2
    assert "broken.yaml" in alone.err


def test_a_comment_that_cannot_be_read_is_said_beside_the_estimate(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    example = (ROOT / "examples" / "axolotl-llama-3.1-8b-qlora.yaml").read_text(encoding="utf-8")
    file.write_text("# vramlint: versions=axolotl:0.18\n" + example, encoding="utf-8")
    outcome = run("estimate", file)
    assert outcome.code == 0
    assert (
        outcome.err == f"vramlint: {file}:1: 'axolotl:0.18' is not a version: write versions=NAME@VERSION\n"
    )


def test_a_script_of_another_library_is_not_called_empty(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "embed.py"
    script.write_text(
        "from sentence_transformers import SentenceTransformerTrainer\nSentenceTransformerTrainer().train()\n"
    )
    outcome = run("estimate", script)
    assert outcome.code != 0
    assert "it starts no training run" in outcome.err
