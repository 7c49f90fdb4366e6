"""What an analysis imports: start-up is most of what a run on the command line costs."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
from vramlint.document import Document
from vramlint.analysis.analyse import analyse
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace
analysis = analyse(Document.parse({text!r}, "x.yaml"), Workspace(), Overrides(gpu="RTX 4090"))
print(analysis.dialect.name if analysis.dialect else None, len(analysis.findings))
print([name for name in ("jsonschema", "difflib", "pygls", "lsprotocol", "tomllib") if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("text", "dialect", "late"),
    [
        ("a: 1\n", "None", []),
        ("vramlint: 1\nmodel: HuggingFaceTB/SmolLM2-360M\n", "job", []),
        ("train_batch_size: 8\nzero_optimization: {stage: [3]}\n", "deepspeed", ["jsonschema"]),
    ],
)
def test_imports_are_late(tmp_path: Path, text: str, dialect: str, late: list[str]) -> None:
    command = [sys.executable, "-c", CODE.format(text=text)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    first, second = run.stdout.splitlines()
    assert first.startswith(dialect)
    assert second == str(late)
