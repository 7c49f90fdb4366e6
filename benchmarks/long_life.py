"""What a server keeps that is open for long: memory over edits and over documents that are opened and closed.

    python benchmarks/long_life.py [--edits 50000] [--documents 5000]

Growth is of the resident size, from the end of the first tenth, when all caches are full, to the end. Exits 1
where it is more than 8 MiB.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "rules"), str(ROOT / "schemas")]

from vramlint.lsp.session import Session  # noqa: E402

MOST_MIB = 8
TEXT = """\
# vramlint: gpu=RTX-4090
vramlint: 1
model: HuggingFaceTB/SmolLM2-135M
micro_batch_size: {batch}
sequence_length: 512
"""


def resident() -> float:
    """The resident size of this process, MiB."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024


def growth(step: Callable[[int], None], times: int) -> float:
    """MiB that a step adds from the end of the first tenth on."""
    for number in range(times // 10):
        step(number)
    before = resident()
    for number in range(times // 10, times):
        step(number)
    return round(resident() - before, 2)


def edits(times: int) -> float:
    """Whole texts of one document, each analysed."""
    session, uri = Session(), "file:///nowhere/a.yaml"
    session.open(uri, "yaml", 1, TEXT.format(batch=1))

    def step(number: int) -> None:
        session.change(uri, number + 2, TEXT.format(batch=number % 40 + 1) + f"# {number}\n")
        session.view(uri)

    return growth(step, times)


def documents(times: int) -> float:
    """Documents that are opened, analysed and closed."""
    session = Session()

    def step(number: int) -> None:
        uri = f"file:///nowhere/{number}.yaml"
        session.open(uri, "yaml", 1, TEXT.format(batch=number % 40 + 1))
        session.view(uri)
        session.close(uri)

    return growth(step, times)


def main() -> int:
    """Print what was kept; 1 where it is too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=50_000)
    parser.add_argument("--documents", type=int, default=5_000)
    options = parser.parse_args()
    found = {
        "documents": options.documents,
        "documents_growth_mib": documents(options.documents),
        "edits": options.edits,
        "edits_growth_mib": edits(options.edits),
    }
    print(json.dumps(found), flush=True)
    return int(max(found["documents_growth_mib"], found["edits_growth_mib"]) > MOST_MIB)


if __name__ == "__main__":
    sys.exit(main())
