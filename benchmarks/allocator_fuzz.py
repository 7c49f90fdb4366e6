"""Asks the replay of the allocator and PyTorch's own allocator the same: random traces, of which it compares
what both hold after every call, the peaks, and where memory runs out; and vramlint's timelines of whole runs.

    python benchmarks/allocator_fuzz.py --torch WHEEL --headers WHEEL WHEEL [--traces N] [--keep] [--freeze]

WHEEL: a CUDA build of torch (or a folder with torch/lib and torch/include), and CUDA's headers of the same
major release: nvidia-cuda-runtime and nvidia-cuda-crt. Nothing is downloaded; gcc is needed, a GPU is not.
Ends with 1 where anything differs. `--keep` writes data/allocator.json, `--freeze` the
traces of tests/data/allocator_traces.jsonl.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "server")]

from allocator_oracle.build import build  # noqa: E402
from allocator_oracle.compare import as_read, difference, in_one_loop, loop_difference, replay  # noqa: E402
from allocator_oracle.frozen import freeze  # noqa: E402
from allocator_oracle.jobs import compared  # noqa: E402
from allocator_oracle.real import Allocator  # noqa: E402
from allocator_oracle.traces import GIB, capacities, drawn  # noqa: E402

KEPT = HERE / "data" / "allocator.json"
FROZEN = HERE.parent / "tests" / "data" / "allocator_traces.jsonl"
UNSLOTH = "expandable_segments:True,roundup_power2_divisions:[32:256,64:128,256:64,>:32]"
SETTINGS = (
    "",
    "expandable_segments:True",
    "max_split_size_mb:21",
    "max_split_size_mb:64",
    "max_split_size_mb:128",
    "max_split_size_mb:256",
    "max_split_size_mb:512,max_non_split_rounding_mb:100",
    "roundup_power2_divisions:2",
    "roundup_power2_divisions:16",
    "roundup_power2_divisions:[256:1,512:2,1024:4,>:8]",
    UNSLOTH,
    "expandable_segments:True,max_split_size_mb:64",
    "large_segment_size_mb:32",
    "large_segment_size_mb:64,max_split_size_mb:128",
    "large_segment_size_mb:64,expandable_segments:True",
    "garbage_collection_threshold:0.6,max_split_size_mb:128",
    "roundup_power2_divisions:[>:8]",
)
DEVICES = (2 * GIB, 80 * GIB)


def fuzzed(library: Path, settings: str, traces: int) -> Counter[str]:
    """Ask so many traces under one setting; how many traces and calls, how many traces ran out of memory, and
    how many differ.
    """
    counted = Counter(traces=0, calls=0, differences=0, out_of_memory=0)
    for device in DEVICES:
        real = Allocator(library, settings, device)
        read = real.read()
        if isinstance(read, str):
            print(f"{settings}: refused, {read}")
            real.close()
            return counted
        if read != as_read(settings):
            counted["differences"] += 1
            print(f"{settings}: read as {as_read(settings)}, really {read}")
        for seed in range(traces // len(DEVICES) // 4):
            calls = drawn(seed, device * 7 // 8, uses=seed % 3 == 2)
            room = replay(settings, calls, None, device)
            asked = list(capacities(random.Random(seed), room.reserved))
            waiting = [real.run(calls, capacity) for capacity in asked]
            for capacity, answer in zip(asked, waiting, strict=True):
                ours = room if capacity is None else replay(settings, calls, capacity, device)
                real_one = answer.result()
                loop = in_one_loop(settings, calls, capacity, device)
                found = difference(ours, real_one) or loop_difference(loop, real_one)
                counted.update(traces=1, calls=len(real_one.after), differences=bool(found))
                counted.update(out_of_memory=real_one.out_of_memory)
                if found and counted["differences"] <= 5:
                    print(
                        f"{settings or 'default'}, device {device}, seed {seed}, capacity {capacity}: {found}"
                    )
        real.close()
    return counted


def main() -> int:
    """Fuzz every setting; 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", type=Path, required=True, help="a CUDA build: wheel or folder")
    parser.add_argument("--headers", type=Path, nargs="+", required=True, help="CUDA's: wheels or folders")
    parser.add_argument("--traces", type=int, default=400, help="for each setting")
    parser.add_argument("--settings", nargs="*", default=SETTINGS)
    parser.add_argument("--keep", action="store_true", help=f"write {KEPT.name}")
    parser.add_argument("--freeze", action="store_true", help=f"write {FROZEN.name}")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        library = build(asked.torch, asked.headers, Path(folder))
        if asked.freeze:
            freeze(library, asked.settings, FROZEN)
        for settings in asked.settings:
            rows.append({"settings": settings, **fuzzed(library, settings, asked.traces)})
            print(json.dumps(rows[-1]), flush=True)
        runs = compared(library) if asked.settings is SETTINGS else []
        for run in runs:
            print(json.dumps(run))
        release = (Path(folder) / "torch").read_text()
    if asked.keep:
        written = [json.dumps(row) for row in rows], [json.dumps(run) for run in runs]
        traces, jobs = (",\n  ".join(lines) for lines in written)
        text = f'{{\n "torch": "{release}",\n "traces": [\n  {traces}\n ],\n "jobs": [\n  {jobs}\n ]\n}}\n'
        KEPT.write_text(text, encoding="utf-8")
    return int(any(row["differences"] for row in rows) or not all(run["same"] for run in runs))


if __name__ == "__main__":
    sys.exit(main())
