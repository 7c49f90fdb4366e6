"""What is being typed between brackets: JSON, and the flow collections and inline tables of YAML and TOML."""

from __future__ import annotations

import re
from typing import Literal

from vramlint.document import Language
from vramlint.document.node import KeyPath
from vramlint.lazy_dataclasses import dataclass

_STRING = r""""(?:\\.|[^"\\\n])*"?|'[^'\n]*'?"""
_TOKENS = {
    "yaml": re.compile(
        rf"(?P<comment>(?<!\S)#.*)|(?P<string>{_STRING})|(?P<mark>[{{}}\[\],]|:(?=[\s,\[\]{{}}]|$))|\S"
    ),
    "json": re.compile(rf"(?P<comment>//.*|/\*[\s\S]*?\*/)|(?P<string>{_STRING})|(?P<mark>[{{}}\[\],:])|\S"),
    "toml": re.compile(rf"(?P<comment>#.*)|(?P<string>{_STRING})|(?P<mark>[{{}}\[\],=])|\S"),
}


@dataclass(frozen=True, slots=True)
class InFlow:
    """`path` is, below the place of the first bracket, the mapping that a key is typed in, or the key whose
    value or list item is; `typed` what is before the cursor.
    """

    part: Literal["key", "value", "item"]
    path: KeyPath
    typed: str


def in_flow(text: str, language: Language) -> InFlow | None:
    """What is typed at the end of a text that begins with a bracket; None where all are closed, or in a
    comment.
    """
    opened: list[tuple[str, str | None]] = []
    key: str | None = None
    began = 0
    found: re.Match[str] | None = None
    for found in _TOKENS[language].finditer(text):
        mark = found["mark"]
        if found["comment"] and not text[began : found.start()].strip():
            began = found.end()
        if mark is None:
            continue
        if mark in "{[":
            opened.append((mark, key))
            key = None
        elif mark in "}]":
            _, key = opened.pop()
            if not opened:
                return None
        elif mark in ":=":
            key = text[began : found.start()].strip().strip("\"'")
        else:
            key = None
        began = found.end()
    if not opened or (found is not None and found["comment"] is not None and found.end() == len(text)):
        return None
    path = tuple(name for _, name in opened if name is not None)
    typed = text[began:].lstrip()
    if opened[-1][0] == "[":
        return InFlow("item", path, typed)
    return InFlow("key", path, typed) if key is None else InFlow("value", (*path, key), typed)
