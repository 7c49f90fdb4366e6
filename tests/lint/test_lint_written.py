"""How texts, numbers and names are written, what comments say, and which key a misspelt one is taken for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from dialect_seeds import seed_of, with_values

from vramlint.analysis.analyse import analyse
from vramlint.catalog.gpus import all_gpus
from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Dialect
from vramlint.document import Document
from vramlint.lint import escape, format, inert
from vramlint.lint.directives import read_directives
from vramlint.project.workspace import Workspace

TEXTS = (
    "", " ", "plain", "a_b _c_ *d*", "`code` and ``more``", "<b>&amp;\"'</b>", "a|b [l](u) ![i](u)",
    "$x ${y} #1",
    "http://a.b www.a.b", "line\nnext\r\nlast\ttab", "::error::x %0A", "##[group]x", "\x1b[31mred\x1b[0m",
    "nul\x00bell\x07", "right\u202eleft", "zero\u200bwidth", "lone\ud800", "none\ufffe", "é漢😀", "#!/bin/sh",
    "# vramlint: ignore", "@someone", "-- option", "a" * 60, "x\u2028y",
)  # fmt: skip
NUMBERS = (
    0, 1, 49, 512, 1023, 1024, 999_999, 1_000_000, 53_687_091, 107_321_753_140, 107_374_182_400,
    8_030_261_248, 999_500_000_000, 1_000_000_000_000, 0.04 * 2**30, 0.05 * 2**30, 99.94 * 2**30,
    99.95 * 2**30, 99.96 * 2**30, -(2**30),
)  # fmt: skip
VALUES = (
    None,
    True,
    1.5,
    2**2000,
    "x" * 50,
    "a\nb",
    [1],
    {"a": 1},
    "${A}",
    "{{ b }}",
    "<<c>>",
    "$HOME",
    "a$b",
)
KEYS = (("a",), ("a", "b", 0), (0, "a"), (), ("a.b", "c"))
COMMENTS = (
    "gpu=A100-80GB x8", "gpu = RTX-4090", "gpu=H100", "GPU=T4 versions=trl@1.0,torch==2.8 dialect=trl",
    "ram=64GB",
    "versions=trl", "versions=nothing@1", "versions=trl@x", "dialect=none", "ram=lots", "gpu=", "unknown=3",
    "ignore",
    "ignore[VL101]", "ignore[VL101, VL3] because", "ignore[VL101", "ignore[]", "ignore[1]",
    "ignore-file[VL1] all",
    "Ignore-File", "ignore VL101", "gpu==A100", "words", "",
)  # fmt: skip


def calls() -> Iterator[str]:
    """Each function with each text or number."""
    for name in ("markdown", "markdown_code", "github", "xml", "xml_attribute", "json_text"):
        yield from (f"{name} {text!r}: {getattr(escape, name)(text)!r}" for text in TEXTS)
    yield from (f"github, more {text!r}: {escape.github(text, ':,')!r}" for text in TEXTS)
    for name in ("inert", "inert_message", "inert_path", "inert_line", "inert_block"):
        yield from (f"{name} {text!r}: {getattr(inert, name)(text)!r}" for text in TEXTS)
    for name in ("gib", "count"):
        yield from (f"{name} {number}: {getattr(format, name)(number)}" for number in NUMBERS)
    yield from (f"key {key}: {format.key_text(key)}" for key in KEYS)
    yield from (f"{gpu.name}: {format.gpu_name(gpu)}" for gpu in all_gpus())
    for value in VALUES:
        short = format.shorten(value), format.shorten(value, 5)
        yield f"{str(value)[:60]!r}: {short!r}, {format.is_open(value)}"


def test_how_it_is_written(snapshot: Callable[[str, str], None]) -> None:
    snapshot("written.txt", "\n".join(calls()).encode("ascii", "backslashreplace").decode() + "\n")


@pytest.mark.parametrize("name", ["x.yaml", "x.toml"])
def test_what_comments_say(name: str, snapshot: Callable[[str, str], None]) -> None:
    lines = []
    for comment in COMMENTS:
        for text in (
            f"# vramlint: {comment}\na = 1\n",
            f"b = 2 # vramlint : {comment}\n# vramlint:{comment}\n",
        ):
            said = read_directives(
                Document.parse(text.replace(" =", ":") if name == "x.yaml" else text, name)
            )
            facts = {field.name: getattr(said, field.name) for field in dataclasses.fields(said)}
            lines.append(f"{text!r}: " + "; ".join(f"{key} {value}" for key, value in facts.items() if value))
    snapshot(f"comments-{name}.txt", "\n".join(lines) + "\n")


def misspelt(key: str) -> Iterator[str]:
    """The last part of a dotted key, with a letter less, two letters changed, and another word joined."""
    above, dot, last = key.rpartition(".")
    if len(last) > 3:
        middle = len(last) // 2
        swapped = last[: middle - 1] + last[middle] + last[middle - 1] + last[middle + 1 :]
        for wrong in (last[:middle] + last[middle + 1 :], swapped, f"{last}_x"):
            yield f"{above}{dot}{wrong}"


@pytest.mark.parametrize("dialect", load_all(), ids=lambda dialect: dialect.name)
def test_what_a_misspelt_key_is_taken_for(
    dialect: Dialect, tmp_path: Path, snapshot: Callable[[str, str], None]
) -> None:
    workspace, lines = Workspace(tmp_path), []
    keys = [row.path for row in dialect.keys if crc32(row.path.encode()) % 6 == 0]
    for wrong in [*(each for key in keys for each in misspelt(key)), *(row.path for row in dialect.renamed)]:
        values: Any = with_values(seed_of(dialect), {wrong: 1})
        document = Document.parse(json.dumps(values, indent=1), str(tmp_path / "x.json"))
        found = [
            each for each in analyse(document, workspace).findings if wrong.rpartition(".")[2] in each.message
        ]
        lines += [f"{wrong}: {each.code} {each.severity} {each.message}" for each in found] or [
            f"{wrong}: nothing"
        ]
        lines += [
            f"  {fix.title}: {[edit.text for edit in fix.edits]}" for each in found for fix in each.fixes
        ]
    snapshot(f"misspelt-{dialect.name}.txt", "\n".join(lines) + "\n")
