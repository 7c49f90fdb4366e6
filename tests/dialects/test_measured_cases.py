"""The measured set-ups: a framework's config and the job file of one case are the same job."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from dialect_reading import MODELS, job_of

from vramlint.dialects import detect
from vramlint.dialects.kit.dialect import Context
from vramlint.job import TrainingJob

SHARED = Path(__file__).parents[3] / "shared"
TRUTH = SHARED / "truth"
NOT_MEMORY = {"model", "origins", "versions", "gpu", "gpu_count", "allocator"}
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not TRUTH.is_dir(), reason="no measured cases beside the checkout"),
]


def tool(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, SHARED / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TRUTH / "cases.jsonl").read_text().splitlines()]


def alike(name: str, stated: Any, read: Any, case: dict[str, Any], dialect: str) -> bool:
    """Equal, or different in the one way that the case's own notes say makes no difference."""
    if name == "loop" and case["training"]["loop"] == "trainer = trl":
        return read in ("trainer", "trl@1.10")
    if name == "attention" and dialect == "axolotl" and case["training"]["method"] == "full":
        return {stated, read} <= {"sdpa", "flash_attention_2"} or bool(stated == read)
    return bool(stated == read)


def test_every_config_is_the_job_that_was_measured() -> None:
    to_job = tool("truth_to_job").job
    count = 0
    for case in cases():
        stated = job_of(to_job(case))
        for dialect, path in case["configs"].items():
            text = (TRUTH / path).read_text()
            line = re.search(r"versions=(\S+)", text)
            assert line is not None
            versions = dict(pair.split("@") for pair in line[1].split(","))
            read = job_of(text, versions=versions, folder=str(TRUTH))
            different = {
                field.name: (getattr(stated, field.name), getattr(read, field.name))
                for field in fields(TrainingJob)
                if field.name not in NOT_MEMORY
                and not alike(
                    field.name, getattr(stated, field.name), getattr(read, field.name), case, dialect
                )
            }
            assert not different, (path, different)
            assert read.model.config["hidden_size" if "hidden_size" in read.model.config else "n_embd"]
            count += 1
    assert count >= 120


def test_published_measurements_are_job_files() -> None:
    published = tool("published_to_job")
    folder = SHARED / "published"
    models, gpus = json.loads((folder / "models.json").read_text()), published.known_gpus()
    known = {row.path for row in detect({"vramlint": 1}).dialect.keys}  # type: ignore[union-attr]
    for line in (folder / "measurements.jsonl").read_text().splitlines():
        record = json.loads(line)
        values = published.job(record, models[record["model"]], gpus)
        assert set(values) <= known | {"adapter", "quantization", "precision", "parallel"}
        outcome = detect(values).dialect.read(values, Context(MODELS))  # type: ignore[union-attr]
        assert outcome.job is not None, outcome.obstacle
        assert outcome.job.micro_batch_size == record["micro_batch_size"]
        assert outcome.job.sequence_length == record["seq_len"]
        assert outcome.job.parallel.strategy == values.get("parallel", {}).get("strategy", "none")
