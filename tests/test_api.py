"""The library: what `import vramlint` offers, and the code of its page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vramlint
from vramlint.cli import main

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
FULL = ROOT / "examples" / "axolotl-llama-3.1-8b-full.yaml"
VALUES: dict[str, Any] = {
    "base_model": "meta-llama/Llama-3.1-8B",
    "datasets": [{"path": "tatsu-lab/alpaca", "type": "alpaca"}],
    "sequence_len": 4096,
    "micro_batch_size": 1,
    "gradient_accumulation_steps": 8,
    "bf16": True,
}


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    main(list(arguments))
    return json.loads(capsys.readouterr().out)


def test_a_report_says_what_the_command_line_says(capsys: pytest.CaptureFixture[str]) -> None:
    report = vramlint.estimate(FULL, gpu="RTX 4090")
    said = printed(capsys, "estimate", str(FULL), "--gpu", "RTX 4090", "--format", "json")
    for key in ("schema_version", "path"):
        said.pop(key)
    assert json.loads(json.dumps(report.as_dict())) == said
    assert (report.verdict, report.device_bytes) == (said["verdict"], said["device_bytes"])
    assert sum(report.components.values()) == report.device_bytes
    assert report.headroom_bytes == said["headroom_bytes"] < 0


def test_path_text_mapping_and_job_are_one_run() -> None:
    by_path = vramlint.estimate(FULL)
    by_text = vramlint.estimate(FULL.read_text(encoding="utf-8"))
    job = by_path.analysis.job
    assert job is not None
    assert by_text.device_bytes == by_path.device_bytes == vramlint.estimate(job).device_bytes
    larger = vramlint.estimate({**VALUES, "micro_batch_size": 2})
    assert larger.device_bytes > vramlint.estimate(VALUES).device_bytes


def test_layouts_are_those_of_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(VALUES), encoding="utf-8")
    said = printed(capsys, "plan", str(file), "--gpus", "8xH100", "--format", "json")
    layouts = vramlint.plan(VALUES, gpus="8xH100", global_batch=said["global_batch"])
    assert [layout.step_seconds for layout in layouts] == [each["step_seconds"] for each in said["proposals"]]
    assert all(layout.tensor * layout.pipeline * layout.context * layout.data == 8 for layout in layouts)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"some": "values"}, "unknown-dialect"),
        ({**VALUES, "base_model": "nobody/knows-this-one"}, "unknown-model"),
        ("no/such/file.yaml", "unreadable-file"),
        ("- a list\n- of items\n", "not-a-training-file"),
    ],
)
def test_what_cannot_be_estimated_is_refused_by_code(source: Any, code: str) -> None:
    with pytest.raises(vramlint.CannotEstimate) as refused:
        vramlint.estimate(source)
    assert refused.value.code == code
    with pytest.raises(vramlint.CannotEstimate):
        vramlint.plan(source, gpus="8xH100")


def test_a_plan_without_a_gpu_is_refused() -> None:
    with pytest.raises(vramlint.NoPlan, match="no GPU"):
        vramlint.plan(VALUES)


def test_an_unknown_gpu_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="nearest: H100"):
        vramlint.estimate(VALUES, gpu="H10")


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.yaml").write_text(json.dumps(VALUES), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(block, names)
    assert names["sizes"][1] < names["sizes"][2] < names["sizes"][4]


def test_the_page_lists_every_name() -> None:
    listed = set(re.findall(r"^\| `(\w+)", PAGE, re.MULTILINE))
    assert listed == set(vramlint.__all__)


def test_importing_it_loads_nothing() -> None:
    code = "import sys, vramlint; print(sum(name.startswith('vramlint.') for name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "0"
