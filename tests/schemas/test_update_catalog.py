"""The script that brings the catalog up to date, on copies of the tables."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "schemas"))

import update_catalog as updater

from vramlint.catalog.fetch import NotFetched

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "torch_dtype": "float16",
}


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of the tables, and a hub of three models."""
    for name in ("models.jsonl", "gpus.jsonl"):
        shutil.copy(updater.CATALOG / name, tmp_path / name)
    configs = {
        "acme/llama-copy": LLAMA,
        "acme/llama-tiny": {**LLAMA, "hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 2},
        "acme/unknown": {"model_type": "unheard-of", "hidden_size": 8, "num_hidden_layers": 2},
    }

    def fetched(name: str) -> str:
        if name not in configs:
            raise NotFetched("the hub knows no such model")
        return json.dumps(configs[name])

    monkeypatch.setattr(updater, "fetch_config", fetched)
    return tmp_path


def run(tables: Path, *arguments: str) -> int:
    return updater.main([*arguments, "--catalog", str(tables)])


def test_the_tables_are_written_as_they_are_kept(tmp_path: Path) -> None:
    for name in ("models.jsonl", "gpus.jsonl"):
        updater.write(tmp_path / name, updater.records(updater.CATALOG / name))
        assert (tmp_path / name).read_bytes() == (updater.CATALOG / name).read_bytes()


def test_without_write_nothing_changes(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (tables / "models.jsonl").read_bytes()
    assert run(tables, "models", "acme/llama-copy") == 0
    assert (tables / "models.jsonl").read_bytes() == before
    assert "acme/llama-copy: the shapes of" in capsys.readouterr().out


def test_a_copy_becomes_an_id_and_a_new_shape_a_record(tables: Path) -> None:
    assert run(tables, "models", "acme/llama-copy", "acme/llama-tiny", "--write") == 0
    rows = updater.records(tables / "models.jsonl")
    (copied,) = [row for row in rows if "acme/llama-copy" in row["ids"]]
    assert copied["parameters"] == 6_738_415_616
    (new,) = [row for row in rows if row["ids"] == ["acme/llama-tiny"]]
    assert new["parameters"] == 2 * 32000 * 256 + 2 * (4 * 256 * 256 + 3 * 256 * 688 + 2 * 256) + 256
    assert new["dtype"] == "float16"
    assert set(new["config"]) <= set(LLAMA)


def test_what_cannot_be_had_or_counted_is_named(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (tables / "models.jsonl").read_bytes()
    assert run(tables, "models", "acme/unknown", "acme/gone", "meta-llama/Llama-2-7b-hf", "--write") == 1
    said = capsys.readouterr().out
    assert "acme/unknown: its parameters cannot be counted here" in said
    assert "acme/gone: the hub knows no such model" in said
    assert "meta-llama/Llama-2-7b-hf: known" in said
    assert (tables / "models.jsonl").read_bytes() == before


def test_a_gpu_is_compared_with_its_record(tables: Path) -> None:
    rows = updater.records(tables / "gpus.jsonl")
    row = next(row for row in rows if "torch_mib" in row and row["confidence"] == "measured")
    name, memory = row["name"], row["memory_mib"]
    assert updater.compare_gpu(rows, f"NVIDIA {name}", memory, row["torch_mib"]).endswith(
        "as the catalog has it"
    )
    assert "torch_mib" in updater.compare_gpu(rows, name, memory, row["torch_mib"] - 1)
    assert "no record" in updater.compare_gpu(rows, "NVIDIA Something New", memory, None)
    assert "no record" in updater.compare_gpu(rows, name, memory // 2, None)
