"""What allocator and replay are asked: calls drawn at random, the same ones for the same number."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal, NamedTuple

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
Kind = Literal["malloc", "free", "used", "finished", "empty"]
"""`used`: a storage is used on another stream (Tensor.record_stream). `finished`: a stream has run all that
was asked of it. `empty`: torch.cuda.empty_cache.
"""
LIMITS = (512, MIB, 2 * MIB, 10 * MIB, 20 * MIB, 32 * MIB, 64 * MIB, 128 * MIB, 256 * MIB)
"""Sizes where a rule or a setting begins to hold."""
SPANS = ((1, MIB), (MIB + 1, 10 * MIB), (10 * MIB, 64 * MIB), (64 * MIB, 2 * GIB))

STREAMS = (0, 1, 2)


class Call(NamedTuple):
    """One call. `stream` is that of an allocation, of a use, or the one that has finished."""

    kind: Kind
    number: int = 0
    size: int = 0
    stream: int = 0


def drawn(seed: int, most: int, longest: int = 400, uses: bool = False) -> list[Call]:
    """The calls of a number: at most `most` bytes are alive at once. `uses`: other streams use what was
    allocated, and finish later.
    """
    dice = random.Random(seed)
    sizes = _sizes(dice, most)
    streams = dice.choice(((0,), (0,), (0, 1), STREAMS))
    emptied = dice.choice((0.0, 0.0, 0.01))
    growing, order = dice.uniform(0.45, 0.6), dice.choice((-1, 0, None))
    calls: list[Call] = []
    alive: dict[int, int] = {}
    total = 0
    for number in range(dice.randint(20, longest)):
        size = dice.choice(sizes) if dice.random() < 0.9 else _size(dice, most)
        if dice.random() < emptied:
            calls.append(Call("empty"))
        elif uses and alive and dice.random() < 0.2:
            calls.append(Call("used", dice.choice(list(alive)), stream=dice.choice(STREAMS)))
        elif uses and dice.random() < 0.1:
            calls.append(Call("finished", stream=dice.choice(STREAMS)))
        elif alive and (dice.random() > growing or total + size > most):
            numbers = list(alive)
            gone = dice.choice(numbers) if order is None or dice.random() < 0.2 else numbers[order]
            total -= alive.pop(gone)
            calls.append(Call("free", gone))
        elif total + size <= most:
            alive[number] = size
            total += size
            calls.append(Call("malloc", number, size, dice.choice(streams)))
    return calls


def _sizes(dice: random.Random, most: int) -> list[int]:
    """The few sizes that repeat, as a model's tensors do."""
    return [_size(dice, most) for _ in range(dice.randint(1, 12))]


def _size(dice: random.Random, most: int) -> int:
    if dice.random() < 0.3:
        size = dice.choice(LIMITS) + dice.choice((-513, -512, -1, 0, 1, 512, 513))
    else:
        low, high = dice.choice(SPANS)
        size = int(low * (high / low) ** dice.random())
        if dice.random() < 0.2:
            size = max(1, size // (2 * MIB)) * 2 * MIB
    return max(1, min(size, most // 2))


def capacities(dice: random.Random, taken: int) -> Iterator[int | None]:
    """What a driver may give where `taken` bytes suffice: any number, that many, and fewer."""
    yield None
    yield taken
    for _ in range(2):
        yield max(2 * MIB, int(taken * dice.uniform(0.4, 1.0)))
