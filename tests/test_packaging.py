"""What is published: one version, metadata that the index can show, pinned tools, pinned actions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest
import tomli
import yaml

import vramlint

ROOT = Path(__file__).parents[1]
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ADDRESS = "https://git.example.org/someone/vramlint"
RELATIVE_LINK = re.compile(r"\]\((?!https?:|#)[^)]*\)")


def test_the_extension_has_the_same_version() -> None:
    package = json.loads((ROOT / "client-vscode" / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((ROOT / "client-vscode" / "package-lock.json").read_text(encoding="utf-8"))
    assert package["version"] == vramlint.__version__
    assert (lock["version"], lock["packages"][""]["version"]) == (vramlint.__version__,) * 2


def test_the_documentation_names_the_version() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?:rev: |@)v(\d+\.\d+\.\d+)\b", readme)) == {vramlint.__version__}
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+?),? ", changelog, re.MULTILINE)[0] == vramlint.__version__


def build(source: Path, target: Path, what: str, repository: str | None) -> Path:
    """Build an sdist or a wheel as the release does."""
    environment = {name: value for name, value in os.environ.items() if name != "VRAMLINT_REPOSITORY"}
    if repository is not None:
        environment["VRAMLINT_REPOSITORY"] = repository
    command = [sys.executable, "-m", "hatchling", "build", "--target", what, "--directory", str(target)]
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = target.glob("*.whl" if what == "wheel" else "*.tar.gz")
    return built


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(archive.read(name).decode("utf-8"))


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked sdist of a release."""
    folder = tmp_path_factory.mktemp("released")
    sdist = build(ROOT, folder, "sdist", ADDRESS)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")


def test_a_release_has_links_that_work_on_the_index(released: Path, tmp_path: Path) -> None:
    """The wheel is built from the sdist by a pip that knows no repository."""
    said = metadata(build(released, tmp_path, "wheel", None))
    text = str(said.get_payload())
    assert said["Version"] == vramlint.__version__
    assert not RELATIVE_LINK.search(text)
    assert f"]({ADDRESS}/raw/v{vramlint.__version__}/docs/images/editor-light.png)" in text
    assert f"]({ADDRESS}/blob/v{vramlint.__version__}/docs/rules.md)" in text
    assert f"repo: {ADDRESS}\n" in text
    labels = dict(value.split(", ") for value in said.get_all("Project-URL", []))
    assert labels["Source"] == ADDRESS
    assert set(labels) == {"Source", "Documentation", "Changelog", "Issues"}


def test_a_build_without_an_address_claims_none(tmp_path: Path) -> None:
    wheel = build(ROOT, tmp_path, "wheel", None)
    said = metadata(wheel)
    text = str(said.get_payload())
    assert "vramlint/explain/memory-model.md" in zipfile.ZipFile(wheel).namelist()
    assert said.get_all("Project-URL") is None
    assert text.startswith("# vramlint\n")
    assert not RELATIVE_LINK.search(text)
    assert "![" not in text


def test_every_tool_is_pinned() -> None:
    text = (ROOT / "constraints-dev.txt").read_text(encoding="utf-8")
    pinned = {canonical(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
    asked = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    names = {canonical(re.split(r"[^\w.-]", item)[0]) for item in asked}
    assert len(names) > 15
    assert names <= pinned
    assert "://" not in text


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_supported_python_is_tested_and_listed() -> None:
    tests = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    tested = tests["jobs"]["tests"]["strategy"]["matrix"]["python"]
    listed = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if ":: 3." in line]
    assert tested == listed
    assert PROJECT["requires-python"] == f">={listed[0]}"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_actions_are_pinned_to_commits(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text(encoding="utf-8"))
    assert used
    for item in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", item), item


def test_one_action_has_one_commit() -> None:
    every = {item for file in WORKFLOWS for item in re.findall(r"uses: (.*)", file.read_text())}
    assert len({item.partition("@")[0] for item in every}) == len(every)


def test_workflows_run_what_is_there() -> None:
    runs = "\n".join(file.read_text(encoding="utf-8") for file in WORKFLOWS)
    for script in set(re.findall(r"\bscripts/[\w.-]+", runs)):
        assert (ROOT / script).is_file(), script
