"""What an editor does with the server: open, type, look, hover, fix."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types
from pytest_lsp import LanguageClient
from work import PATIENCE

LANGUAGES = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".jsonc": "jsonc",
    ".toml": "toml",
    ".sh": "shellscript",
    ".py": "python",
}
SENT: dict[str, int] = {}
"""The newest version of each document that was sent."""
FULL = """\
# vramlint: gpu=RTX-4090
vramlint: 1
model: meta-llama/Llama-3.1-8B
method: full
optimizer: adamw_torch_fused
micro_batch_size: 4
gradient_accumulation_steps: 4
sequence_length: 2048
gradient_checkpointing: none
attention: sdpa
precision:
  weights: bfloat16
"""
SMALL = """\
# vramlint: gpu=RTX-4090
vramlint: 1
model: HuggingFaceTB/SmolLM2-135M
micro_batch_size: 1
sequence_length: 512
"""


class Editor:
    """One client with a folder. Positions are given as text to find: what a user points at."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.texts: dict[str, str] = {}
        self.versions = SENT

    @property
    def pulls(self) -> bool:
        capabilities = self.client.capabilities
        assert capabilities is not None
        assert capabilities.text_document is not None
        return capabilities.text_document.diagnostic is not None

    async def open(self, text: str, name: str = "train.yaml") -> str:
        """Write and open a file; its URI."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        uri = path.as_uri()
        self.client.diagnostics.pop(uri, None)
        self.texts[uri], self.versions[uri] = text, 1
        item = types.TextDocumentItem(uri, LANGUAGES[path.suffix], 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    async def change(self, uri: str, text: str) -> None:
        """Type: the whole text is sent."""
        self.client.diagnostics.pop(uri, None)
        self.texts[uri], self.versions[uri] = text, self.versions[uri] + 1
        document = types.VersionedTextDocumentIdentifier(uri=uri, version=self.versions[uri])
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(document, [types.TextDocumentContentChangeWholeDocument(text)])
        )

    async def replace(self, uri: str, old: str, new: str) -> None:
        assert old in self.texts[uri]
        await self.change(uri, self.texts[uri].replace(old, new))

    async def diagnostics(self, uri: str) -> Sequence[types.Diagnostic]:
        """What the problems panel shows: pushed or pulled."""
        if self.pulls:
            params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri))
            report = await self.client.text_document_diagnostic_async(params)
            assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
            return report.items
        await self.until(lambda: uri in self.client.diagnostics, "diagnostics")
        return self.client.diagnostics[uri]

    async def codes(self, uri: str) -> list[str]:
        return [str(diagnostic.code) for diagnostic in await self.diagnostics(uri)]

    async def until(self, condition: Any, what: str) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, f"no {what} in {PATIENCE} s"
            await asyncio.sleep(0.01)

    def position(self, uri: str, needle: str, after: bool = False) -> types.Position:
        """Where `needle` starts (or ends), in UTF-16 units."""
        text = self.texts[uri]
        offset = text.index(needle) + (len(needle) if after else 0)
        before = text[:offset].replace("\r\n", "\n")
        line = before.count("\n")
        column = before.rpartition("\n")[2]
        return types.Position(line, len(column.encode("utf-16-le")) // 2)

    async def hover(self, uri: str, needle: str) -> str | None:
        params = types.HoverParams(types.TextDocumentIdentifier(uri), self.position(uri, needle))
        found = await self.client.text_document_hover_async(params)
        if found is None:
            return None
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value

    async def actions(
        self, uri: str, where: types.Range, only: list[str] | None = None
    ) -> list[types.CodeAction]:
        context = types.CodeActionContext(diagnostics=[], only=only)  # type: ignore[arg-type]
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), where, context)
        found = await self.client.text_document_code_action_async(params)
        offered = [action for action in found or [] if isinstance(action, types.CodeAction)]
        return [
            action if action.edit else await self.client.code_action_resolve_async(action)
            for action in offered
        ]

    async def complete(self, uri: str, needle: str) -> list[types.CompletionItem]:
        """What is offered right after `needle`."""
        params = types.CompletionParams(
            types.TextDocumentIdentifier(uri), self.position(uri, needle, after=True)
        )
        found = await self.client.text_document_completion_async(params)
        assert isinstance(found, types.CompletionList)
        return list(found.items)

    async def apply(self, uri: str, edit: types.WorkspaceEdit | None) -> None:
        """Apply an edit of one document and send the new text."""
        assert edit is not None
        if edit.document_changes:
            (change,) = edit.document_changes
            assert isinstance(change, types.TextDocumentEdit)
            assert change.text_document.version == self.versions[uri]
            edits = list(change.edits)
        else:
            assert edit.changes is not None
            edits = list(edit.changes[uri])
        text = self.texts[uri]
        for part in sorted(edits, key=lambda part: part.range.start, reverse=True):  # type: ignore[attr-defined]
            start, end = (self.offset(text, place) for place in (part.range.start, part.range.end))  # type: ignore[union-attr]
            text = text[:start] + part.new_text + text[end:]  # type: ignore[union-attr]
        await self.change(uri, text)

    @staticmethod
    def offset(text: str, position: types.Position) -> int:
        """The editor's own reckoning of a position, independent of the server's."""
        lines = text.split("\n")
        line = lines[position.line].encode("utf-16-le")[: 2 * position.character].decode("utf-16-le")
        return sum(len(above) + 1 for above in lines[: position.line]) + len(line)
