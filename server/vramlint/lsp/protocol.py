"""Our protocol details over pygls': lenient with clients, strict about the order of messages."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future
from enum import Enum
from functools import cache
from typing import Any, cast

from cattrs import Converter
from lsprotocol import types
from lsprotocol.converters import get_converter
from pygls.exceptions import JsonRpcException, JsonRpcInvalidRequest
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.json_rpc import RPCMessage
from pygls.protocol.language_server import lsp_method

from vramlint.lsp.client import prefer_utf16

_BEFORE_INITIALIZE = (types.INITIALIZE, types.EXIT)
_MOST_DONE_FUTURES = 32
_IDS = (int, str, type(None))
"""What the id of a message can be."""


@cache
def lenient_converter() -> Converter:
    """lsprotocol's converter, which takes enum values of later protocol versions and of other servers as they
    are, where it would refuse the whole message (pygls issue 438). All servers of a process share it.
    """
    converter = get_converter()
    for kind in vars(
        types
    ).values():  # each: of a subclass of int or str, cattrs asks the hook of those first
        if isinstance(kind, type) and issubclass(kind, Enum):
            converter.register_structure_hook(kind, _enum_member)
    return converter


def _enum_member(value: Any, kind: type[Enum]) -> Enum:
    """The member, or one without a name that carries the unknown value: it equals no other, and goes back to
    the client as it came. Raises ValueError for a value of another type.
    """
    try:
        return kind(value)
    except ValueError:
        base = next((base for base in (str, int) if issubclass(kind, base)), None)
        if base is None or not isinstance(value, base):
            raise
        make: Any = base.__new__
        member = make(kind, value)
        member._name_, member._value_ = str(value), value
        return cast(Enum, member)


class Protocol(LanguageServerProtocol):
    """pygls' protocol, with the errors that the specification asks for, and UTF-16 preferred to whatever the
    client names first.
    """

    _initialized = False

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Choose the encoding, then do as pygls does."""
        prefer_utf16(params)
        return (yield from super().lsp_initialize(params))

    def structure_message(self, data: dict[str, Any]) -> Any:
        """A message as an object. A request that cannot be read, and a notification sent as a request, are
        answered: no client waits in vain.
        """
        try:
            message = super().structure_message(data)
            if (
                "method" in data
                and "id" in data
                and hasattr(message, "jsonrpc")
                and not hasattr(message, "id")
            ):
                raise JsonRpcInvalidRequest(f"{data['method']} is a notification, which has no id")
            return message
        except JsonRpcException as error:
            number = data.get("id")
            if "method" in data and isinstance(number, int | str):
                self._send_response(number, None, error.to_response_error())
            raise

    def handle_message(self, message: RPCMessage) -> None:
        """Hand a message on, unless it is none or comes at the wrong time."""
        method, number = getattr(message, "method", None), getattr(message, "id", None)
        if not hasattr(message, "jsonrpc"):  # a list, a number: JSON, but no message
            self._refuse("not a JSON-RPC 2.0 message")
            return
        if not isinstance(number, _IDS):
            self._refuse("the id of a message is an integer or a string")
            return
        if method == types.CANCEL_REQUEST and not isinstance(getattr(message.params, "id", None), _IDS):  # type: ignore[union-attr]
            return  # names no request
        error = None if method is None else self._untimely(method)
        if error is None:
            self._initialized = self._initialized or method == types.INITIALIZE
            super().handle_message(message)
        elif number is not None:
            self._send_response(number, None, error)

    def _refuse(self, why: str) -> None:
        refused = types.ResponseError(types.ErrorCodes.InvalidRequest, why)
        self._send_response(None, None, refused)  # type: ignore[arg-type]  # the specification asks for null

    def _untimely(self, method: str) -> types.ResponseError | None:
        if self._shutdown and method != types.EXIT:
            code, why = types.ErrorCodes.InvalidRequest, "the server was shut down"
        elif not self._initialized and method not in _BEFORE_INITIALIZE:
            code, why = types.ErrorCodes.ServerNotInitialized, "the server is not initialized"
        elif self._initialized and method == types.INITIALIZE:
            code, why = types.ErrorCodes.InvalidRequest, "the server is initialized already"
        else:
            return None
        return types.ResponseError(code=code, message=why)

    def _check_handler_result(self, future: Future[Any]) -> None:
        """Forget the futures of notifications: pygls 2.1 keeps each for ever."""
        super()._check_handler_result(future)
        if len(self._request_futures) > _MOST_DONE_FUTURES:
            done = [number for number, each in self._request_futures.items() if each.done()]
            for number in done:
                del self._request_futures[number]
