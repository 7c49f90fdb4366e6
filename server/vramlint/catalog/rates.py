"""What a GPU computes and moves in a second: rows of `rates.jsonl`, each with its source in the README beside
it.
"""

from __future__ import annotations

from vramlint.catalog.facts import Gpu
from vramlint.catalog.table import FOLDER, Table
from vramlint.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one GPU: FLOP/s that matrix products reach in 16 and in 8 bits, bytes/s of its memory, of its links
    to the GPUs of its domain and of its share of the network, each in one direction.
    """

    matmul16: float
    matmul8: float | None
    memory: float
    link: float
    network: float
    domain: int
    """GPUs that are joined by NVLink or xGMI."""
    processors: int | None = None
    """Streaming multiprocessors, where their whole waves are counted."""


def rates_of(gpu: Gpu) -> Rates | None:
    """The rates of a GPU, None where nobody gave them."""
    for record in Table(FOLDER / "rates.jsonl").mentioning(gpu.name):
        if record["name"] == gpu.name:
            return Rates(
                record["matmul16"],
                record["matmul8"],
                record["memory"],
                record["link"],
                record["network"],
                record["domain"],
                record.get("processors"),
            )
    return None
