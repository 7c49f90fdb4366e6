"""Edits by ranges: after any of them the server's text is the client's, whatever ends a line elsewhere."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import pytest
from lsp_talk import FULL, Editor
from lsprotocol import types
from pygls.workspace import Workspace

from vramlint.lsp.texts import keep_texts

UNITS = {"utf-8": 1, "utf-16": 2, "utf-32": 4}
CODECS = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
PIECES = [
    *("\n", "\r\n", "\r", "\x85", "\x0c", "\x0b", "\x1c", "\u2028", "\u2029"),
    *("a: 1", "  ", "é", "😀", "𝒳y", "漢", "\ufeff", "#", "micro_batch_size: 2\n", ""),
]


def places(text: str, encoding: str) -> list[types.Position]:
    """The position before each character and at the end; those inside CRLF are none. Counted by the bytes of
    each line, in another way than the server does.
    """
    found: list[types.Position] = []
    for number, line in enumerate(re.split("\r\n|\r|\n", text)):
        widths = [len(character.encode(CODECS[encoding])) // UNITS[encoding] for character in line]
        found += [types.Position(number, sum(widths[:index])) for index in range(len(line) + 1)]
    return found


def offsets(text: str) -> list[int]:
    """The offsets of `places`."""
    inside = {found.start() + 1 for found in re.finditer("\r\n", text)}
    return [offset for offset in range(len(text) + 1) if offset not in inside]


def random_edit(
    chance: random.Random, text: str, encoding: str
) -> tuple[types.TextDocumentContentChangePartial, str]:
    """An edit, and the text that a client has after it."""
    where, at = places(text, encoding), offsets(text)
    assert len(where) == len(at)
    first = chance.randrange(len(at))
    last = min(len(at) - 1, first + chance.choice((0, 0, 1, 2, 9)))
    new = "".join(chance.choices(PIECES, k=chance.choice((0, 1, 1, 3))))
    edit = types.TextDocumentContentChangePartial(types.Range(where[first], where[last]), new)
    return edit, text[: at[first]] + new + text[at[last] :]


@pytest.mark.parametrize("encoding", list(UNITS))
def test_two_thousand_edits(encoding: str) -> None:
    chance = random.Random(encoding)
    workspace = Workspace(None, position_encoding=encoding)
    keep_texts(workspace)
    text = "a: 1\r\nb: \x0c2\n😀: c\u2028d\re"
    workspace.put_text_document(types.TextDocumentItem("untitled:x", "yaml", 1, text))
    document = workspace.get_text_document("untitled:x")
    identifier = types.VersionedTextDocumentIdentifier(2, "untitled:x")
    for _ in range(2000):
        edit, text = random_edit(chance, text[:200], encoding)
        if len(document.source) > 200:  # texts stay short: the oracle is slow
            workspace.update_text_document(
                identifier, types.TextDocumentContentChangeWholeDocument(document.source[:200])
            )
        workspace.update_text_document(identifier, edit)
        assert document.source == text


def seen(found: Sequence[types.Diagnostic]) -> list[tuple[object, ...]]:
    return [(each.range, each.code, each.message, each.severity) for each in found]


@pytest.mark.asyncio(loop_scope="module")
async def test_the_server_says_the_same_as_of_the_whole_text(editor: Editor) -> None:
    chance = random.Random(7)
    base = FULL.replace("vramlint: 1", "vramlint: 1 # 😀 \x85 \u2028 \x0c")
    edited = await editor.open(base, "edited.yaml")
    text = base
    for number in range(12):
        edits = []
        for _ in range(3):
            edit, text = random_edit(chance, text, "utf-16")
            edits.append(edit)
        editor.texts[edited] = text
        editor.versions[edited] += 1
        editor.client.diagnostics.pop(edited, None)
        identifier = types.VersionedTextDocumentIdentifier(editor.versions[edited], edited)
        editor.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, edits))
        whole = await editor.open(text, f"whole-{number}.yaml")
        assert seen(await editor.diagnostics(edited)) == seen(await editor.diagnostics(whole))
