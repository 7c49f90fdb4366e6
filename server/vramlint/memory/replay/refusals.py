"""What PyTorch refuses of its allocator's settings: an error at the first use of a GPU.

Read from c10/core/AllocatorConfig.h, c10/cuda/CUDAAllocatorConfig.h and the parsers of torch 2.7.1 and 2.14.1
(c10/core/AllocatorConfig.cpp, c10/cuda/CUDAAllocatorConfig.cpp). What only one of them refuses is held
against that one's releases alone; of releases before 2.7 nothing is known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from vramlint.catalog.facts import MIB
from vramlint.memory.replay.settings import LARGE_SEGMENT
from vramlint.versions import at_least, older


class Refusal(NamedTuple):
    """What is refused, by the offsets of it in the settings.

    `key` is empty where it is the key itself; `value` is empty where nothing is there. `wanted` says in words
    what is taken, `choices` which values, where they can be listed.
    """

    key: str
    value: str
    wanted: str
    choices: tuple[str, ...]
    start: int
    end: int


class _Token(NamedTuple):
    text: str
    start: int
    end: int


class _Takes(NamedTuple):
    holds: Callable[[str], bool]
    wanted: str
    choices: tuple[str, ...] = ()


_READ_SINCE, _NEWER_SINCE, _NEWEST = "2.7", "2.8", "2.14"
_BOOL = _Takes(lambda text: text in ("True", "False"), "True or False", ("True", "False"))
_BACKENDS = ("native", "cudaMallocAsync", "hipMallocAsync")
_MOST_THREADS = 128


def _whole(text: str) -> int | None:
    """What std::stoull makes of a text: the number that it starts with, modulo 2⁶⁴ where that is negative."""
    match = re.match(r"[+-]?\d+", text, re.ASCII)
    number = int(match[0]) if match and len(match[0]) < 40 else None
    return number % 2**64 if number is not None and abs(number) < 2**64 else None


def _real(text: str) -> float | None:
    """What std::stod makes of a text: the number that it starts with."""
    match = re.match(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", text, re.ASCII)
    return float(match[0]) if match else None


def _power_of_two(number: int | None) -> bool:
    return number is not None and number > 0 and number & (number - 1) == 0


def _above(least: int) -> _Takes:
    """Whole numbers from `least` on."""
    return _Takes(lambda text: (_whole(text) or 0) >= least, f"a whole number, at least {least}")


_LEAST_SEGMENT = 11
"""MiB: more than what counts as a large allocation (kMinLargeAlloc)."""
_NUMBER = _Takes(lambda text: _whole(text) is not None, "a whole number")
_DIVISIONS = _Takes(lambda text: _power_of_two(_whole(text)), "a power of two")
_DIVISION = _Takes(lambda text: _whole(text) == 0 or _power_of_two(_whole(text)), "a power of two or 0")
_KEYS: Mapping[str, _Takes] = {
    "expandable_segments": _BOOL,
    "garbage_collection_threshold": _Takes(
        lambda text: 0 < (_real(text) or 0) < 1, "a number between 0 and 1"
    ),
    "backend": _Takes(lambda text: text in _BACKENDS, "native or cudaMallocAsync", _BACKENDS[:2]),
    "release_lock_on_cudamalloc": _BOOL,
    "release_lock_on_hipmalloc": _BOOL,
    "pinned_use_cuda_host_register": _BOOL,
    "pinned_use_hip_host_register": _BOOL,
    "pinned_use_background_threads": _BOOL,
    "pinned_num_register_threads": _Takes(
        lambda text: _power_of_two(_whole(text)) and (_whole(text) or 0) <= _MOST_THREADS,
        f"a power of two, at most {_MOST_THREADS}",
    ),
    "roundup_power2_divisions": _DIVISIONS,
}
_NEWER_KEYS: Mapping[str, _Takes] = {
    "large_segment_size_mb": _above(_LEAST_SEGMENT),
    "pinned_max_round_threshold_mb": _NUMBER,
    "pinned_max_cached_size_mb": _NUMBER,
    "pinned_reserve_segment_size_mb": _above(1),
    "graph_capture_record_stream_reuse": _BOOL,
    "per_process_memory_fraction": _Takes(
        lambda text: 0 <= (-1 if (share := _real(text)) is None else share) <= 1, "a number from 0 to 1"
    ),
    "pinned_free_catch_all": _BOOL,
    "throw_on_cudamalloc_oom": _BOOL,
}
"""Those that 2.7 does not know."""
_BOUNDED = ("max_split_size_mb", "max_non_split_rounding_mb")
"""They take no less than a large segment has."""

_Walk: TypeAlias = Iterator[Refusal]


def refusal(settings: str, torch: str | None = None) -> Refusal | None:
    """The first that `torch`, the newest where it is not known, refuses of such a string as
    "expandable_segments:True,max_split_size_mb:128"; None where it takes it all.
    """
    if older(torch, _READ_SINCE):
        return None
    return next(_refused(_tokens(settings), torch), None)


def _tokens(settings: str) -> list[_Token]:
    """Separators, and what is between them without its spaces."""
    found = []
    for match in re.finditer(r"[,:\[\]]|[^,:\[\]]+", settings):
        text = "".join(match[0].split())
        if text:
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            found.append(_Token(text, start, match.end() - (len(match[0]) - len(match[0].rstrip()))))
    return found


def _refused(tokens: list[_Token], torch: str | None) -> _Walk:
    takes = _taken(tokens, torch)
    at = 0
    while at < len(tokens):
        key = tokens[at]
        if key.text not in takes:
            choices = () if key.text in _NEWER_KEYS else tuple(takes)
            yield Refusal("", key.text, "", choices, key.start, key.end)
            return
        if at + 2 >= len(tokens):
            yield Refusal(key.text, "", takes[key.text].wanted, (), key.start, tokens[-1].end)
            return
        value = tokens[at + 2]
        if key.text == "roundup_power2_divisions" and value.text == "[":
            yield from _refused_in_list(key.text, tokens[at + 2 :], torch)
            at = next((i for i in range(at, len(tokens)) if tokens[i].text == "]"), len(tokens))
        else:
            wanted = takes[key.text]
            if not wanted.holds(value.text):
                yield Refusal(key.text, value.text, wanted.wanted, wanted.choices, value.start, value.end)
            at += 2
        at += 2


def _taken(tokens: list[_Token], torch: str | None) -> dict[str, _Takes]:
    """The keys that are known, with what each takes in these settings."""
    newer = at_least(torch, _NEWER_SINCE)
    said = [
        _whole(tokens[at + 2].text)
        for at in range(len(tokens) - 2)
        if newer and tokens[at].text == "large_segment_size_mb"
    ]
    segment = (said and said[-1]) or LARGE_SEGMENT // MIB
    bounded = dict.fromkeys(_BOUNDED, _above(segment))
    return {**bounded, **_KEYS, **(_NEWER_KEYS if newer else {})}


def _refused_in_list(key: str, tokens: list[_Token], torch: str | None) -> _Walk:
    """Of `[256:1,512:2,>:8]`: sizes are powers of two, or ">"; divisions powers of two, or 0."""
    at = 1
    while at < len(tokens) and tokens[at].text != "]":
        size = tokens[at]
        number = tokens[at + 2] if at + 2 < len(tokens) else None
        if number is None or not _DIVISION.holds(number.text):
            last = number or tokens[-1]
            yield Refusal(key, number.text if number else "", _DIVISION.wanted, (), last.start, last.end)
            return
        if size.text != ">" and not _DIVISIONS.holds(size.text):
            yield Refusal(key, size.text, _DIVISIONS.wanted, (), size.start, size.end)
            return
        at += 3 + (at + 3 < len(tokens) and tokens[at + 3].text != "]")
    if at >= len(tokens) and at_least(torch, _NEWEST):
        yield Refusal(key, "", "a list that ends with ]", (), tokens[0].start, tokens[-1].end)
