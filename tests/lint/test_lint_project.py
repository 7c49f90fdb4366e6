"""What a project's own files say: locked versions, and models pinned in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.lock_files import locked_versions
from vramlint.project.settings import parse_settings
from vramlint.project.workspace import Workspace

TRL = "model_name_or_path: meta-llama/Llama-3.2-1B\ndataset_name: x\nper_device_train_batch_size: 1\n"
OWN = "base_model: acme/support-7b\ndatasets: []\nmicro_batch_size: 1\nsequence_len: 512\n"
UV = """version = 1
[[package]]
name = "trl"
version = "0.12.2"
source = { registry = "x" }
[[package]]
name = "Torch"
version = "2.4.0+cu121"
[[package]]
name = "numpy"
version = "2.0"
[[package]]
name = "peft"
version = "0.13"
[[package]]
name = "peft"
version = "0.14"
"""


def analysed(root: Path, text: str, name: str = "x.yaml") -> Analysis:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return analyse(Document.parse(text, str(path)), Workspace(root))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", UV),
        ("poetry.lock", UV),
        (
            "requirements.txt",
            "trl == 0.12.2  # pinned\nTorch[x]===2.4.0+cu121\nnumpy==2\npeft>=0.13\n# trl==9\n",
        ),
    ],
)
def test_locked_versions(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    versions, file = locked_versions(inner, tmp_path)
    assert versions == {"trl": "0.12.2", "torch": "2.4.0"}
    assert file == str(tmp_path / name)


def test_nothing_above_the_root_is_read(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(UV, encoding="utf-8")
    inner = tmp_path / "project"
    inner.mkdir()
    assert locked_versions(inner, inner) == ({}, None)


def test_a_lock_counts_only_where_it_is_turned_on_and_is_the_weakest(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(UV, encoding="utf-8")
    assert analysed(tmp_path, TRL).dialect_context.versions == {}  # type: ignore[union-attr]
    settings = tmp_path / "vramlint.toml"
    settings.write_text('versions-from = "lock"\n', encoding="utf-8")
    analysis = analysed(tmp_path, TRL)
    assert analysis.dialect_context is not None
    assert analysis.dialect_context.versions == {"trl": "0.12.2", "torch": "2.4.0"}
    assert analysis.reading is not None
    assert analysis.reading.version == "0.12.2"
    settings.write_text('versions-from = "lock"\nversions = {trl = "1.10"}\n', encoding="utf-8")
    assert analysed(tmp_path, TRL).dialect_context.versions["trl"] == "1.10"  # type: ignore[union-attr]
    text = f"# vramlint: versions=trl@0.20\n{TRL}"
    assert analysed(tmp_path, text).dialect_context.versions["trl"] == "0.20"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("pin", "parameters"),
    [
        ('like = "mistralai/Mistral-7B-v0.1"', 7_241_732_096),
        ('like = "mistralai/Mistral-7B-v0.1"\nvocab_size = 32002', None),
        ('parameters = 7e9\nmodel_type = "mistral"', 7_000_000_000),
    ],
)
def test_a_model_pinned_in_the_settings(tmp_path: Path, pin: str, parameters: int | None) -> None:
    assert analysed(tmp_path, OWN).estimate is None
    (tmp_path / "vramlint.toml").write_text(f'[models."Acme/Support-7B"]\n{pin}\n', encoding="utf-8")
    analysis = analysed(tmp_path, OWN)
    assert analysis.job is not None
    assert analysis.job.model.name == "acme/support-7b"
    assert analysis.job.model.source.startswith("settings")
    assert analysis.job.model.parameters == parameters
    if "like" in pin:
        assert analysis.estimate is not None


def test_a_pin_on_an_unknown_model_knows_nothing(tmp_path: Path) -> None:
    (tmp_path / "vramlint.toml").write_text(
        '[models."acme/support-7b"]\nlike = "no/such"\n', encoding="utf-8"
    )
    analysis = analysed(tmp_path, OWN)
    assert analysis.cannot is not None
    assert analysis.cannot.code == "unknown-model"


@pytest.mark.parametrize("file", ["vramlint.toml", "pyproject.toml"])
def test_the_quick_fix_pins_the_model(tmp_path: Path, file: str) -> None:
    if file == "pyproject.toml":
        (tmp_path / file).write_text('[tool.vramlint]\ngpu = "L4"\n', encoding="utf-8")
    analysis = analysed(tmp_path, OWN.replace("support-7b", "Mistral-v0.1"))
    (finding,) = [finding for finding in analysis.findings if finding.code == "VL903"]
    fix = next(fix for fix in fixes_for(analysis, finding) if fix.elsewhere)
    assert fix.elsewhere is not None
    assert file in fix.title
    assert fix.elsewhere.path == str(tmp_path / file)
    with (tmp_path / file).open("a", encoding="utf-8") as settings:
        settings.write(fix.elsewhere.text)
    after = analysed(tmp_path, OWN.replace("support-7b", "Mistral-v0.1"))
    assert after.estimate is not None
    assert not after.setting_problems


@pytest.mark.parametrize(
    "text",
    [
        'versions-from = "pip"\n',
        "versions-from = true\n",
        "models = 3\n",
        '[models]\na = "x"\n',
        "[models.a]\n",
    ],
)
def test_settings_of_another_shape_are_problems(text: str) -> None:
    settings = parse_settings(text, "vramlint.toml")
    assert settings is not None
    assert len(settings.problems) == 1


def test_what_a_project_depends_on_pins_too_and_files_without_pins_are_passed_over(tmp_path: Path) -> None:
    pins = '[project]\ndependencies = ["trl[peft]==0.12.2", "torch>=2", "peft == 0.13 ; sys_platform"]\n'
    (tmp_path / "pyproject.toml").write_text(pins, encoding="utf-8")
    inner = tmp_path / "a"
    inner.mkdir()
    (inner / "requirements.txt").write_text("numpy==2\n", encoding="utf-8")
    assert locked_versions(inner, tmp_path)[0] == {"trl": "0.12.2", "peft": "0.13"}
