"""What axolotl refuses, or takes silently and does otherwise (validators of axolotl 0.19)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vramlint.dialects.kit.conflicts import Conflict
from vramlint.dialects.kit.dialect import REMOVE
from vramlint.dialects.kit.reader import Reader, boolean, integer, mapping, names, text

LIGER, CUT = "integrations.liger", "integrations.cut_cross_entropy"
EIGHT_BIT = ("adamw_8bit", "adamw_bnb_8bit", "paged_adamw_8bit")
"""Refused with tensor parallelism (axolotl 0.19, schemas/validation.py check_tensor_parallel_optimizer)."""
LORA_KERNELS = ("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel")


def plugin(reader: Reader, name: str) -> bool:
    """Whether the plugin is listed."""
    return any(name in item for item in reader.get("plugins", names) or ())


_OF_FSDP1 = (
    *("sharding_strategy", "forward_prefetch", "backward_prefetch", "backward_prefetch_policy"),
    *("limit_all_gathers", "sync_module_states", "use_orig_params"),
)
"""Options that only FSDP 1 has (0.21, utils/schemas/validation.py, FSDP1_ONLY_*)."""


def fsdp(reader: Reader) -> int | None:
    """The version of FSDP that runs, or None."""
    if not reader.get("fsdp_config", mapping) and not reader.get("fsdp", names):
        return None
    written = _fsdp_version(reader)
    return written or (1 if fsdp1_by(reader) else reader.default_of("fsdp_version"))


def _fsdp_version(reader: Reader) -> int | None:
    paths = ("fsdp_version", "fsdp_config.fsdp_version", "fsdp_config.version")
    return next((version for path in paths if (version := reader.get(path, integer))), None)


def fsdp1_by(reader: Reader) -> str | None:
    """The key that says FSDP 1, which 0.20 removed."""
    if reader.get("fsdp", names):
        return "fsdp"
    version = _fsdp_version(reader)
    if version is not None:
        return "fsdp_version" if version == 1 else None
    options = (f"fsdp_config.{prefix}{name}" for name in _OF_FSDP1 for prefix in ("", "fsdp_"))
    return next((path for path in options if reader.has(path)), None)


def deepspeed(reader: Reader) -> bool:
    """Whether DeepSpeed runs."""
    return bool(reader.get("deepspeed", text) or reader.get("deepspeed", mapping))


def flash_attention(reader: Reader) -> bool:
    """Whether FlashAttention 2 is chosen."""
    return reader.flag("flash_attention") or reader.get("attn_implementation", text) == "flash_attention_2"


def checkpoints(reader: Reader) -> bool:
    """Whether gradient_checkpointing is set to anything but false."""
    value = switched(reader, "gradient_checkpointing")
    return value is True or (isinstance(value, str) and value != "")


def switched(reader: Reader, path: str) -> Any:
    """The value of a key that takes words beside true and false, whether or not these are quoted."""
    value = reader.raw(path)
    said = boolean(value)
    return value if said is None else said


def _adapter(reader: Reader) -> str | None:
    return reader.get("adapter", text)


def _optimizer(reader: Reader) -> str:
    return reader.get("optimizer", text) or ""


def _above_one(reader: Reader, *paths: str) -> bool:
    return any((reader.get(path, integer) or 1) > 1 for path in paths)


def _offloads(reader: Reader) -> bool:
    return reader.flag("fsdp_config.offload_params") or reader.flag("fsdp_config.fsdp_offload_params")


def _reads_on_one_rank(reader: Reader) -> bool:
    return any(reader.flag(f"fsdp_config.{prefix}cpu_ram_efficient_loading") for prefix in ("", "fsdp_"))


def _staged_in_four_bits(reader: Reader) -> bool:
    """Whether the rank that reads the weights packs them on the host for the others (0.21,
    check_fsdp2_cpu_ram_efficient_loading_w_4bit; the key's default is true for qlora).
    """
    sharded = reader.get("qlora_sharded_model_loading", boolean)
    return reader.runs("axolotl", "0.21") and (_adapter(reader) == "qlora" if sharded is None else sharded)


CONFLICTS: tuple[Conflict, ...] = (
    Conflict(
        "four-bit-lora",
        "load_in_4bit",
        ("adapter",),
        lambda r: _adapter(r) == "lora" and r.flag("load_in_4bit"),
        "adapter: lora with load_in_4bit: true quantizes nothing and raises the whole base to float32, "
        "4 bytes a weight; "
        "write adapter: qlora",
        fix={"adapter": "qlora"},
    ),
    Conflict(
        "qlora-without-four-bit",
        "adapter",
        ("load_in_4bit",),
        lambda r: _adapter(r) == "qlora" and not r.flag("load_in_4bit") and not r.flag("merge_lora"),
        "adapter: qlora needs load_in_4bit: true; axolotl refuses the file without it",
        fix={"load_in_4bit": True},
    ),
    Conflict(
        "qlora-with-eight-bit",
        "load_in_8bit",
        ("adapter",),
        lambda r: _adapter(r) == "qlora" and r.flag("load_in_8bit"),
        "adapter: qlora refuses load_in_8bit: true; write load_in_4bit: true, or adapter: lora",
        fix={"load_in_8bit": REMOVE, "load_in_4bit": True},
    ),
    Conflict(
        "quantized-without-adapter",
        "load_in_4bit",
        (),
        lambda r: _adapter(r) is None and r.flag("load_in_4bit"),
        "load_in_4bit: true without an adapter is refused: quantized weights cannot be trained; write "
        "adapter: qlora",
    ),
    Conflict(
        "quantized-without-adapter",
        "load_in_8bit",
        (),
        lambda r: _adapter(r) is None and r.flag("load_in_8bit"),
        "load_in_8bit: true without an adapter is refused: quantized weights cannot be trained; write "
        "adapter: lora",
    ),
    Conflict(
        "quantized-experts-with-all-linears",
        "quantize_moe_experts",
        ("lora_target_linear",),
        lambda r: r.flag("quantize_moe_experts") and r.flag("lora_target_linear"),
        "quantize_moe_experts is refused with lora_target_linear: true; name lora_target_modules, and "
        "experts under lora_target_parameters",
    ),
    Conflict(
        "quantized-experts-without-quantization",
        "quantize_moe_experts",
        ("load_in_4bit", "load_in_8bit"),
        lambda r: r.flag("quantize_moe_experts") and not (r.flag("load_in_4bit") or r.flag("load_in_8bit")),
        "quantize_moe_experts is refused without load_in_4bit or load_in_8bit",
    ),
    Conflict(
        "no-adapter-targets",
        "adapter",
        ("lora_target_linear",),
        lambda r: (
            _adapter(r) in ("lora", "qlora")
            and not any(
                r.get(name, names)
                for name in ("lora_target_modules", "lora_target_parameters", "lora_model_dir")
            )
            and not r.flag("lora_target_linear")
        ),
        "no linear layer is adapted: axolotl passes an empty list where neither lora_target_modules nor "
        "lora_target_linear is set; write lora_target_linear: true",
        fix={"lora_target_linear": True},
    ),
    Conflict(
        "adapter-without-rank",
        "adapter",
        (),
        lambda r: _adapter(r) in ("lora", "qlora") and not r.has("lora_r") and not r.has("lora_model_dir"),
        "lora_r is not set and axolotl has no default for it; write lora_r: 16",
        "warning",
        fix={"lora_r": 16},
    ),
    Conflict(
        "two-batch-sizes",
        "batch_size",
        ("gradient_accumulation_steps",),
        lambda r: r.has("batch_size") and r.has("gradient_accumulation_steps"),
        "batch_size and gradient_accumulation_steps exclude each other; remove batch_size",
        fix={"batch_size": REMOVE},
    ),
    Conflict(
        "two-engines",
        "deepspeed",
        ("fsdp", "fsdp_config"),
        lambda r: deepspeed(r) and fsdp(r) is not None,
        "deepspeed and fsdp exclude each other; keep one",
    ),
    Conflict(
        "offload-without-checkpointing",
        "activation_offloading",
        ("gradient_checkpointing",),
        lambda r: switched(r, "activation_offloading") in (True, "legacy", "disk") and not checkpoints(r),
        "activation_offloading needs gradient_checkpointing: true; axolotl refuses it alone",
        fix={"gradient_checkpointing": True},
    ),
    Conflict(
        "packing-with-preference",
        "sample_packing",
        ("rl",),
        lambda r: r.get("rl", text) is not None and r.flag("sample_packing"),
        "sample_packing is refused with rl; set it to false",
        fix={"sample_packing": False},
    ),
    Conflict(
        "offload-with-eight-bit-optimizer",
        "optimizer",
        ("fsdp_config",),
        lambda r: fsdp(r) == 1 and _offloads(r) and "8bit" in _optimizer(r),
        "an 8-bit optimizer cannot step weights that FSDP 1 keeps on the host; write optimizer: "
        "adamw_torch_fused",
        fix={"optimizer": "adamw_torch_fused"},
    ),
    Conflict(
        "fsdp2-with-eight-bit-optimizer",
        "optimizer",
        ("fsdp_version",),
        lambda r: fsdp(r) == 2 and _optimizer(r) in ("adamw_8bit", "adamw_bnb_8bit"),
        "fsdp_version: 2 refuses bitsandbytes' 8-bit AdamW; write optimizer: adamw_torch_8bit",
        fix={"optimizer": "adamw_torch_8bit"},
    ),
    Conflict(
        "fsdp2-quantized-loading",
        "fsdp_config",
        ("load_in_4bit",),
        lambda r: (
            fsdp(r) == 2 and r.flag("load_in_4bit") and _reads_on_one_rank(r) and not _staged_in_four_bits(r)
        ),
        "fsdp_version: 2 refuses cpu_ram_efficient_loading with load_in_4bit; set it to false",
    ),
    Conflict(
        "fsdp2-quantized-preference",
        "rl",
        ("fsdp_version", "load_in_4bit", "load_in_8bit"),
        lambda r: (
            fsdp(r) == 2
            and r.get("rl", text) is not None
            and (r.flag("load_in_4bit") or r.flag("load_in_8bit"))
        ),
        "fsdp_version: 2 refuses rl over a quantized base; use adapter: lora without quantization",
    ),
    Conflict(
        "context-without-flash-attention",
        "context_parallel_size",
        ("attn_implementation", "flash_attention"),
        lambda r: (
            _above_one(r, "context_parallel_size", "sequence_parallel_degree") and not flash_attention(r)
        ),
        "context_parallel_size above 1 needs FlashAttention 2; write attn_implementation: flash_attention_2",
        fix={"attn_implementation": "flash_attention_2"},
    ),
    Conflict(
        "context-with-packed-batch",
        "micro_batch_size",
        ("context_parallel_size", "sample_packing"),
        lambda r: (
            _above_one(r, "context_parallel_size", "sequence_parallel_degree")
            and r.flag("sample_packing")
            and _above_one(r, "micro_batch_size")
        ),
        "context_parallel_size with sample_packing takes one row at a time; write micro_batch_size: 1",
        fix={"micro_batch_size": 1},
    ),
    Conflict(
        "liger-with-tensor-parallel",
        "liger_fused_linear_cross_entropy",
        ("tensor_parallel_size",),
        lambda r: r.flag("liger_fused_linear_cross_entropy") and _above_one(r, "tensor_parallel_size"),
        "liger_fused_linear_cross_entropy is refused with tensor_parallel_size above 1",
    ),
    Conflict(
        "eight-bit-optimizer-with-tensor-parallel",
        "optimizer",
        ("tensor_parallel_size",),
        lambda r: _above_one(r, "tensor_parallel_size") and _optimizer(r) in EIGHT_BIT,
        "bitsandbytes' 8-bit optimizers are refused with tensor_parallel_size above 1",
    ),
    Conflict(
        "kernels-with-eight-bit",
        "load_in_8bit",
        LORA_KERNELS,
        lambda r: r.flag("load_in_8bit") and any(r.flag(name) for name in LORA_KERNELS),
        "the fused LoRA kernels are refused with load_in_8bit: true; set them to false",
    ),
    Conflict(
        "kernels-with-remote-code",
        "trust_remote_code",
        LORA_KERNELS,
        lambda r: r.flag("trust_remote_code") and any(r.flag(name) for name in LORA_KERNELS),
        "the fused LoRA kernels are refused with trust_remote_code: true; set them to false",
    ),
    Conflict(
        "muon-engine",
        "optimizer",
        ("deepspeed", "fsdp_version"),
        lambda r: _optimizer(r) == "muon" and (deepspeed(r) or fsdp(r) == 1),
        "optimizer: muon is refused with DeepSpeed and FSDP 1; use fsdp_version: 2",
    ),
    Conflict(
        "galore-with-adapter",
        "optimizer",
        ("adapter", "deepspeed"),
        lambda r: _optimizer(r).startswith("q_galore") and (_adapter(r) is not None or deepspeed(r)),
        "Q-GaLore trains whole matrices: it is refused with an adapter and with DeepSpeed",
    ),
    Conflict(
        "cut-cross-entropy-in-float32",
        "bf16",
        ("plugins",),
        lambda r: (
            plugin(r, CUT)
            and r.raw("cut_cross_entropy") is not False
            and r.raw("bf16") is False
            and not any(r.flag(name) for name in ("fp16", "bfloat16", "float16"))
        ),
        "cut cross entropy needs bf16 or fp16; write bf16: true",
        fix={"bf16": True},
    ),
    Conflict(
        "kto-drops-columns",
        "rl",
        ("remove_unused_columns",),
        lambda r: r.get("rl", text) == "kto" and r.raw("remove_unused_columns") is not False,
        "rl: kto needs remove_unused_columns: false",
        fix={"remove_unused_columns": False},
    ),
    Conflict(
        "two-memory-limits",
        "gpu_memory_limit",
        ("max_memory",),
        lambda r: (
            bool(r.get("gpu_memory_limit", text) or r.get("gpu_memory_limit", integer))
            and r.get("max_memory", mapping) is not None
        ),
        "gpu_memory_limit and max_memory exclude each other; keep one",
    ),
)


def unlisted_plugin_keys(reader: Reader) -> Iterable[Conflict]:
    """Keys that exist only once their plugin is listed, and vanish otherwise."""
    for name in reader.values:
        integration = (
            LIGER if str(name).startswith("liger_") else CUT if name == "cut_cross_entropy" else None
        )
        if integration and reader.raw(name) and not plugin(reader, integration):
            yield Conflict(
                "key-without-plugin",
                name,
                ("plugins",),
                lambda r: True,
                f"{name} is silently dropped: its plugin (axolotl.{integration}) is not under plugins",
                "warning",
            )
