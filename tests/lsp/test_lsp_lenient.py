"""Lenient with clients, strict about the order of messages; no search on the server's thread."""

from __future__ import annotations

import asyncio

import pytest
from lsprotocol import types

from vramlint.lsp.protocol import Protocol, lenient_converter
from vramlint.lsp.server import create_server

BROKEN = {"jsonrpc": "2.0", "id": 7, "method": "textDocument/hover", "params": {"position": "here"}}


def answers(*messages: dict[str, object]) -> list[dict[str, object]]:
    """What a server answers to these messages, in order, without a loop."""
    protocol = create_server().protocol
    sent: list[dict[str, object]] = []
    protocol._send_data = lambda data: sent.append(protocol._converter.unstructure(data))
    for message in messages:
        try:
            protocol.handle_message(protocol.structure_message(message))
        except Exception:
            assert sent, "what cannot be read is answered"
    return sent


def code_of(answer: dict[str, object]) -> object:
    error = answer["error"]
    assert isinstance(error, dict)
    return error["code"]


@pytest.mark.parametrize(
    ("kind", "value"), [(types.DiagnosticTag, -1), (types.MarkupKind, "html"), (types.CodeActionKind, "x.y")]
)
def test_an_unknown_enum_value_goes_back_as_it_came(kind: type, value: object) -> None:
    converter = lenient_converter()
    member = converter.structure(value, kind)
    assert converter.unstructure(member) == value
    assert member not in list(kind)


def test_an_enum_value_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="not a valid"):
        lenient_converter().structure([1], types.DiagnosticTag)


def test_a_request_before_initialize_is_an_error() -> None:
    hover = {"jsonrpc": "2.0", "id": 1, "method": "textDocument/hover", "params": None}
    hover["params"] = {"textDocument": {"uri": "file:///x.yaml"}, "position": {"line": 0, "character": 0}}
    (answer,) = answers(hover)
    assert code_of(answer) == types.ErrorCodes.ServerNotInitialized.value


def test_bad_params_are_answered() -> None:
    (answer,) = answers(BROKEN)
    assert code_of(answer) == types.ErrorCodes.InvalidParams.value


def test_futures_of_notifications_are_dropped() -> None:
    protocol = create_server().protocol
    assert isinstance(protocol, Protocol)
    for number in range(200):
        done: asyncio.Future[None] = asyncio.Future(loop=asyncio.new_event_loop())
        done.set_result(None)
        protocol._request_futures[str(number)] = done  # type: ignore[assignment]
        protocol._check_handler_result(done)  # type: ignore[arg-type]
    assert len(protocol._request_futures) < 50
