"""What transformers' Trainer refuses in its arguments, whoever hands them on (transformers 5.23)."""

from __future__ import annotations

from vramlint.dialects.kit.conflicts import Conflict
from vramlint.dialects.kit.reader import Reader, integer, names, number, text


def _steps(reader: Reader, name: str) -> int | None:
    """A whole number of steps; None for a share of the run."""
    steps = reader.get(name, number)
    return int(steps) if steps is not None and steps >= 1 and steps == int(steps) else None


def _by_steps(reader: Reader) -> bool:
    """Whether evaluation and checkpoints both come after a number of steps."""
    saves = reader.get("save_strategy", text) or "steps"
    evaluates = reader.get("eval_strategy", text) or reader.get("evaluation_strategy", text)
    return saves == "steps" and evaluates == "steps"


def _uneven(reader: Reader) -> bool:
    save, evaluation = _steps(reader, "save_steps"), _steps(reader, "eval_steps")
    return save is not None and evaluation is not None and save % evaluation != 0


def _fraction(reader: Reader, name: str) -> bool:
    steps = reader.get(name, number)
    return steps is not None and steps > 1 and steps != int(steps)


def _engine_checkpoints(reader: Reader) -> bool:
    return reader.flag("fsdp_config.activation_checkpointing") or reader.flag(
        "fsdp_config.fsdp_activation_checkpointing"
    )


TRAINER: tuple[Conflict, ...] = (
    Conflict(
        "checkpointing-twice",
        "gradient_checkpointing",
        ("fsdp_config.activation_checkpointing", "fsdp_config.fsdp_activation_checkpointing"),
        lambda r: r.flag("gradient_checkpointing") and _engine_checkpoints(r),
        "the trainer refuses checkpointing of its own beside that of fsdp_config: set gradient_checkpointing "
        "to false",
        source="trainer.py:create_accelerator_and_postprocess",
        fix={"gradient_checkpointing": False},
    ),
    Conflict(
        "two-mixed-precisions",
        "fp16",
        ("bf16",),
        lambda r: r.flag("bf16") and r.flag("fp16"),
        "bf16 and fp16 exclude each other; keep one",
    ),
    Conflict(
        "two-engines",
        "deepspeed",
        ("fsdp",),
        lambda r: r.get("deepspeed", text) is not None and bool(r.get("fsdp", names) or r.flag("fsdp")),
        "deepspeed and fsdp exclude each other; keep one",
    ),
    Conflict(
        "prefetch-without-workers",
        "dataloader_prefetch_factor",
        ("dataloader_num_workers",),
        lambda r: (
            r.get("dataloader_prefetch_factor", integer) is not None
            and r.get("dataloader_num_workers", integer) == 0
        ),
        "dataloader_prefetch_factor needs dataloader_num_workers above 0",
    ),
    Conflict(
        "fsdp1-strategy",
        "fsdp",
        ("fsdp_config",),
        lambda r: (
            any("hybrid_shard" in word for word in r.get("fsdp", names) or ())
            and 2 in (r.get("fsdp_config.version", integer), r.get("fsdp_config.fsdp_version", integer))
        ),
        "hybrid_shard belongs to FSDP 1 and is refused with version 2; use parallelism_config instead",
    ),
    Conflict(
        "best-model-strategies",
        "save_strategy",
        ("eval_strategy", "load_best_model_at_end"),
        lambda r: (
            r.flag("load_best_model_at_end")
            and r.get("save_strategy", text) is not None
            and r.get("eval_strategy", text) is not None
            and r.get("save_strategy", text) != "best"
            and r.get("save_strategy", text) != r.get("eval_strategy", text)
        ),
        "load_best_model_at_end needs save_strategy and eval_strategy to be the same",
    ),
    Conflict(
        "best-model-steps",
        "save_steps",
        ("eval_steps", "load_best_model_at_end"),
        lambda r: r.flag("load_best_model_at_end") and _by_steps(r) and _uneven(r),
        "load_best_model_at_end needs save_steps to be a multiple of eval_steps",
        source="training_args.py:1766",
    ),
    Conflict(
        "scheduler-without-evaluation",
        "lr_scheduler_type",
        ("eval_strategy",),
        lambda r: (
            r.get("lr_scheduler_type", text) in ("reduce_lr_on_plateau", "greedy")
            and r.get("eval_strategy", text) == "no"
        ),
        "this lr_scheduler_type acts on evaluations, and eval_strategy is no",
        source="training_args.py:1792",
    ),
    Conflict(
        "two-mixed-precisions",
        "fp16_full_eval",
        ("bf16_full_eval",),
        lambda r: r.flag("fp16_full_eval") and r.flag("bf16_full_eval"),
        "bf16_full_eval and fp16_full_eval exclude each other; keep one",
        source="training_args.py:1788",
    ),
    Conflict(
        "fractional-steps",
        "save_steps",
        (),
        lambda r: _fraction(r, "save_steps"),
        "save_steps above 1 is a number of steps and must be whole",
        source="training_args.py:1745",
    ),
    Conflict(
        "fractional-steps",
        "eval_steps",
        (),
        lambda r: _fraction(r, "eval_steps"),
        "eval_steps above 1 is a number of steps and must be whole",
        source="training_args.py:1741",
    ),
    Conflict(
        "fractional-steps",
        "logging_steps",
        (),
        lambda r: _fraction(r, "logging_steps"),
        "logging_steps above 1 is a number of steps and must be whole",
        source="training_args.py:1737",
    ),
    Conflict(
        "cache-steps",
        "torch_empty_cache_steps",
        (),
        lambda r: (r.get("torch_empty_cache_steps", integer) or 1) < 1,
        "torch_empty_cache_steps must be above 0; remove it to keep the cache",
        source="training_args.py:1727",
    ),
)
