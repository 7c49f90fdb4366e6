"""What a model type makes of one config: each name that the tables of towers, projectors and text decoders
have, also those of which the catalog has no model.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from test_config_keys import short
from test_config_keys_of_parts import made_of, shallow, with_value
from test_family_sizes import smallest
from test_family_walks import RUNS, job_of

from vramlint.memory.architectures.encoders_of_images import ENCODERS
from vramlint.memory.architectures.joined_parts import JOINED
from vramlint.memory.architectures.vision_language import TEXT_FAMILIES

BASES = "llava", "idefics3", "qwen2_5_vl", "blip-2", "internvl", "gemma3"
"""Models whose configs are taken."""
TABLES = {"model_type": JOINED, "vision_config.model_type": ENCODERS, "text_config.model_type": TEXT_FAMILIES}


@pytest.mark.parametrize("base", BASES)
def test_what_a_type_makes_of_a_config(base: str, snapshot: Callable[[str, str], None]) -> None:
    known = next(model for model in smallest() if model.model_type == base)
    config = shallow(known.config)
    lines = []
    for run in ("plain", "mixed"):
        job = job_of(known, RUNS[run])
        assert job is not None
        for path, table in TABLES.items():
            by_effect: dict[str, list[str]] = {}
            for name in (*table, "unheard-of"):
                made = made_of(with_value(config, tuple(path.split(".")), name), job)
                by_effect.setdefault(short(made), []).append(name)
            lines += [f"{run}, {path} {' '.join(names)}: {made}" for made, names in by_effect.items()]
    snapshot(f"types-{base}.txt", "\n".join(lines) + "\n")
