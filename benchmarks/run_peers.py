"""What other estimators say of the measured runs → data/peers.json.

    PYTHON benchmarks/run_peers.py

PYTHON is that of an environment with the peers, all of which run without a GPU:
fitcheck-llm==0.3.1 llm-analysis==0.2.2 qmemcalc==0.1.1 deepspeed==0.19.8 accelerate==1.15.0
transformers==5.23.0 torch==2.13.0 (llm-analysis asks for an older transformers, which only its look-ups on
the hub need: install it with --no-deps, and fire beside it). vramlint itself is not needed.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from measured import Case, cases, note_made_from_this
from peers import NotAttempted, Peer
from peers.table import PEERS

TARGET = Path(__file__).resolve().parent / "data" / "peers.json"


def asked(peer: Peer, case: Case) -> int | str:
    """Bytes, or why there are none."""
    try:
        return int(peer.estimate(case))
    except NotAttempted as reason:
        return str(reason)


def main() -> None:
    """Ask everyone about everything and write it down."""
    every = cases()
    answers = {peer.name: {case.id: asked(peer, case) for case in every} for peer in PEERS}
    about = {peer.name: {"version": peer.version, "how": peer.how, "inputs": peer.inputs} for peer in PEERS}
    TARGET.write_text(
        json.dumps({"peers": about, "bytes_or_reason": answers}, indent=0, sort_keys=True) + "\n"
    )
    note_made_from_this(TARGET.name)
    for name, found in answers.items():
        reasons = Counter(value for value in found.values() if isinstance(value, str))
        print(
            f"{name}: {sum(isinstance(value, int) for value in found.values())} of {len(every)}",
            reasons.most_common(6),
        )


if __name__ == "__main__":
    main()
