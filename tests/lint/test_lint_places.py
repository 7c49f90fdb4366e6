"""Which stretch of a text a finding points at: each part of each key of examples in every language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.document.node import Span
from vramlint.lint.finding import At, Part
from vramlint.lint.places import span_of
from vramlint.project.workspace import Workspace

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = (
    "textbook-7b.job.yaml", "prime-rl-qwen3-1.7b-sft.toml", "deepspeed-zero3/zero3.json",
    "trl-qwen2.5-7b-lora.sh", "unsloth-llama-3.1-8b-qlora.ipynb",
)  # fmt: skip
PARTS: tuple[Part, ...] = get_args(Part)
OTHERS = ((), ("none",), ("model", "none"), ("model", 0, "x"))
EMPTY = "vramlint: 1\nmodel:\nkeys: {a: , b: 1}\n"


def places(document: Document) -> Iterator[str]:
    """A line a place."""
    root = analyse(document, Workspace(EXAMPLES)).document.root
    keys = [(pair.key.value,) for pair in root.resolved().pairs] if root is not None else []
    for key in (*keys, *OTHERS):
        by_place: dict[str, list[str]] = {}
        for part in PARTS:
            for other in (None, "other.json"):
                start, end = span_of(document, At(key, part, document=other))
                said = f"{start}-{end} {document.text[start:end][:60]!r}"
                by_place.setdefault(said, []).append(f"{part}{' elsewhere' if other else ''}")
        yield from (f"{key} {', '.join(parts)}: {said}" for said, parts in by_place.items())


def test_where_a_finding_points(snapshot: Callable[[str, str], None]) -> None:
    lines = []
    documents = [Document.read(str(EXAMPLES / name)) for name in NAMES]
    for document in (*documents, Document.parse(EMPTY, "empty.yaml")):
        lines += [f"# {Path(document.path or '').name}", *places(document)]
    assert span_of(documents[0], At(("model",), "value", span=Span(1, 2))) == Span(1, 2)
    snapshot("places.txt", "\n".join(lines) + "\n")
