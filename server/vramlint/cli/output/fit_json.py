"""What would make a run fit, for programs; docs/json.md describes it. Sizes are bytes per GPU."""

from __future__ import annotations

from typing import Any

from vramlint.advice.advise import Advice
from vramlint.advice.hardware import Hardware
from vramlint.cli.output.fit_report import FitReport
from vramlint.cli.output.json import SCHEMA_VERSION
from vramlint.dialects.kit.dialect import REMOVE
from vramlint.explain.estimate_facts import plain
from vramlint.lint.fit_fixes import WayToFit
from vramlint.lint.format import key_text


def fit_object(report: FitReport) -> dict[str, Any]:
    """The object of a file."""
    analysis = report.analysis
    return {
        "schema_version": SCHEMA_VERSION,
        "path": report.path,
        "dialect": analysis.dialect.name if analysis.dialect else None,
        "verdict": analysis.verdict,
        "device_bytes": report.estimate.device_bytes,
        "gpu": analysis.gpu
        and {
            "name": analysis.gpu.name,
            "usable_bytes": report.capacity,
            "count": analysis.declared.count if analysis.declared else 1,
        },
        "environment": {"PYTORCH_ALLOC_CONF": "expandable_segments:True"} if report.expandable else None,
        "ways": [_way(way, report.capacity) for way in report.ways],
        "savings": [_advice(advice) for advice in report.savings],
        "hardware": [_hardware(each) for each in report.hardware],
        "largest": {name: {"fits": largest, "now": now} for name, largest, now in report.limits},
    }


def _way(way: WayToFit, capacity: int) -> dict[str, Any]:
    return {
        **_advice(way.advice),
        "device_bytes": way.device_bytes,
        "headroom_bytes": capacity - way.device_bytes,
        "verdict": way.verdict,
        "keys": [
            {"key": key_text(key.path), "path": list(key.path)}
            | ({"remove": True} if key.value is REMOVE else {"value": plain(key.value)})
            for key in way.keys
        ],
    }


def _advice(advice: Advice) -> dict[str, Any]:
    return {
        "title": advice.title,
        "same_training": advice.safe,
        "effects": list(advice.effects),
        "compute_percent": round(advice.compute_percent, 1),
        "traffic": list(advice.traffic),
        "device_bytes": advice.estimate.rough.device_bytes,
        "moves": [{"title": move.title, "harm": move.harm, "group": move.group} for move in advice.moves],
        "changes": {name: plain(value) for name, value in advice.changes.items()},
    }


def _hardware(hardware: Hardware) -> dict[str, Any]:
    return {
        "gpu": hardware.gpu.name,
        "count": hardware.count,
        "device_bytes": hardware.estimate.rough.device_bytes,
        "usable_bytes": hardware.gpu.usable_bytes,
        "changes": {name: plain(value) for name, value in hardware.changes.items()},
    }
