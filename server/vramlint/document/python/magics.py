"""What a notebook's cell has for other languages: shell lines, shell cells, and files that a cell writes.

Sources: IPython 9, core/inputtransformer2.py (`!`, `%%`), core/magics/osm.py (`%%writefile`, `%env`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from vramlint.document.place import Piece, Snippet

_SHELL_CELL = re.compile(r"\s*%%(?:bash|sh|system|script[ \t]+(?:ba|z|da)?sh)\b[^\n]*(?:\n|\Z)")
_WRITE_CELL = re.compile(r"\s*%%(?:writefile|file)[ \t]+(?:-a[ \t]+)?([^\n]+?)[ \t]*(?:\n|\Z)")
_LINE = re.compile(r"^[ \t]*(?:!{1,2}|%(?:sx|system)\b)((?:[^\n\\]|\\.|\\\n)*)", re.MULTILINE)
_ENVIRONMENT = re.compile(
    r"^[ \t]*%(?:set_)?env[ \t]+([A-Za-z_]\w*)[ \t=][ \t]*([^\n]*?)[ \t]*$", re.MULTILINE
)
_NAME = re.compile(r"(?<!\$)\{([A-Za-z_]\w*)\}")


class Magic(NamedTuple):
    """A piece of a cell in another language. `name`: of the file that is written, or of the variable."""

    kind: Literal["shell", "file", "variable"]
    snippet: Snippet
    name: str = ""


def magics(cell: Snippet) -> Iterator[Magic]:
    """The pieces of a cell that are no Python, in their order."""
    text = cell.text
    if not ("!" in text or "%" in text):
        return
    whole = _SHELL_CELL.match(text)
    if whole:
        yield Magic("shell", cell.part(whole.end(), len(text)))
        return
    written = _WRITE_CELL.match(text)
    if written:
        yield Magic("file", cell.part(written.end(), len(text)), written[1].strip("\"'"))
        return
    found = [("variable", each) for each in _ENVIRONMENT.finditer(text)]
    found += [("shell", each) for each in _LINE.finditer(text)]
    for kind, match in sorted(found, key=lambda each: each[1].start()):
        if kind == "variable":
            yield Magic("variable", cell.part(match.start(2), match.end(2)), match[1])
        else:
            yield Magic("shell", _with_names(cell.part(match.start(1), match.end(1))))


def _with_names(line: Snippet) -> Snippet:
    """A shell line in which `{name}`, a variable of Python, is written as the shell's."""
    text = ""
    pieces: list[Piece] = []
    at = 0
    for found in _NAME.finditer(line.text):
        for start, end, new in (
            (at, found.start(), line.text[at : found.start()]),
            (found.start(), found.end(), f"${{{found[1]}}}"),
        ):
            inner = line.part(start, end)
            exact = new == inner.text
            pieces += (
                piece._replace(start=len(text) + piece.start, exact=piece.exact and exact)
                for piece in inner.pieces[: None if exact else 1]
            )
            text += new
        at = found.end()
    rest = line.part(at, len(line.text))
    pieces += (piece._replace(start=len(text) + piece.start) for piece in rest.pieces)
    return Snippet(text + rest.text, tuple(pieces))
