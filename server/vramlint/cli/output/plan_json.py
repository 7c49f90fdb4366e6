"""Layouts over many GPUs, for programs; docs/json.md describes it. Sizes are bytes per GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from vramlint.analysis.layouts import Cluster, PlannedLayout
from vramlint.cli.output.json import SCHEMA_VERSION


def plan_object(path: str, cluster: Cluster, layouts: Sequence[PlannedLayout]) -> dict[str, Any]:
    """The object of a file."""
    gpu = cluster.job.gpu
    return {
        "schema_version": SCHEMA_VERSION,
        "path": path,
        "model": cluster.job.model.name,
        "gpu": gpu.name if gpu else None,
        "gpus": cluster.gpus,
        "global_batch": cluster.global_batch,
        "sequence_length": cluster.job.sequence_length,
        "proposals": [asdict(layout) for layout in layouts],
    }
