"""Other estimators, each with an adapter that says which runs it has the inputs for.

Rule: an adapter raises NotAttempted where its estimator has no way to be told the method, the adapter, the
quantization, the optimizer, the dtype or the sharding of a run. What an estimator has no notion of at all
(the attention kernel, the loss, packing, versions) is no reason: its answer claims to hold. Where an
estimator separates overhead from tensors, runs measured as allocated bytes are compared without the
overhead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class NotAttempted(Exception):
    """The estimator has no input for something of this run; the message says what."""


@dataclass(frozen=True, slots=True)
class Peer:
    """`estimate` takes a measured.Case and returns bytes."""

    name: str
    version: str
    how: str
    """Called (the package runs) or restated (its published formula, from the path named)."""
    inputs: str
    """What it can be told."""
    estimate: Callable[..., float]
