"""GPU names → facts, whatever spelling a driver, a scheduler, a cloud or a person uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from vramlint.catalog.facts import GIB, MIB, Gpu
from vramlint.catalog.nearest import nearest, words_in
from vramlint.catalog.table import FOLDER, Table
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.patterns import pattern

NOT_TOLD_APART = re.compile(
    "nvidia|geforce|tesla|quadro|amd|instinct|radeon|intel|gpu|generation|edition|[^0-9a-z]+"
)
LONGEST_NAME = 200

HELD_BACK = ((10_000, 0.0466), (40_000, 0.0182), (float("inf"), 0.0094))
"""Share of the printed total that NVIDIA's driver keeps from PyTorch on Linux, for GPUs below so many MiB.

Medians of the GPUs whose total was seen both ways (README.md beside the table); a test computes them again.
"""

METAL_SHARE = ((36_864, 2 / 3), (float("inf"), 3 / 4))
"""Share of unified memory that PyTorch's MPS backend may use by default, for machines up to so many MiB."""

SLICE = pattern(r"[\s,:/@-]*(?:mig[\s.-]*)?(\d+g\.\d+gb)(?:\+\w+)*", re.IGNORECASE)
SIZE = pattern(r"(?<![0-9a-z])\(?(\d{1,3})\s*g(?:i?b)?\)?(?![0-9a-z])", re.IGNORECASE)
SERIES = ("rtx", "gtx", "rx")
"""What people leave out before the number of a consumer GPU."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A cloud machine type. `count` is below 1 where the machine has a share of a GPU."""

    name: str
    gpu: Gpu
    count: float
    ram: int | None = None
    """Host memory, bytes; None where its provider's list was not read."""


def normalised(name: str) -> str:
    """The name as it is compared: lower case, only letters and digits, without vendor words."""
    return NOT_TOLD_APART.sub("", name.lower())


def usable_mib(memory_mib: float, vendor: str) -> float:
    """What PyTorch can have of a printed total, MiB, where nobody has seen it.

    AMD's driver hands out the whole total (the three GPUs seen); for vendors without data NVIDIA's share
    is taken.
    """
    if vendor == "amd":
        return memory_mib
    if vendor == "apple":
        return memory_mib * next(share for limit, share in METAL_SHARE if memory_mib <= limit)
    return memory_mib * (1 - next(share for limit, share in HELD_BACK if memory_mib < limit))


@lru_cache(maxsize=512)
def find_gpu(name: str) -> Gpu | None:
    """The accelerator that `name` means, or None.

    Takes any spelling of the table, a size beside it ("80GB A100") and a MIG slice ("A100-80GB
    3g.40gb"). A short name that several GPUs share ("A100") means the smallest of them.
    """
    if not 0 < len(name) <= LONGEST_NAME:
        return None
    record = _record(name)
    if record is not None:
        return _gpu(record)
    sliced = SLICE.search(name)
    if sliced and sliced.end() == len(name.rstrip()):
        return _slice(name[: sliced.start()], sliced[1].lower())
    sized = SIZE.search(name)
    return _of_size(name[: sized.start()] + " " + name[sized.end() :], int(sized[1])) if sized else None


def meanings(name: str) -> tuple[Gpu, ...]:
    """All GPUs that a name can mean, several for short names; the one `find_gpu` takes comes first."""
    record = _record(name)
    if record is None:
        return ()
    key = normalised(name)
    names = dict.fromkeys((record["name"], *_ambiguous().get(key, ())))
    return tuple(_gpu(_by_name()[normalised(each)]) for each in names)


def nearest_gpus(name: str, n: int = 3) -> list[str]:
    """Names of the accelerators spelled most like `name`, closest first."""
    spellings: dict[str, str] = {}
    for record in _records():
        for spelling in (record["name"], *record["aliases"]):
            spellings.setdefault(spelling.lower(), record["name"])
    close = nearest(name, list(spellings), 4 * n)
    return list(dict.fromkeys(spellings[spelling] for spelling in close))[: max(n, 0)]


def search_gpus(query: str) -> list[Gpu]:
    """Accelerators whose names, vendor, class or architecture hold every word of `query`."""
    words = query.lower().split()
    return [_gpu(record) for record in _records() if words_in(words, _described(record))]


def all_gpus() -> list[Gpu]:
    """Every accelerator of the table."""
    return [_gpu(record) for record in _records()]


WIDELY_HAD = (
    "RTX 4090",
    "RTX 5090",
    "A100 40GB SXM",
    "L40S",
    "H100 80GB SXM",
    "H200 141GB SXM",
    "B200 192GB",
    "MI300X 192GB",
    "MI325X 256GB",
    "B300 288GB",
    "MI355X 288GB",
)
"""What clouds rent out and people buy for training: one of each size."""


@lru_cache(maxsize=8)
def widely_had(vendor: str) -> tuple[Gpu, ...]:
    """The GPUs of a vendor that are easily had, the smallest first."""
    named = (gpu for name in WIDELY_HAD if (gpu := find_gpu(name)) and gpu.vendor == vendor)
    return tuple(sorted(named, key=lambda gpu: gpu.usable_bytes))


@lru_cache(maxsize=128)
def smallest_with(size: int, n: int) -> list[Gpu]:
    """The `n` smallest NVIDIA GPUs that can give `size` bytes, one of each size."""
    fitting = [gpu for gpu in all_gpus() if gpu.vendor == "nvidia" and gpu.usable_bytes >= size]
    by_size = {gpu.usable_bytes: gpu for gpu in sorted(fitting, key=lambda gpu: gpu.name, reverse=True)}
    return [by_size[usable] for usable in sorted(by_size)][:n]


def find_instance(name: str) -> Instance | None:
    """The cloud machine type of that name (SageMaker's "ml." left out), compared without case, or None."""
    folded = name.strip().lower().removeprefix("ml.")
    for record in Table(FOLDER / "instances.jsonl").mentioning(folded):
        if record["name"].lower() == folded:
            return Instance(
                record["name"],
                _gpu(_by_name()[normalised(record["gpu"])]),
                record["count"],
                int(record["ram_gib"] * GIB) if "ram_gib" in record else None,
            )
    return None


def gpu_of_size(memory_mib: float, name: str) -> Gpu:
    """A GPU of which only the memory is known, taken as an NVIDIA GPU."""
    return Gpu(
        name=name,
        memory_bytes=int(memory_mib * MIB),
        usable_bytes=int(usable_mib(memory_mib, "nvidia") * MIB),
        vendor="unknown",
        confidence="declared",
    )


def part_of(gpu: Gpu, memory_mib: float, name: str) -> Gpu:
    """A part of a GPU: a MIG slice or a shared GPU."""
    usable = memory_mib * MIB * gpu.usable_bytes / gpu.memory_bytes
    return replace(gpu, name=name, memory_bytes=int(memory_mib * MIB), usable_bytes=int(usable))


@lru_cache(maxsize=1)
def _records() -> tuple[dict[str, Any], ...]:
    return tuple(Table(FOLDER / "gpus.jsonl"))


@lru_cache(maxsize=1)
def _by_name() -> Mapping[str, dict[str, Any]]:
    return {
        normalised(name): record for record in _records() for name in (record["name"], *record["aliases"])
    }


@lru_cache(maxsize=1)
def _ambiguous() -> Mapping[str, list[str]]:
    meant: dict[str, list[str]] = {}
    for record in Table(FOLDER / "ambiguous.jsonl"):
        meant.setdefault(normalised(record["name"]), []).extend(record["gpus"])
    return meant


def _record(name: str) -> dict[str, Any] | None:
    key = normalised(name)
    spellings = (key, *(series + key for series in SERIES)) if key[:4].isdigit() else (key,)
    return next((record for spelling in spellings if (record := _by_name().get(spelling)) is not None), None)


@lru_cache(maxsize=1)
def _by_name_without_size() -> Mapping[str, list[dict[str, Any]]]:
    records: dict[str, list[dict[str, Any]]] = {}
    for record in _records():
        for name in (record["name"], *record["aliases"]):
            same = records.setdefault(normalised(SIZE.sub(" ", name)), [])
            if record not in same:
                same.append(record)
    return records


def _of_size(name: str, gigabytes: int) -> Gpu | None:
    """The GPU of that name and advertised size."""
    key = normalised(name)
    for spelling in (key, *(series + key for series in SERIES)):
        for record in _by_name_without_size().get(spelling, ()):
            gpu = _gpu(record)
            if _advertised_as(gpu, gigabytes):
                return gpu
    return None


def _gpu(record: Mapping[str, Any]) -> Gpu:
    memory_mib = record["memory_mib"]
    usable = record.get("torch_mib") or usable_mib(memory_mib, record["vendor"])
    return Gpu(
        name=record["name"],
        memory_bytes=memory_mib * MIB,
        usable_bytes=int(min(usable, memory_mib) * MIB),
        vendor=record["vendor"],
        architecture=record["architecture"],
        compute_capability=record.get("compute_capability"),
        supports={
            **dict.fromkeys(record.get("supports", ()), True),
            **dict.fromkeys(record.get("lacks", ()), False),
        },
        year=record["year"],
        confidence=record["confidence"],
    )


def _described(record: Mapping[str, Any]) -> list[str]:
    return [record["name"], record["vendor"], record["class"], record["architecture"], *record["aliases"]]


def _slice(whole: str, profile: str) -> Gpu | None:
    """The MIG slice of a GPU; without a GPU, the smallest slice of that name."""
    named = normalised(whole) not in ("", "com")
    names = [gpu.name for gpu in meanings(whole)] if named else [record["name"] for record in _records()]
    slices = [
        (record["mig_mib"][profile], record)
        for record in (_by_name()[normalised(name)] for name in names)
        if profile in record.get("mig_mib", {})
    ]
    if not slices:
        return None
    memory_mib, record = slices[0] if named else min(slices, key=lambda each: each[0])
    return part_of(_gpu(record), memory_mib, f"{record['name']} MIG {profile}")


def _advertised_as(gpu: Gpu, gigabytes: int) -> bool:
    """Whether a GPU may be sold with that size: printed totals stay up to 8 % below it (in GiB)."""
    return gigabytes > 0 and 0.9 <= gpu.memory_bytes / (gigabytes * 2**30) <= 1.02
