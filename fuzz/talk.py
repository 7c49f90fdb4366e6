"""A client on the other end of a server's standard streams, and what must hold of what it hears.

The server is the real one, with pygls' own reading of the stream, in this process. The client sends a message
when the server reads, answers what the server asks, and hangs up when it waits for nothing.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pygls.exceptions import JsonRpcException
from pygls.io_ import run_async

from fuzz.streams import bodies_of, framed
from vramlint.lsp.server import create_server

PATIENCE = 120
"""Seconds in which the last request is answered, on a machine that does much else too."""
SETTINGS = {"gpu": "RTX-4090"}
"""What the client says when it is asked for its settings."""
_OF_THE_CLIENT = (JsonRpcException, json.JSONDecodeError, UnicodeDecodeError)
"""Errors that say what is wrong with a message. Any other is the server's."""


class Client:
    """Both streams of a server: it reads from this what the client sends, and writes to it what it hears."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._bodies = deque(bodies)
        self._replies: deque[bytes] = deque()
        self._sending = io.BytesIO()
        self._heard = asyncio.Event()
        self._waiting: Counter[int] = Counter()
        self.answers: list[dict[str, Any]] = []

    async def readline(self) -> bytes:
        """A line of a header; nothing at the end."""
        line = self._sending.readline()
        if line:
            return line
        await asyncio.sleep(0)  # what the last message began has its turn, as with any transport
        body = await self._next()
        if body is not None:
            self._sending = io.BytesIO(framed([body]))
        return self._sending.readline()

    async def readexactly(self, size: int) -> bytes:
        """So much of a body."""
        return self._sending.read(size)

    def write(self, data: bytes) -> None:
        """Take one message."""
        message = json.loads(data.partition(b"\r\n\r\n")[2])
        self.answers.append(message)
        if "method" in message and "id" in message:
            self._replies.append(_reply(message))
        elif _is_number(message.get("id")):
            self._waiting[message["id"]] -= 1
        self._heard.set()

    def close(self) -> None:
        """Stay."""

    async def _next(self) -> bytes | None:
        while not self._replies and not self._bodies and self._open():
            self._heard.clear()
            try:
                await asyncio.wait_for(self._heard.wait(), PATIENCE)
            except asyncio.TimeoutError:
                return None
        if self._replies:
            return self._replies.popleft()
        if not self._bodies:
            return None
        body = self._bodies.popleft()
        if (number := number_of(body)) is not None:
            self._waiting[number] += 1
        return body

    def _open(self) -> bool:
        return any(times > 0 for times in self._waiting.values())


def _reply(message: dict[str, Any]) -> bytes:
    """An editor's answer to what a server asks."""
    asked = (message.get("params") or {}).get("items")
    result = [SETTINGS for _ in asked] if isinstance(asked, list) else None
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()


def talk(bodies: Sequence[bytes]) -> list[dict[str, Any]]:
    """Send messages to a server of their own, and return what came back. Each request is answered once, and
    no handler fails.
    """
    bodies = [body for body in bodies if body]
    with _faults() as records:
        client = asyncio.run(_connected(bodies))
    for record in records:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, _OF_THE_CLIENT):
            raise AssertionError(record.getMessage()) from error
    _each_is_answered(bodies, client.answers)
    return client.answers


async def _connected(bodies: Sequence[bytes]) -> Client:
    """What pygls does with any transport."""
    server, client, stop = create_server(), Client(bodies), threading.Event()
    server._stop_event = stop
    server.protocol.set_writer(client)
    await run_async(stop, client, server.protocol, error_handler=server.report_server_error)  # type: ignore[arg-type]
    server.shutdown()
    return client


def talk_stream(stream: bytes) -> None:
    """The same with messages as they are sent."""
    talk(list(bodies_of(stream)))


@contextmanager
def _faults() -> Iterator[list[logging.LogRecord]]:
    """What the server logs as an error of its own."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = records.append  # type: ignore[method-assign]
    log, quiet = logging.getLogger("vramlint"), logging.getLogger("pygls")
    before = log.propagate, quiet.level
    log.addHandler(handler)
    log.propagate = False
    quiet.setLevel(logging.CRITICAL + 1)
    try:
        yield records
    finally:
        log.removeHandler(handler)
        log.propagate, _ = before
        quiet.setLevel(before[1])


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def number_of(body: bytes) -> int | None:
    """The number of a request that has to be answered; None for anything else."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return None
    is_request = isinstance(message.get("method"), str) and _is_number(message.get("id"))
    return message["id"] if is_request else None


def _each_is_answered(bodies: Sequence[bytes], answers: Sequence[dict[str, Any]]) -> None:
    asked = Counter(number for body in bodies if (number := number_of(body)) is not None)
    answered = Counter(each["id"] for each in answers if "method" not in each and _is_number(each.get("id")))
    refused = Counter(_refusable(bodies))
    for number, times in asked.items():
        most = times + refused[number]
        assert answered[number] <= most, f"request {number} is answered {answered[number]} times"
        if times == 1:
            assert answered[number] >= 1, f"request {number} is not answered"


def _refusable(bodies: Sequence[bytes]) -> Iterator[int]:
    """Numbers of what is no request and has one: it may be answered with an error."""
    for body in bodies:
        if number_of(body) is not None:
            continue
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            continue
        if isinstance(message, dict) and "method" in message and _is_number(message.get("id")):
            yield message["id"]
