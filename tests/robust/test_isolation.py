"""Nothing of the folder that vramlint is run in is imported, whatever it is called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BAD = "base_model: meta-llama/Llama-3.1-8B\nmicro_batch_size: auto\nsequence_len: 2048\nadapter: lora\n"
NAMES = ("yaml", "torch", "jsonschema", "packaging", "pathspec", "vramlint_rules", "json", "huggingface_hub")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with modules that leave a mark when they are imported."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("open('imported', 'a').write(__name__ + '\\n')\n")
    (tmp_path / "t.yaml").write_text(BAD)
    (tmp_path / "vramlint.toml").write_text('gpu = "A100-80GB"\nexclude = ["old/**"]\n')
    return tmp_path


def run(folder: Path, *command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, env=environment, check=False)


def test_check_as_a_module(hostile: Path) -> None:
    done = run(hostile, sys.executable, "-m", "vramlint", "check", ".")
    assert b"VL003" in done.stdout
    assert not (hostile / "imported").exists()


def test_check_in_several_processes(hostile: Path) -> None:
    for number in range(300):
        (hostile / f"{number}.yaml").write_text(BAD)
    done = run(hostile, sys.executable, "-m", "vramlint", "check", "--jobs", "2", "--statistics", ".")
    assert b"VL003" in done.stdout, done.stderr
    assert not (hostile / "imported").exists()


def test_the_server_as_a_module(hostile: Path) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}'
    done = run(
        hostile,
        *(sys.executable, "-m", "vramlint", "server"),
        stdin=b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
    )
    assert b'"capabilities"' in done.stdout
    assert not (hostile / "imported").exists()


def test_a_folder_of_our_own_name_is_not_run_by_the_script(hostile: Path) -> None:
    (hostile / "vramlint").mkdir()
    (hostile / "vramlint" / "__init__.py").write_text("open('imported', 'a').write(__name__)\n")
    script = Path(sys.executable).with_name("vramlint.exe" if sys.platform == "win32" else "vramlint")
    commands = [(sys.executable, "-I", "-m", "vramlint"), *([(str(script),)] if script.exists() else [])]
    for command in commands:
        assert b"VL003" in run(hostile, *command, "check", ".").stdout
    assert not (hostile / "imported").exists()
