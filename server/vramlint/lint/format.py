"""How sizes and names are written in messages, the same on the command line and in the editor."""

from __future__ import annotations

from vramlint.catalog.facts import GIB, Gpu, Model
from vramlint.patterns import pattern

_VENDOR_WORDS = ("NVIDIA", "GeForce", "AMD", "Radeon", "Instinct", "Intel", "Tesla", "Quadro")


def gib(size: int | float) -> str:
    """A size in bytes as a number of GiB: one decimal below 100, none above, two where one would read 0.0."""
    amount = size / GIB
    if abs(amount) >= 99.95:
        return f"{amount:,.0f}"
    return f"{amount:.2f}" if 0 < abs(amount) < 0.05 else f"{amount:.1f}"


def gpu_name(gpu: Gpu) -> str:
    """The GPU's name as people say it: "RTX 4090" for "NVIDIA GeForce RTX 4090"."""
    words = gpu.name.split()
    while len(words) > 1 and words[0] in _VENDOR_WORDS:
        words.pop(0)
    return " ".join(words)


def model_name(model: Model) -> str:
    """The model's title, else the last part of its id."""
    return model.title or model.name.rpartition("/")[2] or model.name


def count(number: int | float) -> str:
    """A number of parameters or tokens in short: 8.03 B, 41.9 M, 8,192."""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:,.0f}"


def key_text(key: tuple[str | int, ...]) -> str:
    """A key path as written in a sentence: `a.b[0]`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


_TEMPLATE = pattern(r"\$\{|\{\{|<<|\$[A-Z_]+")


def is_open(value: object) -> bool:
    """Whether a value holds a variable that something else fills in: `${BATCH}`, `{{ batch }}`."""
    return isinstance(value, str) and _TEMPLATE.search(value) is not None


def shorten(value: object, limit: int = 40) -> str:
    """A value of the file for a message, cut to `limit` characters. No long value is written out first."""
    if isinstance(value, int) and value.bit_length() > 8 * limit:
        return f"a number of about {value.bit_length() * 3 // 10:,} digits"
    if isinstance(value, list | tuple | dict):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text.replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"
