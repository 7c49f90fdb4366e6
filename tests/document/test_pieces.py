"""YAML read piece by piece is what is read of the whole, through any series of edits."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from vramlint.document import Document, Node
from vramlint.document.yaml import pieces
from vramlint.document.yaml.pieces import Pieces

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
ITEMS = "".join(f"  - path: org/data-{number}\n    type: alpaca  # {number}\n" for number in range(40))
TEXTS = [
    f"---\n# vramlint: gpu=A100-80GB\nbase_model: x/y\ndatasets:\n\n{ITEMS}\nadapter: lora\n",
    f"datasets:  # which\n{ITEMS.replace('  - ', '- ').replace('    ', '  ')}adapter: lora\n",
    "a: &a {x: 1}\nlong:\n  first: *a\n  second:\n    - 1\n"
    "  third: |\n    text\n\n  # why\n  fourth: 'q'\nz: 1\n",
    "? a\n: b\nc: 'x\nd: y'\ne:\n- {f: 1,\ng: 2}\n- h\n",
    "text: |+\n  kept\n\n\nother: {<<: {a: 1}, b: 2}\nlist:\n- - 1\n  - 2\n-\n- x: {{ y }}\n",
    *(path.read_text(encoding="utf-8") for path in EXAMPLES),
]
TYPED = (
    *" #-:'\"[]{}|,?%!@",
    *(
        "\n",
        "\r",
        "\t",
        "\x85",
        "\x0c",
        "\u2028",
        "\ufeff",
        "\U0001f600",
        "&a ",
        "*a",
        "<<: *a",
        ">-",
        "|+\n\n",
    ),
    *("\n- a: 1\n", "\n  - x\n", "\nkey: v\n", "key:\n", "---\n", "...\n", "  ", "7"),
)


def seen(node: Node | None) -> Any:
    """All that a tree says."""
    if node is None:
        return None
    pairs = tuple((seen(pair.key), seen(pair.value), pair.merged_from) for pair in node.pairs)
    said = (
        node.kind,
        node.span,
        repr(node.value),
        node.raw,
        node.style,
        node.anchor,
        node.recovered,
        node.size,
    )
    return said, pairs, tuple(map(seen, node.items)), node.target and node.target.span


def same(one: Document, other: Document) -> bool:
    trees = [(seen(each.root), tuple(map(seen, each.others))) for each in (one, other)]
    return trees[0] == trees[1] and (one.problems, one.comments) == (other.problems, other.comments)


def edited(text: str, chosen: random.Random) -> str:
    """One edit: something typed in the middle of a line, or lines copied, removed or moved."""
    lines = text.splitlines(keepends=True)
    if chosen.random() < 0.5 and lines:
        line, kind = chosen.randrange(len(lines)), chosen.randrange(4)
        taken = lines[line : line + chosen.randrange(1, 4)]
        if kind:
            lines[line : line + (0 if kind == 1 else len(taken))] = taken if kind == 1 else []
        if kind == 3:
            lines[chosen.randrange(len(lines) + 1) :][:0] = taken
        return "".join(lines)
    start = chosen.randrange(len(text) + 1)
    return text[:start] + chosen.choice(TYPED) + text[start + chosen.choice((0, 0, 1, 2, 9)) :]


@pytest.mark.parametrize("short", [0, 60, 400])
def test_it_is_what_is_read_of_the_whole(monkeypatch: pytest.MonkeyPatch, short: int) -> None:
    monkeypatch.setattr(pieces, "SHORT", short)
    chosen = random.Random(short)
    for number in range(700 // 14):
        text, known = TEXTS[number % len(TEXTS)][:3_000], Pieces()
        for _ in range(14):
            whole = Document.parse(text, language="yaml")
            assert same(Document.parse(text, language="yaml", pieces=known), whole), text
            text = edited(text, chosen)


def test_what_has_not_changed_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "SHORT", 60)
    text, known = TEXTS[0], Pieces()
    Document.parse(text, language="yaml", pieces=known)
    read: list[str] = []
    compose = pieces.compose
    monkeypatch.setattr(pieces, "compose", lambda text, *rest: read.append(text) or compose(text, *rest))
    Document.parse(text.replace("base_model: x/y", "base_model: other"), language="yaml", pieces=known)
    assert read == ["base_model: other\n"]
    for number in range(40):
        typed = text.replace("base_model: x/y", f"base_model: {'other' * number}")
        Document.parse(typed, language="yaml", pieces=known)
    read.clear()
    after = Document.parse(text.replace("org/data-7\n", "local\n"), language="yaml", pieces=known)
    assert [part for part in read if "path" in part] == ["  - path: local\n    type: alpaca  # 7\n"]
    assert after.values()["datasets"][7] == {"path": "local", "type": "alpaca"}
