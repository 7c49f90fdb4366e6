"""Arguments that a program has beside TrainingArguments, in its own class, that decide what is trained."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Obstacle
from vramlint.dialects.kit.reader import Reader
from vramlint.dialects.trl.weights import ADAPTER_FLAGS

ADAPTERS = frozenset({"lora", "qlora", "peft", "adapter"})
QUANTIZED = frozenset({"quantization", "quantize", "quantized", "quant", "bits", "4bit", "8bit"})
_METHODS = ADAPTERS | QUANTIZED | {"freeze"}
"""Words in the names of such arguments."""


def decided_by_program(reader: Reader) -> Obstacle | None:
    """Why it is not known what is trained: the file has arguments about that, as `lora_rank`, which are
    none of TrainingArguments' and TRL's, and no known one says whether there is an adapter.
    """
    if any(reader.has(path) for path in ADAPTER_FLAGS):
        return None
    own = {str(name): value for name, value in reader.values.items() if reader.row(str(name)) is None}
    if any(value is False and ADAPTERS & words(name) for name, value in own.items()):
        return None
    for name, value in own.items():
        if (value and _METHODS & words(name)) or value in ("lora", "qlora", "dora", "freeze"):
            why = (
                f"{name} is an argument of the program that reads the file: what is trained is decided there"
            )
            return Obstacle("open-value", why, (name,))
    return None


def words(name: str) -> frozenset[str]:
    """Those of a name: {"lora", "rank"} of `lora_rank`."""
    return frozenset(name.lower().split("_"))
