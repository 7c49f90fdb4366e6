"""The commands on the pages of the documentation, and what they print.

A block of the language `console` is a session: each line that begins with `$ ` is run in the root of the
project, and what follows it is what it prints. `scripts/generate` writes the output anew; the site's build
runs every command again and fails if a page says something else. Other lines that begin with `vramlint`
in a block of `sh` or an indented one are run too, and must not fail.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SESSION = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^    \S.*\n)+", re.MULTILINE)
COMMAND = re.compile(r"^ *(vramlint [^#\n]+)", re.MULTILINE)
FAILED = 2
"""The exit code of a command that could not do what was asked."""


def rewritten(text: str) -> str:
    """A page with the output of its sessions as it is now. Raises RuntimeError if a command fails."""
    return SESSION.sub(lambda found: f"```console\n{_session(found[1])}```", text)


def run_all(texts: list[str]) -> None:
    """Run every command of some pages, a few at a time, so that each answer is known afterwards."""
    commands = [command for text in texts for command in (*_prompted(text), *unprompted(text))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(printed, commands))


def unprompted(text: str) -> Iterator[str]:
    """The commands of a page whose output it does not show."""
    blocks = [block for language, block in FENCED.findall(text) if language == "sh"]
    blocks += INDENTED.findall(FENCED.sub("", text))
    for block in blocks:
        yield from (command.strip() for command in COMMAND.findall(block))


@cache
def printed(command: str) -> str:
    """What a vramlint command prints. Raises RuntimeError if it could not do what was asked."""
    program, *arguments = shlex.split(command)
    if program != "vramlint":
        raise RuntimeError(f"{command}: a session runs vramlint and nothing else")
    result = subprocess.run(
        [sys.executable, "-m", "vramlint", *arguments],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100", "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if result.returncode >= FAILED:
        raise RuntimeError(f"{command}: exit code {result.returncode}\n{result.stderr}")
    return result.stdout


def _shown(command: str) -> str:
    """What a session shows of a command. Raises RuntimeError if a block cannot hold it."""
    if "```" in (text := printed(command)):
        raise RuntimeError(f"{command}: prints blocks of its own: put it in a block of sh")
    return f"$ {command}\n{text}"


def _prompted(text: str) -> Iterator[str]:
    for session in SESSION.findall(text):
        yield from re.findall(r"^\$ (.+)$", session, re.MULTILINE)


def _session(text: str) -> str:
    return "\n".join(map(_shown, re.findall(r"^\$ (.+)$", text, re.MULTILINE)))
