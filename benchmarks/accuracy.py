"""How far estimates are from measured memory → data/accuracy.json and docs/accuracy.md.

    python benchmarks/accuracy.py

Needs the measured data beside the checkout (../shared); what the other estimators say is in data/peers.json
(run_peers.py makes it). No network.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from accuracy_field import reported, section, sweep
from accuracy_page import page
from measured import available, cases, note_made_from_this
from ours import Answer, answers

HERE = Path(__file__).resolve().parent
DATA, PEERS, PAGE = (
    HERE / "data" / "accuracy.json",
    HERE / "data" / "peers.json",
    HERE.parent / "docs" / "accuracy.md",
)


def record(answer: Answer) -> dict[str, Any]:
    """One row of the table that is kept."""
    case = answer.case
    return {
        "id": case.id,
        "data": case.data,
        "source": case.source,
        "dialect": answer.dialect,
        "method": case.method,
        "sharding": case.sharding,
        "family": case.family,
        "total": case.total,
        "measured": case.measured,
        "estimate": answer.estimate,
        "error": None if answer.error is None else round(answer.error, 5),
        "band": answer.band,
        "peak_phase": answer.said.get("peak_phase"),
    }


def main() -> int:
    """Write both; 1 where the data is missing."""
    if not available():
        print("no measured data in ../shared")
        return 1
    found = answers(cases())
    peers = json.loads(PEERS.read_text(encoding="utf-8"))
    rows = ",\n".join(json.dumps(record(answer)) for answer in found)
    DATA.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
    PAGE.write_text(page(found, peers, tuple(section(reported(), sweep()))), encoding="utf-8")
    note_made_from_this(DATA.name)
    print(
        f"{len(found)} estimates; wrote {DATA.relative_to(HERE.parent)} and {PAGE.relative_to(HERE.parent)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
