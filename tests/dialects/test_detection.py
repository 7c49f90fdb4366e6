"""Dialects are told apart by what a file holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from vramlint.dialects import REGISTRY, detect

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
NAMES = {"hf-trainer": "trl", "fsdp": "accelerate"}
OURS = {entry.name for entry in REGISTRY if entry.support == "full"} | set(NAMES)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"vramlint": 1, "model": "gpt2"}, "job"),
        ({"base_model": "gpt2", "datasets": []}, "axolotl"),
        ({"base_model": "gpt2", "sequence_len": 512}, "axolotl"),
        ({"model_name_or_path": "gpt2", "dataset_name": "imdb"}, "trl"),
        ({"model_name_or_path": "gpt2", "use_peft": True}, "trl"),
        ({"output_dir": "out", "per_device_train_batch_size": 1}, "trl"),
        ({"model_name_or_path": "gpt2", "stage": "sft", "finetuning_type": "lora"}, "llamafactory"),
        ({"name": "a workflow", "on": "push", "jobs": {}}, None),
        ({"learning_rate": 1e-4}, None),
        (["base_model"], None),
        (None, None),
        ({}, None),
    ],
)
def test_keys_decide(values: Any, name: str | None) -> None:
    found = detect(values).dialect
    assert (found.name if found else None) == name


def test_evidence_names_the_keys() -> None:
    found = detect({"base_model": "gpt2", "datasets": [], "sequence_len": 512})
    entry, evidence = found.evidence[0]
    assert entry.load() is found.dialect
    assert evidence.keys == ("base_model", "datasets", "sequence_len")


def test_evidence_of_other_dialects_is_kept() -> None:
    both = {"base_model": "gpt2", "datasets": [], "model_name_or_path": "gpt2", "use_peft": True}
    assert {entry.name for entry, _ in detect(both).evidence[:2]} == {"axolotl", "trl"}


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the checkout")
def test_every_file_of_the_corpus() -> None:
    wrong = []
    for line in (CORPUS / "index.jsonl").read_text().splitlines():
        record = json.loads(line)
        path = CORPUS / record["path"]
        if path.suffix not in (".yaml", ".yml", ".json"):
            continue
        try:
            values = (json.loads if path.suffix == ".json" else yaml.safe_load)(path.read_text())
        except (ValueError, yaml.YAMLError):
            continue
        wanted = NAMES.get(record["dialect"], record["dialect"]) if record["dialect"] in OURS else None
        found = detect(values).dialect
        name = found.name if found else None
        if name != wanted and (wanted is not None or name in OURS):
            wrong.append((record["path"], wanted, found.name if found else None))
    assert not wrong
