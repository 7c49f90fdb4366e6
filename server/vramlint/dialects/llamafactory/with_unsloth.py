"""`use_unsloth`: Unsloth loads the model and makes the adapter (LLaMA-Factory 0.9.5,
model/model_utils/unsloth.py).
"""

from __future__ import annotations

from vramlint.dialects.engines.unsloth import NO_PAIRS, under_unsloth
from vramlint.dialects.kit.dialect import Context, Obstacle
from vramlint.dialects.kit.reader import Reader, text
from vramlint.dialects.kit.reading import unmodelled
from vramlint.job import TrainingJob

SWITCH = "use_unsloth"


def refused(reader: Reader) -> Obstacle | None:
    """Stages whose losses need logits, which Unsloth's way to make is not known."""
    if not reader.flag(SWITCH) or reader.get("stage", text) in (None, "sft", "pt"):
        return None
    return unmodelled(reader, SWITCH, NO_PAIRS)


def applied(reader: Reader, context: Context, made: TrainingJob | Obstacle) -> TrainingJob | Obstacle:
    """What was made of the file, as it runs where Unsloth is switched on."""
    if isinstance(made, Obstacle) or not reader.flag(SWITCH):
        return made
    return under_unsloth(reader, context, made, SWITCH)
