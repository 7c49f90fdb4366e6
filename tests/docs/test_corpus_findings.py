"""docs/corpus-findings.md lists every error on the corpus, each with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_scripts import DOCS, script

from vramlint.analysis.registry import built_in

CORPUS = DOCS.parents[1] / "shared" / "corpus"
RUNS = 340
"""Runs of the corpus that have an estimate."""
findings = script("corpus_findings")


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the checkout")
def test_every_error_on_the_corpus_is_listed_and_justified() -> None:
    files, found = findings.mistakes(CORPUS)
    assert (DOCS / "corpus-findings.md").read_text(encoding="utf-8") == findings.page(files, found)
    listed = {(item.file, item.code, item.key) for item in found}
    assert listed == set(findings.reasons())


def test_reasons_are_whole_sentences() -> None:
    assert all(len(why) > 40 and why.endswith(".") for why in findings.reasons().values())


def test_an_error_without_a_reason_is_open(tmp_path: Path) -> None:
    (tmp_path / "index.jsonl").write_text('{"path": "a.yaml"}\n', encoding="utf-8")
    (tmp_path / "a.yaml").write_text("vramlint: 1\nmodel: gpt2\nmicro_batch_size: many\n", encoding="utf-8")
    files, found = findings.mistakes(tmp_path)
    assert (files, [item.key for item in found]) == (1, ["micro_batch_size"])
    assert "| `many` |" in findings.page(files, found)
    assert "**open**" in findings.page(files, found)


def test_ten_findings_a_rule_were_judged_and_next_to_none_is_wrong() -> None:
    codes = {rule.code for rule in built_in()}
    for code, rule in findings.judged().items():
        assert code in codes
        assert len(rule["judged"]) >= min(findings.ENOUGH, max(rule["findings"]) // 2), code
        assert len({(item["file"], item["key"]) for item in rule["judged"]}) == len(rule["judged"]), code
        assert rule["how"], code
    every = [item for rule in findings.judged().values() for item in rule["judged"]]
    assert sum(not item["right"] for item in every) <= 0.02 * len(every)


def test_no_rule_that_is_on_speaks_of_a_third_of_the_runs() -> None:
    """Without a GPU; the rule about the missing verdict is there to speak of each."""
    loud = [rule.code for rule in built_in() if not rule.opt_in and rule.code != "VL104"]
    judged = findings.judged()
    assert [code for code in loud if judged.get(code, {"findings": [0]})["findings"][0] > RUNS / 3] == []


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the checkout")
def test_judged_findings_are_of_the_corpus() -> None:
    every = [item for rule in findings.judged().values() for item in rule["judged"]]
    assert {item["file"] for item in every if not (CORPUS / item["file"]).is_file()} == set()
