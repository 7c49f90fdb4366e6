"""The measured runs to compare estimates with, each as a job file's mapping. Standard library only: peers'
environments import it too.

The data lies beside the checkout: `truth/` (steps of the real classes, counted storage by storage) and
`published/` (figures other people measured and published). Their READMEs say how each came about.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

SHARED = Path(__file__).resolve().parents[2] / "shared"
FINGERPRINTS = Path(__file__).resolve().parent / "data" / "fingerprints.json"
"""File of data/ → the fingerprint of the measured data that it was made from."""
COMPONENTS = {
    "weights": "params",
    "gradients": "gradients",
    "optimizer_states": "optimizer_states",
    "activations": "activations_and_temporaries",
}
"""Our component → its name in the truth's breakdown at the peak."""


@dataclass(frozen=True, slots=True)
class Case:
    """One measured run. `total` names the figure of an estimate that stands for what was measured."""

    id: str
    data: str
    """truth | published."""
    source: str
    method: str
    sharding: str
    family: str
    job: Mapping[str, Any]
    """The run as a job file (docs/job-file.md), model config inline."""
    parameters: int
    """Of the model without adapters."""
    measured: int | None
    """Bytes per GPU; None where the run went out of memory."""
    total: str
    detail: Mapping[str, Any]
    """What else the record says: the truth's `measured`, the publication's own record."""
    totals: tuple[str, ...] = ()
    """The totals that the figure can be, where its kind is not stated."""

    @property
    def ran_out(self) -> bool:
        """Whether what was measured is that the run does not fit."""
        return self.measured is None


def available() -> bool:
    """Whether the data lies beside the checkout."""
    return (SHARED / "truth" / "cases.jsonl").is_file() and (
        SHARED / "published" / "measurements.jsonl"
    ).is_file()


def truth() -> Iterator[Case]:
    """Every case of `truth/`."""
    to_job = _tool("truth_to_job").job
    for record in _lines(SHARED / "truth" / "cases.jsonl"):
        measured, training = record["measured"], record["training"]
        adapters = measured["num_trainable_params"] if training["lora"] else 0
        yield Case(
            id=record["id"],
            data="truth",
            source="truth",
            method=training["method"],
            sharding="one GPU",
            family=record["family"],
            job=to_job(record),
            parameters=measured["num_params"] - adapters,
            measured=measured["peak_bytes"],
            total="peak_allocated_bytes",
            detail=record,
        )


def published() -> Iterator[Case]:
    """Every record of `published/`, those that ran out of memory too."""
    tool = _tool("published_to_job")
    models = json.loads((SHARED / "published" / "models.json").read_text())
    gpus = tool.known_gpus()
    for record in _lines(SHARED / "published" / "measurements.jsonl"):
        model = models[record["model"]]
        yield Case(
            id=record["id"],
            data="published",
            source=record["source_id"],
            method=record["method"],
            sharding="one GPU" if record["parallelism"]["strategy"] == "none" else "sharded",
            family=model["family"],
            job=tool.job(record, model, gpus),
            parameters=model["num_params"],
            measured=record["memory_bytes"] if record["outcome"] == "ok" else None,
            total=tool.total_for(record["metric"]),
            totals=tool.totals_for(record["metric"]),
            detail=record,
        )


def cases() -> list[Case]:
    """All of them."""
    return [*truth(), *published()]


def fingerprint() -> str:
    """Of the data as it is now: which runs, how they are read as jobs, and what each needed."""
    runs = sorted(
        json.dumps([case.data, case.id, case.total, case.measured, case.job], sort_keys=True)
        for case in cases()
    )
    return sha256("\n".join(runs).encode()).hexdigest()[:16]


def is_made_from_this(file: str) -> bool:
    """Whether a kept file of data/ was made from the data as it is now."""
    return bool(_fingerprints().get(file) == fingerprint())


def note_made_from_this(file: str) -> None:
    """Write down that a file of data/ was made from the data as it is now."""
    FINGERPRINTS.write_text(
        json.dumps({**_fingerprints(), file: fingerprint()}, indent=1, sort_keys=True) + "\n",
        encoding="utf-8",
    )


def _fingerprints() -> dict[str, Any]:
    return dict(json.loads(FINGERPRINTS.read_text(encoding="utf-8"))) if FINGERPRINTS.is_file() else {}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        yield json.loads(line)


def _tool(name: str) -> Any:
    """The data's own reading of a record as a job."""
    spec = importlib.util.spec_from_file_location(name, SHARED / "tools" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"no {name}.py beside the measured data")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
