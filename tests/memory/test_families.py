"""Families: the parameters of every catalogued model, and steps of the real classes as
benchmarks/tracker.py measured them.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vramlint.catalog.class_defaults import with_defaults
from vramlint.catalog.facts import Model
from vramlint.job import Adapter, Precision, Quantization, TrainingJob
from vramlint.memory import estimate_job
from vramlint.memory.architectures import FAMILIES, network_of
from vramlint.memory.weights import Weights

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOG = ROOT / "schemas" / "vramlint_schemas" / "catalog" / "models.jsonl"
RECORDS = [json.loads(line) for line in CATALOG.read_text().splitlines()]
MEASURED: dict[str, dict[str, Any]] = json.loads((ROOT / "benchmarks" / "classes.json").read_text())
HEADLESS = frozenset({"BertModel", "DebertaV2Model"})
"""Catalogued without the head that they are trained with here."""


def _class_configs() -> Any:
    spec = importlib.util.spec_from_file_location("class_configs", ROOT / "benchmarks" / "class_configs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


job_of = _class_configs().job_of


def shape(record: dict[str, Any]) -> dict[str, Any]:
    """A record's config with its class's own values for what it leaves out."""
    return with_defaults({"model_type": record["type"], **record["config"]})


def modelled(record: dict[str, Any]) -> bool:
    return (
        record["type"] in FAMILIES
        and record["class"] not in HEADLESS
        and record.get("parameters") is not None
        and record.get("verified") != "published"
    )


@pytest.mark.parametrize("family", sorted({record["type"] for record in RECORDS if modelled(record)}))
def test_every_catalogued_model_of_a_family_has_its_parameters(family: str) -> None:
    for record in RECORDS:
        if record["type"] != family or not modelled(record):
            continue
        weights = Weights(TrainingJob(Model(record["ids"][0], family, shape(record))))
        network_of(weights.job, weights)
        counted = sum(parameter.numel * count for parameter, count in weights.all())
        assert abs(counted - record["parameters"]) <= record["parameters"] * 1e-6, record["ids"][0]


@pytest.mark.parametrize("family", sorted({row["class"] for row in MEASURED.values()}))
def test_a_family_needs_what_its_class_allocates(family: str) -> None:
    errors = []
    for key, row in MEASURED.items():
        if row["class"] != family:
            continue
        values, setting = json.loads(key)
        estimate = estimate_job(job_of(values, setting))
        assert estimate.parameters == row["parameters"]
        errors.append(abs(estimate.peak_allocated_bytes / row["peak"] - 1))
    assert statistics.median(errors) <= 0.01
    assert max(errors) <= 0.05


def test_the_peak_is_in_the_phase_where_it_was_measured() -> None:
    same = defaultdict(int)
    for key, row in MEASURED.items():
        estimate = estimate_job(job_of(*json.loads(key)))
        same[estimate.peak_phase == row["phase"]] += 1
    assert same[True] >= 0.95 * len(MEASURED)


def test_at_least_twenty_five_classes_are_measured() -> None:
    assert len({row["class"] for row in MEASURED.values()}) >= 25


JOBS: tuple[dict[str, Any], ...] = (
    {"method": "full", "gradient_checkpointing": "full", "attention": "eager"},
    {"method": "lora", "adapter": Adapter(r=16, dropout=0.05), "gradient_checkpointing": "reentrant"},
    {"method": "qlora", "adapter": Adapter(r=16), "quantization": Quantization(), "padded_batch": True},
)


@pytest.mark.parametrize("family", sorted({record["type"] for record in RECORDS if modelled(record)}))
def test_more_work_never_needs_less(family: str) -> None:
    record = next(record for record in RECORDS if record["type"] == family and modelled(record))
    model = Model(record["ids"][0], family, shape(record))
    for habits in JOBS:
        job = TrainingJob(model, precision=Precision(autocast="bfloat16"), sequence_length=256, **habits)
        small, wide, long = (
            estimate_job(replace(job, **change))
            for change in ({}, {"micro_batch_size": 3}, {"sequence_length": 384})
        )
        assert sum(small.components.values()) == small.device_bytes
        assert small.peak_allocated_bytes <= wide.peak_allocated_bytes
        assert small.peak_allocated_bytes <= long.peak_allocated_bytes


@pytest.mark.parametrize(("release", "returned"), [("4.52.4", True), ("4.53", False)])
def test_gpt_bigcode_fills_its_cache_under_checkpointing(release: str, returned: bool) -> None:
    """Keys and values are views of each layer's fused projection, which live until the model returns."""
    shape = {"n_embd": 1024, "n_layer": 6, "n_head": 8, "n_positions": 2048, "vocab_size": 1024}
    job = TrainingJob(
        Model("small", "gpt_bigcode", shape),
        precision=Precision("bfloat16"),
        sequence_length=2048,
        attention="flash_attention_2",
        gradient_checkpointing="full",
        versions={"transformers": release},
    )
    plain = estimate_job(replace(job, versions={"transformers": release, "axolotl": "0.4"}))
    more = estimate_job(job).phase_peaks["forward"] - plain.phase_peaks["forward"]
    projection = 2048 * (1024 + 2 * 128) * 2
    assert 5 * projection <= more <= 6 * projection if returned else more == 0
