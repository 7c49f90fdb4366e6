"""A launch script is a document: findings, places and fixes are at its words."""

from __future__ import annotations

from pathlib import Path

import pytest
from findings import does_not_fit, shown

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.document import Document
from vramlint.document.edit import apply_edits
from vramlint.document.node import Span
from vramlint.document.shell.edit import set_arguments
from vramlint.document.shell.view import Argument, view
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

SCRIPT = """#!/bin/bash
# vramlint: gpu=RTX-4090
BASE=Qwen/Qwen2.5-7B
BATCH=${BATCH:-4}
CUDA_VISIBLE_DEVICES=0 llamafactory-cli train \\
    --model_name_or_path $BASE \\
    --stage sft --do_train \\
    --finetuning_type lora \\
    --cutoff_len=4096 \\
    --per_device_train_batch_size $BATCH \\
    --bf16 2>&1 | tee log
"""


def analysed(text: str, root: Path, name: str = "run.sh", gpu: str | None = None) -> Analysis:
    return analyse(Document.parse(text, str(root / name)), Workspace(root), Overrides(gpu=gpu))


def test_a_row_that_no_one_key_measures_is_told_in_words(tmp_path: Path) -> None:
    """A row of GRPO is a prompt and its completion, each under a key of its own."""
    text = (
        "trl grpo --model_name_or_path Qwen/Qwen2.5-7B --dataset_name x --reward_funcs accuracy_reward "
        "--per_device_train_batch_size 64 --max_prompt_length 512 --max_completion_length 4096 --bf16 true\n"
    )
    message = does_not_fit(analysed(text, tmp_path, gpu="A100-80GB")).message
    assert "per_device_train_batch_size 64 × sequence length 4608 keeps" in message


def test_a_finding_is_at_the_word_that_decides(tmp_path: Path) -> None:
    analysis = analysed(SCRIPT, tmp_path)
    assert analysis.dialect is not None
    assert (analysis.dialect.name, analysis.verdict) == ("llamafactory", "does_not_fit")
    finding = does_not_fit(analysis)
    assert (shown(analysis, finding), analysis.document.lines.line(analysis.span(finding.at).start)) == (
        "4",
        3,
    )
    related = [analysis.document.text[slice(*analysis.span(note.at))] for note in finding.related]
    assert related
    assert {"4096", "Qwen/Qwen2.5-7B"} >= set(related)


def test_every_fix_of_a_script_does_what_it_says(tmp_path: Path) -> None:
    analysis = analysed(SCRIPT, tmp_path)
    fixes = fixes_for(analysis, does_not_fit(analysis))
    assert fixes
    for fix in fixes:
        after = analysed(apply_edits(SCRIPT, fix.edits), tmp_path)
        assert after.estimate is not None
        assert (after.verdict, after.estimate.device_bytes) == ("fits", fix.device_bytes_after)


def test_the_fixes_of_each_of_several_runs_are_its_own(tmp_path: Path) -> None:
    line = "trl sft --dataset_name x --use_peft --model_name_or_path Qwen/Qwen2.5-{}\n"
    text = "# vramlint: gpu=H100\n" + line.format("0.5B") + line.format("7B")
    analysis = analysed(text, tmp_path)
    found = [each for each in analysis.findings if each.code == "VL401"]
    assert len(found) == 2
    for finding in found:
        run = analysis.run_at(analysis.span(finding.at).start)
        (fix,) = fixes_for(analysis, finding)
        (edit,) = fix.edits
        lines = analysis.document.lines
        assert lines.line(edit.start) == lines.line(analysis.span(finding.at).start)
        after = analysed(apply_edits(text, fix.edits), tmp_path)
        assert fix.device_bytes_after in {each.estimate.device_bytes for each in after.runs if each.estimate}
        assert run.estimate is not None
        assert fix.device_bytes_after < run.estimate.device_bytes


def test_of_runs_with_one_verdict_the_largest_leads(tmp_path: Path) -> None:
    text = "# vramlint: gpu=H100\n" + "".join(
        f"trl sft --dataset_name x --model_name_or_path Qwen/Qwen2.5-{size}\n" for size in ("0.5B", "1.5B")
    )
    first, second = analysed(text, tmp_path).runs
    assert (first.verdict, second.verdict) == ("fits", "fits")
    assert first.estimate is not None
    assert second.estimate is not None
    assert first.estimate.device_bytes > second.estimate.device_bytes


def test_a_hover_finds_the_argument_at_the_flag_and_at_its_assignment(tmp_path: Path) -> None:
    document = analysed(SCRIPT, tmp_path).document
    for words in ("per_device", "4}", "cutoff", "4096"):
        place = document.place_at(SCRIPT.index(words) + 1)
        assert place is not None
        assert place.path[0] in ("per_device_train_batch_size", "cutoff_len")
    assert document.place_at(SCRIPT.index("tee")) is None


def test_an_open_value_that_decides_leaves_no_verdict(tmp_path: Path) -> None:
    analysis = analysed(SCRIPT.replace("${BATCH:-4}", "$1"), tmp_path)
    assert analysis.verdict == "unknown"
    assert analysis.cannot is not None
    assert "per_device_train_batch_size" in analysis.cannot.message
    assert "VL101" not in {finding.code for finding in analysis.findings}


def test_of_several_runs_the_worst_leads_and_each_is_judged(tmp_path: Path) -> None:
    loop = SCRIPT.replace("BATCH=${BATCH:-4}\n", "for BATCH in 1 4; do\n") + "done\n"
    text = loop.replace("--cutoff_len=4096", "--cutoff_len=2048")
    analysis = analysed(text, tmp_path)
    assert len(analysis.others) == 1
    assert (analysis.verdict, analysis.others[0].verdict) == ("does_not_fit", "fits")
    assert analysis.job is not None
    assert analysis.job.micro_batch_size == 4


def test_the_config_that_a_line_names_is_part_of_its_run(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "base_model: Qwen/Qwen2.5-7B\ndatasets: []\nmicro_batch_size: 4\nsequence_len: 512\nbf16: true\n"
    )
    text = "axolotl train a.yaml --sequence-len 4096 --launcher python\n"
    analysis = analysed(text, tmp_path, gpu="RTX-4090")
    assert analysis.job is not None
    assert (analysis.job.micro_batch_size, analysis.job.sequence_length) == (4, 4096)
    assert analysis.verdict == "does_not_fit"
    assert analysis.reading is not None
    assert "a.yaml" in analysis.reading.companions
    assert shown(analysis, does_not_fit(analysis)) in ("4096", "axolotl train a.yaml --sequence-len 4096")


@pytest.mark.parametrize(
    "text", ["", "echo hello\n", "x: 1\n", "make train\n", "pip install axolotl\n", "swift infer --model x\n"]
)
def test_what_starts_no_run_is_left_alone(tmp_path: Path, text: str) -> None:
    analysis = analysed(text, tmp_path)
    assert analysis.dialect is None
    assert analysis.findings == ()


def document(text: str, *arguments: tuple[str, str, str]) -> Document:
    """A script's view with (key, flag, value) at their places."""
    given = []
    for key, flag, value in arguments:
        start = text.index(flag)
        at = Span(text.index(value, start + len(flag)), text.index(value, start + len(flag)) + len(value))
        given.append(Argument((key,), value, Span(start, start + len(flag)), at, at))
    return view(Document.parse(text, "run.sh"), given, Span(0, len("t")), {})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([(("a_b",), 2, False)], "t --a_b 2 --c x > l"),
        ([(("new",), "y z", False)], "t --a_b 1 --c x --new 'y z' > l"),
        ([(("a_b",), None, True), (("c",), True, False)], "t --c true > l"),
        ([(("gone",), None, True)], "t --a_b 1 --c x > l"),
        ([(("c",), {"k": 1}, False)], None),
    ],
)
def test_edits_of_arguments(
    changes: list[tuple[tuple[str, ...], object, bool]], expected: str | None
) -> None:
    text = "t --a_b 1 --c x > l"
    assert set_arguments(document(text, ("a_b", "--a_b", "1"), ("c", "--c", "x")), changes) == expected
