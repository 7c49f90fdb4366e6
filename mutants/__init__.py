"""Mutation testing: small faults put into a copy of the code, and whether a test notices each."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The project."""
DATA = Path(__file__).parent / "data"
"""What the runs found, a file a seed."""
