"""What TRL and transformers refuse, or do otherwise than a recipe seems to say (trl 1.16, transformers
5.23).
"""

from __future__ import annotations

from vramlint.dialects.kit.conflicts import Conflict
from vramlint.dialects.kit.reader import Reader, boolean, integer, names, number, text

_ADAPTER_KEYS = ("lora_r", "lora_target_modules", "lora_alpha", "lora_modules_to_save", "use_dora")


def _adapter_key(reader: Reader) -> bool:
    return any(reader.has(name) for name in _ADAPTER_KEYS)


def _quantized(reader: Reader) -> bool:
    return reader.flag("load_in_4bit") or reader.flag("load_in_8bit")


TRL: tuple[Conflict, ...] = (
    Conflict(
        "two-quantizations",
        "load_in_8bit",
        ("load_in_4bit",),
        lambda r: r.flag("load_in_4bit") and r.flag("load_in_8bit"),
        "load_in_4bit and load_in_8bit exclude each other; keep one",
    ),
    Conflict(
        "adapter-switched-off",
        "use_peft",
        _ADAPTER_KEYS,
        lambda r: r.get("use_peft", boolean) is False and _adapter_key(r),
        "use_peft: false trains every weight and the lora_ keys have no effect; write use_peft: true, "
        "or remove them",
        "warning",
        fix={"use_peft": True},
    ),
    Conflict(
        "adapter-keys-alone",
        "lora_r",
        ("lora_target_modules",),
        lambda r: not r.has("use_peft") and r.has("lora_r"),
        "lora_r has no effect without use_peft: true: every weight is trained",
        "warning",
        fix={"use_peft": True},
    ),
    Conflict(
        "quantized-without-adapter",
        "load_in_4bit",
        ("use_peft",),
        lambda r: r.flag("load_in_4bit") and not r.flag("use_peft"),
        "load_in_4bit: true without use_peft: true is refused: quantized weights cannot be trained",
        fix={"use_peft": True},
    ),
    Conflict(
        "quantized-without-adapter",
        "load_in_8bit",
        ("use_peft",),
        lambda r: r.flag("load_in_8bit") and not r.flag("use_peft"),
        "load_in_8bit: true without use_peft: true is refused: quantized weights cannot be trained",
        fix={"use_peft": True},
    ),
    Conflict(
        "unsharded-quantized-base",
        "load_in_4bit",
        ("fsdp", "accelerate_config", "bnb_4bit_quant_storage"),
        lambda r: (
            r.flag("load_in_4bit")
            and (bool(r.flag("fsdp") or r.get("fsdp", names)) or r.get("accelerate_config", text) == "fsdp2")
            and r.get("bnb_4bit_quant_storage", text) in (None, "uint8")
        ),
        "FSDP leaves 4-bit weights in uint8 containers unsharded, a whole copy on every GPU; write "
        "bnb_4bit_quant_storage: bfloat16",
        "warning",
        fix={"bnb_4bit_quant_storage": "bfloat16"},
    ),
    Conflict(
        "padding-free-with-length",
        "padding_free",
        ("max_length",),
        lambda r: (
            r.flag("padding_free")
            and not r.flag("packing")
            and r.get("max_length", integer) is not None
            and r.runs("trl", "1.9")
        ),
        "padding_free without packing refuses max_length; write max_length: null",
        fix={"max_length": None},
    ),
    Conflict(
        "adapted-head",
        "lora_target_modules",
        (),
        lambda r: "lm_head" in (r.get("lora_target_modules", names) or ()) and r.runs("trl", "1.16"),
        "an adapter on lm_head is refused: TRL's fused head reads its weight directly; remove lm_head",
    ),
    Conflict(
        "selective-reentrant",
        "gradient_checkpointing_kwargs.selective",
        ("gradient_checkpointing_kwargs",),
        lambda r: (
            r.flag("gradient_checkpointing_kwargs.selective")
            and r.flag("gradient_checkpointing_kwargs.use_reentrant")
        ),
        "selective checkpointing is refused with use_reentrant: true",
        fix={"gradient_checkpointing_kwargs.use_reentrant": False},
    ),
    Conflict(
        "two-generation-sizes",
        "generation_batch_size",
        ("steps_per_generation",),
        lambda r: (
            r.get("generation_batch_size", integer) is not None
            and r.get("steps_per_generation", integer) is not None
        ),
        "generation_batch_size and steps_per_generation exclude each other; keep one",
    ),
    Conflict(
        "indivisible-generation",
        "generation_batch_size",
        ("num_generations",),
        lambda r: (
            (r.get("generation_batch_size", integer) or 0) % max(r.get("num_generations", integer) or 1, 1)
            != 0
        ),
        "generation_batch_size is not a multiple of num_generations, which GRPO refuses",
    ),
    Conflict(
        "single-generation",
        "num_generations",
        (),
        lambda r: r.get("num_generations", integer) == 1 and not r.has("teacher_model_name_or_path"),
        "num_generations: 1 leaves nothing to compare; GRPO needs at least 2",
    ),
    Conflict(
        "batch-search-with-generation",
        "auto_find_batch_size",
        ("num_generations",),
        lambda r: r.flag("auto_find_batch_size") and r.has("num_generations"),
        "auto_find_batch_size is refused by GRPO",
    ),
    Conflict(
        "synced-reference",
        "sync_ref_model",
        ("use_peft", "beta", "precompute_ref_log_probs"),
        lambda r: (
            r.flag("sync_ref_model")
            and (r.flag("use_peft") or r.get("beta", number) == 0 or r.flag("precompute_ref_log_probs"))
        ),
        "sync_ref_model needs a reference model of its own: it is refused with use_peft, beta: 0 and "
        "precompute_ref_log_probs",
    ),
    Conflict(
        "single-kto-row",
        "per_device_train_batch_size",
        ("loss_type",),
        lambda r: r.raw("loss_type") == "kto" and r.get("per_device_train_batch_size", integer) == 1,
        "loss_type: kto compares rows of a batch: per_device_train_batch_size must be above 1",
    ),
)
"""Of TRL's trainers and its ModelConfig."""


def float32_compute(reader: Reader) -> Conflict | None:
    """A quantized base whose other parts are float32 because nobody said otherwise."""
    said = any(reader.has(name) for name in ("dtype", "torch_dtype", "model_init_kwargs"))
    if said or not _quantized(reader) or not reader.flag("use_peft"):
        return None
    return Conflict(
        "float32-compute",
        "load_in_4bit" if reader.flag("load_in_4bit") else "load_in_8bit",
        ("use_peft", "dtype"),
        lambda r: True,
        "dtype is not set and TRL's default is float32: the quantized linears compute in float32, and "
        "embeddings, head "
        "and norms are held in it; write dtype: bfloat16",
        "warning",
        {"dtype": "bfloat16"},
    )
