"""How often a run saves, and how much it keeps, from the keys of transformers' Trainer and Axolotl."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

from vramlint.dialects.kit.reader import boolean, integer, number, text
from vramlint.document.node import KeyPath
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.context import RuleContext

_STEPS, _AXOLOTL_KEPT = 500, 4
"""Steps between checkpoints of the Trainer (transformers 5.23, training_args.py), and the checkpoints that
Axolotl keeps (0.19, core/builders/base.py, _configure_save_and_eval_strategy) where no key says so.
"""
_SAYS = ("save_total_limit", "save_steps", "save_strategy", "save_only_model")
"""Keys of the Trainer's checkpoints: a file without them may be of a script that saves in its own way."""
WHERE = ("save_total_limit", "save_steps", "save_strategy", "saves_per_epoch", "output_dir")


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a run leaves on the disk. Sizes are bytes."""

    weights: int
    """Of the saved model alone."""
    each: int
    """Of one checkpoint, with what resuming needs unless the file leaves it out."""
    count: int | None
    """Checkpoints of the whole run; None where no key says how many steps there are."""
    limit: int | None
    """Checkpoints that are kept; None for all."""
    every: str
    """How often, in words."""
    key: KeyPath

    @property
    def kept(self) -> int | None:
        """Checkpoints that lie there at the end; None where that is not known."""
        known = [number for number in (self.count, self.limit) if number is not None]
        return min(known) if known else None


def schedule(context: RuleContext) -> Schedule | None:
    """The checkpoints of a run; None where it saves none, or nothing is known of how it does."""
    estimate, values, dialect = context.estimate, context.values, context.dialect
    if estimate is None or dialect is None or not isinstance(values, Mapping) or dialect.name not in _READERS:
        return None
    read = _READERS[dialect.name](values)
    key = next(((name,) for name in WHERE if name in values), None) or context.key("model")
    if read is None or key is None:
        return None
    count, limit, every = read
    sizes = estimate.checkpoint_bytes
    alone = boolean(values.get("save_only_model")) is True
    return Schedule(sizes["weights"], sizes["weights" if alone else "resume_state"], count, limit, every, key)


_Read = tuple["int | None", "int | None", str]


def _trainer(values: Mapping[str, Any]) -> _Read | None:
    if not any(name in values for name in _SAYS):
        return None
    strategy = text(values.get("save_strategy")) or "steps"
    limit = _above_zero(values.get("save_total_limit"))
    if strategy in ("no", "best"):
        return None
    if strategy == "epoch":
        return ceil(number(values.get("num_train_epochs")) or 3), limit, "every epoch"
    return _by_steps(values, number(values.get("save_steps")) or _STEPS, limit)


def _axolotl(values: Mapping[str, Any]) -> _Read | None:
    limit = _above_zero(values.get("save_total_limit")) or _AXOLOTL_KEPT
    epochs = number(values.get("num_epochs")) or 1
    if steps := number(values.get("save_steps")):
        return _by_steps(values, steps, limit)
    if often := number(values.get("saves_per_epoch")):
        return ceil(often * epochs), limit, f"{often:g} times an epoch"
    if (text(values.get("save_strategy")) or "epoch") != "epoch":
        return None
    return ceil(epochs), limit, "every epoch"


def _by_steps(values: Mapping[str, Any], steps: float, limit: int | None) -> _Read:
    if steps < 1:
        return int(1 / steps), limit, f"every {steps:.0%} of the run"
    whole = _above_zero(values.get("max_steps"))
    return int(whole // steps) if whole else None, limit, f"every {steps:g} steps"


def _above_zero(value: Any) -> int | None:
    whole = integer(value)
    return whole if whole is not None and whole > 0 else None


_READERS: Mapping[str, Callable[[Mapping[str, Any]], _Read | None]] = {
    "trl": _trainer,
    "llamafactory": _trainer,
    "axolotl": _axolotl,
}
