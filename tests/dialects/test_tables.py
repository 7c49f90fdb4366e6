"""Every dialect's table: keys that exist in its schema, fields that exist in a job, words worth showing; and
the corpus of real files."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from dialect_reading import reading
from dialect_seeds import seed_of, with_values

from vramlint.catalog.models import Models
from vramlint.dialects import REGISTRY, detect, load_all
from vramlint.dialects.kit.dialect import UNSET, Context, Dialect, Key
from vramlint.dialects.kit.reader import look_up
from vramlint.document import Document
from vramlint.job import (
    Adapter,
    Buckets,
    Evaluation,
    Generation,
    Kernels,
    Parallel,
    Precision,
    Quantization,
    Roles,
    TrainingJob,
)
from vramlint_schemas import load_schema, names, section

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
FULL = {entry.name: entry.name for entry in REGISTRY if entry.support == "full" and entry.name != "job"}
FULL |= {"hf-trainer": "trl", "fsdp": "accelerate"}
GROUPS: dict[str, Any] = {
    "": TrainingJob,
    "adapter": Adapter,
    "quantization": Quantization,
    "precision": Precision,
    "parallel": Parallel,
    "parallel.buckets": Buckets,
    "generation": Generation,
    "roles": Roles,
    "evaluation": Evaluation,
    "kernels": Kernels,
}
OTHERS = ("dataset_mixture",)
"""Replacements that belong to a collection of recipes, not to the framework."""
STILL_KNOWN = ("reward_model_path",)
"""Keys that one trainer of a framework has lost and another still has."""
WITH_SCHEMA = [dialect for dialect in load_all() if dialect.schema in names()]
ROWS = [(dialect, row) for dialect in load_all() for row in dialect.keys]


def label(value: Any) -> str:
    return value.name if isinstance(value, Dialect) else value.path if isinstance(value, Key) else str(value)


@pytest.mark.parametrize(("dialect", "row"), ROWS, ids=label)
def test_a_row_names_a_field_of_the_job_and_says_what_it_costs(dialect: Dialect, row: Key) -> None:
    assert row.effect.endswith(".")
    assert 15 <= len(row.effect) <= 400
    if row.field is not None:
        group, _, name = row.field.rpartition(".")
        assert name in {field.name for field in dataclasses.fields(GROUPS[group])}
    if row.choices and row.default is not UNSET and row.default is not None:
        assert row.default in row.choices
    assert len(set(map(repr, row.choices))) == len(row.choices), "each is offered once"


@pytest.mark.parametrize("dialect", WITH_SCHEMA, ids=label)
def test_every_row_is_a_key_of_the_schema(dialect: Dialect) -> None:
    """Keys inside a section that the framework leaves open (`*_kwargs`, a component's arguments) need no
    entry."""
    assert dialect.schema is not None
    missing = []
    gone = load_schema(dialect.schema).get("x-removed", {})
    older = {renamed.path for renamed in dialect.renamed}
    for row in dialect.keys:
        if row.path in gone or row.path in older:
            continue
        path = tuple(row.path.split("."))
        known = section(dialect.schema, path)
        parent = section(dialect.schema, path[:-1]) if len(path) > 1 else None
        above = [section(dialect.schema, path[:depth]) for depth in range(1, len(path))]
        is_open = any(found is not None and not found.get("properties") for found in above)
        if known is None and not is_open and not (parent and parent.get("x-unknown") == "open"):
            missing.append(row.path)
    assert missing == []


@pytest.mark.parametrize("dialect", WITH_SCHEMA, ids=label)
def test_defaults_are_those_of_the_schema(dialect: Dialect) -> None:
    assert dialect.schema is not None
    for row in dialect.keys:
        known = section(dialect.schema, tuple(row.path.split("."))) or {}
        if row.default is not UNSET and "default" in known:
            assert row.default == known["default"], row.path


SWITCHES = {("job", "quantization.scheme"), ("ms-swift", "rlhf_type"), ("llamafactory", "micro_batch_size")}
"""Keys with a default that switch something on, or choose a trainer, by being there."""


def section_of(row: Key) -> str:
    return row.path.rpartition(".")[0]


def meaning(values: dict[str, Any]) -> TrainingJob | None:
    """The job of a file, wherever its values come from."""
    job = reading(values, gpus=2).job
    return job and dataclasses.replace(job, origins={})


@pytest.mark.parametrize("dialect", load_all(), ids=label)
def test_to_write_a_default_changes_nothing(dialect: Dialect) -> None:
    """Beside the other defaults of its section: a section does something by being there."""
    seed = seed_of(dialect)
    older = {renamed.path for renamed in dialect.renamed}
    rows = [row for row in dialect.keys if row.default not in (UNSET, None) and row.path not in older]
    rows = [row for row in rows if (dialect.name, row.path) not in SWITCHES]
    changed, compared = [], 0
    for row in rows:
        beside = {each.path: each.default for each in rows if section_of(each) == section_of(row)}
        silent = with_values(seed, {path: value for path, value in beside.items() if path != row.path})
        if look_up(seed, row.path) is UNSET and len(beside) > 1 and detect(silent).dialect is dialect:
            without, said = meaning(silent), meaning(with_values(silent, {row.path: row.default}))
            compared += without is not None
            if without is not None and without != said:
                changed.append(row.path)
    assert changed == []
    assert compared > 0 or meaning(seed) is None


@pytest.mark.parametrize("dialect", WITH_SCHEMA, ids=label)
def test_removed_keys_are_gone_from_the_schema_and_their_replacements_are_there(dialect: Dialect) -> None:
    assert dialect.schema is not None
    root = load_schema(dialect.schema)
    for renamed in dialect.renamed:
        path = tuple(renamed.path.split("."))
        if renamed.replacement not in (None, *OTHERS):
            assert section(dialect.schema, tuple(renamed.replacement.split("."))), renamed.replacement
        known = None if renamed.path in STILL_KNOWN else section(dialect.schema, path)
        assert known is None or known.get("deprecated") or renamed.path in root.get("x-removed", {}), (
            renamed.path
        )


def test_paths_are_unique() -> None:
    for dialect in load_all():
        counts = Counter(row.path for row in dialect.keys)
        assert [path for path, count in counts.items() if count > 1] == [], dialect.name


def test_companions_name_no_model_and_say_so() -> None:
    for dialect in load_all():
        if dialect.role == "companion":
            reading = dialect.read({}, Context(Models()))
            assert reading.obstacle is not None
            assert reading.obstacle.code == "no-model"


def records() -> list[dict[str, Any]]:
    if not CORPUS.is_dir():
        return []
    return [json.loads(line) for line in (CORPUS / "index.jsonl").read_text(encoding="utf-8").splitlines()]


def values_of(record: dict[str, Any]) -> Any:
    path = CORPUS / record["path"]
    return Document.parse(path.read_text(encoding="utf-8"), str(path)).values()


needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the checkout")


@pytest.mark.shared
@needs_corpus
def test_files_of_fully_supported_dialects_are_recognised_and_others_left_alone() -> None:
    wrong, taken, total = [], [], 0
    own = {dialect.name for dialect in load_all()}
    for record in records():
        found = detect(values_of(record)).dialect
        name = found.name if found else None
        wanted = FULL.get(record["dialect"])
        total += wanted is not None
        if wanted is not None and name != wanted:
            wrong.append((record["path"], name))
        if wanted is None and name in FULL.values() and record["dialect"] not in own:
            taken.append((record["path"], name))
    assert len(wrong) <= 0.015 * total, wrong
    assert taken == []


@pytest.mark.shared
@needs_corpus
def test_training_files_with_a_known_model_give_a_job() -> None:
    answered, silent = 0, []
    context = Context(Models())
    for record in records():
        if record["kind"] != "training" or record["dialect"] not in FULL:
            continue
        values = values_of(record)
        dialect = detect(values).dialect
        assert dialect is not None
        reading = dialect.read(values, context)
        if reading.job is not None:
            answered += 1
        elif reading.obstacle is not None and reading.obstacle.code != "unknown-model":
            silent.append((record["path"], reading.obstacle.message))
    assert answered / (answered + len(silent)) >= 0.9, silent
