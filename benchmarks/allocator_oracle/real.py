"""The real allocator, each with its settings in a process of its own: it reads them when it is loaded."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, get_args

from allocator_oracle.traces import Call, Kind

KINDS = {kind: at for at, kind in enumerate(get_args(Kind))}
UNLIMITED = (1 << 64) - 1
_library: Any = None
_refused: str | None = None


class _Event(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("kind", "number", "size", "stream")]


class _After(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("allocated", "reserved", "driver")]


class Answer(NamedTuple):
    """Bytes allocated and reserved after each call that was served, the most of both, and whether the first
    call that is not in `after` ran out of memory.
    """

    after: list[tuple[int, int]]
    allocated: int
    reserved: int
    out_of_memory: bool


class Allocator:
    """The allocator under `settings` on a device with `device` bytes."""

    def __init__(self, library: Path, settings: str, device: int) -> None:
        self.settings, self.device = settings, device
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _load, (str(library), settings, device))

    def run(self, calls: Sequence[Call], capacity: int | None = None) -> Future[Answer]:
        """Run a trace from an empty cache; the process that runs it holds one allocator for all."""
        return self._pool.submit(_run, calls, capacity)

    def read(self) -> tuple[int, ...] | str:
        """What the library read of its settings: expandable, the limit of splitting, how much larger an uncut
        block may be, a large segment, and the divisions by interval; what is wrong where it refuses them.
        """
        return self._pool.submit(_settings).result()

    def close(self) -> None:
        """End its process."""
        self._pool.shutdown()


def _load(library: str, settings: str, device: int) -> None:
    global _library, _refused
    os.environ["PYTORCH_CUDA_ALLOC_CONF"] = settings
    _library = ctypes.CDLL(library)
    _library.oracle_run.restype = ctypes.c_int64
    _library.oracle_run.argtypes = (
        ctypes.POINTER(_Event),
        ctypes.c_int64,
        ctypes.c_uint64,
        ctypes.POINTER(_After),
        ctypes.POINTER(ctypes.c_int64),
    )
    _library.oracle_open.restype = ctypes.c_char_p
    refused = _library.oracle_open(ctypes.c_uint64(device))
    _refused = None if refused is None else refused.decode().splitlines()[0]


def _settings() -> tuple[int, ...] | str:
    if _refused is not None:
        return _refused
    read = (ctypes.c_uint64 * 20)()
    _library.oracle_settings(read)
    return tuple(read)


def _run(calls: Sequence[Call], capacity: int | None) -> Answer:
    events = (_Event * len(calls))(*((KINDS[call.kind], *call[1:]) for call in calls))
    after, peaks = (_After * len(calls))(), (ctypes.c_int64 * 2)()
    given = UNLIMITED if capacity is None else capacity
    done = _library.oracle_run(events, len(calls), given, after, peaks)
    states = [(state.allocated, state.reserved) for state in after[:done]]
    assert all(state.reserved == state.driver for state in after[:done])
    return Answer(states, *peaks, done < len(calls))
