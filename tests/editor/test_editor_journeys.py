"""Real editors: VS Code in a headless browser, Neovim. UPDATE_SCREENSHOT=1 renews the READMEs' pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scripts_in_editors import OUT, run

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLE = ROOT / "examples" / "axolotl-llama-3.1-8b-full.yaml"
VRAMLINT = str(Path(sys.executable).with_name("vramlint"))

pytestmark = pytest.mark.editor


THEMES = ("Default Light Modern", "Default Dark Modern")


def picture(name: str) -> Path:
    """Where a picture goes: with the others of the documentation where they are renewed."""
    renewed = os.environ.get("UPDATE_SCREENSHOT") == "1"
    file = (ROOT / "docs" / "images" if renewed else OUT) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


@pytest.mark.parametrize("theme", THEMES)
def test_squiggle_hover_and_fix_in_vs_code(editor_home: Path, vsix: Path, theme: str) -> None:
    name = f"editor-{theme.split()[1].lower()}"
    screenshot = picture(f"{name}.png")
    run(
        ["node", str(HERE / "journey.mjs")],
        EDITOR_HOME=editor_home,
        VSIX=vsix,
        OUT=OUT / name,
        CONFIG=EXAMPLE,
        SCREENSHOT=screenshot,
        THEME=theme,
    )
    assert screenshot.read_bytes().startswith(b"\x89PNG")


def test_a_new_user_sees_a_squiggle_and_is_asked_for_the_gpu(
    editor_home: Path, vsix: Path, tmp_path: Path
) -> None:
    """With a Python that has nothing but its own library."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    screenshot = picture("first-run.png")
    run(
        ["node", str(HERE / "first-run.mjs")],
        EDITOR_HOME=editor_home,
        VSIX=vsix,
        OUT=OUT / "first-run",
        PYTHON=tmp_path / "bare" / "bin",
        SCREENSHOT=screenshot,
    )
    assert screenshot.read_bytes().startswith(b"\x89PNG")


def test_a_config_a_launch_line_a_script_and_a_notebook_in_vs_code(editor_home: Path, vsix: Path) -> None:
    notebook = (ROOT / "examples" / "unsloth-llama-3.1-8b-qlora.ipynb").read_text(encoding="utf-8")
    code = [cell["source"] for cell in json.loads(notebook)["cells"] if cell["cell_type"] == "code"]
    script = "\n".join("".join(source) for source in code[1:])
    files = {
        EXAMPLE.name: EXAMPLE.read_text(encoding="utf-8"),
        "train.sh": (ROOT / "examples" / "trl-qwen2.5-7b-lora.sh").read_text(encoding="utf-8"),
        "train.py": script,
        "fit.ipynb": notebook,
    }
    run(
        ["node", str(HERE / "scripts.mjs")],
        EDITOR_HOME=editor_home,
        VSIX=vsix,
        OUT=OUT / "scripts",
        FILES=json.dumps(files),
    )


def test_a_server_that_dies_comes_back_in_vs_code(editor_home: Path, vsix: Path) -> None:
    run(
        ["node", str(HERE / "crash.mjs")],
        EDITOR_HOME=editor_home,
        VSIX=vsix,
        OUT=OUT / "crash",
        CONFIG=EXAMPLE,
    )


def test_a_workspace_that_is_not_trusted_runs_nothing_in_vs_code(editor_home: Path, vsix: Path) -> None:
    run(
        ["node", str(HERE / "hostile-workspace.mjs")],
        EDITOR_HOME=editor_home,
        VSIX=vsix,
        OUT=OUT / "hostile-workspace",
        CONFIG=EXAMPLE,
    )


@pytest.mark.parametrize(
    "case", ["no Python at all", "a Python that is not there", "a command that is not there"]
)
def test_vs_code_says_why_the_server_cannot_start(editor_home: Path, vsix: Path, case: str) -> None:
    run(
        ["node", str(HERE / "cannot-start.mjs")],
        EDITOR_HOME=editor_home,
        VSIX=vsix,
        OUT=OUT / case.replace(" ", "-"),
        CASE=case,
    )


PYTHON_EXTENSION = {
    "name": "python",
    "publisher": "ms-python",
    "version": "2099.0.0",
    "engines": {"vscode": "^1.100.0"},
    "main": "main.js",
    "activationEvents": [],
}
CHOSEN = """
exports.activate = () => ({
  environments: {
    getActiveEnvironmentPath: () => ({ path: "an environment" }),
    resolveEnvironment: async ({ path }) =>
      path === "an environment" ? { executable: { uri: require("vscode").Uri.file(PYTHON) } } : undefined,
  },
});
"""


def test_vs_code_takes_the_interpreter_of_the_python_extension(
    editor_home: Path, vsix: Path, tmp_path: Path
) -> None:
    """With a stand-in that offers the few functions of the Python extension that are called."""
    (tmp_path / "package.json").write_text(json.dumps(PYTHON_EXTENSION))
    (tmp_path / "main.js").write_text(CHOSEN.replace("PYTHON", json.dumps(sys.executable)))
    (tmp_path / "LICENSE").write_text("none")
    vsce = ROOT / "client-vscode" / "node_modules" / ".bin" / "vsce"
    arguments = ("package", "--no-dependencies", "--allow-missing-repository", "--out", "python.vsix")
    subprocess.run(
        [vsce, *arguments], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    run(
        ["node", str(HERE / "python-extension.mjs")],
        EDITOR_HOME=editor_home,
        VSIX=vsix,
        OUT=OUT / "python-extension",
        PYTHON_EXTENSION=tmp_path / "python.vsix",
        PYTHON=sys.executable,
    )


def reported() -> str:
    """What `vramlint check` reports of the example, as JSON."""
    report = subprocess.run(
        [VRAMLINT, "check", "--exit-zero", "--output-format", "json", str(EXAMPLE)],
        capture_output=True,
        check=True,
    )
    (file,) = json.loads(report.stdout)["files"]
    expected = [{"code": finding["code"], **finding["range"]["start"]} for finding in file["findings"]]
    assert expected
    return json.dumps(expected)


def test_neovim_sees_what_check_reports(tmp_path: Path) -> None:
    run(
        ["nvim", "--headless", "-u", "NONE", "-i", "NONE", "-n", "-S", str(HERE / "neovim.lua")],
        SERVER_COMMAND=json.dumps([VRAMLINT, "server"]),
        CONFIG=EXAMPLE,
        EXPECTED=reported(),
    )


def test_emacs_sees_what_check_reports_with_the_recipe_of_its_page(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "editors" / "emacs.md").read_text()
    (tmp_path / "recipe.el").write_text(page.partition("```elisp\n")[2].partition("```")[0])
    config = tmp_path / "train.yaml"
    config.write_text(EXAMPLE.read_text())
    run(
        ["emacs", "--batch", "--eval", "(package-initialize)", "-l", str(HERE / "eglot.el")],
        HOME=tmp_path,
        PATH=f"{Path(VRAMLINT).parent}{os.pathsep}{os.environ['PATH']}",
        RECIPE=tmp_path / "recipe.el",
        CONFIG=config,
        EXPECTED=reported(),
    )


@pytest.mark.parametrize("theme", THEMES)
def test_meter_picker_and_panel_in_vs_code(editor_home: Path, vsix: Path, theme: str) -> None:
    name = f"panel-{theme.split()[1].lower()}"
    screenshot = picture(f"{name}.png")
    run(
        ["node", str(HERE / "panel.mjs")],
        EDITOR_HOME=editor_home,
        VSIX=vsix,
        OUT=OUT / name,
        CONFIG=EXAMPLE,
        SCREENSHOT=screenshot,
        THEME=theme,
    )
    assert screenshot.read_bytes().startswith(b"\x89PNG")
