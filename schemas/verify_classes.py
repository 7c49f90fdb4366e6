"""Builds every class of transformers that generates text, small and on the meta device, and compares its
parameters with ours (development only; needs torch and transformers).

    python schemas/verify_classes.py [TYPE ...]

Each class is built from its config class's own defaults, with few layers; ours come from the config.json that
transformers would write of it. Where we claim a family (the band of an estimate is narrower than that of a
model that is not modelled) they must be equal; a stand-in is as near as its band says. Exits 1 where one is
not, but for those of INEXACT.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "schemas")]

from vramlint.catalog.config_json import model_from_config  # noqa: E402
from vramlint.job import TrainingJob  # noqa: E402
from vramlint.memory import CannotEstimate, estimate_job  # noqa: E402
from vramlint.memory.overhead import BAND_NOT_MODELLED  # noqa: E402

LAYERS = 4
_DEPTHS = (
    "num_hidden_layers", "n_layer", "num_layers", "n_layers", "encoder_layers", "decoder_layers",
    "num_decoder_layers", "depth",
)  # fmt: skip
_PARTS = ("text_config", "vision_config", "audio_config", "encoder", "decoder")
_TABLES = (
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
    "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
)


class Row(NamedTuple):
    """A class: what it has, what we say (None: we say that we cannot), and how sure of it we say we are."""

    type: str
    name: str
    counted: int
    ours: int | None
    band: float

    @property
    def claimed(self) -> bool:
        """Whether we claim to know the class."""
        return self.ours is not None and self.band < BAND_NOT_MODELLED

    @property
    def holds(self) -> bool:
        """Whether what we say is true."""
        if self.ours is None or self.type in INEXACT:
            return True
        allowed = 0 if self.claimed else self.band * self.counted
        return abs(self.ours - self.counted) <= allowed


def classes() -> list[tuple[str, str]]:
    """Model types with their classes."""
    from transformers.models.auto import modeling_auto

    found: dict[tuple[str, str], None] = {}
    for table in _TABLES:
        for kind, names in getattr(modeling_auto, table, {}).items():
            for name in [names] if isinstance(names, str) else names:
                found[kind, name] = None
    return sorted(found)


def _shrink(config: Any) -> None:
    for key in _DEPTHS:
        value = getattr(config, key, None)
        if isinstance(value, int) and value > LAYERS:
            setattr(config, key, LAYERS)
    for key in _PARTS:
        part = getattr(config, key, None)
        if part is not None and hasattr(part, "to_dict"):
            _shrink(part)


def built(kind: str, name: str) -> tuple[int, dict[str, Any]] | None:
    """Parameters and the config.json of a class; None where its defaults build nothing."""
    import torch
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    for small in (True, False):
        try:
            config = CONFIG_MAPPING[kind]()
            if small:
                _shrink(config)
                values = {key: value for key, value in config.to_dict().items() if "layer_types" not in key}
                config = type(config).from_dict(values)
            with torch.device("meta"):
                model = getattr(transformers, name)(config)
            model.tie_weights()
        except Exception:  # defaults that do not go together, or a package that is missing
            continue
        count = sum(parameter.numel() for parameter in model.parameters())
        written = json.loads(config.to_json_string(use_diff=False))
        return count, {**written, "architectures": [name]}
    return None


def compared(kind: str, name: str) -> Row | None:
    """A class beside ours."""
    found = built(kind, name)
    if found is None:
        return None
    count, config = found
    model = model_from_config(config, name)
    try:
        estimate = estimate_job(TrainingJob(model=model)) if model is not None else None
    except CannotEstimate:
        estimate = None
    if estimate is None:
        return Row(kind, name, count, None, 0)
    return Row(kind, name, count, estimate.parameters, estimate.error_band)


INEXACT = frozenset({"bart"})
"""Types whose class with default settings differs from what is released: BartForCausalLM has the decoder
alone; released config.json files name the whole.
"""


def rows(wanted: Sequence[str] = ()) -> Iterator[Row]:
    """All classes that can be built, or those of the wanted types."""
    for kind, name in classes():
        if not wanted or kind in wanted:
            row = compared(kind, name)
            if row is not None:
                yield row


def main(wanted: Sequence[str]) -> int:
    """Print what differs; the exit status."""
    exact = unknown = differ = near = 0
    for row in rows(wanted):
        if row.ours is None:
            unknown += 1
        elif row.ours == row.counted:
            exact += 1
        else:
            differ += not row.holds
            near += row.holds
            claim = "WRONG" if not row.holds else "inexact" if row.claimed else "stand-in"
            print(f"{claim} {row.type} {row.name}: {row.counted} counted, {row.ours} ours", flush=True)
    print(f"{exact} exact, {near} said to be inexact, {unknown} not estimated, {differ} wrong")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
