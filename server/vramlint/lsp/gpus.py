"""The GPUs to choose from: this machine's first, then those that a run fits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from vramlint.catalog.facts import Gpu
from vramlint.catalog.gpus import all_gpus
from vramlint.catalog.nvml import installed_gpus
from vramlint.explain.format import WORDS
from vramlint.lint.format import gib
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Verdict


@cache
def installed() -> tuple[tuple[Gpu, int], ...]:
    """This machine's GPUs with how many there are of each. Asked once: GPUs stay."""
    found: dict[str, list[Gpu]] = {}
    for gpu in installed_gpus():
        found.setdefault(gpu.name, []).append(gpu)
    return tuple((same[0], len(same)) for same in found.values())


def in_order(analysis: Analysis | None) -> Iterator[tuple[Gpu, int, bool]]:
    """Each GPU with its count, and whether it is in this machine: those first, then those that the run fits,
    then the rest; the smaller before the larger, NVIDIA's before others.
    """
    for gpu, number in installed():
        yield gpu, number, True

    def rank(gpu: Gpu) -> tuple[bool, bool, int, str]:
        fits = verdict_on(analysis, gpu) == "fits"
        return not fits, gpu.vendor != "nvidia", gpu.usable_bytes, gpu.name

    for gpu in sorted(all_gpus(), key=rank):
        yield gpu, 1, False


def verdict_on(analysis: Analysis | None, gpu: Gpu) -> Verdict:
    """Whether the run of a document fits a GPU, by the count of tensors."""
    estimate = analysis.estimate if analysis else None
    return estimate.rough.verdict(gpu.usable_bytes) if estimate else "unknown"


def said_of(analysis: Analysis | None, gpu: Gpu) -> str:
    """ "24.0 GiB, 23.5 usable: does not fit"."""
    size = f"{gib(gpu.memory_bytes)} GiB, {gib(gpu.usable_bytes)} usable"
    verdict = verdict_on(analysis, gpu)
    return size if verdict == "unknown" else f"{size}: {WORDS[verdict]}"
