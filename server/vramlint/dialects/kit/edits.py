"""Writing changes of a job as keys of a dialect: one small editor for each job field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

from vramlint.dialects.kit.dialect import REMOVE, UNSET, Changes, Key, SetKey
from vramlint.dialects.kit.reader import look_up, split
from vramlint.job import KeyPath, TrainingJob

Editor = Callable[[Mapping[str, Any], TrainingJob, Any], "Iterable[SetKey] | None"]
"""From the document's values, the job as it is and the new value to the keys to set; None where the
dialect cannot say it.
"""


def key(path: str) -> Editor:
    """The editor of a field that is written as it is, at one key."""

    def write(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...]:
        return (SetKey(split(path), value),)

    return write


def translated(path: str, table: Mapping[Any, Any]) -> Editor:
    """The editor of a field whose values the dialect spells otherwise."""

    def write(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
        return (SetKey(split(path), table[value]),) if value in table else None

    return write


DEGREES = frozenset(
    f"parallel.{name}"
    for name in (
        "data", "replicate", "tensor", "sequence", "context", "pipeline", "virtual_pipeline", "expert",
        "expert_tensor",
    )
)  # fmt: skip
"""Fields that say over how many GPUs what is cut."""


def degrees(keys: Iterable[Key], section: str = "") -> dict[str, Editor]:
    """The editors of the degrees that a table of keys has, below `section`."""
    found: dict[str, Editor] = {}
    for row in keys:
        if row.field in DEGREES and row.path.startswith(section):
            found.setdefault(row.field, key(row.path))
    return found


def implied(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...]:
    """The editor of a field that has no key because it follows from others."""
    return ()


def spelling(values: Mapping[str, Any], *paths: str) -> str:
    """The spelling of a key that the file uses already, else the first."""
    return next((path for path in paths if look_up(values, path) is not UNSET), paths[0])


def edit(
    editors: Mapping[str, Editor], values: Mapping[str, Any], job: TrainingJob, changes: Changes
) -> tuple[SetKey, ...] | None:
    """All edits of `changes`, in the order of the table `editors`, so that a later row may refine what an
    earlier one wrote.
    """
    if not set(changes) <= set(editors):
        return None
    edits: dict[KeyPath, SetKey] = {}
    for name, editor in editors.items():
        if name not in changes:
            continue
        written = editor(values, job, changes[name])
        if written is None:
            return None
        edits.update((item.path, item) for item in written)
    return tuple(item for item in edits.values() if item.value is not REMOVE or _stands(values, item.path))


def _stands(values: Mapping[str, Any], path: KeyPath) -> bool:
    """Whether there is something to remove at `path`."""
    return look_up(values, ".".join(str(part) for part in path)) is not UNSET


def whole_batch(
    path: str, values: Mapping[str, Any], job: TrainingJob, changes: Changes, silent: int | None = None
) -> tuple[SetKey, ...]:
    """The edit of a key that counts the rows of a whole step over all GPUs, where micro-batch or
    accumulation change.

    Nothing is written where the key already says so, or where it is absent and means so many: `silent` rows,
    else those of one pass.
    """
    micro = changes.get("micro_batch_size", job.micro_batch_size)
    steps = changes.get("gradient_accumulation_steps", job.gradient_accumulation_steps)
    ranks = (changes.get(f"parallel.{name}", getattr(job.parallel, name)) for name in ("data", "replicate"))
    rows = micro * steps * prod(ranks)
    written = look_up(values, path)
    if written == rows or (written is UNSET and (steps == 1 if silent is None else rows == silent)):
        return ()
    return (SetKey(split(path), rows),)


BATCH = ("micro_batch_size", "gradient_accumulation_steps")
"""The fields that rows are counted by."""


def rows_of_stages(
    rows: str, micro: str, values: Mapping[str, Any], job: TrainingJob, changes: Changes
) -> tuple[SetKey, ...]:
    """The edits of a key that counts the rows of a pass, and with a pipeline those of all its micro batches,
    whose rows another key counts.
    """
    size, steps = (changes.get(name, getattr(job, name)) for name in BATCH)
    stages = changes.get("parallel.pipeline", job.parallel.pipeline)
    wanted = {rows: size * steps, micro: size} if stages > 1 else {rows: size}
    return tuple(
        SetKey(split(path), value) for path, value in wanted.items() if look_up(values, path) != value
    )


def without_accumulation(changes: Changes) -> Changes:
    """The changes that are left once accumulation is said by the rows of a whole step."""
    return {name: value for name, value in changes.items() if name != "gradient_accumulation_steps"}


def with_keys(values: Any, keys: Iterable[SetKey]) -> Any:
    """A copy of plain values with keys set or removed; what is not on the way to one is shared."""
    for item in keys:
        values = _with(values, item.path, item.value)
    return values


def _with(values: Any, path: KeyPath, value: Any) -> Any:
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(values, list) and isinstance(head, int) and head < len(values):
        return [_with(item, rest, value) if index == head else item for index, item in enumerate(values)]
    inside: Mapping[Any, Any] = values if isinstance(values, Mapping) else {}
    if not rest and value is REMOVE:
        return {key: kept for key, kept in inside.items() if key != head}
    return {**inside, head: _with(inside.get(head), rest, value)}
