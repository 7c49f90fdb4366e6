"""An estimate as plain values, for programs and editors; docs/json.md describes it. Sizes: bytes per GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from vramlint.explain.assumptions import assumptions
from vramlint.explain.stages import stage_values
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Component, Estimate

LARGEST = 10
"""How many of the tensors at the peak are listed."""


def estimate_facts(analysis: Analysis, estimate: Estimate, *, replayed: bool = True) -> dict[str, Any]:
    """What is told of a file that was estimated. What only a replay of the allocator tells, which takes tens
    of milliseconds, is None unless `replayed`.
    """
    job, dialect, gpu = analysis.job, analysis.dialect, analysis.gpu
    model = job.model if job else None
    return {
        "dialect": dialect.name if dialect else None,
        "dialect_version": analysis.reading.version if analysis.reading else None,
        "runs": analysis.run_count,
        "model": {
            "id": model.name if model else None,
            "architecture": estimate.architecture or (model.model_type if model else None),
            "parameters": estimate.parameters,
            "trainable_parameters": estimate.trainable_parameters,
            "source": model.source if model else None,
        },
        "gpu": gpu
        and {
            "name": gpu.name,
            "memory_bytes": gpu.memory_bytes,
            "usable_bytes": gpu.usable_bytes,
            "count": analysis.declared.count if analysis.declared else 1,
        },
        "components": _parts(estimate, estimate.components),
        "component_sizes": _parts(estimate, estimate.component_sizes),
        "peak_allocated_bytes": estimate.peak_allocated_bytes,
        "peak_reserved_bytes": estimate.peak_reserved_bytes if replayed else None,
        "reserved_range": list(estimate.reserved_range) if replayed else None,
        "process_bytes": estimate.process_bytes if replayed else None,
        "device_bytes": estimate.device_bytes,
        "peak_phase": estimate.peak_phase,
        "phase_peaks": dict(estimate.phase_peaks),
        "moments": [
            {
                "name": moment.name,
                "allocated_bytes": moment.allocated_bytes,
                "device_bytes": moment.device_bytes,
                "components": _parts(estimate, moment.components),
            }
            for moment in estimate.moments
        ],
        "stages": [stage_values(stage) for stage in estimate.stages],
        "host": estimate.host
        and {
            "bytes_per_rank": estimate.host.bytes_per_rank,
            "bytes_per_node": estimate.host.bytes_per_node,
            "declared_bytes": estimate.host.declared_bytes,
            "loading_bytes_per_node": estimate.host.loading_bytes_per_node,
            "verdict": estimate.host.verdict,
        },
        "error_band": estimate.error_band,
        "verdict": analysis.verdict,
        "headroom_bytes": analysis.headroom,
        "largest_at_peak": [
            {**plain(tensor), "shape": list(tensor.shape)}
            for tensor in sorted(estimate.tensors, key=lambda tensor: -tensor.bytes)[:LARGEST]
        ],
        "assumptions": [
            {"field": each.field, "value": plain(each.value), "origin": each.origin}
            for each in assumptions(analysis)
        ],
        "notes": list(estimate.notes),
        "checkpoint_bytes": dict(estimate.checkpoint_bytes),
    }


def _parts(estimate: Estimate, sizes: Mapping[Component, int]) -> dict[str, int]:
    """Sizes by component, in the order of the report; the generation engine only where there is one."""
    return {name: sizes.get(name, 0) for name in estimate.parts}


def plain(value: Any) -> Any:
    """A value of a job as JSON knows it."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str | dict) else str(value)
