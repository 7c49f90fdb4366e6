"""Mutations of seeds: pieces cut, doubled, exchanged between texts, characters that a syntax is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

_SYNTAX = bytes(range(9, 14)) + bytes(range(32, 127))
_PIECES = (
    b"\xef\xbb\xbf",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\x00",
    b"\xff",
    b"---\n",
    b"<<: *a\n",
    b"\n  ",
    b"${",
    b"'''",
)


def inputs(seeds: Sequence[bytes], random: Random, longest: int) -> Iterator[bytes]:
    """Without end; random bytes where there are no seeds."""
    while True:
        if not seeds:
            yield random.randbytes(random.choice((200, 1000, longest)))
            continue
        data = bytearray(random.choice(seeds))
        for _ in range(random.randint(1, 5)):
            _mutate(data, seeds, random)
        yield bytes(data[:longest])


def _mutate(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    at = random.randint(0, len(data))
    kind = random.randrange(6)
    if kind == 0:
        del data[at : at + random.randint(1, 16)]
    elif kind == 1:
        data[at:at] = bytes(random.choices(_SYNTAX, k=random.randint(1, 3)))
    elif kind == 2:
        data[at:at] = random.choice(_PIECES)
    elif kind == 3:
        data[at:at] = data[at : at + random.randint(1, 60)]
    elif kind == 4:
        other = random.choice(seeds)
        start = random.randint(0, len(other))
        data[at:at] = other[start : start + random.randint(1, 60)]
    else:
        del data[at:]
