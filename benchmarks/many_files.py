"""What a check of very many files costs, beside walking and reading them in plain Python.

    python benchmarks/many_files.py [--files 100000] [--folder EMPTY_FOLDER]

Two files of a hundred are training configs: `copies` of a few; `sweeps`, in which eight files have one run
with other learning rates, names and comments; or `varied`, each another run: its own model, batch, length,
adapter. The others are what repositories are full of, and all have names that a check looks at. Processor
time is of all processes; memory is the most that all of them held at once: the sum of their proportional
shares, read every few hundredths of a second. Exits 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread

sys.path.insert(0, str(Path(__file__).resolve().parent))

from varied_configs import varied

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
FOLDER_SIZE = 100
CONFIGS_OF_A_HUNDRED = 2
MOST_TIMES = 6
"""Of walking and reading, in processor time."""
MOST_MIB = 400
"""Of all processes."""
MOST_SNIFF_US = 60
"""For a file that is no config, beyond reading it."""
EVERY = 0.05
"""Seconds from one look at the memory to the next."""

READING = """
import os, sys
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            file.read()
"""
COMPOSE = """\
services:
  web-{number}:
    image: registry.example/web:{number}
    command: ["serve", "--port", "80{number}"]
    environment:
      MODEL_NAME: small
      LOG_LEVEL: info
    ports: ["80:80"]
    deploy: {{replicas: 3, resources: {{limits: {{cpus: "2", memory: 512M}}}}}}
"""
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{number}
  labels: {{app: app-{number}, tier: backend}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: app-{number}}}}}
  template:
    metadata: {{labels: {{app: app-{number}}}}}
    spec:
      containers:
        - name: main
          image: registry.example/app:{number}
          args: ["--batch-size", "8"]
          resources: {{requests: {{cpu: 500m, memory: 1Gi}}}}
"""
WORKFLOW = """\
name: build {number}
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: npm ci && npm test
      - run: echo {number}
"""
PACKAGE = """\
{{"name": "package-{number}", "version": "1.{number}.0", "type": "module",
  "scripts": {{"build": "tsc", "test": "vitest run"}},
  "dependencies": {{"react": "^18.2.0", "zod": "^3.22.{number}"}},
  "devDependencies": {{"typescript": "^5.3.0", "vitest": "^1.0.0"}}}}
"""
PROJECT = """\
[project]
name = "package-{number}"
version = "0.{number}"
dependencies = ["requests>=2", "rich"]

[tool.black]
line-length = 100
"""
PROGRAM = """\
import json
import sys
from pathlib import Path


def load_{number}(path):
    \"\"\"The settings of a service.\"\"\"
    with open(path) as file:
        return json.load(file)


class Service{number}:
    def __init__(self, config, batch_size=32):
        self.config = config
        self.batch_size = batch_size

    def run(self):
        for name in self.config["names"]:
            print(name, self.batch_size)


if __name__ == "__main__":
    Service{number}(load_{number}(Path(sys.argv[1]))).run()
"""
SCRIPT = "#!/bin/sh\nset -e\ncd deploy\ndocker build -t app:{number} . && docker push app:{number}\n"
OTHERS = (
    *(("yaml", COMPOSE), ("yaml", MANIFEST), ("yml", WORKFLOW), ("json", PACKAGE), ("toml", PROJECT)),
    *(("py", PROGRAM), ("py", PROGRAM), ("sh", SCRIPT)),
)
CONFIGS = (
    "axolotl-llama-3.1-8b-qlora.yaml",
    "llamafactory-qwen2.5-7b-lora.yaml",
    "torchtune-llama-3.1-8b-lora.yaml",
    "textbook-7b.job.yaml",
)
"""Examples."""
KINDS = ("copies", "sweeps", "varied")
SWEEP = 8
"""Files of a sweep."""


def build(folder: Path, files: int, kind: str = "copies") -> None:
    """Fill a folder with configs of a kind and other files."""
    texts = [(name, (EXAMPLES / name).read_text(encoding="utf-8")) for name in CONFIGS]
    for number in range(files):
        group, place = divmod(number, FOLDER_SIZE)
        home = folder / f"team-{group // 100}" / f"service-{group % 100}"
        if place == 0:
            home.mkdir(parents=True)
        if place < CONFIGS_OF_A_HUNDRED:
            config = CONFIGS_OF_A_HUNDRED * group + place
            name, text = texts[config % len(texts)]
            if kind != "copies":
                name, text = varied(config, config // SWEEP if kind == "sweeps" else config)
            (home / f"{place}-{name}").write_text(text, encoding="utf-8")
        else:
            suffix, text = OTHERS[place % len(OTHERS)]
            (home / f"part-{place}.{suffix}").write_text(text.format(number=number), encoding="utf-8")


@dataclass(frozen=True)
class Cost:
    """Of a command: seconds of processor and of wall, and the most MiB that its processes held at once."""

    processor: float
    wall: float
    mib: float


def cost(command: list[str], folder: Path) -> Cost:
    """Run a command in a folder to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most, done = [0], Event()

    def look() -> None:
        while not done.wait(EVERY):
            most[0] = max(most[0], sum(map(_share, _family(process.pid))))

    watcher = Thread(target=look)
    watcher.start()
    process.wait()
    done.set()
    watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(round(used, 2), round(time.monotonic() - started, 2), round(most[0] / 1024, 1))


def _family(number: int) -> Iterator[int]:
    """A process and all below it."""
    yield number
    try:
        tasks = os.listdir(f"/proc/{number}/task")  # noqa: PTH208
        children = [Path(f"/proc/{number}/task/{task}/children").read_text() for task in tasks]
    except OSError:
        return
    for child in " ".join(children).split():
        yield from _family(int(child))


def _share(number: int) -> int:
    """The proportional share of a process, KiB."""
    try:
        lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def sniffing(folder: Path) -> float:
    """Microseconds that a file takes which is no config, beyond reading it: of a sample, the median run."""
    sys.path[:0] = [str(ROOT / "server"), str(ROOT / "rules"), str(ROOT / "schemas")]
    from vramlint.project.prefilter import could_be_config

    paths = sorted(folder.rglob("part-*"))[:5_000]
    contents = [(path.read_bytes(), str(path)) for path in paths]
    runs = []
    for _ in range(5):
        started = time.process_time()
        for data, path in contents:
            could_be_config(data, path)
        runs.append((time.process_time() - started) / len(contents) * 1e6)
    return round(sorted(runs)[2], 1)


def measure(folder: Path, runs: int = 3) -> dict[str, object]:
    """The figures of a folder that was built; of each command the run that took least."""
    read = [cost([sys.executable, "-c", READING, str(folder)], folder) for _ in range(runs + 1)][1:]
    checks = [
        cost([sys.executable, "-m", "vramlint", "check", "--exit-zero", "."], folder) for _ in range(runs)
    ]
    reading, check = (min(each, key=lambda one: one.processor) for each in (read, checks))
    return {
        "reading": asdict(reading),
        "check": asdict(check),
        "times": round(check.processor / reading.processor, 2),
        "peak_mib": max(each.mib for each in checks),
        "sniff_us": sniffing(folder),
    }


def main() -> int:
    """Print the figures; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--kind", choices=KINDS, default="copies")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="many-files-") as temporary:
        folder = options.folder or Path(temporary)
        if not any(folder.iterdir()):
            build(folder, options.files, options.kind)
        found = measure(folder, options.runs)
    print(json.dumps(found, indent=2))
    missed = found["times"] > MOST_TIMES or found["peak_mib"] > MOST_MIB or found["sniff_us"] > MOST_SNIFF_US  # type: ignore[operator]
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
