"""Evaluation while training, as transformers' Trainer and those built on it are told of it."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Key
from vramlint.dialects.kit.reader import Reader, positive, text
from vramlint.job import Evaluation

_STRATEGIES = ("eval_strategy", "evaluation_strategy")
"""The name of today, and that of transformers before 4.41."""
_BATCH = 8
"""transformers 5.24, training_args.py, per_device_eval_batch_size."""

KEYS: tuple[Key, ...] = (
    Key(
        "eval_strategy",
        "evaluation",
        "Evaluates while training: without gradients, but with logits of the whole evaluation batch.",
        "no",
        ("no", "steps", "epoch"),
    ),
    Key(
        "per_device_eval_batch_size",
        "evaluation.batch",
        "Sequences per GPU in evaluation, 8 unless written. Without gradients, but with full logits: a "
        "large one runs out of memory only when evaluation starts.",
        _BATCH,
    ),
    Key(
        "eval_accumulation_steps",
        None,
        "How often predictions move to the host in evaluation. Matters only if custom metrics are "
        "computed from the logits; otherwise they are discarded after each batch.",
        None,
    ),
)


def read_evaluation(reader: Reader) -> Evaluation | None:
    """The evaluation of a run; None where nothing asks for one."""
    asked = next((path for path in _STRATEGIES if _on(reader, path)), None)
    if asked is None and reader.flag("eval_on_start"):
        asked = "eval_on_start"
    if asked is None and reader.framework == "transformers" and reader.flag("do_eval"):
        asked = "do_eval"
    if asked is None:
        return None
    reader.written("evaluation", asked)
    return Evaluation(batch=reader.read("per_device_eval_batch_size", positive))


def _on(reader: Reader, path: str) -> bool:
    return (reader.get(path, text) or "no").lower() in ("steps", "epoch")
