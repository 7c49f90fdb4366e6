"""Writes tests/data/measured.jsonl: the slice of the measured runs that ships, to test accuracy anywhere.

    python benchmarks/slice.py      # needs the measured data beside the checkout (../shared)

The rule looks at no estimate: the cases that can be written as a config are sorted by group and id, and of
each group the first, the (n+1)th, the (2n+1)th … is taken. Groups and n are in PARTS; tests/data/README.md
says what the data is and where it is from.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
TARGET = ROOT / "tests" / "data" / "measured.jsonl"
PARTS = {
    "truth": ("cases.jsonl", "family", 10),
    "truth2": ("cases.jsonl", "family", 10),
    "published": ("measurements.jsonl", "source_id", 30),
    "field": ("cases.jsonl", "source", 30),
}
"""Folder → its file, the column that groups, and n."""
Record = dict[str, Any]


def chosen(part: str) -> Iterator[Record]:
    """The records of a part that ship."""
    file, group, step = PARTS[part]
    lines = (SHARED / part / file).read_text(encoding="utf-8").splitlines()
    said = (record for record in map(json.loads, lines) if part != "truth2" or record["configs"])
    records = sorted(said, key=lambda record: (record[group], record["id"]))
    for _, members in groupby(records, key=lambda record: record[group]):
        yield from list(members)[::step]


def counted(part: str, record: Record) -> Record:
    """A counted step, as a job file, or as the framework's config where the case is written as no job."""
    if part == "truth":
        files = {"job.json": json.dumps(tool("truth_to_job").job(record))}
    else:
        folder, config = SHARED / part, next(iter(record["configs"].values()))
        text = (folder / config).read_text(encoding="utf-8")
        (model,) = set(re.findall(r"\bmodels/[\w.-]+", text))
        said = json.loads((folder / model / "config.json").read_text(encoding="utf-8"))
        files = {Path(config).name: text, f"{model}/config.json": json.dumps(said)}
    measured = record["measured"]
    return {
        "source": "counted storage by storage on PyTorch's fake tensors",
        "files": files,
        "totals": ["peak_allocated_bytes"],
        "bytes": measured["peak_bytes"],
        "phase": measured["peak_phase"],
        "at_peak": measured["at_peak"],
    }


def published(record: Record) -> Record:
    """A published figure, as a job file."""
    to_job = tool("published_to_job")
    models = json.loads((SHARED / "published" / "models.json").read_text(encoding="utf-8"))
    job = to_job.job(record, models[record["model"]], to_job.known_gpus())
    return {
        "source": record["source"]["url"],
        "files": {"job.json": json.dumps(job)},
        "totals": list(to_job.totals_for(record["metric"])),
        "bytes": record["memory_bytes"],
        "outcome": {"ok": "ran"}.get(record["outcome"], record["outcome"]),
    }


def field(record: Record) -> Record:
    """A report, as the config that was written from its facts."""
    main = SHARED / "field" / record["file"]
    names = [main, *sorted(file for file in main.parent.rglob("*") if file.is_file() and file != main)]
    files = {file.relative_to(main.parent).as_posix(): file.read_text(encoding="utf-8") for file in names}
    totals = {
        "allocated": ["peak_allocated_bytes"],
        "reserved": ["peak_reserved_bytes"],
        "device": ["process_bytes"],
    }
    kept = {key: record[key] for key in ("bytes", "outcome", "components", "metric") if key in record}
    return {
        "source": record.get("url") or f"{record['source']}: {record.get('locator', '')}",
        "files": files,
        "totals": totals.get(record.get("metric", ""), []),
        **kept,
    }


def tool(name: str) -> Any:
    """The data's own reading of a record as a job."""
    sys.path.insert(0, str(SHARED / "tools"))
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows() -> Iterator[Record]:
    """The slice."""
    for part in PARTS:
        for record in chosen(part):
            if part == "published":
                row = published(record)
            elif part == "field":
                row = field(record)
            else:
                row = counted(part, record)
            yield {"id": record["id"], "data": part, "group": record[PARTS[part][1]], **row}


if __name__ == "__main__":
    lines = [json.dumps(row, ensure_ascii=False) for row in rows()]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} cases, {TARGET.stat().st_size // 1024} KiB")
