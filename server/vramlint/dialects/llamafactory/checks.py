"""What LLaMA-Factory refuses (0.9.5, hparams/parser.py)."""

from __future__ import annotations

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import ParallelPlan
from vramlint.dialects.kit.reader import Reader, number, positive
from vramlint.job import Quantization
from vramlint.vocabulary import IN_BUFFERS

_LORA_ONLY = ("use_dora", "use_rslora", "pissa_init", "loraplus_lr_ratio")


def check_released(reader: Reader, model: Model, engine: ParallelPlan) -> None:
    """What is refused of a base that was released quantized."""
    if model.quantized_as in ("", "fp8", None) or engine.parallel.strategy not in ("zero3", "fsdp1", "fsdp2"):
        return
    message = (
        f"{model.name} is quantized already ({model.quantized_as}), which ZeRO-3 and FSDP refuse: its packed "
        "weights are not shared out; take the unquantized model with quantization_bit: 4"
    )
    engines = tuple(name for name in ("deepspeed", "fsdp") if reader.has(name))
    reader.problem("quantized-sharding", "model_name_or_path", message, "error", engines)


def check(reader: Reader, method: str, quantization: Quantization | None, engine: ParallelPlan) -> None:
    """What the argument parser refuses."""

    def refuse(kind: str, key: str, message: str, *related: str) -> None:
        reader.problem(kind, key, message, "error", tuple(name for name in related if reader.has(name)))

    bits = reader.get("quantization_bit", positive)
    if bits is not None:
        if method in ("full", "freeze"):
            message = f"quantization_bit: {bits} needs finetuning_type: lora; {method} is refused"
            refuse("quantized-full-finetuning", "quantization_bit", message, "finetuning_type")
        for key in ("resize_vocab", "pissa_init"):
            if reader.flag(key):
                refuse(
                    "quantization-conflict",
                    key,
                    f"{key} is refused with quantization_bit: {bits}",
                    "quantization_bit",
                )
        allowed = (*IN_BUFFERS, "bnb-nf4", "bnb-fp4")
        four_bit = quantization is not None and quantization.scheme in allowed
        if engine.parallel.strategy in ("zero3", "fsdp1", "fsdp2") and not four_bit:
            message = (
                f"quantization_bit: {bits} is refused under ZeRO-3 and FSDP; only 4-bit bitsandbytes is "
                "allowed"
            )
            refuse("quantized-sharding", "quantization_bit", message, "deepspeed", "fsdp")
    if reader.flag("pure_bf16") and engine.parallel.strategy == "zero3":
        refuse(
            "pure-bf16-zero3",
            "pure_bf16",
            "pure_bf16 is refused with ZeRO-3, which keeps an fp32 master",
            "deepspeed",
        )
    for key in ("use_galore", "use_apollo"):
        if reader.flag(key) and method == "lora":
            refuse(
                "optimizer-conflict", key, f"{key} is refused with finetuning_type: lora", "finetuning_type"
            )
        elif reader.flag(key) and reader.has("deepspeed"):
            refuse("optimizer-conflict", key, f"{key} is refused with DeepSpeed", "deepspeed")
    if reader.flag("use_badam") and engine.parallel.world_size > 1 and engine.parallel.strategy != "zero3":
        message = "use_badam on several GPUs is refused without DeepSpeed's ZeRO-3"
        refuse("optimizer-conflict", "use_badam", message, "deepspeed", "fsdp")
    if method != "lora":
        for key in _LORA_ONLY:
            if reader.flag(key) or (key == "loraplus_lr_ratio" and reader.get(key, number) is not None):
                refuse(
                    "lora-only-key",
                    key,
                    f"{key} needs finetuning_type: lora, which is {method}",
                    "finetuning_type",
                )
