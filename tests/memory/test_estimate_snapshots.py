"""All that is said of a run of each kind: what its parts are sums of, the largest tensors, stages, host."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import pytest
from dialect_seeds import with_values
from test_field_effects import JOB, MIXED, MODELS, RUNS

from vramlint.dialects.kit.dialect import Context
from vramlint.lazy_dataclasses import replace
from vramlint.memory.estimate import Estimate
from vramlint.memory.model import estimate_job
from vramlint.memory.sums import Kept, terms

CHANGES: tuple[Mapping[str, Any], ...] = (
    {},
    {"optimizer": "paged_adamw_8bit", "precision.master_weights": "float32"},
    {"parallel.offload": "both", "ram": "64GB"},
    {"loss": "fused-linear", "gradient_checkpointing": "full", "gradient_accumulation_steps": 4},
)
SHARES = (0.6, 0.75, 0.85, 0.9, 0.95, 1.0, 1.05, 1.15, 1.3)
LATE = ("shorter", "replay", "peak_tensors")
"""Fields that are worked out when asked."""


def told(estimate: Estimate) -> Iterator[str]:
    """A line a fact."""
    for field in dataclasses.fields(estimate):
        if field.name not in LATE:
            yield from _told(field.name, getattr(estimate, field.name))
    for name in (
        "peak_phase",
        "parts",
        "bound",
        "low_bytes",
        "high_bytes",
        "reserved_range",
        "process_bytes",
    ):
        yield f"{name}: {getattr(estimate, name)}"
    for kept in get_args(Kept):
        for term in terms(estimate, kept):
            yield f"{kept}: {term.what}, {term.elements:,} elements, {term.kept:,} kept, {term.bytes:,} bytes"
    for tensor in estimate.tensors:
        yield f"at the peak: {tensor}"
    if estimate.shorter is not None:
        yield f"shorter: {estimate.shorter().device_bytes:,}"


def swept(estimate: Estimate) -> Iterator[str]:
    """The verdict on GPUs of sizes around what the run needs."""
    need = estimate.rough.device_bytes - estimate.outside_bytes
    for share in SHARES:
        on = replace(estimate, capacity_bytes=int(share * need))
        limit = int(share * need) + estimate.outside_bytes
        yield (
            f"{share:.0%} of that: {on.device_bytes:,}, {on.verdict(limit)}, {on.fits(limit)}, {on.bound}, "
            f"{on.fits_expandable}, {on.process_bytes:,}, {replace(on, by_count=True).undecided}"
        )


def _told(name: str, value: Any) -> Iterator[str]:
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _told(f"{name}.{field.name}", getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for index, each in enumerate(value):
            yield from _told(f"{name}.{index}", each)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _told(f"{name}.{key}", each)
    elif value:
        yield f"{name}: {value:,}" if isinstance(value, int) else f"{name}: {value}"


@pytest.mark.parametrize("name", RUNS)
def test_what_is_said_of_a_run(name: str, snapshot: Callable[[str, str], None]) -> None:
    run = with_values(MIXED, RUNS[name])
    lines = []
    for change in CHANGES:
        job = JOB.read(with_values(run, {"gpu": "A100-80GB", **change}), Context(MODELS)).job
        assert job is not None
        lines += [f"# {dict(change)}", "", *told(estimate := estimate_job(job, tensors=12)), ""]
        if not change:
            lines += [*swept(estimate), ""]
    snapshot(f"estimate-{name}.txt", "\n".join(lines))
