"""The packaged extension: what is in it, and that its server runs under a Python without packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "axolotl-llama-3.1-8b-full.yaml"

pytestmark = pytest.mark.editor


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without a single package."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=True)
    return folder / "bin" / "python"


def run(*command: str | Path) -> str:
    """Run a command that must succeed and return what it prints."""
    result = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_holds_what_runs_and_nothing_else(vsix: Path) -> None:
    names = zipfile.ZipFile(vsix).namelist()
    top = {name.removeprefix("extension/").split("/")[0] for name in names if name.startswith("extension/")}
    assert {name.lower() for name in top} == {
        "bundled",
        "changelog.md",
        "dist",
        "license.txt",
        "media",
        "package.json",
        "readme.md",
        "toml-language.json",
    }
    assert {name for name in names if name.startswith("extension/dist/")} == {
        "extension/dist/extension.js",
        "extension/dist/LICENSES.txt",
        "extension/dist/panel.css",
        "extension/dist/panel.js",
    }


def test_its_readme_links_to_the_repository_or_to_nothing(vsix: Path) -> None:
    text = zipfile.ZipFile(vsix).read("extension/readme.md").decode()
    assert text.startswith("# vramlint\n")
    assert "](.." not in text
    script = "import repack, pathlib; print(repack.shown(pathlib.Path('../README.md').read_text(), '1.2.3'))"
    shown = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT / "client-vscode" / "bundle",
        env={**os.environ, "VRAMLINT_REPOSITORY": "https://example.com/a/vramlint"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "](https://example.com/a/vramlint/raw/v1.2.3/docs/images/panel-dark.png)" in shown
    assert "](https://example.com/a/vramlint/blob/v1.2.3/docs/editor.md)" in shown


def test_is_pure_python(unpacked: Path) -> None:
    files = [file.name for file in unpacked.rglob("*")]
    files += zipfile.ZipFile(unpacked / "bundled" / "python.zip").namelist()
    assert {"run.py", "libs/vramlint/__init__.py"} <= set(files)
    assert not [name for name in files if name.endswith((".so", ".pyd", ".pyc", ".dylib"))]


def test_stays_small(vsix: Path) -> None:
    assert vsix.stat().st_size < 1_500_000


def test_a_bare_python_reports_what_the_installed_command_reports(unpacked: Path, bare_python: Path) -> None:
    arguments = ("check", "--exit-zero", "--output-format", "json", EXAMPLE)
    bundled = run(bare_python, "-I", unpacked / "bundled" / "run.py", *arguments)
    installed = run(Path(sys.executable).with_name("vramlint"), *arguments)
    assert json.loads(bundled) == json.loads(installed)


def test_a_wrong_type_is_found_without_compiled_rpds(
    unpacked: Path, bare_python: Path, tmp_path: Path
) -> None:
    config = tmp_path / "train.yaml"
    config.write_text(EXAMPLE.read_text().replace("num_epochs: 1", "num_epochs: [one]"))
    report = run(
        bare_python,
        *("-I", unpacked / "bundled" / "run.py", "check", "--exit-zero", "--output-format", "json", config),
    )
    findings = json.loads(report)["files"][0]["findings"]
    assert "VL003" in {finding["code"] for finding in findings}


def test_starts_from_a_folder_that_it_may_not_write_to(
    unpacked: Path, bare_python: Path, tmp_path: Path
) -> None:
    bundled = tmp_path / "bundled"
    bundled.mkdir()
    for name in ("run.py", "python.zip"):
        shutil.copy(unpacked / "bundled" / name, bundled)
    bundled.chmod(0o555)
    command = [bare_python, "-I", bundled / "run.py", "--version"]
    if os.geteuid() == 0:  # to root every folder is writable
        for folder in (tmp_path, *tmp_path.parents, *bare_python.parents):
            if tempfile.gettempdir() in map(str, folder.parents):
                folder.chmod(0o755)
        command = ["setpriv", "--reuid=65534", "--clear-groups", *command]
    before = set(Path(tempfile.gettempdir()).glob("vramlint-*"))
    assert run(*command).startswith("vramlint ")
    assert {file.name for file in bundled.iterdir()} == {"run.py", "python.zip"}
    assert set(Path(tempfile.gettempdir()).glob("vramlint-*")) == before


WHICH = """
import sys
sys.argv = ["run.py", "--version"]
code = None
try:
    import runpy
    runpy.run_path({run!r}, run_name="__main__")
except SystemExit as exit:
    code = exit.code
import vramlint, yaml, jsonschema
import rpds
print()
print(code, vramlint.__file__, yaml.__file__, yaml.__with_libyaml__, rpds.__file__, sep="\\n")
"""


def test_a_python_with_compiled_parts_has_them_used(unpacked: Path, bare_python: Path) -> None:
    bundled = unpacked / "bundled"
    script = WHICH.format(run=str(bundled / "run.py"))

    def which(python: str | Path) -> list[str]:
        return run(python, "-I", "-c", script).splitlines()[-5:]

    code, vramlint, yaml, compiled, rpds = which(bare_python)
    assert code in ("0", "None")
    assert vramlint == str(bundled / "python" / "libs" / "vramlint" / "__init__.py")
    assert yaml == str(bundled / "python" / "substitutes" / "pyyaml" / "yaml" / "__init__.py")
    assert compiled == "False"
    assert rpds == str(bundled / "python" / "substitutes" / "rpds" / "rpds.py")

    code, vramlint, yaml, compiled, rpds = which(sys.executable)
    assert vramlint == str(bundled / "python" / "libs" / "vramlint" / "__init__.py")
    assert compiled == "True"
    assert not yaml.startswith(str(bundled))
    assert not rpds.startswith(str(bundled))
