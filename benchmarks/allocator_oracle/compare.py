"""One trace, asked of the real allocator and of each replay."""

from __future__ import annotations

from collections.abc import Sequence

from allocator_oracle.real import UNLIMITED, Answer
from allocator_oracle.traces import Call
from vramlint.memory.replay.caching_allocator import Block, CachingAllocator
from vramlint.memory.replay.events import WAITS, Event, OutOfMemory, Taken, on_stream
from vramlint.memory.replay.settings import INTERVALS, parsed
from vramlint.memory.replay.standard import expanded, replayed


def replay(settings: str, calls: Sequence[Call], capacity: int | None, device: int) -> Answer:
    """What the replay with every setting answers to calls."""
    allocator = CachingAllocator(parsed(settings), capacity, device)
    alive: dict[int, Block] = {}
    streams = {call.number: call.stream for call in calls if call.kind == "malloc"}
    users: dict[int, set[int]] = {}
    after: list[tuple[int, int]] = []
    ran_out = False
    try:
        for call in calls:
            if call.kind == "malloc":
                alive[call.number] = allocator.malloc(call.size, call.stream)
            elif call.kind == "free" and users.get(call.number):
                allocator.free_later(alive.pop(call.number), call.number)
            elif call.kind == "free":
                allocator.free(alive.pop(call.number))
            elif call.kind == "empty":
                allocator.empty_cache()
            elif call.kind == "used" and streams[call.number] != call.stream:
                users.setdefault(call.number, set()).add(call.stream)
            elif call.kind == "finished":
                for number in list(allocator.waiting):
                    users[number].discard(call.stream)
                    if not users[number]:
                        allocator.finished(number)
            after.append((allocator.allocated, allocator.reserved))
    except OutOfMemory:
        ran_out = True
    return Answer(after, allocator.peak_allocated, allocator.peak_reserved, ran_out)


def events(calls: Sequence[Call]) -> list[Event] | None:
    """The calls as a timeline has them; None where it cannot say them."""
    if any(call.kind == "empty" for call in calls):
        return None
    streams = {call.number: call.stream for call in calls if call.kind == "malloc"}
    users: dict[int, set[int]] = {}
    waiting: list[int] = []
    said: list[Event] = []
    for call in calls:
        if call.kind == "malloc":
            said.append((call.number, _size(call)))
        elif call.kind == "free" and users.get(call.number):
            waiting.append(call.number)
            said.append((call.number, WAITS))
        elif call.kind == "free":
            said.append((call.number, 0))
        elif call.kind == "used" and streams[call.number] != call.stream:
            users.setdefault(call.number, set()).add(call.stream)
        elif call.kind == "finished":
            for number in waiting:
                users[number].discard(call.stream)
            said += ((number, 0) for number in waiting if not users[number])
            waiting = [number for number in waiting if users[number]]
    return said


def _size(call: Call) -> int:
    if call.stream == 0:
        return call.size
    return on_stream(1 if call.stream == 1 else 2, call.size)


def in_one_loop(
    settings: str, calls: Sequence[Call], capacity: int | None, device: int
) -> Taken | str | None:
    """What the fast replay answers: None where memory runs out; "" where it is not made for such a run."""
    asked = events(calls)
    if asked is None or settings not in ("", "expandable_segments:True"):
        return ""
    if settings and capacity is not None:
        return ""
    try:
        taken = expanded(asked, device) if settings else replayed(asked, capacity)
        return "" if settings and taken.reserved > device else taken
    except OutOfMemory:
        return None


def as_read(settings: str) -> tuple[int, ...]:
    """Our reading of settings, as the library tells its own."""
    ours = parsed(settings)
    divisions = ours.divisions or (0,) * INTERVALS
    bound = UNLIMITED if ours.max_split is None else ours.max_split
    return int(ours.expandable), bound, ours.rounding, ours.large_segment, *divisions


def difference(ours: Answer, real: Answer) -> str:
    """Where two answers part; empty where they do not."""
    for at, (mine, other) in enumerate(zip(ours.after, real.after, strict=False)):
        if mine != other:
            return f"call {at}: allocated and reserved {mine}, really {other}"
    if len(ours.after) != len(real.after):
        first = "the replay" if ours.out_of_memory else "the allocator"
        return f"call {min(len(ours.after), len(real.after))}: {first} alone runs out of memory"
    if not real.out_of_memory and ours != real:
        return f"peaks {ours[1:3]}, really {real[1:3]}"
    return ""


def loop_difference(loop: Taken | str | None, real: Answer) -> str:
    """The same for what one loop answers."""
    wanted = None if real.out_of_memory else Taken(real.allocated, real.reserved)
    return "" if loop in ("", wanted) else f"one loop: {loop}, really {wanted}"
