"""How much work a call is, without a clock: processor time, or the calls that it makes."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

PATIENCE = 300
"""Seconds after which what a test waits for will never come, on however busy a machine."""


def processor_seconds(call: Callable[[], object], runs: int = 1) -> float:
    """The least processor time of several runs: other work on the machine hardly moves it. As in the command
    line the collector is off, which would look through all that the tests before have left.
    """
    seconds = []
    for _ in range(runs):
        gc.collect()
        gc.disable()
        try:
            start = time.process_time()
            call()
            seconds.append(time.process_time() - start)
        finally:
            gc.enable()
    return min(seconds)


def calls(call: Callable[[], object]) -> int:
    """How many functions are called, those of the interpreter included: the same in each run."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        call()
    finally:
        sys.setprofile(before)
    return count
