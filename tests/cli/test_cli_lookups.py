"""The commands that look things up: explain, gpus, models, schema; and fit."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cli_running import ROOT, Run

from vramlint.analysis.registry import built_in
from vramlint.cli.explain import page_of
from vramlint.dialects.registry import REGISTRY
from vramlint.explain.topics import TOPICS

MODEL = (ROOT / "docs" / "memory-model.md").read_text(encoding="utf-8")


def test_explain_lists_every_rule(run: Run) -> None:
    outcome = run("explain")
    assert outcome.code == 0
    rules = outcome.out.partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in rules] == [rule.code for rule in built_in()]


def test_every_topic_is_a_chapter(run: Run) -> None:
    listed = run("explain").out
    for topic, title in TOPICS.items():
        assert f"{topic} " in listed
        chapter = run("explain", topic).out
        assert chapter.startswith((f"## {title}\n", f"### {title}\n"))
        assert len(chapter) > 300
        assert len(re.findall(r"^## ", chapter, re.MULTILINE)) <= 1
    assert set(re.findall(r"^## (.+)$", MODEL, re.MULTILINE)) == {
        title for title in TOPICS.values() if f"\n## {title}\n" in MODEL
    }


def test_explain_tells_what_a_key_does_in_each_framework(run: Run) -> None:
    told = run("explain", "sample_packing").out
    assert told.startswith("Axolotl: sample_packing\n")
    assert run("explain", "axolotl.sample_packing").out == told
    both = run("explain", "gradient_accumulation_steps").out
    assert {"Axolotl", "LLaMA-Factory"} <= set(re.findall(r"^([\w-]+): gradient_acc", both, re.MULTILINE))
    near = run("explain", "fsdp_confg")
    assert near.code == 2
    assert "nearest: fsdp_config" in near.err


def test_explain_takes_code_and_name(run: Run) -> None:
    page = run("explain", "VL101").out
    assert page.startswith("# VL101 does-not-fit\n")
    assert run("explain", "does-not-fit").out == run("explain", "vl101").out == page
    missing = run("explain", "VL999")
    assert missing.code == 2
    assert (
        missing.err == 'vramlint: no rule, topic or key "VL999"; `vramlint explain` lists rules and topics\n'
    )


def test_gpus_shows_total_and_usable(run: Run) -> None:
    rows = run("gpus", "4090").out.splitlines()
    assert re.fullmatch(r"RTX 4090 +24\.0 +23\.5 +8\.9 +Ada", rows[1])
    assert len(run("gpus").out.splitlines()) > 50


def test_models_finds_by_words_and_by_reupload(run: Run) -> None:
    assert "8,030,261,248" in run("models", "llama-3.1-8b").out
    outcome = run("models", "qwne2.5")
    assert outcome.code == 2
    assert "nearest: Qwen/Qwen2.5" in outcome.err


def test_schema_prints_json_schema(run: Run) -> None:
    assert "axolotl" in run("schema").out.splitlines()
    assert run("schema", "axolotl").json["properties"]["micro_batch_size"]
    assert run("schema", "nonsense").code == 2


def test_fit_names_changes_that_fit_and_keys_to_write(run: Run) -> None:
    outcome = run("fit", "examples/axolotl-llama-3.1-8b-full.yaml")
    assert outcome.code == 0
    assert "    adapter: qlora\n" in outcome.out
    assert "micro_batch_size" in outcome.out.rpartition("the largest that fits")[2]


def test_fit_of_what_fits_gives_the_largest_values(run: Run) -> None:
    outcome = run("fit", "examples/axolotl-llama-3.1-8b-qlora.yaml")
    assert outcome.code == 0
    largest = re.search(r"sequence_len +([\d,]+) \(now 4,096\)", outcome.out)
    assert largest
    assert int(largest[1].replace(",", "")) > 4096


def test_fit_without_a_gpu_asks_for_one(run: Run, tmp_path: Any) -> None:
    file = tmp_path / "x.job.yaml"
    file.write_text("vramlint: 1\nmodel: meta-llama/Llama-3.2-1B\n")
    outcome = run("fit", file)
    assert outcome.code == 2
    assert "--gpu" in outcome.err


@pytest.mark.parametrize("name", ["axolotl-llama-3.1-8b-full.yaml", "trl-sft-tight.yaml"])
def test_what_people_read(run: Run, snapshot: Any, name: str) -> None:
    snapshot(f"fit-{name}.txt", run("fit", f"examples/{name}").out)


def test_every_key_of_every_dialect_is_explained() -> None:
    for entry in REGISTRY:
        dialect = entry.load()
        for key in dialect.keys:
            page = page_of(key.path)
            assert f"{dialect.title}: {key.path}\n    {key.effect}" in page
            assert len(key.effect) > 8, key.path
            assert f"{dialect.title}: {key.path}" in page_of(f"{dialect.name}.{key.path}")
