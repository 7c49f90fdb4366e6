"""A comparison for programs; docs/json.md describes it. Sizes are bytes per GPU."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from vramlint.cli.output.json import SCHEMA_VERSION
from vramlint.compare.difference import Difference, Side


def compare_json(differences: Sequence[Difference], against: str | None) -> str:
    """All comparisons as one object."""
    runs = [_run(each) for each in differences]
    return json.dumps({"schema_version": SCHEMA_VERSION, "against": against, "runs": runs}, indent=1)


def _run(difference: Difference) -> dict[str, Any]:
    return {
        "path": difference.path,
        "before": _side(difference.before),
        "after": _side(difference.after),
        "change_bytes": difference.change_bytes,
        "settings": [
            {"key": each.key, "before": each.before, "after": each.after} for each in difference.settings
        ],
    }


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "path": side.path,
        "verdict": side.verdict,
        "device_bytes": side.device_bytes,
        "components": dict(side.components),
        "gpu": side.gpu,
        "usable_bytes": side.usable_bytes,
        "problem": side.problem or None,
    }
