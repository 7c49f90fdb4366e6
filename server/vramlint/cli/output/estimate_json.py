"""An estimate for programs; docs/json.md describes it. Sizes are bytes per GPU, lines count from 0."""

from __future__ import annotations

from typing import Any

from vramlint.cli.output.json import SCHEMA_VERSION
from vramlint.explain.estimate_facts import estimate_facts
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Estimate


def estimate_object(path: str, analysis: Analysis, estimate: Estimate) -> dict[str, Any]:
    """The object of a file that was estimated."""
    return {"schema_version": SCHEMA_VERSION, "path": path, **estimate_facts(analysis, estimate)}


def error_object(path: str, dialect: str | None, code: str, message: str, line: int | None) -> dict[str, Any]:
    """The object of a file that could not be estimated."""
    return {
        "schema_version": SCHEMA_VERSION,
        "path": path,
        "dialect": dialect,
        "error": {"code": code, "message": message, "line": line},
    }
