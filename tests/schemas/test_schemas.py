"""The schemas are valid, small, lenient as the frameworks are, and refuse what these refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tomllib
import yaml
from jsonschema import Draft202012Validator

import vramlint_schemas
from vramlint.dialects import REGISTRY
from vramlint_schemas import load_schema, names, removed_in, section, walk

FULLY_SUPPORTED = tuple(entry.name for entry in REGISTRY if entry.support == "full" and entry.name != "job")
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
DIALECT = {name: name for name in FULLY_SUPPORTED} | {"hf-trainer": "trl", "fsdp": "accelerate"}

# What the frameworks refuse in the corpus: a mapping where a list of tokens is declared.
TRUE_MISTAKES = {
    ("axolotl-ai-cloud__axolotl/examples__archived__jeopardy-bot__config.yml", "tokens"),
}


def errors(dialect: str, values: Any) -> list[str]:
    found = Draft202012Validator(load_schema(dialect)).iter_errors(values)
    return [".".join(map(str, error.absolute_path)) for error in found]


def test_every_fully_supported_dialect_has_a_schema() -> None:
    assert set(names()) == {*FULLY_SUPPORTED, "job"}


@pytest.mark.parametrize("dialect", FULLY_SUPPORTED)
def test_schemas_are_valid_and_name_what_they_were_made_from(dialect: str) -> None:
    schema = load_schema(dialect)
    Draft202012Validator.check_schema(schema)
    assert schema["x-framework"]
    assert schema["x-version"][0].isdigit()
    assert schema["x-string-number"] in ("accepted", "refused")
    assert schema["x-unknown"] in ("dropped", "refused")


@pytest.mark.parametrize("dialect", FULLY_SUPPORTED)
def test_schemas_hold_facts_and_no_prose(dialect: str) -> None:
    for path, node in walk(load_schema(dialect)):
        assert not {"description", "title", "examples"} & set(node), path


def test_all_schemas_together_stay_small() -> None:
    folder = Path(vramlint_schemas.__file__).parent / "dialects"
    assert sum(path.stat().st_size for path in folder.glob("*.json")) < 600_000


def test_unknown_dialect() -> None:
    with pytest.raises(KeyError):
        load_schema("nemo")


ACCEPTED = [
    ("axolotl", {"learning_rate": "1e-5", "micro_batch_size": "2", "sequence_len": 2048.0, "bf16": "auto"}),
    ("axolotl", {"gradient_checkpointing": "true", "datasets": [{"path": "a", "type": "alpaca"}]}),
    ("axolotl", {"val_set_size": None, "fsdp_config": {"fsdp_offload_params": "false"}}),
    ("trl", {"learning_rate": "2.0e-5", "num_train_epochs": "3", "bf16": "true", "run_name": 2024}),
    ("trl", {"lora_target_modules": "all-linear", "report_to": ["wandb"], "optim": "adamw_torch"}),
    ("llamafactory", {"learning_rate": "1e-4", "dataset": ["a", "b"], "lora_target": ["q_proj"]}),
    ("llamafactory", {"learning_rate": "${lr}", "quantization_bit": 4, "num_train_epochs": 3}),
    ("torchtune", {"batch_size": "${bs}", "optimizer": {"_component_": "torch.optim.AdamW", "lr": "2e-5"}}),
    ("torchtitan", {"training": {"local_batch_size": 4, "seq_len": 4096, "max_norm": 1}}),
    ("deepspeed", {"zero_optimization": {"stage": 3, "reduce_bucket_size": "auto", "sub_group_size": 1e9}}),
    ("deepspeed", {"bf16": {"enabled": "auto"}, "optimizer": {"type": "AdamW", "params": {"lr": "auto"}}}),
    ("accelerate", {"mixed_precision": False, "num_processes": 8, "fsdp_config": {"fsdp_version": 2}}),
    ("litgpt", {"train": {"micro_batch_size": 1, "max_seq_length": None}, "devices": "auto"}),
]
REFUSED = [
    ("axolotl", {"micro_batch_size": "two"}, "micro_batch_size"),
    ("axolotl", {"micro_batch_size": 1.5}, "micro_batch_size"),
    ("axolotl", {"base_model": 7}, "base_model"),
    ("axolotl", {"rl": "ppo"}, "rl"),
    ("axolotl", {"fsdp_config": {"offload_params": "maybe"}}, "fsdp_config.offload_params"),
    ("trl", {"per_device_train_batch_size": [1]}, "per_device_train_batch_size"),
    ("trl", {"eval_strategy": False}, "eval_strategy"),
    ("llamafactory", {"cutoff_len": "2048"}, "cutoff_len"),
    ("torchtitan", {"training": {"seq_len": "4096"}}, "training.seq_len"),
    ("torchtitan", {"training": 3}, "training"),
    ("deepspeed", {"zero_optimization": {"stage": "three"}}, "zero_optimization.stage"),
    ("deepspeed", {"zero_optimization": {"reduce_bucket_size": -1}}, "zero_optimization.reduce_bucket_size"),
    ("litgpt", {"train": {"micro_batch_size": "many"}}, "train.micro_batch_size"),
]


@pytest.mark.parametrize(("dialect", "values"), ACCEPTED)
def test_what_the_framework_reads_passes(dialect: str, values: dict[str, Any]) -> None:
    assert errors(dialect, values) == []


@pytest.mark.parametrize(("dialect", "values", "place"), REFUSED)
def test_what_the_framework_refuses_does_not_pass(dialect: str, values: dict[str, Any], place: str) -> None:
    assert errors(dialect, values) == [place]


def test_sections() -> None:
    assert section("axolotl", ("datasets", 0, "path")) is not None
    assert section("axolotl", ("no", "such")) is None
    assert section("torchtitan", ("training", "seq_len")) == {
        "type": ["integer", "null"],
        "x-type": "int",
        "default": 2048,
    }
    assert (section("deepspeed", ("zero_optimization", "stage3_prefetch_bucket_size")) or {})["x-alias-of"]


def test_groups_of_gpus_under_ray_are_known_to_ms_swift() -> None:
    known = load_schema("ms-swift")["properties"]
    assert {"train", "rollout", "teacher", "colocate_groups", "nnodes"} <= set(known)


def test_removed_keys_say_since_when() -> None:
    assert removed_in("trl", "max_seq_length") == "0.18.2"
    assert removed_in("torchtitan", "training.compile") == "0.1.0"
    assert removed_in("trl", "max_length") is None


def records() -> list[dict[str, Any]]:
    if not CORPUS.is_dir():
        return []
    lines = (CORPUS / "index.jsonl").read_text(encoding="utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["dialect"] in DIALECT]


def plain(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return tomllib.loads(text)
    return json.loads(text) if path.suffix in (".json", ".conf") else yaml.safe_load(text)


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the checkout")
def test_the_corpus_has_no_error_but_true_mistakes() -> None:
    found = set()
    for record in records():
        for place in errors(DIALECT[record["dialect"]], plain(CORPUS / record["path"])):
            found.add((record["path"].partition("/")[2], place))
    assert found == TRUE_MISTAKES
