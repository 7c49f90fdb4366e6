"""`vramlint compare`: two files, and a folder against an older revision of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from cli_running import ROOT, Run

CONFIG = """\
# vramlint: gpu=A100-40GB x8
base_model: meta-llama/Llama-3.1-8B
sequence_len: 2048
micro_batch_size: 1
bf16: true
attn_implementation: flash_attention_2
gradient_checkpointing: true
deepspeed: ds.json
datasets: [{path: x, type: alpaca}]
"""
ZERO = '{"zero_optimization": {"stage": STAGE}, "bf16": {"enabled": true}}'


def git(folder: Path, *arguments: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], env=environment, check=True, capture_output=True
    )


@pytest.fixture
def project(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a committed run that shards in three stages, and one without a companion."""
    (tmp_path / "train.yaml").write_text(CONFIG)
    (tmp_path / "ds.json").write_text(ZERO.replace("STAGE", "3"))
    (tmp_path / "other.yaml").write_text(CONFIG.replace("deepspeed: ds.json\n", ""))
    (tmp_path / "compose.yaml").write_text("services: {web: {image: nginx}}\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "-qm", "first")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestTwoFiles:
    def test_component_by_component(self, run: Run) -> None:
        before, after = (f"examples/axolotl-llama-3.1-8b-{kind}.yaml" for kind in ("full", "qlora"))
        outcome = run("compare", before, after)
        assert outcome.code == 0
        assert outcome.out.startswith(f"{before} → {after}: DOES NOT FIT → FITS on RTX 4090\n")
        assert "  method: full → qlora\n" in outcome.out
        assert "  adapter.r: none → 32\n" in outcome.out

    def test_components_add_up_on_both_sides(self, run: Run) -> None:
        before, after = (f"examples/axolotl-llama-3.1-8b-{kind}.yaml" for kind in ("full", "qlora"))
        (found,) = run("compare", before, after, "--format", "json").json["runs"]
        for side in (found["before"], found["after"]):
            assert sum(side["components"].values()) == side["device_bytes"]
        assert found["change_bytes"] == found["after"]["device_bytes"] - found["before"]["device_bytes"]

    def test_one_without_an_estimate_fails(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "x.yaml").write_text("a: 1\n")
        outcome = run("compare", "examples/trl-sft-tight.yaml", tmp_path / "x.yaml")
        assert (outcome.code, outcome.out) == (2, "")
        assert "x.yaml" in outcome.err

    @pytest.mark.parametrize("arguments", [(), ("a",), ("a", "b", "c")])
    def test_two_are_needed(self, run: Run, arguments: tuple[str, ...]) -> None:
        assert run("compare", *arguments).code == 2


class TestAgainst:
    def test_nothing_changed(self, project: Path, run: Run) -> None:
        (project / "notes.md").write_text("# notes\n")
        assert run("compare", "--against", "HEAD").out == "no run differs from HEAD\n"

    def test_a_changed_file(self, project: Path, run: Run) -> None:
        (project / "other.yaml").write_text(
            (project / "other.yaml").read_text().replace("size: 1", "size: 2")
        )
        out = run("compare", "--against", "HEAD").out
        assert "other.yaml: " in out
        assert "  micro_batch_size: 1 → 2\n" in out
        assert out.endswith("1 run differs from HEAD\n")

    def test_a_comment_makes_no_difference(self, project: Path, run: Run) -> None:
        (project / "other.yaml").write_text(f"# more\n{(project / 'other.yaml').read_text()}")
        assert run("compare", "--against", "HEAD").out == "no run differs from HEAD\n"

    def test_a_changed_companion_is_read_as_it_was(self, project: Path, run: Run) -> None:
        (project / "ds.json").write_text(ZERO.replace("STAGE", "1"))
        (found,) = run("compare", "--against", "HEAD", "--format", "json").json["runs"]
        assert found["path"] == "train.yaml"
        assert {"key": "parallel.strategy", "before": "zero3", "after": "zero1"} in found["settings"]
        assert (found["before"]["verdict"], found["after"]["verdict"]) == ("fits", "does_not_fit")

    def test_a_deleted_companion_is_read_as_it_was(self, project: Path, run: Run) -> None:
        (project / "ds.json").unlink()
        (found,) = run("compare", "--against", "HEAD", "--format", "json").json["runs"]
        assert {"key": "parallel.strategy", "before": "zero3", "after": "zero2"} in found["settings"]

    def test_settings_hold_for_the_side_that_has_them(self, project: Path, run: Run) -> None:
        (project / "other.yaml").write_text((project / "other.yaml").read_text().partition("\n")[2])
        git(project, "commit", "-qam", "no comment")
        (project / "vramlint.toml").write_text('gpu = "RTX-4090"\n')
        runs = run("compare", "--against", "HEAD", "other.yaml", "--format", "json").json["runs"]
        assert [(each["before"]["gpu"], each["after"]["gpu"]) for each in runs] == [(None, "RTX 4090")]

    def test_new_and_gone(self, project: Path, run: Run) -> None:
        (project / "other.yaml").rename(project / "renamed.yaml")
        out = run("compare", "--against", "HEAD").out
        assert "other.yaml: DOES NOT FIT → no run" in out
        assert "renamed.yaml: no run → " in out
        assert out.endswith("no run differs from HEAD, 1 new, 1 gone\n")
        assert "renamed" not in run("compare", "--against", "HEAD", "other.yaml").out

    def test_from_a_folder_inside(self, project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        inner = project / "inner"
        inner.mkdir()
        (project / "train.yaml").rename(inner / "train.yaml")
        (project / "ds.json").rename(inner / "ds.json")
        git(project, "add", "--all")
        git(project, "commit", "-qm", "moved")
        (inner / "ds.json").write_text(ZERO.replace("STAGE", "1"))
        monkeypatch.chdir(inner)
        (found,) = run("compare", "--against", "HEAD", "--format", "json").json["runs"]
        assert (found["path"], found["before"]["verdict"]) == ("train.yaml", "fits")

    def test_a_run_that_lost_its_estimate(self, project: Path, run: Run) -> None:
        text = (project / "other.yaml").read_text()
        (project / "other.yaml").write_text(text.replace("meta-llama/Llama-3.1-8B", "acme/unheard-of"))
        outcome = run("compare", "--against", "HEAD")
        assert outcome.code == 0
        assert " → NO ESTIMATE" in outcome.out
        assert "  now: " in outcome.out

    @pytest.mark.parametrize("name", ["nowhere", "-x", "--output=stolen", "HEAD:train.yaml", "a\0b", ""])
    def test_a_name_of_no_commit(self, project: Path, run: Run, name: str) -> None:
        outcome = run("compare", f"--against={name}")
        assert outcome.code == 2
        assert outcome.out == ""
        assert not (project / "stolen").exists()

    def test_a_path_that_never_was(self, project: Path, run: Run) -> None:
        assert run("compare", "--against", "HEAD", "trian.yaml").code == 2

    def test_outside_of_a_repository(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        monkeypatch.chdir(tmp_path)
        assert "not a git repository" in run("compare", "--against", "HEAD").err

    def test_links_of_the_revision_are_not_followed(self, project: Path, run: Run) -> None:
        (project / "ds.json").unlink()
        (project / "ds.json").symlink_to("/etc/hostname")
        git(project, "add", "--all")
        git(project, "commit", "-qm", "a link")
        (project / "train.yaml").write_text(CONFIG.replace("size: 1", "size: 2"))
        assert run("compare", "--against", "HEAD").code == 0

    def test_hooks_and_filters_do_not_run(self, project: Path, run: Run) -> None:
        trap = project.parent / f"{project.name}-trap"
        for key in ("core.fsmonitor", "diff.external", "filter.x.smudge", "diff.x.textconv"):
            git(project, "config", key, f"touch {trap} #")
        (project / ".gitattributes").write_text("*.yaml filter=x diff=x\n")
        (project / "train.yaml").write_text(CONFIG.replace("size: 1", "size: 2"))
        assert "train.yaml" in run("compare", "--against", "HEAD").out
        assert not trap.exists()


def test_what_people_read(project: Path, run: Run, snapshot: Callable[[str, str], None]) -> None:
    (project / "ds.json").write_text(ZERO.replace("STAGE", "1"))
    (project / "other.yaml").rename(project / "renamed.yaml")
    snapshot("compare.txt", run("compare", "--against", "HEAD").out)
    snapshot("compare.md", run("compare", "--against", "HEAD", "--format", "markdown").out)


class TestMarkdown:
    def test_a_row_a_run_and_the_details_folded(self, project: Path, run: Run) -> None:
        (project / "ds.json").write_text(ZERO.replace("STAGE", "1"))
        out = run("compare", "--against", "HEAD", "--format", "markdown").out
        assert out.startswith("### GPU memory: 1 run differs from HEAD\n\n| run |")
        assert "fits → ✗ **does not fit** on A100 40GB SXM |" in out
        assert "- <code>parallel.strategy</code>: zero3 → zero1" in out
        assert out.count("<details>") == out.count("</details>") == 1

    def test_names_are_text(self, project: Path, run: Run) -> None:
        (project / "a|b `x` <img> @me.yaml").write_text(CONFIG)
        out = run("compare", "--against", "HEAD", "--format", "markdown").out
        for sign in ("<img>", "@me", "`x`", "a|b"):
            assert sign not in out


def test_a_check_loads_nothing_of_it() -> None:
    code = (
        "import sys; from vramlint.cli import main; main(['compare', *sys.argv[1:]]); "
        "print([name for name in ('subprocess', 'tempfile') if name in sys.modules])"
    )
    files = [f"examples/axolotl-llama-3.1-8b-{kind}.yaml" for kind in ("qlora", "qlora")]
    done = subprocess.run(
        [sys.executable, "-c", code, *files], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


class TestPage:
    """`--format html`."""

    BEFORE, AFTER = (f"examples/axolotl-llama-3.1-8b-{kind}.yaml" for kind in ("full", "qlora"))

    def test_it_has_every_figure_of_the_text_and_runs_nothing(self, run: Run) -> None:
        text = run("compare", self.BEFORE, self.AFTER).out
        page = run("compare", self.BEFORE, self.AFTER, "--format", "html")
        assert page.code == 0
        assert "default-src &#x27;none&#x27;" in page.out or "default-src 'none'" in page.out
        assert "<script" not in page.out
        assert "http" not in page.out.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
        plain = re.sub(r"<[^>]*>", " ", page.out)
        for line in text.splitlines()[1:]:
            for word in line.split():
                assert word.removesuffix(":") in (*unescape(plain).split(), "→"), line

    def test_bars_add_up_to_both_totals(self, run: Run) -> None:
        page = run("compare", self.BEFORE, self.AFTER, "--format", "html").out
        facts = json.loads(run("compare", self.BEFORE, self.AFTER, "--format", "json").out)
        runs = facts.get("runs", [facts])
        widths = dict.fromkeys(("before", "now"), 0.0)
        for width, name in re.findall(r'width="([\d.]+)" height="28"><title>(before|now):', page):
            widths[name] += float(width)
        (each,) = runs
        wanted = each["before"]["device_bytes"] / each["after"]["device_bytes"]
        assert widths["before"] / widths["now"] == pytest.approx(wanted, rel=0.01)

    def test_against_a_revision(self, run: Run, project: Path) -> None:
        (project / "ds.json").write_text(ZERO.replace("STAGE", "2"))
        page = run("compare", "train.yaml", "--against", "HEAD", "--format", "html")
        assert page.code == 0
        assert "1 run differs from HEAD" in page.out
        assert "parallel.strategy" in page.out

    def test_names_and_values_stay_text(self, run: Run, project: Path) -> None:
        (project / "<b>.yaml").write_text(CONFIG.replace("deepspeed: ds.json\n", ""))
        page = run("compare", "train.yaml", "<b>.yaml", "--format", "html").out
        assert "<b>" not in page
        assert "&lt;b&gt;.yaml" in page
