"""One harness a kind of input: bytes in, an exception where something does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings

from fuzz import strategies, targets
from fuzz.messages import MESSAGES
from fuzz.seeds import seeds
from fuzz.streams import streams
from fuzz.talk import talk, talk_stream

Entry = Callable[[bytes], Any]


EXAMPLES = 25
"""Of a property, in the tests."""


class Counted:
    """A check that counts its calls: bytes from which a strategy makes no input are no execution."""

    def __init__(self, check: Callable[[Any], Any]) -> None:
        self._check = check
        self.calls = 0

    def __call__(self, value: Any) -> None:
        """Check."""
        self.calls += 1
        self._check(value)


@dataclass(frozen=True)
class Harness:
    """What a fuzzer calls, and what it starts from."""

    entry: Entry
    check: Counted
    seeds: tuple[bytes, ...] = ()
    holds: Callable[[], Any] | None = None
    """The same as a property, where inputs are made by a strategy."""
    inputs: Callable[[Random], Iterator[bytes]] | None = None
    """Makes its inputs, where they are no mutations of seeds."""


def _text(check: Callable[[str], Any], kind: str) -> Harness:
    """Bytes as UTF-8, whatever they are."""
    counted = Counted(check)
    return Harness(
        lambda data: counted(data.decode("utf-8", "replace")),
        counted,
        tuple(each.encode() for each in seeds(kind)),
    )


def _structured(check: Callable[[Any], Any], strategy: Any) -> Harness:
    """Bytes as the choices that a strategy makes."""

    counted = Counted(check)

    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def holds(value: Any) -> None:
        counted(value)

    return Harness(holds.hypothesis.fuzz_one_input, counted, holds=holds)  # type: ignore[attr-defined]


def _server() -> Harness:
    """Bytes as they are sent to a server."""
    counted = Counted(talk_stream)
    return Harness(counted, counted, holds=_structured(talk, MESSAGES).holds, inputs=streams)


HARNESSES: dict[str, Callable[[], Harness]] = {
    "yaml": lambda: _text(partial(targets.agrees, language="yaml"), "yaml"),
    "json": lambda: _text(partial(targets.agrees, language="json"), "json"),
    "toml": lambda: _text(partial(targets.agrees, language="toml"), "toml"),
    "shell": lambda: _text(partial(targets.parses, language="shell"), "shell"),
    "python": lambda: _text(partial(targets.parses, language="python"), "python"),
    "settings": lambda: _text(targets.settings, "settings"),
    "directives": lambda: _text(targets.directives, "directives"),
    "config": lambda: _text(targets.analysed, "config"),
    "launch": lambda: _text(targets.launch_line, "shell"),
    "program": lambda: _text(targets.program, "python"),
    "dialects": lambda: _structured(targets.analysed, strategies.dialect_files()),
    "config-json": lambda: _structured(targets.config_json, strategies.CONFIGS),
    "companions": lambda: _structured(
        lambda pair: targets.analysed(pair[0], "t.yaml", pair[1]), strategies.companions()
    ),
    "server": _server,
}
"""By name; made when asked for."""
