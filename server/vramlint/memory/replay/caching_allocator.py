"""PyTorch's CUDA caching allocator with every setting that moves sizes.

The rules of `standard`, and: with `max_split` larger blocks are neither cut nor taken for smaller requests,
and go back to the driver first; `divisions` rounds up between powers of two; expandable segments are one
growing range of addresses for each pool and stream, mapped in pages of 2 MiB (small) or 20 MiB, where the
best fit counts what a block can grow to and every page that is wholly free goes back under pressure
(c10/cuda/CUDACachingAllocator.cpp, torch 2.1 to 2.14).

Not replayed: garbage_collection_threshold, which holds only under a limit of the process' share, private
pools, cudaMallocAsync.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from vramlint.catalog.facts import MIB
from vramlint.memory.replay.events import (
    GRAIN,
    LARGE_FROM,
    SMALL,
    SMALL_SEGMENT,
    STREAM,
    UNLIMITED,
    WAITS,
    Event,
    OutOfMemory,
    Taken,
    addresses,
)
from vramlint.memory.replay.settings import Settings

SHIFT = 64
"""A key of a pool is size << SHIFT | address: its order is that of best fit."""


class Block:
    """A range of a segment. Free blocks of memory are in their pool, free ranges of addresses are not."""

    __slots__ = ("address", "after", "before", "free", "mapped", "pool", "size")

    def __init__(
        self,
        address: int,
        size: int,
        pool: Pool,
        before: Block | None = None,
        after: Block | None = None,
        free: bool = False,
        mapped: bool = True,
    ) -> None:
        self.address, self.size, self.pool = address, size, pool
        self.before, self.after, self.free, self.mapped = before, after, free, mapped
        if before is not None:
            before.after = self
        if after is not None:
            after.before = self

    @property
    def room(self) -> int:
        """What the block can grow to."""
        after = self.after
        return self.size + (after.size if after is not None and not after.mapped else 0)

    @property
    def offset(self) -> int:
        """Bytes from the beginning of its segment."""
        first = self
        while first.before is not None:
            first = first.before
        return self.address - first.address


class Pool:
    """Cached blocks of one stream and size class."""

    __slots__ = ("blocks", "keys", "least", "page", "small", "unmapped")

    def __init__(self, small: bool, settings: Settings) -> None:
        self.small = small
        self.keys: list[int] = []
        self.blocks: dict[int, Block] = {}
        self.least = 512 if small or settings.expandable else MIB + 1
        """What must be left for a block to be cut."""
        self.page = SMALL_SEGMENT if small else settings.large_segment
        self.unmapped: list[Block] = []
        """Ranges of addresses without memory, by address."""

    def put(self, block: Block) -> None:
        """Cache a block."""
        key = block.size << SHIFT | block.address
        insort(self.keys, key)
        self.blocks[key] = block

    def take(self, block: Block) -> None:
        """Take a block out."""
        key = block.size << SHIFT | block.address
        del self.keys[bisect_left(self.keys, key)]
        del self.blocks[key]

    def whole(self) -> list[Block]:
        """Cached segments that are free as a whole."""
        blocks = (self.blocks[key] for key in self.keys)
        return [block for block in blocks if block.before is None and block.after is None]

    def set_unmapped(self, block: Block) -> None:
        """Remember a range without memory."""
        self.unmapped.append(block)
        self.unmapped.sort(key=lambda each: each.address)


class CachingAllocator:
    """`capacity`: bytes that the driver gives, None for any number. `device`: the GPU's whole memory, of
    which nine eighths are the range of an expandable segment.
    """

    def __init__(self, settings: Settings, capacity: int | None = None, device: int | None = None) -> None:
        self.settings, self.capacity = settings, capacity
        self.device = device or capacity or UNLIMITED
        self.pools: dict[tuple[int, bool], Pool] = {}
        self.allocated = self.reserved = self.peak_allocated = self.peak_reserved = 0
        self.next_address = 0
        self.waiting: dict[int, Block] = {}
        """Blocks that were freed and that another stream still uses."""

    def malloc(self, size: int, stream: int = 0) -> Block:
        """A block of at least `size` bytes. Raises OutOfMemory."""
        size = self.rounded(size)
        key = stream, size <= SMALL
        pool = self.pools.get(key)
        if pool is None:
            pool = self.pools[key] = Pool(size <= SMALL, self.settings)
        block = self._cached(pool, size) or self._grown(pool, size)
        left, bound = block.size - size, self.settings.max_split
        if left >= pool.least and (pool.small or bound is None or self.settings.expandable or size < bound):
            pool.put(Block(block.address + size, left, pool, block, block.after, free=True))
            block.size = size
        block.free = False
        self.allocated += block.size
        self.peak_allocated = max(self.peak_allocated, self.allocated)
        return block

    def free(self, block: Block) -> None:
        """Give a block back to its pool."""
        self.allocated -= block.size
        self._cache(block)

    def free_later(self, block: Block, number: int) -> None:
        """Free a block that another stream still uses, until that is `finished`."""
        self.allocated -= block.size
        self.waiting[number] = block

    def finished(self, number: int) -> None:
        """No other stream uses what was freed under this number."""
        block = self.waiting.pop(number, None)
        if block is not None:
            self._cache(block)

    def _cache(self, block: Block) -> None:
        block.free = True
        self._merge(block)
        block.pool.put(block)

    def rounded(self, size: int) -> int:
        """Bytes of a block for a request (CUDACachingAllocator.cpp, round_size)."""
        if size < 512:
            return 512
        table = self.settings.divisions
        if table:
            divisions = table[min(max(size.bit_length() - 1 - 20, 0), len(table) - 1)]
            if divisions > 1 and size > 512 * divisions:
                if size & (size - 1) == 0:
                    return size
                step = (1 << (size.bit_length() - 1)) >> (divisions.bit_length() - 1)
                return -(-size // step) * step
        return (size + 511) // 512 * 512

    def _cached(self, pool: Pool, size: int) -> Block | None:
        """The best fit among cached blocks, taken out of its pool."""
        at = bisect_left(pool.keys, size << SHIFT)
        if at == len(pool.keys):
            return None
        found = pool.blocks[pool.keys[at]]
        if self.settings.expandable:
            # Of what a block can grow to, the least.
            while at + 1 < len(pool.keys) and pool.blocks[pool.keys[at + 1]].room < found.room:
                at += 1
                found = pool.blocks[pool.keys[at]]
        bound, spare = self.settings.max_split, self.settings.rounding
        if bound is not None and (
            size < bound <= found.size or (size >= bound and found.size >= size + spare)
        ):
            return None
        pool.take(found)
        return found

    def _grown(self, pool: Pool, size: int) -> Block:
        """A block from the driver, in no pool."""
        if size <= SMALL:
            wanted = SMALL_SEGMENT
        elif size < LARGE_FROM:
            wanted = self.settings.large_segment
        else:
            wanted = -(-size // GRAIN) * GRAIN
        block = self._asked(pool, size, wanted)
        if block is None and self.settings.max_split is not None and self._oversized_gone(pool, size):
            block = self._asked(pool, size, wanted)
        if block is None:
            self.empty_cache()
            block = self._asked(pool, size, wanted)
        if block is None:
            raise OutOfMemory
        return block

    def _asked(self, pool: Pool, size: int, wanted: int) -> Block | None:
        if self.settings.expandable:
            return self._mapped(pool, size)
        if not self._given(wanted):
            return None
        block = Block(self.next_address, wanted, pool)
        self.next_address += wanted + GRAIN
        return block

    def _given(self, size: int) -> bool:
        """Whether the driver has `size` bytes more."""
        if self.capacity is not None and self.reserved + size > self.capacity:
            return False
        self.reserved += size
        self.peak_reserved = max(self.peak_reserved, self.reserved)
        return True

    def empty_cache(self) -> None:
        """Wait for all streams and give back what is free as a whole (torch.cuda.empty_cache, and before a
        request fails).
        """
        for number in list(self.waiting):
            self.finished(number)
        for pool in sorted(self.pools.values(), key=lambda pool: pool.small):
            if self.settings.expandable:
                for block in [pool.blocks[key] for key in pool.keys]:
                    self._unmap(pool, block)
                continue
            for block in pool.whole():
                self._released(pool, block)

    def _released(self, pool: Pool, block: Block) -> None:
        pool.take(block)
        self.reserved -= block.size

    def _oversized_gone(self, pool: Pool, size: int) -> bool:
        """Give back cached oversized segments, as many as are needed; whether that is enough. A growing range
        gives back pages, never blocks.
        """
        if self.settings.expandable:
            return False
        bound = self.settings.max_split or 0
        wanted = max(size, bound)
        at = bisect_left(pool.keys, wanted << SHIFT)
        if at < len(pool.keys):
            self._released(pool, pool.blocks[pool.keys[at]])
            return True
        gone = 0
        while gone < wanted and pool.keys and pool.blocks[pool.keys[-1]].size >= bound:
            block = pool.blocks[pool.keys[-1]]
            gone += block.size
            self._released(pool, block)
        return gone >= wanted

    # expandable segments

    def _mapped(self, pool: Pool, size: int) -> Block | None:
        """A block of at least `size` bytes with memory under all of it."""
        block = self._place(pool, size)
        if not block.mapped and not self._map(pool, block, min(block.size, size)):
            return None
        while block.size < size:
            following = block.after
            assert following is not None
            if not self._map(pool, following, min(size - block.size, following.size)):
                return None
            block = following
        pool.take(block)
        return block

    def _place(self, pool: Pool, size: int) -> Block:
        """The first range that has, or can get, `size` bytes; a new range where there is none."""
        for block in pool.unmapped:
            first = block.before if block.before is not None and block.before.free else block
            each: Block | None = first
            room = 0
            while room < size and each is not None and each.free:
                room += each.size
                each = each.after
            if room >= size:
                return first
        # A larger tensor never gets its memory; with room for any number of bytes it still counts.
        span = max(addresses(self.device, pool.page), -(-size // pool.page) * pool.page)
        made = Block(self.next_address, span, pool, free=True, mapped=False)
        self.next_address += span + GRAIN
        pool.set_unmapped(made)
        return made

    def _map(self, pool: Pool, block: Block, size: int) -> bool:
        """Put memory under the beginning of a range; whether the driver has as much."""
        size = -(-size // pool.page) * pool.page
        if not self._given(size):
            return False
        pool.unmapped.remove(block)
        block.mapped = True
        if size < block.size:
            rest = Block(block.address + size, block.size - size, pool, block, block.after, True, False)
            block.size = size
            pool.set_unmapped(rest)
        self._merge(block)
        block.free = True
        pool.put(block)
        return True

    def _merge(self, block: Block) -> None:
        """Join `block`, which is in no list, with free neighbours in the same state."""
        pool = block.pool
        for other in (block.before, block.after):
            if other is None or not other.free or other.mapped != block.mapped:
                continue
            if other.mapped:
                pool.take(other)
            else:
                pool.unmapped.remove(other)
            if other is block.before:
                block.address = other.address
                block.before = other.before
                if block.before is not None:
                    block.before.after = block
            else:
                block.after = other.after
                if block.after is not None:
                    block.after.before = block
            block.size += other.size

    def _unmap(self, pool: Pool, block: Block) -> None:
        """Give back the pages that lie wholly inside a cached block."""
        page, offset = pool.page, block.offset
        start = block.address + -(-offset // page) * page - offset
        end = block.address + block.size - (offset + block.size) % page
        if start >= end:
            return
        pool.take(block)
        if start > block.address:
            pool.put(Block(block.address, start - block.address, pool, block.before, block, True))
        stop = block.address + block.size
        if stop > end:
            pool.put(Block(end, stop - end, pool, block, block.after, True))
        block.address, block.size, block.mapped = start, end - start, False
        self.reserved -= block.size
        self._merge(block)
        if block.before is not None or block.after is not None:
            pool.set_unmapped(block)  # a range without any memory is given up


def replayed_with(
    settings: Settings, events: Iterable[Event], capacity: int | None = None, device: int | None = None
) -> Taken:
    """`standard.replayed` under any settings."""
    allocator = CachingAllocator(settings, capacity, device)
    alive: dict[int, Block] = {}
    for number, size in events:
        if size == WAITS:
            allocator.free_later(alive.pop(number), number)
        elif size:
            further, size = (-1, size) if size > 0 else divmod(-size, STREAM)
            alive[number] = allocator.malloc(size, 1 + further)
        elif number in alive:
            allocator.free(alive.pop(number))
        else:
            allocator.finished(number)
    return Taken(allocator.peak_allocated, allocator.peak_reserved)
