"""What TRL's trainers refuse while they are built (trl 1.16, files below trl/trainer)."""

from __future__ import annotations

from vramlint.dialects.kit.conflicts import Conflict
from vramlint.dialects.kit.reader import Reader, integer, names, sequence


def _degree(reader: Reader, name: str) -> int:
    return reader.get(f"parallelism_config.{name}", integer) or 1


def _lengths_differ(reader: Reader) -> bool:
    weights, losses = reader.get("loss_weights", sequence), reader.get("loss_type", names)
    return weights is not None and losses is not None and len(weights) != len(losses)


REFUSALS: tuple[Conflict, ...] = (
    Conflict(
        "packing-without-length",
        "packing",
        ("max_length",),
        lambda r: r.flag("packing") and r.has("max_length") and r.raw("max_length") is None,
        "packing fills rows of max_length, which is null: write a length",
        source="sft_trainer.py:1468",
    ),
    Conflict(
        "context-with-packing",
        "packing",
        ("parallelism_config",),
        lambda r: r.flag("packing") and _degree(r, "cp_size") > 1,
        "packing is refused with context parallelism, which drops the mask between samples; write packing: "
        "false",
        fix={"packing": False},
        source="sft_trainer.py:1155",
    ),
    Conflict(
        "context-with-generation",
        "parallelism_config",
        ("num_generations",),
        lambda r: r.has("num_generations") and max(_degree(r, "cp_size"), _degree(r, "sp_size")) > 1,
        "GRPO builds its rows after generation, which context and sequence parallelism cannot split; set "
        "cp_size and sp_size to 1",
        source="grpo_config.py:1071",
    ),
    Conflict(
        "uneven-loss-weights",
        "loss_weights",
        ("loss_type",),
        _lengths_differ,
        "loss_weights needs one weight for each loss of loss_type",
        source="dpo_config.py:361",
    ),
)
