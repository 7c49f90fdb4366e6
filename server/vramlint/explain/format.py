"""How figures are drawn: marks of the verdict, signed differences, shares and the bar."""

from __future__ import annotations

from vramlint.catalog.facts import GIB, MIB
from vramlint.lint.format import gib
from vramlint.memory.estimate import Component, Estimate, Verdict

LABELS: dict[Component, str] = {
    "weights": "weights",
    "gradients": "gradients",
    "optimizer_states": "optimizer states",
    "activations": "activations",
    "generation": "generation engine",
    "overhead": "overhead",
}
MARKS: dict[Verdict, str] = {"fits": "✓", "tight": "⚠", "does_not_fit": "✗", "unknown": ""}
WORDS: dict[Verdict, str] = {
    "fits": "fits",
    "tight": "tight",
    "does_not_fit": "does not fit",
    "unknown": "unknown",
}
_EIGHTHS = " ▏▎▍▌▋▊▉"


def size(amount: int) -> str:
    """Bytes with their unit: "15.0 GiB", and "12 MiB" for what would read 0.0 GiB."""
    if 0 < amount < 0.05 * GIB:
        return f"{amount / MIB:.0f} MiB" if amount >= MIB else f"{max(1, amount // 1024)} KiB"
    return f"{gib(amount)} GiB"


def reserved_text(estimate: Estimate) -> str:
    """Reserved bytes: "25.2 GiB", and "25.2 to 38.9 GiB" where lengths vary."""
    low, high = estimate.reserved_range
    return size(high) if gib(low) == gib(high) else f"{gib(low)} to {size(high)}"


def difference(amount: int) -> str:
    """A signed size in GiB with a real minus sign: "+13.4", "−13.4", "−12 MiB"."""
    return ("+" if amount > 0 else "−") + size(abs(amount)).removesuffix(" GiB")


def percent(part: int, whole: int) -> str:
    """A share: "53 %", "0.5 %", "<0.1 %"."""
    if whole <= 0 or part <= 0:
        return "0 %"
    share = 100 * part / whole
    return "<0.1 %" if share < 0.1 else f"{share:.1f} %" if share < 1 else f"{share:.0f} %"


def bar(used: int, capacity: int | None, width: int = 32) -> str:
    """One bar for the whole run. "┆" is the end of the GPU: what is past it does not fit.

    >>> bar(8, 16, 8)
    '████    ┆'
    >>> bar(16, 8, 8)
    '████┆████'
    """
    if not capacity:
        return "█" * width
    if used <= capacity:
        whole, part = divmod(round(width * 8 * used / capacity), 8)
        return ("█" * whole + (_EIGHTHS[part] if part else "")).ljust(width) + "┆"
    inside = min(width - 1, round(width * capacity / used))
    return "█" * inside + "┆" + "█" * (width - inside)


def value_text(value: object) -> str:
    """A config value as it would be written in the file."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(value_text, value)) + "]"
    return str(value)
