"""A server in this process, spoken to in the messages that editors send, with all that it says kept."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

from pygls.exceptions import JsonRpcException

from vramlint.lsp.server import create_server

ABLE: Mapping[str, Any] = {
    "general": {"positionEncodings": ["utf-8", "utf-16"]},
    "workspace": {
        "configuration": True,
        "didChangeConfiguration": {"dynamicRegistration": True},
        "didChangeWatchedFiles": {"dynamicRegistration": True},
        "codeLens": {"refreshSupport": True},
        "inlayHint": {"refreshSupport": True},
        "diagnostics": {"refreshSupport": True},
        "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create"]},
    },
    "textDocument": {
        "hover": {"contentFormat": ["markdown"]},
        "diagnostic": {},
        "publishDiagnostics": {"relatedInformation": True, "codeDescriptionSupport": True},
        "documentLink": {"tooltipSupport": True},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
        "codeAction": {"dataSupport": True, "resolveSupport": {"properties": ["edit"]}},
    },
}
MODEST: Mapping[str, Any] = {}
_PATIENCE = 30.0
_LONGEST = 600
"""Letters of a message that are kept; a sum stands for the rest."""


class Wire:
    """Both ends of the pipe. `said` is what either side sent, a line each."""

    def __init__(self, folder: Path, settings: Any = None) -> None:
        self.server: Any = create_server()
        self.server.protocol.set_writer(self, include_headers=False)
        self.folder, self.settings = folder, settings
        self.said: list[str] = []
        self._results: dict[Any, Any] = {}
        self._numbers = itertools.count(1)

    def write(self, data: bytes) -> None:
        """A message of the server; its requests are answered as editors do."""
        message = json.loads(data)
        method, number = message.get("method"), message.get("id")
        if method is None:
            self._results[number] = message
            self._say("<", {key: message[key] for key in ("result", "error") if key in message})
            return
        self._say("<", {method: message.get("params")})
        if number is not None:
            result: Any = None
            if method == "workspace/configuration":
                result = [self.settings for _ in message["params"]["items"]]
            elif method == "workspace/applyEdit":
                result = {"applied": True}
            asyncio.get_running_loop().call_soon(self._send, {"id": number, "result": result})

    def close(self) -> None:
        """Nothing is open."""

    def file(self, name: str, text: str) -> str:
        """Write a file; its URI."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
        return path.as_uri()

    async def begin(self, capabilities: Mapping[str, Any], **options: Any) -> None:
        """Shake hands."""
        folders = [{"uri": self.folder.as_uri(), "name": "w"}]
        await self.ask(
            "initialize",
            {"processId": None, "capabilities": capabilities, "workspaceFolders": folders, "rootUri": None,
             "initializationOptions": options},
        )  # fmt: skip
        await self.tell("initialized", {})

    async def ask(self, method: str, params: Any) -> Any:
        """The result of a request."""
        number = next(self._numbers)
        self._say(">", {method: params})
        self._send({"id": number, "method": method, "params": params})
        await self._until(lambda: number in self._results)
        await self.quiet()
        return self._results[number].get("result")

    async def tell(self, method: str, params: Any) -> None:
        """A notification, and all that follows from it."""
        self._say(">", {method: params})
        self._send({"method": method, "params": params})
        await self.quiet()

    async def command(self, name: str, *arguments: Any) -> Any:
        """Run a command."""
        return await self.ask("workspace/executeCommand", {"command": name, "arguments": arguments})

    async def open(self, name: str, text: str, language: str = "yaml", version: int = 1) -> str:
        """Open a document; its URI."""
        uri = name if ":" in name else (self.folder / name).as_uri()
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        await self.tell("textDocument/didOpen", {"textDocument": item})
        return uri

    async def change(self, uri: str, version: int, *changes: Mapping[str, Any]) -> None:
        """Type."""
        document = {"uri": uri, "version": version}
        await self.tell(
            "textDocument/didChange", {"textDocument": document, "contentChanges": [*map(dict, changes)]}
        )

    async def about(self, method: str, uri: str, line: int = 0, character: int = 0, **more: Any) -> Any:
        """A request about a place of a document."""
        where = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        return await self.ask(f"textDocument/{method}", {**where, **more})

    async def quiet(self) -> None:
        """Wait until the server has nothing to do."""
        idle = 0
        while idle < 3:
            await asyncio.sleep(0.001)
            idle = 0 if self._busy() else idle + 1

    def _busy(self) -> bool:
        publisher, session = self.server.publisher, self.server.session
        going = (publisher._waiting, publisher._settling, publisher._tasks, publisher._due)
        return any(going) or any(not search.done() for search in session.searches.values())

    async def _until(self, condition: Any) -> None:
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, self.said[-3:]
            await asyncio.sleep(0.001)

    def _send(self, message: Mapping[str, Any]) -> None:
        protocol = self.server.protocol
        text = json.dumps({"jsonrpc": "2.0", **message})
        try:
            protocol.handle_message(json.loads(text, object_hook=protocol.structure_message))
        except JsonRpcException as error:  # which the loop that reads the pipe logs
            self.said.append(f"! {type(error).__name__}")

    def _say(self, side: str, message: Mapping[str, Any]) -> None:
        text = plain(json.dumps(message, ensure_ascii=False), self.folder)
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}… {crc32(text.encode()):08x}"
        self.said.append(f"{side} {text}")


def plain(text: str, folder: Path) -> str:
    """The text without what depends on the machine."""
    for pattern, what in (
        (rf"(file|vscode-notebook-cell):[^\s\"]*?/{folder.name}", r"\1:///w"),
        (rf"(?:[A-Za-z]:)?[\\/][^\s\"]*?{folder.name}", "/w"),
        (r"(/w[^\s\"]*?)\\\\", r"\1/"),
        (r"file://[^\s\"]*/vramlint-pages-[^/\"]*/", "file:///pages/"),
        (r"\b[0-9a-f]{16}\b", "RESULT"),
        (r"python +\d.*?(?<!\\)\\n", "python\\\\n"),
        (r"\d+\.\d ms", "N ms"),
        (r"\"version\": \"\d+\.[^\"]*\"", '"version": ""'),
        (r"vramlint +\d+\.\d+[\w.+]*", "vramlint"),
    ):
        text = re.sub(pattern, what, text)
    return text
