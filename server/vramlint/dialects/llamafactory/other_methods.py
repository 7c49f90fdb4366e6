"""Methods of LLaMA-Factory that train something else than layers or low-rank adapters: BAdam and OFT."""

from __future__ import annotations

from vramlint.dialects.engines.distribution import ParallelPlan
from vramlint.dialects.kit.reader import Reader, integer, names
from vramlint.job import Adapter, Precision
from vramlint.lazy_dataclasses import replace

BADAM = "use_badam"
_FIRST = r"model\.layers\.0\."
"""The block whose backward pass is the longest."""


def trains_blocks(reader: Reader) -> bool:
    """Whether one layer at a time is trained (0.9.5, train/trainer_utils.py, _create_badam_optimizer)."""
    return reader.flag(BADAM)


def trained_block(reader: Reader) -> tuple[str, ...]:
    """The names that are trained while the run needs most: BAdam goes through all layers, and of the one that
    `fixed` stays with, with the number it is given (badam 1.4, block_optim.py).
    """
    reader.written("trainable_parameters", BADAM)
    fixed = reader.raw("badam_switch_mode") == "fixed"
    start = reader.get("badam_start_block", integer) if fixed else None
    return (_FIRST if start is None else rf"model\.layers\.{start}\.",)


def block_precision(reader: Reader, engine: ParallelPlan) -> Precision:
    """The weights stay as they are loaded (model/adapter.py, init_adapter), and BAdam steps on a float32 copy
    of the block (badam 1.4, block_optim.py, switch_trainable_params).
    """
    precision = engine.precision
    if precision.weights == "float32" or engine.parallel.strategy not in ("none", "ddp"):
        return precision
    for field in ("precision.master_weights", "precision.optimizer_states"):
        reader.default(field, "BAdam steps on a float32 copy")
    return replace(precision, master_weights="float32", optimizer_states="float32")


def rotations(reader: Reader, engine: ParallelPlan) -> Adapter:
    """OFT's adapter: blocks that rotate each linear's input. What it keeps of inputs is what a low-rank one
    keeps; its blocks and the rotated inputs are not counted (peft 0.21, tuners/oft/layer.py).
    """
    reader.written("method", "finetuning_type")
    reason = "the blocks of OFT and the inputs that they rotate are counted as an adapter of rank 1"
    reader.leave_open("adapter.r", reason, at_least=True)
    written = reader.get("oft_target", names)
    if written is None:
        reader.default("adapter.targets")
    else:
        reader.written("adapter.targets", "oft_target")
    return Adapter(
        r=1,
        alpha=1.0,
        targets="all-linear" if written is None or "all" in written else written,
        dtype=engine.adapter_dtype or "float32",
        modules_to_save=reader.get("additional_target", names) or (),
    )
