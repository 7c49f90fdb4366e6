"""What a person writes to declare hardware: "A100-80GB x8", "8x H100", "p4d.24xlarge", "24GiB x2", "auto"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vramlint.catalog.facts import GIB, MIB, Gpu
from vramlint.catalog.gpus import find_gpu, find_instance, gpu_of_size, part_of
from vramlint.lazy_dataclasses import dataclass
from vramlint.patterns import pattern

MOST = 1_000_000
"""No cluster has more GPUs; a longer number is a slip."""

SIZE = pattern(r"(\d+(?:\.\d+)?)\s*(g|gb|gib|m|mb|mib)", re.IGNORECASE)
COUNT_LAST = re.compile(r"(?P<name>.*?)\s*(?:[x×*:]|\s[x×*]\s)\s*(?P<count>\d{1,7})", re.IGNORECASE)
COUNT_FIRST = re.compile(r"(?P<count>\d{1,7})\s*[x×*]\s*(?P<name>.+)", re.IGNORECASE)
COUNT_BEFORE_NAME = re.compile(r"(?P<count>\d{1,3})\s+(?P<name>[a-z].+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Declaration:
    """Declared hardware. `count` is GPUs per node; `gpu` is None where the name means nothing known."""

    name: str
    gpu: Gpu | None
    count: int = 1
    nodes: int = 1
    ram: int | None = None
    """Host memory of a node, bytes, where the machine is known."""


def parse_declaration(text: str) -> Declaration:
    """Read a declaration; never fails, a name that is not known comes back with `gpu` None.

    A count of cloud machines is a number of nodes. "auto" asks the machine's own driver.
    """
    text = text.strip()
    if text.lower() == "auto":
        return _automatic()
    readings = [(text, 1), *_counted(text)]
    worded = next((reading for reading in readings[1:] if any(map(str.isalpha, reading[0]))), (text, 1))
    for name, count in readings:
        gpu = find_gpu(name)
        if gpu is not None:
            return Declaration(name, gpu, count)
    for name, count in readings:
        found = _machine(name, count) or _size(name, count)
        if found is not None:
            return found
    return Declaration(worded[0], None, worded[1])


def _counted(text: str) -> Iterator[tuple[str, int]]:
    """The ways to take a text as a name and a count."""
    for form in (COUNT_LAST, COUNT_FIRST, COUNT_BEFORE_NAME):
        match = form.fullmatch(text)
        if match and match["name"].strip() and 1 <= int(match["count"]) <= MOST:
            yield match["name"].strip(), int(match["count"])


def _machine(name: str, count: int) -> Declaration | None:
    instance = find_instance(name)
    if instance is None:
        return None
    gpu = instance.gpu
    if instance.count < 1:
        memory_mib = gpu.memory_bytes * instance.count / MIB
        gpu = part_of(gpu, memory_mib, f"{gpu.name} (a share of {instance.count:g})")
    return Declaration(name, gpu, max(1, int(instance.count)), nodes=count, ram=instance.ram)


def _size(name: str, count: int) -> Declaration | None:
    """A plain amount of memory. "24GB" is read as GPUs are sold: 24 GiB."""
    match = SIZE.fullmatch(name)
    if match is None:
        return None
    unit = GIB if match[2].lower().startswith("g") else MIB
    memory_mib = float(match[1]) * unit / MIB
    if not 1 <= memory_mib <= 16 * 2**20:
        return None
    return Declaration(name, gpu_of_size(memory_mib, f"{memory_mib / 1024:g} GiB GPU"), count)


def _automatic() -> Declaration:
    """The machine's own GPUs: as many as there are, of the smallest kind."""
    from vramlint.catalog.nvml import installed_gpus

    gpus = installed_gpus()
    if not gpus:
        return Declaration("auto", None)
    smallest = min(gpus, key=lambda gpu: gpu.usable_bytes)
    return Declaration(smallest.name, smallest, len(gpus))
