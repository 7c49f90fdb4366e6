"""Layouts over many GPUs, for programs; docs/json.md describes it. Sizes are bytes per GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from vramlint.analysis.layouts import Cluster, PlannedLayout
from vramlint.analysis.means import not_offered
from vramlint.cli.output.json import SCHEMA_VERSION
from vramlint.explain.stages import stage_values


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
        "not_offered": list(not_offered(cluster.means, cluster.experts)),
        "proposals": [_proposal(layout) for layout in layouts],
    }


def _proposal(layout: PlannedLayout) -> dict[str, Any]:
    values = {**asdict(layout), "stages": [stage_values(stage) for stage in layout.stages]}
    return {name: value for name, value in values.items() if name != "edits"}
