"""Dialects are told apart by what a file holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from vramlint.dialects import REGISTRY, detect
from vramlint.dialects.kit.dialect import Companion

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
        ({"output_dir": "out", "per_device_train_batch_size": 1}, None),
        ({"model": {"name": "gpt2"}, "training": {"per_device_train_batch_size": 1}}, "own-script"),
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
    assert set(evidence.keys) == {"base_model", "datasets", "sequence_len"}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"attn_implementation": "eager", "max_length": 128}, id="names that anybody has"),
        pytest.param({"model_name_or_path": "gpt2", "max_length": 128, "bf16": True}, id="inference"),
        pytest.param(
            {"model_name_or_path": "bert-base-uncased", "dataset_name": "imdb", "num_train_epochs": 3},
            id="an encoder, which TRL does not train",
        ),
        pytest.param(
            {"defaults": ["_self_"], "model_name_or_path": "gpt2", "dataset_name": "x", "num_generations": 8},
            id="composed by Hydra",
        ),
        pytest.param(
            {"model_name_or_path": "${model.name}", "dataset_name": "x", "num_generations": 8},
            id="references of OmegaConf",
        ),
        pytest.param(
            {"model_name_or_path": "gpt2", "dataset_name": "x", "streaming": {"enabled": False}},
            id="a section that TRL does not have",
        ),
        pytest.param({"base_model": "gpt2", "lora_r": 8, "bf16": True, "epochs": 3}, id="own script"),
        pytest.param({"model": {"name": "gpt2"}, "max_seq_len": 512, "lr": 1e-4}, id="own sections"),
        pytest.param(
            {"model": {"name": "gpt2"}, "data": {"seq_len": 512}, "lr": 1e-4}, id="own data section"
        ),
        pytest.param(
            {"model": "gpt2", "training": {"max_seq_length": 512}, "wandb": {"project": "x"}}, id="own"
        ),
        pytest.param({"defaults": 12286, "policy": 30586, "cluster": 565, "sft": 7}, id="a vocabulary"),
        pytest.param(
            {"method": "sft", "data": {"train_batch_size": 8}, "trainer": {"n_gpus_per_node": 1}},
            id="a wrapper over verl",
        ),
    ],
)
def test_shared_names_alone_never_claim_a_file(values: Any) -> None:
    found = detect(values)
    assert found.name is None, found.evidence[0]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"model": "Qwen/Qwen2.5-7B", "train_type": "lora", "max_length": 2048, "output_dir": "x",
          "per_device_train_batch_size": 1}, "ms-swift"),
        ({"data": {"max_prompt_length": 1}, "algorithm": {"adv_estimator": "grpo"}, "worker": {}}, "verl"),
        ({"model_name_or_path": "gpt2", "dataset_mixture": {"datasets": []}}, "trl"),
        ({"model_name_or_path": "gpt2", "dataset_name": "${DATASET}"}, "trl"),
    ],
)  # fmt: skip
def test_exclusive_keys_decide(values: Any, name: str) -> None:
    assert detect(values).name == name


def test_a_claim_on_shared_names_is_weak() -> None:
    shared: dict[str, Any] = {"model_name_or_path": "gpt2", "dataset_name": "x"}
    assert detect(shared).weak
    assert not detect({**shared, "use_peft": True}).weak


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


def test_parents_are_looked_at_while_recognising() -> None:
    """A child of NeMo RL that changes its cluster alone, and a Hydra project of somebody's own."""
    files = {
        "parent.yaml": {"policy": {"model_name": "gpt2", "dtensor_cfg": {"enabled": True}}},
        "own.yaml": {"trainer": {"max_epochs": 3}, "model": {"hidden": 64}},
    }

    def open_file(name: str) -> Companion | None:
        return Companion(name, files[name], None) if name in files else None

    child = {"defaults": "parent.yaml", "cluster": {"num_nodes": 2}, "logger": {"log_dir": "x"}}
    assert detect(child).name is None
    assert detect(child, open_file).name == "nemo"
    assert detect({**child, "defaults": ["own", "_self_"]}, open_file).name is None
    assert detect({**child, "defaults": "nowhere.yaml"}, open_file).name is None
