"""More of what axolotl's validators refuse: data, schedules and single options (axolotl 0.19,
axolotl/utils/schemas/validation.py).
"""

from __future__ import annotations

from collections.abc import Callable

from vramlint.dialects.axolotl.checks import fsdp
from vramlint.dialects.kit.conflicts import Conflict
from vramlint.dialects.kit.reader import Reader, boolean, integer, mapping, names, number, text

_LOSSES = (
    "cut_cross_entropy",
    "chunked_cross_entropy",
    "liger_cross_entropy",
    "liger_fused_linear_cross_entropy",
)

_ATTENTIONS = (
    "flash_attention",
    "flex_attention",
    "sdp_attention",
    "xformers_attention",
    "sage_attention",
    "s2_attention",
    "eager_attention",
)
"""The older flags that choose an attention."""


def _both(first: str, second: str, kind: str, line: int) -> Conflict:
    """Two keys that exclude each other."""
    return Conflict(
        kind,
        second,
        (first,),
        lambda r: _says(r, first) and _says(r, second),
        f"{first} and {second} exclude each other; keep one",
        source=f"validation.py:{line}",
    )


def _says(reader: Reader, path: str) -> bool:
    """Whether the key holds something that Python takes for true."""
    value = reader.raw(path)
    return bool(value) and reader.has(path)


def _endless(name: str) -> Callable[[Reader], bool]:
    return lambda reader: _says(reader, name) and not _says(reader, "max_steps")


def _under_relora(name: str) -> Callable[[Reader], bool]:
    return lambda reader: reader.flag("relora") and _says(reader, name)


def _losses(reader: Reader) -> int:
    return sum(_says(reader, name) for name in _LOSSES)


def _no_validation(reader: Reader) -> bool:
    """Whether nothing is kept for evaluation, as the validators see it: an explicit zero."""
    return reader.raw("val_set_size") in (0, 0.0) and not _says(reader, "test_datasets")


def _generations(reader: Reader) -> int | None:
    grpo = reader.get("rl", text) == "grpo"
    return reader.get("trl.num_generations", integer) if grpo else None


def _rows(reader: Reader) -> int:
    """Rows of a generation batch, as axolotl's own check counts them: of one GPU."""
    whole = reader.get("trl.generation_batch_size", integer)
    micro = reader.get("micro_batch_size", integer) or 1
    return whole or micro * (reader.get("gradient_accumulation_steps", integer) or 1)


def _reentrant(reader: Reader) -> bool:
    kwargs = reader.get("gradient_checkpointing_kwargs", mapping) or {}
    return boolean(kwargs.get("use_reentrant")) is True


def _mixes(reader: Reader) -> bool:
    """Whether packed samples see each other: config.py, attn_decontaminates_packing."""
    chosen = reader.get("attn_implementation", text)
    return reader.flag("sample_packing") and chosen is None and not any(map(reader.flag, _ATTENTIONS))


REFUSALS: tuple[Conflict, ...] = (
    Conflict(
        "packing-without-isolation",
        "sample_packing",
        (),
        _mixes,
        "sample_packing without attn_implementation lets packed samples see each other; write one that keeps "
        "them apart: flash_attention_2, flex_attention or sdpa",
        "warning",
        {"attn_implementation": "flash_attention_2"},
        source="validation.py:189",
    ),
    _both("warmup_steps", "warmup_ratio", "two-schedules", 301),
    _both("saves_per_epoch", "save_steps", "two-schedules", 316),
    _both("evals_per_epoch", "eval_steps", "two-schedules", 354),
    _both("test_datasets", "val_set_size", "two-validation-sets", 118),
    _both("streaming", "val_set_size", "endless-data", 1528),
    _both("pretraining_dataset", "val_set_size", "endless-data", 1518),
    _both("lr_groups", "loraplus_lr_ratio", "two-learning-rates", 607),
    Conflict(
        "two-schedules",
        "save_steps",
        ("save_strategy",),
        lambda r: _says(r, "save_steps") and r.get("save_strategy", text) not in (None, "steps"),
        "save_steps needs save_strategy: steps, or none at all",
        source="validation.py:312",
    ),
    Conflict(
        "two-schedules",
        "eval_steps",
        ("eval_strategy",),
        lambda r: _says(r, "eval_steps") and r.get("eval_strategy", text) not in (None, "steps"),
        "eval_steps needs eval_strategy: steps, or none at all",
        source="validation.py:340",
    ),
    Conflict(
        "two-schedules",
        "evals_per_epoch",
        ("eval_strategy",),
        lambda r: _says(r, "evals_per_epoch") and r.get("eval_strategy", text) not in (None, "steps"),
        "evals_per_epoch needs eval_strategy: steps, or none at all",
        source="validation.py:362",
    ),
    Conflict(
        "evaluation-without-data",
        "eval_steps",
        ("val_set_size",),
        lambda r: _no_validation(r) and _says(r, "eval_steps") and r.get("eval_strategy", text) != "no",
        "eval_steps is refused with val_set_size: 0; remove it, or keep some data for evaluation",
        source="validation.py:350",
    ),
    *(
        Conflict(
            "endless-data",
            name,
            ("max_steps",),
            _endless(name),
            f"{name} has no known end: write max_steps",
            source="validation.py:1482",
        )
        for name in ("pretraining_dataset", "streaming")
    ),
    Conflict(
        "two-losses",
        "liger_fused_linear_cross_entropy",
        _LOSSES,
        lambda r: _losses(r) > 1,
        "only one of " + ", ".join(_LOSSES) + " may be on",
        source="validation.py:1138",
    ),
    Conflict(
        "single-generation",
        "trl.num_generations",
        ("rl",),
        lambda r: (_generations(r) or 2) < 2,
        "num_generations below 2 leaves nothing to compare; GRPO needs at least 2",
        source="validation.py:855",
    ),
    Conflict(
        "indivisible-generation",
        "trl.num_generations",
        ("micro_batch_size", "gradient_accumulation_steps"),
        lambda r: (_generations(r) or 0) > 1 and _rows(r) % (_generations(r) or 1) != 0,
        "micro_batch_size × gradient_accumulation_steps (or trl.generation_batch_size) must be a multiple of "
        "trl.num_generations, so that groups are whole",
        source="validation.py:887",
    ),
    Conflict(
        "fp8-options",
        "fp8_config",
        ("fp8",),
        lambda r: r.get("fp8_config", mapping) is not None and not r.flag("fp8"),
        "fp8_config needs fp8: true",
        source="validation.py:433",
    ),
    Conflict(
        "fp8-options",
        "fp8_enable_fsdp_float8_all_gather",
        ("fsdp_version",),
        lambda r: r.flag("fp8_enable_fsdp_float8_all_gather") and fsdp(r) != 2,
        "fp8_enable_fsdp_float8_all_gather needs fsdp_version: 2",
        source="validation.py:465",
    ),
    Conflict(
        "frozen-reentrant",
        "gradient_checkpointing_kwargs",
        ("unfrozen_parameters",),
        lambda r: _says(r, "unfrozen_parameters") and _reentrant(r),
        "unfrozen_parameters needs gradient_checkpointing_kwargs.use_reentrant: false",
        source="validation.py:482",
    ),
    Conflict(
        "layers-pattern-alone",
        "peft_layers_pattern",
        (),
        lambda r: _says(r, "peft_layers_pattern") and not _says(r, "peft_layers_to_transform"),
        "peft_layers_pattern needs peft_layers_to_transform",
        source="validation.py:627",
    ),
    Conflict(
        "fused-modules-with-adapter",
        "flash_attn_fuse_mlp",
        ("adapter",),
        lambda r: r.flag("flash_attn_fuse_mlp") and r.get("adapter", text) in ("lora", "qlora"),
        "flash_attn_fuse_mlp is refused with an adapter",
        source="validation.py:635",
        fix={"flash_attn_fuse_mlp": False},
    ),
    Conflict(
        "stopping-without-steps",
        "early_stopping_patience",
        ("save_steps", "eval_steps"),
        lambda r: (
            _says(r, "early_stopping_patience")
            and not any(_says(r, name) for name in ("saves_per_epoch", "evals_per_epoch"))
            and not (_says(r, "save_steps") and _says(r, "eval_steps"))
        ),
        "early_stopping_patience needs save_steps and eval_steps",
        source="validation.py:1769",
    ),
    Conflict(
        "stopping-without-steps",
        "early_stopping_patience",
        ("save_steps", "eval_steps"),
        lambda r: (
            _says(r, "early_stopping_patience")
            and (r.get("save_steps", number) or 0) >= 1
            and (r.get("eval_steps", number) or 0) >= 1
            and (r.get("save_steps", number) or 0) % (r.get("eval_steps", number) or 1) != 0
        ),
        "early_stopping_patience needs save_steps to be a multiple of eval_steps",
        source="validation.py:1773",
    ),
    Conflict(
        "share-of-steps",
        "warmup_steps",
        ("plugins",),
        lambda r: (
            (r.get("warmup_steps", number) or 0) % 1 != 0
            and not any("diffusion" in plugin for plugin in r.get("plugins", names) or ())
        ),
        "warmup_steps is a whole number of steps; write a share of the run as warmup_ratio",
        source="utils/schemas/config.py:1268 of 0.21",
    ),
    Conflict(
        "flattening-with-packing",
        "batch_flattening",
        ("sample_packing",),
        lambda r: r.raw("batch_flattening") is True and r.flag("sample_packing"),
        "batch_flattening and sample_packing exclude each other; keep one",
        source="validation.py:1089",
    ),
    *(
        Conflict(
            "relora-conflict",
            name,
            ("relora",),
            _under_relora(name),
            f"relora is refused with {name}",
            source="validation.py:1751",
        )
        for name in ("fsdp", "fsdp_config", "deepspeed")
    ),
)
