"""docs/ci.md: the shell lines of its recipes, run as the services would, and what they leave behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


def recipe(section: str, language: str = "yaml") -> str:
    """The code block of a section."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return str(block)


def scripts(node: Any) -> Iterator[str]:
    """Every shell text of a recipe, in the order of the file."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("script", "run"):
                yield from value if isinstance(value, list) else [value]
            else:
                yield from scripts(value)
    elif isinstance(node, list):
        for item in node:
            yield from scripts(item)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository whose branch makes a run too large for its GPU."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / "examples" / "axolotl-llama-3.1-8b-qlora.yaml", folder / "run.yaml")
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    git(folder, "init", "-q")
    git(folder, "add", "--all")
    git(folder, *who, "commit", "-qm", "fits")
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    text = (folder / "run.yaml").read_text()
    (folder / "run.yaml").write_text(text.replace("micro_batch_size: 1", "micro_batch_size: 8"))
    git(folder, *who, "commit", "-qam", "larger")
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def execute(folder: Path, lines: Iterator[str] | list[str], **variables: str) -> list[int]:
    """The exit codes of the lines, each in a shell of its own, with a `pip` that installs nothing."""
    programs = folder.parent / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "pip").write_text('#!/bin/sh\n[ "$*" = "install --quiet vramlint" ]\n')
    (programs / "pip").chmod(0o755)
    if not (programs / "vramlint").exists():
        (programs / "vramlint").symlink_to(Path(sys.executable).with_name("vramlint"))
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return [
        subprocess.run(
            ["sh", "-e", "-c", line], cwd=folder, env={**os.environ, **variables, "PATH": path}, check=False
        ).returncode
        for line in lines
    ]


def test_gitlab(project: Path) -> None:
    job = yaml.safe_load(recipe("GitLab"))["vramlint"]
    base = git(project, "rev-parse", "HEAD^")
    assert execute(project, scripts(job), CI_MERGE_REQUEST_DIFF_BASE_SHA=base) == [0, 0, 1]
    issues = json.loads((project / job["artifacts"]["reports"]["codequality"]).read_text())
    assert [issue["check_name"] for issue in issues if issue["severity"] == "major"] == ["VL101"]
    for issue in issues:
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["path"] == "run.yaml"
        assert issue["location"]["positions"]["begin"]["line"] > 0
    (summary,) = job["artifacts"]["paths"]
    assert "**does not fit**" in (project / summary).read_text(encoding="utf-8")


def test_gitlab_on_a_branch_without_a_merge_request(project: Path) -> None:
    job = yaml.safe_load(recipe("GitLab"))["vramlint"]
    assert execute(project, scripts(job)) == [0, 0, 1]


def test_azure(project: Path) -> None:
    steps = yaml.safe_load(recipe("Azure Pipelines"))["steps"]
    assert execute(project, scripts(steps), TARGET="main") == [0, 1, 0]
    (published,) = [step["inputs"] for step in steps if step.get("task", "").startswith("PublishTest")]
    suite = ElementTree.parse(project / published["testResultsFiles"]).getroot()
    assert int(suite.attrib["failures"]) > 0
    assert "**does not fit**" in (project / "vramlint.md").read_text(encoding="utf-8")


def test_azure_passes_on_what_fits(project: Path) -> None:
    git(project, "checkout", "-q", "HEAD^")
    steps = yaml.safe_load(recipe("Azure Pipelines"))["steps"]
    assert execute(project, scripts(steps), TARGET="main") == [0, 0, 0]
    assert "no run differs" in (project / "vramlint.md").read_text(encoding="utf-8")


def test_jenkins(project: Path) -> None:
    pipeline = recipe("Jenkins", "groovy")
    assert execute(project, re.findall(r"\bsh '([^']+)'", pipeline)) == [0, 1, 0]
    (results,) = re.findall(r"junit '([^']+)'", pipeline)
    assert int(ElementTree.parse(project / results).getroot().attrib["failures"]) > 0
    (log,) = re.findall(r"sarif\(pattern: '([^']+)'\)", pipeline)
    assert json.loads((project / log).read_text())["version"] == "2.1.0"
    assert pipeline.count("{") == pipeline.count("}")


@pytest.mark.parametrize("section", ["GitHub Actions", "Code scanning"])
def test_the_action_has_the_inputs_that_are_used(section: str) -> None:
    workflow = yaml.safe_load(recipe(section))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    (ours,) = [step for step in steps if step["uses"].startswith("<this repository>@")]
    assert set(ours["with"]) <= set(ACTION["inputs"])
    uploaded = [step["with"]["sarif_file"] for step in steps if "upload-sarif" in step["uses"]]
    assert uploaded in ([], [ours["with"].get("output-file")])


def test_every_input_of_the_action_is_on_the_page() -> None:
    table = PAGE.partition("| input | meaning |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(ACTION["inputs"])


def test_the_hook_is_there() -> None:
    (repository,) = yaml.safe_load(recipe("Pre-commit"))["repos"]
    assert [hook["id"] for hook in repository["hooks"]] == [hook["id"] for hook in HOOKS]
