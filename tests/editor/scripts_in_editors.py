"""Runs the scripts that drive editors and browsers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

OUT = Path(__file__).parents[2] / "out" / "editor"


def run(command: list[str], **environment: str | Path) -> None:
    """Run a test script and fail with its words. Pictures and logs are left in `out/editor`."""
    result = subprocess.run(
        command,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=400,
        check=False,
    )
    print(result.stdout)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}\nsee {OUT}"
