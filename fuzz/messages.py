"""A client that does not keep to the protocol, and the server that has to live with it."""

from __future__ import annotations

import io
import json
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from pygls.exceptions import JsonRpcException

from fuzz.strategies import SCALARS, VALUES, dialect_files, mutations
from vramlint.lsp.server import create_server

URIS = (
    "file:///nowhere/a.yaml",
    "file:///nowhere/b.toml",
    "untitled:x",
    "",
    "file://host/share/x.yaml",
    "a b\n",
)
_SUFFIXES = ("", "yaml", "toml", "json", "shellscript", "python", "x")
REQUESTS = (
    *("hover", "codeLens", "inlayHint", "completion", "documentLink", "definition", "documentSymbol"),
    *("codeAction", "diagnostic"),
)
OTHERS = (
    "codeLens/resolve",
    "codeAction/resolve",
    "workspace/executeCommand",
    "nonsense",
    "shutdown",
    "initialize",
)
OWN = ("vramlint/estimate", "vramlint/whatIf", "vramlint/gpus")
ANSWERED_LATE = ("textDocument/codeAction", "codeLens/resolve", "workspace/executeCommand", *OWN)
"""Requests that may still be at work when the client hangs up."""

_POSITIONS = st.fixed_dictionaries(
    {"line": st.integers(-1, 60) | SCALARS, "character": st.integers(-1, 90) | SCALARS}
)
_RANGES = st.fixed_dictionaries({"start": _POSITIONS, "end": _POSITIONS})
_TEXTS = dialect_files() | mutations("config") | st.text(max_size=30)
_DOCUMENTS = st.fixed_dictionaries(
    {"uri": st.sampled_from(URIS)},
    optional={
        "version": st.integers(-1, 5) | SCALARS,
        "languageId": st.sampled_from(_SUFFIXES) | SCALARS,
        "text": _TEXTS | SCALARS,
    },
)
_CHANGES = st.lists(
    st.fixed_dictionaries({"text": _TEXTS}, optional={"range": _RANGES, "rangeLength": SCALARS}), max_size=3
)
_PARAMETERS = (
    st.fixed_dictionaries(
        {"textDocument": _DOCUMENTS},
        optional={
            "position": _POSITIONS,
            "range": _RANGES,
            "contentChanges": _CHANGES,
            "context": st.fixed_dictionaries(
                {"diagnostics": st.just([])}, optional={"triggerKind": SCALARS, "only": VALUES}
            )
            | VALUES,
            "changes": VALUES,
            "gpu": SCALARS,
        },
    )
    | st.fixed_dictionaries({"settings": VALUES})
    | st.fixed_dictionaries({"command": st.text(max_size=9), "arguments": st.lists(VALUES, max_size=2)})
    | VALUES
)
_NOTIFICATIONS = (
    *("textDocument/didOpen", "textDocument/didChange", "textDocument/didClose", "textDocument/didSave"),
    *(
        "workspace/didChangeConfiguration",
        "workspace/didChangeWatchedFiles",
        "initialized",
        "$/cancelRequest",
    ),
    *("workspace/didChangeWorkspaceFolders", "notebookDocument/didOpen", "notebookDocument/didChange", "$/x"),
)
_METHODS = st.sampled_from((*(f"textDocument/{name}" for name in REQUESTS), *OTHERS, *OWN))
_NUMBERS = st.integers(1, 10**6)
_MESSAGES = (
    st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0"), "id": _NUMBERS, "method": _METHODS, "params": _PARAMETERS}
    )
    | st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0"), "method": st.sampled_from(_NOTIFICATIONS), "params": _PARAMETERS}
    )
    | st.fixed_dictionaries({"jsonrpc": st.just("2.0"), "id": _NUMBERS, "result": VALUES})
    | st.fixed_dictionaries({"jsonrpc": st.just("2.0"), "id": SCALARS, "error": VALUES})
    | st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params", "result"]), VALUES, max_size=4)
    | VALUES
)
_START = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"capabilities": {}, "rootUri": "file:///nowhere"},
}


@st.composite
def _sessions(draw: st.DrawFn) -> list[bytes]:
    """Messages of one connection. Most begin as they should; a document is open in most."""
    messages: list[Any] = []
    if draw(st.integers(0, 9)):
        messages.append(_START)
    for _ in range(draw(st.integers(0, 2))):
        document = {
            "uri": draw(st.sampled_from(URIS[:2])),
            "languageId": draw(st.sampled_from(_SUFFIXES)),
            "version": 1,
            "text": draw(_TEXTS),
        }
        messages.append(
            {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": document}}
        )
    messages += draw(st.lists(_MESSAGES, max_size=12))
    return [_body(message) for message in messages] + draw(st.lists(st.binary(max_size=20), max_size=1))


def _body(message: Any) -> bytes:
    return json.dumps(message).encode()


MESSAGES = _sessions()


class _Faults(logging.Handler):
    """What the server logs as an error of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.records.append(record)


def talk(bodies: Sequence[bytes]) -> list[dict[str, Any]]:
    """Send messages to a server of their own, and return what came back. Each request is answered once, and
    no handler fails.
    """
    faults = _Faults()
    log = logging.getLogger("vramlint")
    quiet = logging.getLogger("pygls")
    before = log.propagate, quiet.level
    log.addHandler(faults)
    log.propagate = False
    quiet.setLevel(logging.CRITICAL + 1)
    out = _Kept()
    try:
        sent = b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in bodies if body)
        create_server().start_io(io.BytesIO(sent), out)  # type: ignore[arg-type]
    finally:
        log.removeHandler(faults)
        log.propagate, _ = before
        quiet.setLevel(before[1])
    for record in faults.records:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(
            error, JsonRpcException | ValueError
        ):  # the client's own: no JSON, wrong parameters
            raise AssertionError(record.getMessage()) from error
    answers = list(_answers(out.getvalue()))
    _each_is_answered(bodies, answers)
    return answers


class _Kept(io.BytesIO):
    """An output that can be read after the server has closed it."""

    def close(self) -> None:
        """Stay open."""


def _answers(data: bytes) -> list[dict[str, Any]]:
    found = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        length = int(head.split(b":")[1].split(b"\r\n")[0])
        found.append(json.loads(rest[:length]))
        data = rest[length:]
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _each_is_answered(bodies: Sequence[bytes], answers: Sequence[dict[str, Any]]) -> None:
    asked: Counter[int] = Counter()
    refused: Counter[int] = Counter()
    """What has a number and is no request: it may be answered with an error."""
    late: set[int] = set()
    for body in bodies:
        try:
            message = json.loads(body)
        except ValueError:
            continue
        if isinstance(message, dict) and "method" in message and _is_number(message.get("id")):
            number, method = message["id"], message["method"]
            if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
                refused[number] += 1
                continue
            asked[number] += 1
            if method in ANSWERED_LATE:
                late.add(number)
        if isinstance(message, dict) and message.get("method") == "exit":
            return
    answered = Counter(
        answer["id"] for answer in answers if "method" not in answer and _is_number(answer.get("id"))
    )
    for number, times in asked.items():
        assert answered[number] <= times + refused[number], (
            f"request {number} is answered {answered[number]} times"
        )
        if number not in late and times == 1:
            assert answered[number] >= 1, f"request {number} is not answered"
