"""Every deciding key of every dialect with values that no run can have: no verdict is built on them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dialect_seeds import seed_of, with_values

from vramlint.analysis.analyse import analyse
from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Dialect, Key
from vramlint.dialects.kit.plausible import COUNTS
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

NONSENSE: dict[str, Any] = {
    "zero": 0,
    "negative": -4,
    "text": "nonsense",
    "list": [1, 2],
    "mapping": {"a": 1},
    "null": None,
    "huge": 10**14,
}
WITHOUT_VERDICT = (
    *("accelerate", "deepspeed", "ludwig", "megatron-bridge", "nanotron", "prime-rl", "skypilot", "slime"),
)
"""Dialects whose files alone make no run, or whose framework is not modelled."""


def check(dialect: Dialect, values: dict[str, Any], folder: Path) -> Analysis:
    text = f"// vramlint: dialect={dialect.name}\n{json.dumps(values)}"
    document = Document.parse(text, str(folder / "x.jsonc"))
    return analyse(document, Workspace(folder), Overrides(gpu="H100-80GB x8", by_count=True))


def must_be_said(key: Key) -> Iterator[str]:
    """The values that cannot pass without a word, by what the table says that the key takes."""
    if key.field == "optimizer" or key.default is True or key.default is False or True in key.choices:
        return
    if key.choices:
        yield from ("text", "mapping", "list")
    elif key.field in COUNTS:
        yield from ("list", "mapping", "huge")
        if isinstance(key.default, int | float):
            yield "text"
            if key.default >= 0:
                yield "negative"


@pytest.mark.parametrize("dialect", load_all(), ids=lambda dialect: dialect.name)
def test_the_seed_has_a_verdict(dialect: Dialect, tmp_path: Path) -> None:
    verdict = check(dialect, seed_of(dialect), tmp_path).verdict
    assert verdict == ("unknown" if dialect.name in WITHOUT_VERDICT else "fits")


@pytest.mark.parametrize("dialect", load_all(), ids=lambda dialect: dialect.name)
def test_no_verdict_is_built_on_nonsense(dialect: Dialect, tmp_path: Path) -> None:
    seed = seed_of(dialect)
    silent, confident = [], []
    for key in dialect.keys:
        for name, value in NONSENSE.items() if key.field else ():
            analysis = check(dialect, with_values(seed, {key.path: value}), tmp_path)
            assert analysis.cannot is None or analysis.cannot.code != "internal-error", (key.path, name)
            refused = [found for found in analysis.findings if found.code == "VL003"]
            if refused and analysis.verdict != "unknown":
                confident.append((key.path, name))
            last = key.path.split(".")[-1]
            about = [found for found in analysis.findings if last in found.at.key]
            if analysis.verdict in ("fits", "tight") and name in must_be_said(key) and not about:
                silent.append((key.path, name))
    assert (silent, confident) == ([], [])
