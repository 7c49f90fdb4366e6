"""The hub is asked only where a project turns it on, once a name, and never stops a run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.catalog.models import Models
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.workspace import Workspace

TEXT = "vramlint: 1\nmodel: acme/tiny-llama\n"
STAND_IN = '''
import json, os, pathlib
asked = []
def hf_hub_download(name, file, **options):
    """Puts a config.json where huggingface_hub would."""
    asked.append((name, file, options))
    if name == "acme/gone":
        raise OSError("404")
    folder = pathlib.Path(os.environ["HF_HUB_CACHE"], f"models--{name.replace('/', '--')}", "snapshots", "a")
    folder.mkdir(parents=True)
    shape = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
             "intermediate_size": 128, "vocab_size": 256}
    (folder / "config.json").write_text(json.dumps(shape))
'''


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a stand-in for the optional package, and an empty cache."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "huggingface_hub.py").write_text(STAND_IN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delitem(sys.modules, "huggingface_hub", raising=False)
    return tmp_path


def analysed(root: Path, workspace: Workspace, text: str = TEXT) -> Analysis:
    return analyse(Document.parse(text, str(root / "x.yaml")), workspace)


def test_it_is_not_asked_unless_turned_on(hub: Path) -> None:
    assert analysed(hub, Workspace(hub)).estimate is None
    assert "huggingface_hub" not in sys.modules


def test_a_model_is_fetched_once_and_read_from_the_cache(hub: Path) -> None:
    (hub / "vramlint.toml").write_text("hub = true\n", encoding="utf-8")
    workspace = Workspace(hub)
    for _ in range(2):
        analysis = analysed(hub, workspace)
        assert analysis.estimate is not None
        assert analysis.job is not None
        assert analysis.job.model.source == "hub cache"
    assert analysed(hub, workspace, "vramlint: 1\nmodel: acme/gone\n").estimate is None
    assert analysed(hub, workspace, "vramlint: 1\nmodel: acme/gone\n").estimate is None
    asked = sys.modules["huggingface_hub"].asked
    assert [name for name, _, _ in asked] == ["acme/tiny-llama", "acme/gone"]
    assert asked[0][2]["token"] is False


@pytest.mark.parametrize("name", ["gpt2", "./models/x", "meta-llama/Llama-3.2-1B", "a/b/c", "no slash"])
def test_paths_and_listed_models_are_never_asked_for(hub: Path, name: str) -> None:
    (hub / "vramlint.toml").write_text("hub = true\n", encoding="utf-8")
    analysed(hub, Workspace(hub, catalog=Models(hub_cache=hub / "cache")), f"vramlint: 1\nmodel: {name}\n")
    assert "huggingface_hub" not in sys.modules
