"""What is being typed at every place of a text, whole and cut off there, as text that a reader can review."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from vramlint.document import Document, Language
from vramlint.lsp.cursor import Cursor, cursor_at

TEXTS: dict[Language, str] = {
    "yaml": """\
# vramlint: gpu=T4
model: "meta llama"   # x
'a b': {c: 1, "d": [x, 'y z'], e: }
list:
  - one
  - key: two
    other: [q_proj,
      v_proj, ]
  -
deep:
    deeper:
        deepest: train[:1]
text: |
  a: 1
word
? odd
last: http://x
""",
    "json": """\
{
  // comment
  "a": {"b c": [0.9, {"d": "x y"}], "e": },
  "f" : "g\\"h",
  "i": tru, /* j */ "k": [
    "l"
  ]
}
""",
    "toml": """\
a = 1
[t.u] # v
b.c = "d e"
f = [1,
  2, {g = 3},
  "h",
]
i = {j = 'k', l = {m = 4}}
n = [
# o
  5
]
[[p]]
"q r" = s
t =
[ u
""",
}


def said(cursor: Cursor | None) -> str:
    """A cursor in a word or two."""
    if cursor is None:
        return "nothing"
    path = ".".join(map(str, cursor.path))
    marks = f"{' separated' if cursor.separated else ''}{' between brackets' if cursor.flow else ''}"
    return f"{cursor.part} of {path!r}, typed {cursor.typed!r}{marks}"


def cursors(language: Language, *, cut: bool) -> Iterator[str]:
    """A line a stretch in which the same is being typed."""
    text = TEXTS[language]
    whole = Document.parse(text, None, language)
    for offset in range(len(text) + 1):
        document = Document.parse(text[:offset], None, language) if cut else whole
        cursor = cursor_at(document, offset)
        end = f" of {document.text[slice(*cursor.span)]!r}" if cursor is not None else ""
        yield f"{text[max(0, offset - 12) : offset]!r}: {said(cursor)}{end}"


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
def test_what_is_typed_where(language: Language, cut: bool, snapshot: Callable[[str, str], None]) -> None:
    lines = [*cursors(language, cut=cut)]
    snapshot(f"cursors-{language}-{'cut' if cut else 'whole'}.txt", "\n".join(lines) + "\n")
