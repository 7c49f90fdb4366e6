"""Analysis of whole files: hardware, suppressions, the verdict, and texts that are no configs."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from properties import examples

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.document import Document
from vramlint.document.edit import apply_edits
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

SMALL = "vramlint: 1\nmodel: HuggingFaceTB/SmolLM2-360M\n"
LARGE = "vramlint: 1\nmodel: mistralai/Mistral-7B-v0.1\nmicro_batch_size: 4\nsequence_length: 8192\n"

AXOLOTL = (
    "base_model: meta-llama/Llama-3.1-8B\nadapter: lora\nlora_r: 8\nlora_target_linear: true\n"
    "micro_batch_size: 1\nsequence_len: 2048\n"
)


def check(text: str, folder: Path, gpu: str | None = None, name: str = "x.yaml", **options: bool) -> Analysis:
    return analyse(Document.parse(text, str(folder / name)), Workspace(folder), Overrides(gpu=gpu, **options))


def codes(analysis: Analysis) -> list[str]:
    return [finding.code for finding in analysis.findings]


class TestHardware:
    def test_without_a_gpu_there_is_no_verdict(self, tmp_path: Path) -> None:
        analysis = check(LARGE, tmp_path)
        assert analysis.verdict == "unknown"
        assert analysis.estimate is not None
        assert [(finding.code, finding.severity) for finding in analysis.findings] == [
            ("VL104", "information")
        ]

    def test_flag_before_directive_before_file_before_settings(self, tmp_path: Path) -> None:
        (tmp_path / "vramlint.toml").write_text('gpu = "L4"\n')
        assert check(SMALL, tmp_path).declared.source == "settings"
        in_file = f"{SMALL}gpu: T4 x2\n"
        analysis = check(in_file, tmp_path)
        assert (analysis.declared.source, analysis.gpu.name, analysis.declared.count) == ("file", "T4", 2)
        directive = f"# vramlint: gpu=A100-80GB x8\n{in_file}"
        analysis = check(directive, tmp_path)
        assert (analysis.declared.source, analysis.job.gpu_count) == ("directive", 8)
        analysis = check(directive, tmp_path, gpu="RTX 4090")
        assert (analysis.declared.source, analysis.gpu.name) == ("flag", "RTX 4090")

    def test_a_card_by_its_size(self, tmp_path: Path) -> None:
        analysis = check(f"{SMALL}gpu: {{memory: 24GiB, count: 2}}\n", tmp_path)
        assert analysis.gpu.memory_bytes == 24 * 2**30
        assert analysis.declared.count == 2

    def test_unknown_gpu_has_nearest_names_and_a_fix(self, tmp_path: Path) -> None:
        text = f"# vramlint: gpu=RTX-4O90 x2\n{SMALL}"
        analysis = check(text, tmp_path)
        (finding,) = analysis.findings
        assert finding.code == "VL901"
        span = analysis.span(finding.at)
        assert text[span.start : span.end] == "RTX-4O90 x2"
        mended = apply_edits(text, finding.fixes[0].edits)
        assert mended.startswith("# vramlint: gpu=RTX-4090 x2\n")
        assert codes(check(mended, tmp_path)) == []


class TestFit:
    def test_the_message_names_key_total_and_limit(self, tmp_path: Path) -> None:
        analysis = check(LARGE, tmp_path, gpu="RTX 4090")
        (finding,) = analysis.findings
        assert finding.code == "VL101"
        assert finding.at.key == ("micro_batch_size",)
        assert finding.message.startswith("needs 3")
        assert (
            "GiB per GPU, RTX 4090 has 23.5: micro_batch_size 4 × sequence_length 8192 keeps"
            in finding.message
        )
        assert {related.at.key for related in finding.related} == {("model",), ("sequence_length",)}

    def test_the_model_is_to_blame_when_its_weights_alone_are_too_much(self, tmp_path: Path) -> None:
        text = "vramlint: 1\nmodel: meta-llama/Llama-3.1-70B\nmethod: lora\nmicro_batch_size: 4\n"
        (finding,) = check(text, tmp_path, gpu="RTX 4090").findings
        assert finding.at.key == ("model",)
        assert "alone are" in finding.message

    def test_every_fix_was_checked_to_fit(self, tmp_path: Path) -> None:
        analysis = check(LARGE, tmp_path, gpu="RTX 4090")
        fixes = fixes_for(analysis, analysis.findings[0])
        assert fixes
        for fix in fixes:
            after = check(apply_edits(LARGE, fix.edits), tmp_path, gpu="RTX 4090")
            assert after.verdict == fix.verdict_after == "fits"
            assert after.estimate is not None
            assert after.estimate.device_bytes == fix.device_bytes_after
            assert codes(after) == []

    def test_checkpointing_alone_is_safe(self, tmp_path: Path) -> None:
        text = f"{SMALL}micro_batch_size: 8\n"
        analysis = check(text, tmp_path, gpu="RTX 4090")
        assert "VL101" in codes(analysis)
        fixes = fixes_for(analysis, analysis.findings[0])
        assert [fix.safe for fix in fixes if fix.title.startswith("enable gradient checkpointing:")] == [True]
        assert not any(fix.safe for fix in fixes if "LoRA" in fix.title or "sequences" in fix.title)


def test_a_key_that_is_no_text_is_none_of_the_frameworks(tmp_path: Path) -> None:
    """YAML reads `1:` as a number: there is no name to call unknown, or to be spelled like another."""
    assert codes(check(f"{AXOLOTL}1: x\nnull: y\n", tmp_path, gpu="A100-80GB")) == []
    assert codes(check(f"{AXOLOTL}one: x\n", tmp_path, gpu="A100-80GB")) == ["VL002"]


class TestSuppression:
    TEXT = "vramlint: 1\nmodel: mistralai/Mistral-7B-v0.1\nmicro_batch_size: 4{}\nsequence_length: 8192\n"

    @pytest.mark.parametrize("what", ["VL101", "VL1", "does-not-fit", "VL901, VL101"])
    def test_on_the_line(self, tmp_path: Path, what: str) -> None:
        analysis = check(self.TEXT.format(f"  # vramlint: ignore[{what}]"), tmp_path, gpu="RTX 4090")
        assert "VL101" not in codes(analysis)
        assert [finding.code for finding in analysis.suppressed] == ["VL101"]

    def test_on_a_key_without_a_value(self, tmp_path: Path) -> None:
        text = (
            "vramlint: 1\nmodel: HuggingFaceTB/SmolLM2-360M\nmicro_batch_sise:  # vramlint: ignore[VL002]\n"
        )
        analysis = check(text, tmp_path, gpu="RTX 4090")
        assert codes(analysis) == []
        assert [finding.code for finding in analysis.suppressed] == ["VL002"]

    def test_for_the_file_and_ignored_comments(self, tmp_path: Path) -> None:
        text = f"# vramlint: ignore-file[VL101]\n{LARGE}"
        assert codes(check(text, tmp_path, gpu="RTX 4090")) == []
        assert codes(check(text, tmp_path, gpu="RTX 4090", ignore_comments=True)) == ["VL101"]

    def test_unused_is_reported_and_removed(self, tmp_path: Path) -> None:
        text = self.TEXT.format("  # vramlint: ignore[VL303, VL101] reason")
        analysis = check(text, tmp_path, gpu="RTX 4090")
        (finding,) = analysis.findings
        assert finding.code == "VL902"
        mended = apply_edits(text, finding.fixes[0].edits)
        assert "# vramlint: ignore[VL101] reason" in mended
        assert codes(check(mended, tmp_path, gpu="RTX 4090")) == []

    @pytest.mark.parametrize(
        ("text", "mended"),
        [
            (f"{SMALL}# vramlint: ignore[VL303]\n", SMALL),
            (f"# vramlint: ignore[VL303]\n{SMALL}", SMALL),
            (f"{SMALL}nodes: 1  # vramlint: ignore[VL303]\n", f"{SMALL}nodes: 1\n"),
            (f"{SMALL}nodes: 1 # vramlint: ignore[VL303,VL302]\n", f"{SMALL}nodes: 1\n"),
        ],
    )
    def test_removal_leaves_no_trace(self, tmp_path: Path, text: str, mended: str) -> None:
        while findings := [f for f in check(text, tmp_path).findings if f.code == "VL902"]:
            text = apply_edits(text, findings[0].fixes[0].edits)
        assert text == mended

    def test_without_a_verdict_it_is_not_called_unused(self, tmp_path: Path) -> None:
        assert codes(check(f"# vramlint: ignore-file[VL101]\n{LARGE}", tmp_path)) == ["VL104"]

    def test_a_rule_that_is_off_is_not_called_unused(self, tmp_path: Path) -> None:
        (tmp_path / "vramlint.toml").write_text('ignore = ["VL303"]\n')
        assert codes(check(f"# vramlint: ignore-file[VL303]\n{SMALL}", tmp_path)) == ["VL104"]


class TestOtherFiles:
    @pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text\n", "a: 1\n", "a: [1, 2\n", "[]"])
    def test_a_file_that_is_not_ours_is_left_alone(self, tmp_path: Path, text: str) -> None:
        assert codes(check(text, tmp_path)) == []

    @pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text\n", "a: [1, 2\n", "\0\1\2"])
    def test_named_it_gets_a_word_that_does_not_fail(self, tmp_path: Path, text: str) -> None:
        analysis = check(text, tmp_path, named=True)
        assert {(finding.code, finding.severity) for finding in analysis.findings} == {
            ("VL001", "information")
        }

    def test_binary(self, tmp_path: Path) -> None:
        document = Document.from_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe\x00", str(tmp_path / "x.yaml"))
        analysis = analyse(document, Workspace(tmp_path), Overrides(named=True))
        assert codes(analysis) == ["VL001"]

    def test_dialect_none_silences(self, tmp_path: Path) -> None:
        assert check(f"# vramlint: dialect=none\n{LARGE}", tmp_path, gpu="T4").dialect is None

    def test_broken_text_of_ours_is_an_error_and_still_estimated(self, tmp_path: Path) -> None:
        text = f"{SMALL}adapter: {{r: 16, targets: [a, b}}\nnodes: 1\n"
        analysis = check(text, tmp_path, gpu="RTX 4090")
        assert [(finding.code, finding.severity) for finding in analysis.findings] == [("VL001", "error")]
        assert analysis.estimate is not None

    def test_unknown_model_says_why_there_is_no_estimate(self, tmp_path: Path) -> None:
        analysis = check("vramlint: 1\nmodel: mistralai/Mistral-7B-v0.l\n", tmp_path)
        assert analysis.cannot is not None
        assert analysis.cannot.code == "unknown-model"
        (finding,) = analysis.findings
        assert finding.code == "VL903"
        assert "mistralai/Mistral-7B-v0.1" in finding.message


_WORDS = """vramlint model adapter r gpu method qlora mistralai/Mistral-7B-v0.1 1 1e-5 no null
    &a *a << - : [ ] { } ignore[VL101] gpu=T4
    base_model micro_batch_size parallel strategy zero3 0 -1 99999999999999999999 .inf
    sequence_length precision deepspeed ../../etc/passwd output_dir é ' \" : - |"""
WORDS = st.sampled_from(
    [*_WORDS.split(), "\n", "\n  ", "\n# vramlint: ", "\n# vramlint: gpu=T4 x", "\t", "\r", "\u2028"]
)


@examples(300, (HealthCheck.function_scoped_fixture,))
@given(
    st.lists(WORDS, max_size=40).map(" ".join), st.sampled_from(["x.yaml", "x.json", "x.toml"]), st.booleans()
)
def test_no_text_makes_it_raise(tmp_path: Path, text: str, name: str, ours: bool) -> None:
    whole = f"vramlint: 1\nmodel: HuggingFaceTB/SmolLM2-360M\n{text}" if ours and name == "x.yaml" else text
    analysis = check(whole, tmp_path, gpu="T4", name=name, named=True)
    assert analysis.cannot is None or analysis.cannot.code != "internal-error"
    for finding in analysis.findings:
        span = analysis.span(finding.at)
        assert 0 <= span.start <= span.end <= len(whole)
        fixes_for(analysis, finding)


_KEYS = """model method adapter adapter.r quantization precision optimizer micro_batch_size loss
    sequence_length
    gradient_checkpointing attention parallel gpu nodes versions loop"""
KEYS = st.sampled_from(_KEYS.split())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**70) | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)


@examples(300, (HealthCheck.function_scoped_fixture,))
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_no_value_makes_it_raise(tmp_path: Path, values: dict[str, object]) -> None:
    import json

    text = json.dumps({"vramlint": 1, "model": "HuggingFaceTB/SmolLM2-360M", **values})
    analysis = check(text, tmp_path, gpu="T4", name="x.json")
    assert analysis.cannot is None or analysis.cannot.code != "internal-error"

    def test_a_second_document_is_refused(self, tmp_path: Path) -> None:
        analysis = check(f"{SMALL}---\n{SMALL}", tmp_path, gpu="RTX 4090")
        (finding,) = analysis.findings
        assert finding.code == "VL001"
        assert analysis.document.lines.line(analysis.span(finding.at).start) == SMALL.count("\n") + 1

    def test_nothing_is_invented_on_a_line_that_does_not_parse(self, tmp_path: Path) -> None:
        text = "base_model: meta-llama/Llama-3.1-8B\ndatasets:\n  - path: x\n\ttype: completion\n"
        text += "micro_batch_size: 1\n"
        assert set(codes(check(text, tmp_path, gpu="H200"))) == {"VL001"}


def test_a_task_whose_run_cannot_be_judged_says_so(tmp_path: Path) -> None:
    """Also while its line is half typed: the hovers of what is there stay."""
    line = "python3 -m verl.trainer.main_ppo data.train_batch_size=32"
    text = f"resources: {{accelerators: 'H100:8'}}\nrun: |\n  {line}"
    analysis = analyse(Document.parse(text, str(tmp_path / "task.yaml")), Workspace(tmp_path))
    assert analysis.dialect is not None
    assert analysis.dialect.name == "verl"
    assert [finding.code for finding in analysis.findings] == ["VL104"]
