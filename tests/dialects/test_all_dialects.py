"""What holds for every dialect: readers never raise, edits do what was asked, tables are whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml
from dialect_reading import MODELS, edited, job_of, reading, value_at
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from vramlint.dialects import detect, load_all
from vramlint.dialects.job_file import read as job_file
from vramlint.dialects.job_file.read import write_job
from vramlint.dialects.kit.dialect import Context, Dialect
from vramlint.dialects.kit.reader import integer
from vramlint.job import TrainingJob

AXOLOTL = """
base_model: NousResearch/Llama-3.2-1B
datasets: []
micro_batch_size: 4
flash_attention: true
bf16: auto
"""
TRL = """
model_name_or_path: meta-llama/Llama-3.2-1B
dataset_name: a
per_device_train_batch_size: 4
dtype: float32
"""
JOB = "vramlint: 1\nmodel: meta-llama/Llama-3.2-1B\n"

CHANGES: tuple[Mapping[str, Any], ...] = (
    {"gradient_checkpointing": "full"},
    {"gradient_checkpointing": "reentrant"},
    {"gradient_checkpointing": "none"},
    {"micro_batch_size": 1, "gradient_accumulation_steps": 4},
    {"sequence_length": 640},
    {"optimizer": "adamw_8bit"},
    {"optimizer": "adafactor"},
    {"method": "lora"},
    {"method": "qlora"},
    {"method": "qlora", "adapter.r": 4},
    {"method": "lora", "adapter.targets": ("q_proj", "k_proj")},
    {"precision.weights": "bfloat16"},
    {"precision.weights": "float32"},
    {"attention": "flash_attention_2"},
    {"attention": "eager"},
    {"packing": True},
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**12),
    st.floats(),
    st.text(max_size=8),
    st.just("auto"),
    st.just([]),
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def bare(job: TrainingJob) -> TrainingJob:
    """The job without what a job file does not say."""
    return replace(job, origins={}, gpu=None, gpu_count=1)


@pytest.mark.parametrize("config", [AXOLOTL, TRL, JOB], ids=["axolotl", "trl", "job"])
@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_edits_make_the_job_that_was_asked(config: str, changes: Mapping[str, Any]) -> None:
    values = yaml.safe_load(config)
    dialect = detect(values).dialect
    assert dialect is not None
    edits = dialect.edits(values, job_of(values), changes)
    assert edits is not None
    after = job_of(edited(values, edits))
    assert {name: value_at(after, name) for name in changes} == dict(changes)
    if changes.get("method") == "qlora":
        assert after.quantization is not None
        assert after.precision.weights == "bfloat16"


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (AXOLOTL, {"loss": "fused-linear"}),
        (AXOLOTL, {"activation_offload": True}),
        (TRL, {"activation_offload": True}),
    ],
)
def test_edits_of_one_dialect(config: str, changes: Mapping[str, Any]) -> None:
    test_edits_make_the_job_that_was_asked(config, changes)


def test_offloading_beside_an_adapter_keeps_checkpointing() -> None:
    values = yaml.safe_load(AXOLOTL + "adapter: lora\nlora_r: 8\nlora_target_linear: true\n")
    dialect = detect(values).dialect
    assert dialect is not None
    edits = dialect.edits(values, job_of(values), {"activation_offload": True})
    assert edits is not None
    after = job_of(edited(values, edits))
    assert (after.activation_offload, after.gradient_checkpointing) == (True, "reentrant")


def test_what_a_dialect_cannot_say() -> None:
    for config in (AXOLOTL, TRL):
        values = yaml.safe_load(config)
        dialect = detect(values).dialect
        assert dialect is not None
        assert dialect.edits(values, job_of(values), {"precision.master_weights": "float32"}) is None


@pytest.mark.parametrize("dialect", load_all(), ids=lambda dialect: dialect.name)
@examples(60)
@given(data=st.data())
def test_readers_never_raise_and_their_jobs_can_be_written(dialect: Dialect, data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.sampled_from(dialect.keys), max_size=8, unique=True))
    values: dict[str, Any] = {}
    for row in keys:
        inner = values
        *above, last = row.path.split(".")
        for name in above:
            inner = inner.setdefault(name, {}) if isinstance(inner.get(name, {}), dict) else {}
        inner[last] = data.draw(
            st.sampled_from(row.choices) if row.choices and data.draw(st.booleans()) else JUNK
        )
    models = ("base_model", "model_name_or_path", "model")
    for row in dialect.keys:
        if row.path in models and data.draw(st.booleans()):
            values[row.path] = "gpt2"
    detect(values)
    outcome = dialect.read(values, Context(MODELS, gpu_count=data.draw(st.integers(1, 8))))
    assert (outcome.job is None) != (outcome.obstacle is None)
    if outcome.job is not None:
        again = job_file.read(write_job(outcome.job), Context(MODELS)).job
        assert again is not None
        assert bare(again) == bare(outcome.job)


@pytest.mark.parametrize("dialect", load_all(), ids=lambda dialect: dialect.name)
def test_tables_are_whole(dialect: Dialect) -> None:
    paths = [row.path for row in dialect.keys]
    assert len(set(paths)) == len(paths)
    for row in dialect.keys:
        assert len(row.effect) > 15, row.path
        assert row.effect.endswith("."), row.path
    for old in dialect.renamed:
        assert old.removed_in, old.path


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ("base_model: gpt2\ndatasets: [{path: a, type: alpaca}]\nadapter: other", "adapter"),
        ("base_model: gpt2\ndatasets: [{path: a, type: alpaca}]\nrl: other", "rl"),
        ("model_name_or_path: gpt2\nstage: sft\nfinetuning_type: other", "finetuning_type"),
        (
            "checkpoint_dir: checkpoints/meta-llama/Llama-2-7b-hf\nlora_r: 8\nquantize: bnb.other\n"
            "train: {micro_batch_size: 1}",
            "quantize",
        ),
    ],
)
def test_an_unknown_way_to_train_is_never_taken_for_a_known_one(config: str, key: str) -> None:
    outcome = reading(config)
    assert outcome.job is None
    assert outcome.obstacle is not None
    assert (outcome.obstacle.code, outcome.obstacle.key) == ("not-modelled", (key,))


def test_a_whole_number_of_any_size_is_read_as_it_is() -> None:
    assert integer(2**53 + 1) == 2**53 + 1
    assert integer("1e3") == 1000
    assert integer(1.5) is None
