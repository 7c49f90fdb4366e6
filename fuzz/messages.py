"""Messages of one connection: what an editor sends while somebody works, with some of it damaged."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from fuzz.seeds import seeds
from fuzz.strategies import SCALARS, VALUES, dialect_files, mutations
from vramlint.lsp import offers

URIS = (
    "file:///nowhere/a.yaml",
    "file:///nowhere/b.toml",
    "file:///nowhere/train.sh",
    "file:///nowhere/train.py",
    "untitled:x",
    "",
    "file://host/share/x.yaml",
    "a b\n",
)
_NOTEBOOK = "file:///nowhere/n.ipynb"
_LANGUAGES = ("", "yaml", "toml", "json", "shellscript", "python", "x")
_FIELDS = ("micro_batch_size", "sequence_length", "checkpointing", "optimizer", "lora_rank", "x")
_GPUS = ("RTX-4090", "T4 x2", "H100 x8 nodes=4", "nonsense", "", "24GiB x2")
_SETTINGS = ("gpu", "versions", "select", "ignore", "severity", "x")
_COMMANDS = (
    *(offers.SHOW_BREAKDOWN, offers.MAKE_IT_FIT, offers.BREAKDOWN, offers.DEBUG_INFORMATION),
    *(offers.MAXIMIZE, offers.DECLARE_GPU, offers.COMPARE, offers.ADD_MODEL, "x"),
)
_CAPABILITIES: tuple[Mapping[str, Any], ...] = (
    {},
    {
        "general": {"positionEncodings": ["utf-8"]},
        "workspace": {
            "configuration": True,
            "diagnostics": {"refreshSupport": True},
            "codeLens": {"refreshSupport": True},
            "inlayHint": {"refreshSupport": True},
        },
        "textDocument": {"diagnostic": {}, "hover": {"contentFormat": ["markdown"]}},
    },
    {
        "general": {"positionEncodings": ["utf-32", "utf-16"]},
        "workspace": {
            "configuration": True,
            "didChangeConfiguration": {"dynamicRegistration": True},
            "didChangeWatchedFiles": {"dynamicRegistration": True},
            "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create"]},
        },
        "textDocument": {
            "codeAction": {"dataSupport": True, "resolveSupport": {"properties": ["edit"]}},
            "publishDiagnostics": {"relatedInformation": True, "codeDescriptionSupport": True},
            "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
        },
    },
)
_CONFIGS = st.sampled_from(seeds("config")) | dialect_files() | mutations("config")
_KINDS_OF_TEXT: Mapping[str, tuple[str, st.SearchStrategy[str]]] = {
    "file:///nowhere/a.yaml": ("yaml", _CONFIGS),
    "file:///nowhere/b.toml": ("toml", mutations("toml")),
    "file:///nowhere/train.sh": ("shellscript", mutations("shell")),
    "file:///nowhere/train.py": ("python", mutations("python")),
}
_TEXTS = st.one_of(*(texts for _, texts in _KINDS_OF_TEXT.values()), st.text(max_size=30))
_PIECES = st.sampled_from(("", "\n", ": ", "8", "#", "- ", "\U0001f600", "\t", "micro_batch_size: 4\n"))
_NUMBERS = st.integers(1, 10**6)
_AT_ONE_PLACE = ("hover", "completion", "definition")
_OF_A_RANGE = ("codeAction", "inlayHint")
_OF_A_DOCUMENT = ("codeLens", "documentLink", "documentSymbol", "diagnostic")
_METHODS = (
    *(f"textDocument/{name}" for name in (*_AT_ONE_PLACE, *_OF_A_RANGE, *_OF_A_DOCUMENT)),
    *("codeLens/resolve", "codeAction/resolve", "completionItem/resolve", "workspace/executeCommand"),
    *(offers.ESTIMATE, offers.WHAT_IF, offers.GPUS, offers.SINCE_COMMIT, "workspace/diagnostic", "nonsense"),
    *("textDocument/didOpen", "textDocument/didChange", "textDocument/didClose", "textDocument/didSave"),
    *("workspace/didChangeConfiguration", "workspace/didChangeWatchedFiles", "initialized", "initialize"),
    *("workspace/didChangeWorkspaceFolders", "notebookDocument/didOpen", "notebookDocument/didChange"),
    *("notebookDocument/didClose", "$/cancelRequest", "$/setTrace", "$/x", "shutdown"),
)
_ANYTHING = (
    st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0"), "method": st.sampled_from(_METHODS), "params": VALUES},
        optional={"id": _NUMBERS},
    )
    | st.fixed_dictionaries({"jsonrpc": st.just("2.0"), "id": _NUMBERS, "result": VALUES})
    | st.fixed_dictionaries({"jsonrpc": st.just("2.0"), "id": SCALARS, "error": VALUES})
    | st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params", "result"]), VALUES, max_size=4)
    | VALUES
)


class _Editor:
    """Makes messages that fit the documents which it has opened."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.texts: dict[str, str] = {}
        self.version = 0
        self.requests = 0

    def one(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def message(self) -> Any:
        """The next one: most as they should be, some damaged, a few anything."""
        kind = self.draw(st.integers(0, 19))
        if kind == 0:
            return self.draw(_ANYTHING)
        make = self.one(*_KINDS)
        method, params = make(self)
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if make in _REQUESTS:
            self.requests += 1
            message = {"id": self.requests, **message}
        return _damaged(self.draw, message) if kind < 5 else message

    def uri(self) -> str:
        opened = self.texts and self.draw(st.integers(0, 5))
        return self.one(*(self.texts if opened else URIS))  # type: ignore[no-any-return]

    def position(self, uri: str) -> dict[str, int]:
        lines = self.texts.get(uri, "").split("\n")
        line = self.draw(st.integers(0, len(lines)))
        longest = len(lines[line]) if line < len(lines) else 0
        return {"line": line, "character": self.draw(st.integers(0, longest + 1))}

    def range(self, uri: str) -> dict[str, Any]:
        ends = self.position(uri), self.position(uri)
        start, end = sorted(ends, key=lambda each: (each["line"], each["character"]))
        return {"start": start, "end": end}

    def open(self) -> tuple[str, Any]:
        uri = self.one(URIS[0], *URIS)
        language, texts = _KINDS_OF_TEXT.get(uri, ("", _TEXTS))
        if not self.draw(st.integers(0, 5)):
            language, texts = self.one(*_LANGUAGES), _TEXTS
        self.texts[uri] = self.draw(texts)
        self.version += 1
        document = {"uri": uri, "languageId": language, "version": self.version, "text": self.texts[uri]}
        return "textDocument/didOpen", {"textDocument": document}

    def change(self) -> tuple[str, Any]:
        uri = self.uri()
        changes: list[dict[str, Any]] = []
        for _ in range(self.draw(st.integers(1, 3))):
            if self.draw(st.integers(0, 3)):
                changes.append({"range": self.range(uri), "text": self.draw(_PIECES)})
            else:
                self.texts[uri] = self.draw(_KINDS_OF_TEXT.get(uri, ("", _TEXTS))[1])
                changes.append({"text": self.texts[uri]})
        self.version += 1
        document = {"uri": uri, "version": self.version}
        return "textDocument/didChange", {"textDocument": document, "contentChanges": changes}

    def close(self) -> tuple[str, Any]:
        uri = self.uri()
        self.texts.pop(uri, None)
        return "textDocument/didClose", {"textDocument": {"uri": uri}}

    def notebook(self) -> tuple[str, Any]:
        cells = [f"{_NOTEBOOK}#{number}" for number in range(self.draw(st.integers(1, 3)))]
        texts = [
            {"uri": cell, "languageId": "python", "version": 1, "text": self.draw(mutations("python"))}
            for cell in cells
        ]
        self.texts |= {each["uri"]: each["text"] for each in texts}
        listed = [{"kind": self.one(2, 2, 1), "document": cell} for cell in cells]
        notebook = {"uri": _NOTEBOOK, "notebookType": "jupyter-notebook", "version": 1, "cells": listed}
        return "notebookDocument/didOpen", {"notebookDocument": notebook, "cellTextDocuments": texts}

    def notebook_change(self) -> tuple[str, Any]:
        cell = f"{_NOTEBOOK}#{self.one(0, 1, 7)}"
        self.version += 1
        changed = {"document": {"uri": cell, "version": self.version}, "changes": [{"text": "x = 1\n"}]}
        array = {"start": self.one(0, 1), "deleteCount": self.one(0, 1), "cells": []}
        structure = {"array": array, "didClose": [{"uri": cell}]}
        cells = self.one({"textContent": [changed]}, {"structure": structure}, {})
        document = {"uri": _NOTEBOOK, "version": self.version}
        return "notebookDocument/didChange", {"notebookDocument": document, "change": {"cells": cells}}

    def notebook_close(self) -> tuple[str, Any]:
        cells = [{"uri": f"{_NOTEBOOK}#{number}"} for number in range(2)]
        return "notebookDocument/didClose", {
            "notebookDocument": {"uri": _NOTEBOOK},
            "cellTextDocuments": cells,
        }

    def settings(self) -> tuple[str, Any]:
        chosen = self.draw(
            st.dictionaries(st.sampled_from(_SETTINGS), st.sampled_from(_GPUS) | VALUES, max_size=3)
        )
        return "workspace/didChangeConfiguration", {"settings": {"vramlint": chosen}}

    def files(self) -> tuple[str, Any]:
        names = st.sampled_from(
            (*_KINDS_OF_TEXT, "file:///nowhere/vramlint.toml", "file:///nowhere/m/config.json")
        )
        changed = self.draw(st.lists(names, min_size=1, max_size=3))
        changes = [{"uri": uri, "type": self.one(1, 2, 3)} for uri in changed]
        return "workspace/didChangeWatchedFiles", {"changes": changes}

    def folders(self) -> tuple[str, Any]:
        folder = {"uri": self.one("file:///nowhere", "file:///nowhere/b", "untitled:y"), "name": "n"}
        added, removed = self.one(([folder], []), ([], [folder]))
        return "workspace/didChangeWorkspaceFolders", {"event": {"added": added, "removed": removed}}

    def cancel(self) -> tuple[str, Any]:
        return "$/cancelRequest", {"id": self.draw(st.integers(1, self.requests + 1))}

    def about(self) -> tuple[str, Any]:
        uri, name = self.uri(), self.one(*_AT_ONE_PLACE, *_OF_A_RANGE, *_OF_A_DOCUMENT)
        params: dict[str, Any] = {"textDocument": {"uri": uri}}
        if name in _AT_ONE_PLACE:
            params["position"] = self.position(uri)
        if name in _OF_A_RANGE:
            params["range"] = self.range(uri)
        if name == "codeAction":
            only = self.one(None, ["quickfix"], ["source.fixAll"], ["refactor"], [""])
            params["context"] = {"diagnostics": [], "triggerKind": 1} | ({"only": only} if only else {})
        return f"textDocument/{name}", params

    def resolve(self) -> tuple[str, Any]:
        uri, place = self.uri(), self.draw(st.integers(-1, 3))
        data = {"uri": uri, "version": self.version, "finding": place, "what": self.one("fit", "x", "x")}
        kind = self.one("codeAction", "codeLens", "completionItem")
        if kind == "codeAction":
            return "codeAction/resolve", {"title": "x", "kind": "quickfix", "data": data}
        if kind == "codeLens":
            return "codeLens/resolve", {"range": self.range(uri), "data": {"uri": uri}}
        path = self.draw(st.lists(st.sampled_from(("optimizer", "training", 0, "x")), max_size=2))
        return "completionItem/resolve", {
            "label": "x",
            "data": {"uri": uri, "path": path, "value": self.draw(SCALARS)},
        }

    def own(self) -> tuple[str, Any]:
        params: dict[str, Any] = {"textDocument": {"uri": self.uri()}}
        method = self.one(offers.ESTIMATE, offers.WHAT_IF, offers.GPUS, offers.SINCE_COMMIT)
        if method == offers.WHAT_IF:
            values = SCALARS | VALUES
            params["changes"] = self.draw(st.dictionaries(st.sampled_from(_FIELDS), values, max_size=3))
            params["gpu"] = self.one(*_GPUS)
        if method == offers.ESTIMATE:
            params["replay"] = self.one(False, False, True)
        return method, params

    def command(self) -> tuple[str, Any]:
        second = st.sampled_from((*_FIELDS, *_GPUS)) | VALUES
        arguments = [self.uri(), self.draw(second)][: self.one(0, 1, 2, 2)]
        return "workspace/executeCommand", {"command": self.one(*_COMMANDS), "arguments": arguments}

    def stop(self) -> tuple[str, Any]:
        return self.one("shutdown", "initialize", "nonsense", "workspace/diagnostic"), self.draw(VALUES)


_Make = Callable[[_Editor], tuple[str, Any]]
_REQUESTS: tuple[_Make, ...] = (
    *(_Editor.about, _Editor.resolve, _Editor.own, _Editor.command, _Editor.stop),
)
_KINDS: tuple[_Make, ...] = (
    *(_Editor.open, _Editor.change, _Editor.change, _Editor.close, _Editor.settings, _Editor.files),
    *(_Editor.folders, _Editor.cancel, _Editor.notebook, _Editor.notebook_change, _Editor.notebook_close),
    *(_Editor.about,) * 5,
    *(_Editor.own, _Editor.own, _Editor.command, _Editor.resolve, _Editor.stop),
)


def _damaged(draw: st.DrawFn, message: dict[str, Any]) -> Any:
    """A message with one value of it gone, or another in its place."""
    message = copy.deepcopy(message)
    inside: Any = message
    while True:
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        key = draw(st.sampled_from(keys))
        if isinstance(inside[key], dict | list) and inside[key] and draw(st.integers(0, 3)):
            inside = inside[key]
            continue
        if draw(st.integers(0, 2)):
            inside[key] = draw(VALUES)
        else:
            del inside[key]
        return message


@st.composite
def _connections(draw: st.DrawFn) -> list[bytes]:
    """Messages of one connection. Most begin as they should; a document is open in most."""
    editor = _Editor(draw)
    messages: list[Any] = []
    if draw(st.integers(0, 9)):
        start = {"capabilities": draw(st.sampled_from(_CAPABILITIES)), "rootUri": "file:///nowhere"}
        messages.append({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": start})
    for _ in range(draw(st.integers(0, 2))):
        method, params = editor.open()
        messages.append({"jsonrpc": "2.0", "method": method, "params": params})
    messages += [editor.message() for _ in range(draw(st.integers(0, 12)))]
    return [json.dumps(each).encode() for each in messages] + draw(
        st.lists(st.binary(max_size=20), max_size=1)
    )


MESSAGES = _connections()
