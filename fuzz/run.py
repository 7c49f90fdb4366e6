"""Run one harness for a while, and add a line to the log: what ran, how often, how long, and where.

    python -m fuzz.run yaml --seconds 600

With atheris installed (`pip install vramlint[fuzz]`) the inputs follow the coverage of the code; without
it, and with `--engine mutate`, they are mutations of the seeds. An input at which something does not hold is
kept in `fuzz/found`, and counts as a fault until a test holds it.

An execution is one input that a harness was given: a text or, of `server`, all messages of one connection, to
a server that is made for it; no connection counts twice. Bytes of which a strategy makes no input are none.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
FOUND = HERE / "found"
LOG = HERE / "log.jsonl"
LONGEST = 4096
"""Bytes of an input."""
EACH = 50
"""Executions from one note of their number to the next."""
SLOW = 10
"""Seconds after which an input counts as one that hangs."""
Entry = Callable[[bytes], object]

if TYPE_CHECKING:
    from fuzz.harnesses import Harness


def main() -> int:
    """Run as the command line says. 1 where something does not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("harness")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--engine", choices=("atheris", "mutate"), default=None)
    parser.add_argument("--seed", type=int, default=None, help="of the mutations; the time where left out")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    engine = options.engine or ("atheris" if find_spec("atheris") else "mutate")
    if options.child:
        return _atheris(options.harness)
    seed = int(time.time()) if options.seed is None else options.seed
    started = time.monotonic()
    run = _guided if engine == "atheris" else _mutated
    executions, faults = run(options.harness, options.seconds, seed)
    line = {
        "harness": options.harness,
        "engine": engine,
        "executions": executions,
        "hours": round((time.monotonic() - started) / 3600, 4),
        "seed": seed,
        "faults": faults,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()}",
        "commit": _commit(),
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    with LOG.open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    print(json.dumps(line))
    return int(bool(faults))


def _mutated(name: str, seconds: float, seed: int) -> tuple[int, list[str]]:
    from fuzz.harnesses import HARNESSES
    from fuzz.mutation import inputs

    harness = HARNESSES[name]()
    faults: dict[str, str] = {}
    until = time.monotonic() + seconds
    chance = random.Random(seed)
    for data in harness.inputs(chance) if harness.inputs else inputs(harness.seeds, chance, LONGEST):
        if time.monotonic() >= until:
            break
        began = time.process_time()
        try:
            harness.entry(data)
        except Exception as error:
            faults.setdefault(_kind(error), _keep(name, data))
        else:
            if time.process_time() - began > SLOW:
                faults.setdefault("slow", _keep(name, data))
    return harness.check.calls, [f"{kind}: {kept}" for kind, kept in faults.items()]


def _kind(error: BaseException) -> str:
    """Faults of one kind have one place."""
    error = error.__cause__ or error
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else ""
    return f"{type(error).__name__} at {where}"


def _keep(name: str, data: bytes) -> str:
    FOUND.mkdir(exist_ok=True)
    file = FOUND / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    file.write_bytes(data)
    return file.name


def _guided(name: str, seconds: float, seed: int) -> tuple[int, list[str]]:
    """A process of libFuzzer's own, which ends at its first fault."""
    FOUND.mkdir(exist_ok=True)
    before = set(FOUND.iterdir())
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        command = [sys.executable, "-m", "fuzz.run", name, "--child"]
        environment = {
            **os.environ,
            "FUZZ_CORPUS": str(corpus),
            "FUZZ_SECONDS": str(int(seconds)),
            "FUZZ_SEED": str(seed),
        }
        done = subprocess.run(
            command, cwd=HERE.parent, env=environment, capture_output=True, text=True, check=False
        )
        counts = [int(each.read_text()) for each in (Path(folder) / "calls",) if each.exists()]
    new = sorted(path.name for path in set(FOUND.iterdir()) - before)
    if not counts:
        print(done.stderr[-2000:], file=sys.stderr)
    return max(counts, default=0), new


def _atheris(name: str) -> int:
    import atheris  # type: ignore[import-not-found]  # an extra: fuzz

    with atheris.instrument_imports(include=["vramlint", "vramlint_rules"]):
        from fuzz.harnesses import HARNESSES

        harness = HARNESSES[name]()
    corpus = Path(os.environ["FUZZ_CORPUS"])
    for number, data in enumerate(harness.seeds):
        (corpus / str(number)).write_bytes(data[:LONGEST])
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-max_total_time={os.environ['FUZZ_SECONDS']}",
            f"-seed={os.environ['FUZZ_SEED']}",
            f"-max_len={LONGEST}",
            f"-timeout={SLOW}",
            f"-artifact_prefix={FOUND}/{name}-",
            "-print_final_stats=1",
            "-rss_limit_mb=1024",
        ],
        _counting(harness, corpus.parent / "calls"),
    )
    atheris.Fuzz()
    return 0


def _counting(harness: Harness, file: Path) -> Entry:
    """The harness, with its executions in a file: libFuzzer ends the process where it likes."""
    counter = file.open("w", encoding="ascii")

    def entry(data: bytes) -> None:
        try:
            harness.entry(data)
        finally:
            if harness.check.calls % EACH == 0:
                counter.seek(0)
                counter.write(str(harness.check.calls))
                counter.flush()

    return entry


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


if __name__ == "__main__":
    raise SystemExit(main())
