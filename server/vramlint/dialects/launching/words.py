"""How a line begins that starts a run."""

from __future__ import annotations

import re

LAUNCH_LINE = re.compile(
    r"\s*(?:\$ )?(?:[A-Z_]\w*=\S* +)*"
    r"(?:accelerate|torchrun|deepspeed|axolotl|llamafactory-cli|python\d?|srun|uv|tune|trl|swift)\b"
)
