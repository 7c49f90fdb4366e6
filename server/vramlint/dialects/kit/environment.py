"""What the environment that a run is started with changes of it."""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.dialects.kit.dialect import Obstacle
from vramlint.dialects.kit.reader import Reader
from vramlint.job import Assumed, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.versions import at_least

_ALLOCATOR: tuple[tuple[str, str], ...] = (("PYTORCH_CUDA_ALLOC_CONF", "0"), ("PYTORCH_ALLOC_CONF", "2.8"))
"""In the order in which they count (c10/core/AllocatorConfig.cpp of torch 2.14, instance), with a release
from which they may be read; 2.7 knows only the first.
"""
_YES = ("true", "y", "1")
"""What LLaMA-Factory takes for on (extras/misc.py of 0.9.5, is_env_enabled)."""


def allocator_variable(environment: Mapping[str, str], torch: str | None) -> str | None:
    """The variable that `torch` sets its allocator up by; None where none is set."""
    return next((name for name, since in _ALLOCATOR if name in environment and at_least(torch, since)), None)


def in_environment(dialect: str, reader: Reader, outcome: TrainingJob | Obstacle) -> TrainingJob | Obstacle:
    """The same under the variables that the run is started with. Frameworks set the allocator only where the
    environment does not; LLaMA-Factory's launcher sets it for several GPUs whatever is set there
    (launcher.py of 0.9.5).
    """
    if isinstance(outcome, Obstacle) or not reader.environment:
        return outcome
    megatron = reader.environment.get("USE_MCA", "").lower() in _YES
    if dialect == "llamafactory" and megatron and outcome.runtime != "megatron":
        return Obstacle("not-modelled", "USE_MCA=1 trains with Megatron-Core, which is not modelled here")
    name = allocator_variable(reader.environment, reader.releases.get("torch"))
    if name is None or (dialect == "llamafactory" and outcome.allocator):
        return outcome
    origins = {**outcome.origins, "allocator": Assumed(f"{name} is set where the run is started")}
    return replace(outcome, allocator=reader.environment[name], origins=origins)
