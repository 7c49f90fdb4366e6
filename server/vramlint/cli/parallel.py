"""Many files in several processes, answered in their order."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from vramlint.cli.content import STDIN

Plan = TypeVar("Plan")
Answer = TypeVar("Answer")

_COLLECTED = 100_000, 50, 100
"""How often garbage is looked for. Most of what a file leaves goes without: looking as often as Python does
costs a tenth of a run over a folder, and saves 10 MiB in 700 files.
"""
Worker = Callable[[str], Answer]
"""Answers for the file at a path."""


def in_order(
    make: Callable[[Plan], Worker[Answer]],
    plan: Plan,
    files: Sequence[str],
    each: int,
    most: int | None = None,
) -> Iterator[Answer]:
    """What `make(plan)` answers for each file, in the order given.

    `each`: files from which on one more process saves more than its start costs; `most`: processes, else one
    a processor. `make` is a class or
    function of a module, `plan` and answers are plain data: they are sent between processes. Standard input
    is read by this process alone.
    """
    if len(files) > each:
        gc.enable()
        gc.freeze()
        gc.set_threshold(*_COLLECTED)
    workers = 1 if STDIN in files else min(most or processors(), len(files) // each + 1)
    if workers == 1:
        yield from map(make(plan), files)
        return
    from multiprocessing import Pool

    with Pool(workers, _start, (make, plan)) as pool:
        yield from pool.imap(_answer, files, chunksize=max(1, min(20, each // 2)))


def processors() -> int:
    """How many processes can work at once."""
    return os.cpu_count() or 1


_worker: Worker[Any]


def _start(make: Callable[[Plan], Worker[Answer]], plan: Plan) -> None:
    global _worker
    _worker = make(plan)


def _answer(path: str) -> Any:
    return _worker(path)
