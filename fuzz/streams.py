"""Inputs of a server: the bytes of a connection. A tenth is made anew; the others are spliced of those."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings

from fuzz.messages import MESSAGES

_KEPT = 400
"""Connections of which others are made."""
_ANEW = 0.1
_BYTES = 2_000
"""Choices of a connection that is made anew."""
_PIECES = ("\n", " ", ":", "#", "- ", "8", "{", '"', "'", "\ufeff", "\r\n", "\U0001f600", "null", "1e9")

Bodies = list[bytes]


def framed(bodies: Sequence[bytes]) -> bytes:
    """Messages as they are sent."""
    return b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in bodies if body)


def bodies_of(stream: bytes) -> Iterator[bytes]:
    """The messages of such bytes."""
    while stream:
        head, _, rest = stream.partition(b"\r\n\r\n")
        length = int(head.split(b":")[1])
        yield rest[:length]
        stream = rest[length:]


def streams(random: Random) -> Iterator[bytes]:
    """Without end, and none twice."""
    pool: deque[Bodies] = deque(maxlen=_KEPT)
    seen: set[int] = set()

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(MESSAGES)
    def keep(bodies: Bodies) -> None:
        pool.append(bodies)

    while True:
        if len(pool) < _KEPT // 10 or random.random() < _ANEW:
            before = len(pool), pool[-1] if pool else None
            keep.hypothesis.fuzz_one_input(random.randbytes(_BYTES))  # type: ignore[attr-defined]
            if before == (len(pool), pool[-1] if pool else None):
                continue
            stream = framed(pool[-1])
        else:
            stream = framed(_spliced(pool, random))
        if stream and hash(stream) not in seen:
            seen.add(hash(stream))
            yield stream


def _spliced(pool: Sequence[Bodies], random: Random) -> Bodies:
    """A connection with a few changes, which take what they put in from another."""
    bodies, other = list(random.choice(pool)), random.choice(pool)
    for _ in range(random.randint(1, 4)):
        random.choice(_CHANGES)(bodies, other, random)
    return bodies


def _put_in(bodies: Bodies, other: Bodies, random: Random) -> None:
    if other:
        bodies.insert(random.randint(min(1, len(bodies)), len(bodies)), random.choice(other))


def _join(bodies: Bodies, other: Bodies, random: Random) -> None:
    bodies[random.randint(min(1, len(bodies)), len(bodies)) :] = other[random.randint(0, len(other)) :]


def _move(bodies: Bodies, other: Bodies, random: Random) -> None:
    if len(bodies) > 2:
        bodies.insert(random.randint(1, len(bodies) - 1), bodies.pop(random.randrange(1, len(bodies))))


def _take_out(bodies: Bodies, other: Bodies, random: Random) -> None:
    if len(bodies) > 2:
        del bodies[random.randrange(1, len(bodies))]


def _exchange(bodies: Bodies, other: Bodies, random: Random) -> None:
    """Another value at one place of a message: one of the other connection, or a text with a piece more."""
    if not bodies or not other:
        return
    at = random.randrange(len(bodies))
    try:
        message, source = json.loads(bodies[at]), json.loads(random.choice(other))
    except ValueError:
        return
    places, values = list(_places(message)), list(_places(source))
    if not places or not values:
        return
    inside, key = random.choice(places)
    if isinstance(inside[key], str) and random.random() < 0.6:
        cut = random.randint(0, len(inside[key]))
        cut_to = cut + random.choice((0, 0, 1, 20))
        inside[key] = inside[key][:cut] + random.choice(_PIECES) + inside[key][cut_to:]
    else:
        where, name = random.choice(values)
        inside[key] = where[name]
    bodies[at] = json.dumps(message).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value: what it is in, and under which key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


_CHANGES: tuple[Callable[[Bodies, Bodies, Random], None], ...] = (
    *(_put_in, _put_in, _join, _move, _take_out),
    *(_exchange,) * 4,
)
