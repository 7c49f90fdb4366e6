"""What a trainer of TRL is told of a model that it loads by its name (trainer/sft_trainer.py of trl 1.16, and
its other trainers).
"""

from __future__ import annotations

from vramlint.dialects.scripting.facts import bits_of
from vramlint.dialects.scripting.given import Facts
from vramlint.document.place import Place
from vramlint.document.python.values import Made, Table, Value
from vramlint.lazy_dataclasses import replace

_QUANTIZATION = "quantization_config"


def quantized_by_name(trainer: Made, config: Value | None, place: Place) -> Facts:
    """The quantization: an argument of the trainer, or among what its config hands to `from_pretrained`."""
    asked = trainer.argument(_QUANTIZATION)
    handed = config.argument("model_init_kwargs") if isinstance(config, Made) else None
    if asked is None and isinstance(handed, Table):
        asked = handed.entries.get(_QUANTIZATION)
    return bits_of(asked, place)


def handed_on(value: Value) -> Value:
    """Keywords for `from_pretrained` without the quantization, which `quantized_by_name` reads."""
    if not isinstance(value, Table) or _QUANTIZATION not in value.entries:
        return value
    return replace(value, entries={key: each for key, each in value.entries.items() if key != _QUANTIZATION})
