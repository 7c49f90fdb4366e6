"""How many examples a property is given: HYPOTHESIS_PROFILE=dev takes ten of each while working, `ci` all.

No profile has a deadline or refuses slow examples: what a busy machine takes says nothing about the code.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

FEW = 10
_NO_CLOCK: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", **_NO_CLOCK, print_blob=True)
settings.register_profile("dev", **_NO_CLOCK, max_examples=FEW)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
settings.load_profile(PROFILE)


def examples(most: int, allowed: tuple[HealthCheck, ...] = ()) -> settings:
    """The settings of a property that is worth `most` examples; `allowed`: what hypothesis would refuse."""
    few = min(most, FEW) if PROFILE == "dev" else most
    return settings(max_examples=few, suppress_health_check=[HealthCheck.too_slow, *allowed])
