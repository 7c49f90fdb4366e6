"""PyTorch's CUDA caching allocator as it is set up by default, and with expandable segments, in one loop.

Rules (c10/cuda/CUDACachingAllocator.cpp; the same in torch 2.0 to 2.14): a request is rounded up to 512
bytes. Up to 1 MiB it is served from the small pool, else from the large one, each stream from its own. The
smallest cached block that fits is taken, of equal ones that with the lowest address, and cut where at least
512 bytes (small) or more than 1 MiB (large) are left. Without one the driver gives a segment: 2 MiB (small),
20 MiB (for requests under 10 MiB), or the request rounded up to 2 MiB. A freed block joins free neighbours of
its segment. When the driver has no more, every segment that is free as a whole goes back to it before the
request fails.

With expandable segments a pool is one growing range of addresses, as long as nine eighths of the GPU's
memory. The block is taken that can grow to the least, and the last one can grow to the end of the range: it
is taken where no other fits, or those that do are larger than that. Without one, as many pages (2 or 20 MiB)
are mapped at the end as are missing.

`caching_allocator` has the same rules with every setting, and is half as fast.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Any

from vramlint.memory.replay.events import (
    GRAIN,
    LARGE_FROM,
    SMALL,
    SMALL_SEGMENT,
    STREAM,
    UNLIMITED,
    WAITS,
    Event,
    History,
    OutOfMemory,
    Taken,
    addresses,
)
from vramlint.memory.replay.settings import LARGE_SEGMENT, Settings


class _Waiting(Exception):
    """The driver has no more while streams still use what was freed."""


def replayed(events: Iterable[Event], capacity: int | None = None) -> Taken:
    """Replay `events` on a GPU whose driver gives at most `capacity` bytes (None: any number). A storage that
    is freed twice is freed once.

    Raises OutOfMemory.
    """
    try:
        return _replayed(events, capacity)
    except _Waiting:
        from vramlint.memory.replay.caching_allocator import replayed_with  # it knows what waits

        taken = replayed_with(Settings(), events, capacity)
        return Taken(taken.allocated, taken.reserved, gave_back=True)


def expanded(events: Iterable[Event], device: int | None = None) -> Taken:
    """The same with expandable segments, on a GPU of `device` bytes (None: any number). Where that is less
    than what is taken, the figure is that of a GPU with more.
    """
    return _replayed(events, None, device or UNLIMITED)


def _replayed(events: Iterable[Event], capacity: int | None, device: int = 0) -> Taken:
    # A block is [address, size, before, after, free, pool]; pools hold (size, address, block), smallest
    # first. `last` has the last block of a pool's growing range.
    pools: tuple[list[Any], ...] = ([], [], [], [], [], [])
    own_small, own_large, side_small, side_large, third_small, third_large = pools
    last: dict[int, list[Any]] = {}
    alive: dict[int, list[Any]] = {}
    waiting: set[int] = set()
    allocated = held = peak = peak_held = address = 0
    gave_back = False
    expandable = device > 0
    end_small, end_large = addresses(device, SMALL_SEGMENT), addresses(device, LARGE_SEGMENT)
    least_large = 512 if expandable else SMALL + 1
    left, put, pop = bisect_left, insort, alive.pop
    for base, part in events.parts if isinstance(events, History) else ((0, events),):
        for number, size in part:
            if size:
                if size > 0:
                    size = size + 511 & -512
                    pool = own_small if size <= SMALL else own_large
                elif size > -STREAM:
                    size = 511 - size & -512
                    pool = side_small if size <= SMALL else side_large
                elif size == WAITS:
                    waiting.add(base + number)
                    allocated -= alive[base + number][1]
                    continue
                else:
                    size = 511 - STREAM - size & -512
                    pool = third_small if size <= SMALL else third_large
                at = left(pool, (size,))
                if at < len(pool):
                    if expandable and at + 1 < len(pool) and pool[at][2][3] is None:
                        end = end_small if size <= SMALL else end_large
                        at += pool[at + 1][0] < end - pool[at][1]
                    block = pool.pop(at)[2]
                elif expandable:
                    block, more = _grown(pool, last.get(id(pool)), size)
                    held += more
                    if held > peak_held:
                        peak_held = held
                    last[id(pool)] = block
                else:
                    if size <= SMALL:
                        wanted = SMALL_SEGMENT
                    else:
                        wanted = LARGE_SEGMENT if size < LARGE_FROM else -(-size // GRAIN) * GRAIN
                    if capacity is not None and held + wanted > capacity:
                        if waiting:
                            raise _Waiting
                        gave_back = True
                        held -= sum(_given_back(cached) for cached in pools)
                        if held + wanted > capacity:
                            raise OutOfMemory
                    held += wanted
                    if held > peak_held:
                        peak_held = held
                    block = [address, wanted, None, None, False, pool]
                    address += wanted
                rest = block[1] - size
                if rest >= (512 if size <= SMALL else least_large):
                    after = block[3]
                    tail = [block[0] + size, rest, block, after, True, pool]
                    block[1], block[3] = size, tail
                    if after is not None:
                        after[2] = tail
                    elif expandable:
                        last[id(pool)] = tail
                    put(pool, (rest, tail[0], tail))
                block[4] = False
                alive[base + number] = block
                allocated += block[1]
                if allocated > peak:
                    peak = allocated
            else:
                block = pop(base + number, None)
                if block is None:
                    continue
                pool = block[5]
                if waiting and base + number in waiting:
                    waiting.remove(base + number)
                else:
                    allocated -= block[1]
                before = block[2]
                if before is not None and before[4]:
                    del pool[left(pool, (before[1], before[0]))]
                    before[1] += block[1]
                    before[3] = after = block[3]
                    if after is not None:
                        after[2] = before
                    block = before
                after = block[3]
                if after is not None and after[4]:
                    del pool[left(pool, (after[1], after[0]))]
                    block[1] += after[1]
                    block[3] = after = after[3]
                    if after is not None:
                        after[2] = block
                block[4] = True
                put(pool, (block[1], block[0], block))
                if expandable and block[3] is None:
                    last[id(pool)] = block
    return Taken(peak, peak_held, gave_back)


def _grown(pool: list[Any], end: list[Any] | None, size: int) -> tuple[list[Any], int]:
    """A block of at least `size` bytes at the end of a growing range, in no pool, and the bytes mapped for
    it. `end`: the range's last block.
    """
    page = SMALL_SEGMENT if size <= SMALL else LARGE_SEGMENT
    if end is not None and end[4]:
        del pool[bisect_left(pool, (end[1], end[0]))]
        more = -(-(size - end[1]) // page) * page
        end[1] += more
        return end, more
    more = -(-size // page) * page
    block = [end[0] + end[1] if end is not None else 0, more, end, None, False, pool]
    if end is not None:
        end[3] = block
    return block, more


def _given_back(pool: list[Any]) -> int:
    """Give the segments of a pool that are free as a whole back to the driver; their bytes."""
    whole: int = sum(size for size, _, block in pool if block[2] is None and block[3] is None)
    if whole:
        pool[:] = [item for item in pool if item[2][2] is not None or item[2][3] is not None]
    return whole
