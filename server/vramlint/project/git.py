"""Git, asked so that nothing runs that a repository configures: no hook, monitor, filter or fetch."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat"}


def command(folder: str | Path, *arguments: str) -> list[str] | None:
    """The command that asks git in `folder`; None where there is no git, or only one that lies in that folder
    or the current one, where Windows looks first.
    """
    program = shutil.which("git")
    if program is None or Path(program).resolve().parent in (Path(folder).resolve(), Path.cwd()):
        return None
    return [program, *_SAFE, *arguments]


def environment() -> dict[str, str]:
    """The environment that git is asked in: it asks nobody, fetches nothing and takes no lock."""
    return {**os.environ, **_QUIET}
