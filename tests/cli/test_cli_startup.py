"""A cold start loads little, and stays within bounds in processor time, which a busy machine hardly moves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_running import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

from startup import processor_seconds

from vramlint.dialects import REGISTRY
from vramlint.project.prefilter import could_be_config

BOUNDS = {"other": 4, "config": 11, "fixes": 17, "replayed": 24}
"""Of a file that is not a config, of a config that fits, of one with findings and fixes, and of one so near
to the limit that the caching allocator is replayed (here three times): in bare starts. The search for fixes
estimates some twenty combinations of changes, a third of what the third takes. With tests on all processors a
start takes up to a fifth more than alone; `benchmarks/startup.py` has the bounds that hold there.
"""
FEWEST, MOST = 4, 15
"""Runs of each command: more only while a bound looks missed, since load on the machine only adds."""


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="processor time of a child is asked for with wait4")
def test_cold_starts_against_a_bare_python(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    other = tmp_path / "compose.yaml"
    other.write_text("services: {web: {image: nginx}}\n")
    commands = {
        "bare": ("-c", "pass"),
        "other": ("-m", "vramlint", "check", str(other)),
        "config": ("-m", "vramlint", "check", "examples/axolotl-llama-3.1-8b-qlora.yaml"),
        "fixes": ("-m", "vramlint", "check", "--exit-zero", "examples/axolotl-llama-3.1-8b-full.yaml"),
        "replayed": ("-m", "vramlint", "check", "examples/trl-sft-tight.yaml"),
    }
    for arguments in commands.values():
        processor_seconds(arguments, environment)  # compiles
    least = dict.fromkeys(commands, float("inf"))
    for run in range(MOST):
        for name, arguments in commands.items():
            least[name] = min(least[name], processor_seconds(arguments, environment))
        if run >= FEWEST and within(least):
            return
    assert within(least), {name: round(1000 * seconds, 1) for name, seconds in least.items()}


def within(least: dict[str, float]) -> bool:
    """Whether all bounds hold."""
    return all(least[name] <= times * least["bare"] for name, times in BOUNDS.items())


LOADED = """
import sys
from vramlint.cli import main
main(["check", sys.argv[1]])
print(*sys.modules)
"""


def loaded_dialects(config: Path) -> set[str]:
    """The dialects of which a check of the file loads any code."""
    run = subprocess.run([sys.executable, "-c", LOADED, config], cwd=ROOT, capture_output=True, text=True)
    modules = run.stdout.splitlines()[-1].split()
    places = {entry.name: entry.module.removesuffix(".read") for entry in REGISTRY}
    return {name for name, place in places.items() if f"vramlint.dialects.{place}" in modules}


@pytest.mark.parametrize(
    ("example", "dialects"),
    [
        ("../LICENSE", set()),
        ("axolotl-llama-3.1-8b-qlora.yaml", {"axolotl"}),
        ("deepspeed-zero3/axolotl.yaml", {"axolotl"}),
        ("deepspeed-zero3/zero3.json", {"deepspeed"}),
        ("litgpt-llama-3.2-1b-lora.yaml", {"litgpt"}),
        ("textbook-7b.job.yaml", {"job"}),
        ("trl-sft-tight.yaml", {"trl"}),
    ],
)
def test_only_the_dialect_of_the_file_is_loaded(example: str, dialects: set[str]) -> None:
    assert loaded_dialects(ROOT / "examples" / example) == dialects


def least_seconds(work: Callable[[], object]) -> float:
    """The least processor time of several runs."""
    seconds = []
    for _ in range(MOST):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def test_the_first_look_at_a_large_file_costs_no_more_than_parsing_it(tmp_path: Path) -> None:
    rows = [
        {"id": row, "name": f"user {row}", "tags": ["a", "b"], "city": {"zip": row}} for row in range(9000)
    ]
    data = json.dumps(rows, indent=1).encode()
    assert len(data) > 900_000
    path = str(tmp_path / "data.json")
    assert not could_be_config(data, path)
    look = least_seconds(lambda: could_be_config(data, path))
    assert look <= least_seconds(lambda: json.loads(data))
