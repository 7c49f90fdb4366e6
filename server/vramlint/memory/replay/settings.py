"""How PyTorch's CUDA caching allocator is set up (PYTORCH_ALLOC_CONF, PYTORCH_CUDA_ALLOC_CONF)."""

from __future__ import annotations

import re
from typing import TypeAlias

from vramlint.catalog.facts import MIB
from vramlint.lazy_dataclasses import dataclass

Divisions: TypeAlias = tuple[int, ...]
LARGE_SEGMENT = 20 * MIB
INTERVALS = 16
"""Powers of two from 1 MiB on that may have a number of divisions each (c10/core/AllocatorConfig.h,
kRoundUpPowerOfTwoIntervals).
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that move sizes; what is not named has the allocator's default (torch 2.14,
    c10/core/AllocatorConfig.h, c10/cuda/CUDAAllocatorConfig.h).
    """

    expandable: bool = False
    """expandable_segments: one growing range of addresses for each pool and stream."""
    max_split: int | None = None
    """max_split_size_mb, in bytes: larger blocks are not cut."""
    divisions: Divisions = ()
    """roundup_power2_divisions: steps between two powers of two, by interval; () for none."""
    large_segment: int = LARGE_SEGMENT
    """large_segment_size_mb, in bytes."""
    rounding: int = LARGE_SEGMENT
    """max_non_split_rounding_mb, in bytes: how much larger a block may be that is not cut; where it is
    not said, as much as a large segment has.
    """


def parsed(text: str) -> Settings:
    """The settings of a string such as "expandable_segments:True,max_split_size_mb:512"; names that move no
    size, and what cannot be read, are passed over.
    """
    said = dict(re.findall(r"(\w+)\s*:\s*(\[[^\]]*\]|[^,\s]+)", text))

    def megabytes(name: str) -> int | None:
        digits = re.match(r"\d+", said.get(name, ""))
        return int(digits[0]) * MIB if digits else None

    large = megabytes("large_segment_size_mb") or LARGE_SEGMENT
    return Settings(
        expandable=said.get("expandable_segments") == "True",
        max_split=megabytes("max_split_size_mb"),
        divisions=_divisions(said.get("roundup_power2_divisions", "")),
        large_segment=large,
        rounding=megabytes("max_non_split_rounding_mb") or large,
    )


def _divisions(text: str) -> Divisions:
    """One number for all sizes, or a list as in "[256:1,512:2,>:8]": megabytes, and the divisions from there
    to the next power of two (parseRoundUpPower2Divisions of torch 2.14; in 2.7 ">" holds for the size named
    before it too).
    """
    if text.isdigit():
        return (int(text),) * INTERVALS
    table = [0] * INTERVALS
    last = -1
    for size, number in re.findall(r"(\d+|>):(\d+)", text):
        if size == ">":
            table[max(last, 0) + 1 :] = [int(number)] * (INTERVALS - max(last, 0) - 1)
            continue
        at = min(int(size).bit_length() - 1, INTERVALS - 1)
        if last < 0:
            table[:at] = [int(number)] * at
        table[at] = int(number)
        last = at
    return tuple(table) if any(table) else ()
