"""Bytes that real engines and trainers held on the CPU, and the jobs that say the same runs.

`engines.py`, `deepspeed_engines.py`, `trainers.py` and `classes.py` count them, `allocator_fuzz.py` asks
PyTorch's allocator; tests and docs/accuracy.md compare.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from accuracy_figures import percent, quantile, table

from vramlint.catalog.facts import GIB, MIB, Model
from vramlint.job import Buckets, Parallel, Precision, TrainingJob
from vramlint.memory import estimate_job

EXPANDABLE = "expandable_segments:True"
HERE = Path(__file__).resolve().parent
Row = Mapping[str, Any]


def rows_of(name: str) -> list[dict[str, Any]]:
    """The rows of data/NAME.json."""
    found: list[dict[str, Any]] = json.loads((HERE / "data" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def label(row: Row, *counted: str) -> str:
    """What distinguishes a row, but for what was `counted`."""
    said = {**row, **row.get("zero", {})}
    return " ".join(f"{name}={value}" for name, value in said.items() if name not in (*counted, "zero"))


def _config(row: Row) -> dict[str, Any]:
    return {
        "hidden_size": 256,
        "intermediate_size": 1024,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "num_hidden_layers": row.get("layers", 6),
        "vocab_size": row.get("vocabulary", 4096),
        "tie_word_embeddings": row.get("tied", False),
    }


def fsdp_job(row: Row) -> TrainingJob:
    """The job that a row of `engines` counted one rank of."""
    return TrainingJob(
        Model("small", "llama", _config(row)),
        precision=Precision(weights="float32"),
        optimizer="sgd",
        sequence_length=8,
        gradient_accumulation_steps=row.get("batches", 1),
        gradient_checkpointing="full",
        parallel=Parallel(
            row["engine"],
            data=8,
            param_dtype="bfloat16",
            reduce_dtype=row["reduce"],
            sharding="full" if row.get("resharded", True) else "grad-op",
            sync_each_batch=row.get("synced"),
            wrap=row.get("wrap", "layer"),
            backward_prefetch=row.get("prefetch", "pre"),
        ),
        versions={"accelerate": "1.14"} if row.get("one_root") else {},
    )


def deepspeed_job(row: Row) -> TrainingJob:
    """The job that a row of `deepspeed` counted one rank of. AdamW on one tensor makes two temporaries of its
    size.
    """
    wide: dict[str, Any] = {"gradients": "float32"} if "accumulate" in row else {}
    zero = {name.removeprefix("stage3_"): size for name, size in row.get("zero", {}).items()}
    buckets = Buckets(
        reduce=row.get("bucket", 2_000_000),
        overlap_comm=row.get("overlap", False),
        prefetch=zero.get("prefetch_bucket_size", 5e7),
        live=zero.get("max_live_parameters", 1e9),
        reuse=zero.get("max_reuse_distance", 1e9),
        persistence=zero.get("param_persistence_threshold", 1e5),
    )
    return TrainingJob(
        Model("small", "llama", _config(row)),
        precision=Precision("bfloat16", master_weights="float32", optimizer_states="float32", **wide),
        optimizer="adamw",
        sequence_length=8,
        gradient_accumulation_steps=row.get("batches", 1),
        gradient_checkpointing="full",
        parallel=Parallel(f"zero{row['stage']}", data=8, buckets=buckets),  # type: ignore[arg-type]
    )


def section() -> Iterator[str]:
    """The part of docs/accuracy.md on them."""
    yield "## Real engines and trainers on the CPU"
    yield (
        "What engines and trainers do around a step is counted on themselves: tensors are real and on the "
        "CPU, the process group is PyTorch's fake one, and every storage is followed. Scripts in "
        "`benchmarks/` do it, in an environment with the libraries; nothing of it is needed to use vramlint."
    )
    yield _pages()
    yield "FSDP, one rank of eight, on top of the shards, in the worst phase (`engines.py`):"
    yield table(("run", "counted MiB", "estimated MiB", "error"), map(_fsdp, rows_of("engines")))
    yield (
        "DeepSpeed, one rank of eight, bytes a parameter (`deepspeed_engines.py`). The model is so small "
        "that single tensors weigh much, and a bucket is counted as full:"
    )
    head = ("run", "counted forward", "estimated", "counted backward", "estimated")
    yield table(head, map(_deepspeed, rows_of("deepspeed")))
    yield from _allocator(json.loads((HERE / "data" / "allocator.json").read_text(encoding="utf-8")))


def _allocator(found: Row) -> Iterator[str]:
    """The part on the allocator."""
    traces, jobs = found["traces"], found["jobs"]
    total = {name: sum(row[name] for row in traces) for name in ("traces", "calls", "out_of_memory")}
    differences = sum(row["differences"] for row in traces)
    yield "### The allocator"
    said = f"{total['traces']:,} random traces under {len(traces)} settings, {total['calls']:,} calls"
    yield (
        f"The replay beside the caching allocator of torch {found['torch']}, which runs under a CUDA runtime "
        f"that only counts (`allocator_fuzz.py`): {said}; {total['out_of_memory']:,} run out of memory. "
        "Allocated and reserved bytes after every call, the peaks, and where it runs out differ in "
        f"{differences}. `tests/data/allocator_traces.jsonl` holds some with its answers."
    )
    same = sum(row["same"] for row in jobs)
    yield (
        "vramlint's own timelines of whole runs, in GiB that the allocator takes on a GPU with room, and the "
        "least that the replay can do with (in steps of 2 MiB). "
        "The allocator takes the same to the byte and lives with that least, but not with 2 MiB less, in "
        f"{same} of {len(jobs)} runs, those under further settings included:"
    )
    columns = [(settings, name) for settings in ("", EXPANDABLE) for name in ("reserved", "least")]
    by_job: dict[str, dict[str, Row]] = {}
    for row in jobs:
        by_job.setdefault(row["job"], {})[row["settings"]] = row
    yield table(
        ("run", "calls", "allocated", "reserved", "least", "expandable: reserved", "least"),
        (
            [
                name,
                f"{rows['']['calls']:,}",
                *(f"{size / GIB:.2f}" for size in (rows[""]["allocated"], *(rows[a][b] for a, b in columns))),
            ]
            for name, rows in by_job.items()
        ),
    )


def _pages() -> str:
    rows = []
    for name, what in (("trainers", "TRL's trainers"), ("classes", "model classes of transformers")):
        text = (HERE / f"{name}.md").read_text(encoding="utf-8")
        errors = [abs(float(found)) / 100 for found in re.findall(r"\| ([+-]\d+\.\d+)% \|", text)]
        link = f"[{what}](../benchmarks/{name}.md)"
        figures = (quantile(errors, 0.5), quantile(errors, 0.95), max(errors))
        rows.append([link, str(len(errors)), *map(percent, figures)])
    return table(("step of", "runs", "median error", "95 % below", "worst"), rows)


def _fsdp(row: Row) -> list[str]:
    estimate = estimate_job(fsdp_job(row))
    ours = estimate.peak_allocated_bytes - estimate.components["weights"]
    counted = max(row["bytes"].values())
    error = f"{ours / counted - 1:+.1%}".replace("%", " %")
    return [label(row, "bytes"), f"{counted / MIB:.1f}", f"{ours / MIB:.1f}", error]


def _deepspeed(row: Row) -> list[str]:
    estimate = estimate_job(deepspeed_job(row))
    cells = [label(row, "bytes_per_parameter").replace("stage3_", "")]
    for phase in ("forward", "backward"):
        ours = estimate.phase_peaks[phase] / estimate.parameters
        cells += [f"{row['bytes_per_parameter'][phase]:.2f}", f"{ours:.2f}"]
    return cells
