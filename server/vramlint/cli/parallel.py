"""Many files in several processes, answered in their order.

One process looks at all files, which is cheap, and answers for most of them. What deserves work goes to the
others in small portions, and never more than they have at hand: an answer is taken before the next portion is
given out.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from vramlint.cli.console import Failure
from vramlint.cli.content import STDIN
from vramlint.garbage import collect_seldom

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

Plan = TypeVar("Plan")
Answer = TypeVar("Answer")

Worker = Callable[[str], Answer]
"""Answers for the file at a path."""
MOST_PROCESSES = 8
"""Where nobody says how many: each takes memory of its own."""
_PORTION = range(8, 33)
"""Files that a process is given at once. Neighbours are often one run with other learning rates, which one
process works out once, so that more at once are better where there are many.
"""
_SHARES = 16
"""Portions for each process where there are many files: the last one to finish holds nobody up for long."""
_AT_HAND = 2
"""Portions that a process has at most: one that it works on, and the next."""


def in_order(
    make: Callable[[Plan], Worker[Answer]],
    plan: Plan,
    files: Sequence[str],
    each: int,
    most: int | None = None,
    at_once: Callable[[str], Answer | None] | None = None,
) -> Iterator[Answer]:
    """What `make(plan)` answers for each file, in the order given.

    `at_once` answers for files that need no work, and says None of the others. `each`: files with work from
    which on one more process saves more than its start costs; `most`: processes, else one a processor. `make`
    is a class or function of a module, `plan` and answers are plain data: they are sent between processes.
    Standard input is read by this process alone.
    """
    if len(files) > each:
        collect_seldom()
    most = 1 if STDIN in files else most or min(processors(), MOST_PROCESSES)
    if most == 1 or len(files) <= each:
        yield from map(make(plan), files)
        return
    answers: Iterator[Answer | None] = map(at_once, files) if at_once else (None for _ in files)
    looked = list(answers)
    work = [file for file, answer in zip(files, looked, strict=True) if answer is None]
    workers = min(most, len(work) // each + 1)
    worked = map(make(plan), work) if workers == 1 else _shared(make, plan, work, workers)
    for answer in looked:
        yield next(worked) if answer is None else answer


def processors() -> int:
    """How many processes can work at once."""
    return os.cpu_count() or 1


def _shared(
    make: Callable[[Plan], Worker[Answer]], plan: Plan, files: Sequence[str], workers: int
) -> Iterator[Answer]:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    yield make(plan)(files[0])  # what its code and tables take is then shared by processes that are forked
    gc.freeze()
    size = min(max(len(files) // (workers * _SHARES), _PORTION[0]), _PORTION[-1])
    portions = (files[at : at + size] for at in range(1, len(files), size))
    pool = ProcessPoolExecutor(workers, _context(), _start, (make, plan))
    try:
        given = deque(pool.submit(_answers, each) for each in islice(portions, _AT_HAND * workers))
        while given:
            yield from given.popleft().result()
            given.extend(pool.submit(_answers, each) for each in islice(portions, 1))
    except BrokenProcessPool:
        raise Failure(
            "a process that checked files was killed, perhaps for want of memory; --jobs 1 does with one"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)
        gc.unfreeze()


def _context() -> BaseContext | None:
    """Forked processes share what this one has loaded. It has no threads; elsewhere forking is not safe."""
    from multiprocessing import get_context

    return get_context("fork") if sys.platform == "linux" else None


_worker: Worker[Any]


def _start(make: Callable[[Plan], Worker[Answer]], plan: Plan) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever breaks off is answered by the first process
    _worker = make(plan)


def _answers(paths: Sequence[str]) -> list[Any]:
    return [_worker(path) for path in paths]
