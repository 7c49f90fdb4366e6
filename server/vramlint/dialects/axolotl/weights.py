"""axolotl's weights: which are trained and in which dtype, what is quantized, what an adapter adds.

Semantics of axolotl 0.21 (`loaders/model.py`, `loaders/adapter.py`, `utils/config/__init__.py`).
"""

from __future__ import annotations

import re
from typing import Literal

from vramlint.catalog.expert_counts import has_experts
from vramlint.catalog.facts import Model
from vramlint.dialects.axolotl.checks import CUT, LORA_KERNELS, fsdp, plugin
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize
from vramlint.dialects.engines.hf_trainer import attention
from vramlint.dialects.kit.dialect import Context
from vramlint.dialects.kit.reader import (
    Kind,
    Reader,
    T,
    boolean,
    integers,
    mapping,
    names,
    number,
    positive,
    text,
)
from vramlint.job import Adapter, Precision, Quantization, released_quantized
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import ADAPTER_METHODS, AdapterDtype, Attention, Dtype, KbitPrep, Method, Strategy

_UNMATCHED_EMBEDDING = frozenset({"gptj", "gpt_bigcode", "bloom", "codegen", "mpt"})
"""Model types whose input embedding is not found by name either (gpt2's is tied to the head)."""
_NO_NORM_IN_NAME = frozenset({"gpt2", "gptj", "gpt_bigcode", "gpt_neo", "codegen"})
"""Model types whose norm layers are named ln_…, so that casts by name pass them over."""
_KEEPS_FLOAT32 = ("sdpa", "eager")
"""Attention choices under which full fine-tuning leaves embeddings, head and norms in float32."""
_FLAGS: tuple[tuple[str, Attention], ...] = (
    ("flash_attention", "flash_attention_2"),
    ("flex_attention", "flex"),
    ("xformers_attention", "sdpa-efficient"),
    ("sage_attention", "flash_attention_2"),
    ("sdp_attention", "sdpa"),
    ("eager_attention", "eager"),
    ("s2_attention", "flash_attention_2"),
)
ADAPTERS = ("lora", "qlora")


def read_method(reader: Reader) -> Method:
    """full, freeze, or the adapter's method."""
    adapter = reader.get("adapter", text)
    if adapter not in ADAPTERS:
        if reader.get("unfrozen_parameters", names):
            reader.written("method", "unfrozen_parameters")
            return "freeze"
        reader.default("method", "no adapter: every weight is trained")
        return "full"
    reader.written("method", "adapter")
    if reader.flag("peft_use_dora"):
        return "dora"
    return "qlora" if adapter == "qlora" else "lora"


def trained_names(reader: Reader, method: str) -> tuple[str, ...]:
    """`unfrozen_parameters` as expressions: dots are dots, and a range of rows at the end trains the whole
    weight, of which only the gradient is zeroed (0.21, utils/freeze.py, LayerNamePattern).
    """
    if method != "freeze":
        return ()
    reader.written("trainable_parameters", "unfrozen_parameters")
    return tuple(
        re.sub(r"\.(?!\+)", r"\.", re.sub(r"\[\d*(:\d*)?\]$", "", pattern))
        for pattern in reader.get("unfrozen_parameters", names) or ()
    )


def read_quantization(reader: Reader, model: Model, method: str) -> Quantization | None:
    """bitsandbytes' scheme of the frozen base, or that of a checkpoint stored quantized."""
    adapter = reader.get("adapter", text)
    prep: KbitPrep = "fp32-norms" if model.model_type in _NO_NORM_IN_NAME else "none"
    if method not in ADAPTER_METHODS:
        return None
    if model.quantized_as is not None:
        reader.same_origin_as("quantization", "model")
        return replace(released_quantized(model.quantized_as), kbit_prep=prep)
    if adapter == "qlora":
        reader.written("quantization.scheme", "load_in_4bit" if reader.has("load_in_4bit") else "adapter")
        options = reader.get("bnb_config_kwargs", mapping) or {}
        kind = text(options.get("bnb_4bit_quant_type"))
        double = boolean(options.get("bnb_4bit_use_double_quant"))
        reader.default("quantization.double_quant")
        return Quantization(
            scheme="bnb-fp4" if kind == "fp4" else "bnb-nf4",
            double_quant=double is not False,
            kbit_prep=prep,
            experts=_experts(reader),
        )
    if adapter == "lora" and reader.flag("load_in_8bit"):
        reader.written("quantization.scheme", "load_in_8bit")
        return Quantization(scheme="bnb-int8", double_quant=False, kbit_prep=prep, experts=_experts(reader))
    return None


def prepared(reader: Reader, model: Model, quantization: Quantization, strategy: Strategy) -> Quantization:
    """What PEFT turned to float32 and nothing turns back by its name: experts that are one parameter a
    projection (0.21, loaders/model.py, _prepare_model_for_quantization, which leaves out sharded weights and
    experts that are quantized; _convert_embedding_modules_dtype).
    """
    loaded = reader.get("adapter", text) == "qlora" or reader.flag("load_in_8bit")
    whole = strategy in ("none", "ddp", "zero1", "zero2")
    mixture = any(has_experts(each) for each in model.texts)
    if not (
        mixture and loaded and whole and quantization.kbit_prep == "none" and quantization.experts == "auto"
    ):
        return quantization
    reader.default("quantization.kbit_prep", "PEFT's preparation leaves it so")
    return replace(quantization, kbit_prep="fp32-rest")


def _experts(reader: Reader) -> Literal["auto", "unpacked-whole"]:
    """How experts in one parameter are quantized (0.21, monkeypatch/moe_quant.py)."""
    if reader.flag("quantize_moe_experts"):
        reader.written("quantization.experts", "quantize_moe_experts")
        return "unpacked-whole"
    return "auto"


def read_precision(reader: Reader, context: Context, model: Model, method: str, kernel: str) -> Precision:
    """Dtype of the weights and autocast, with the modules that full fine-tuning leaves in float32."""
    weights, autocast = _dtypes(reader, context)
    if reader.get("adapter", text) == "lora" and reader.flag("load_in_4bit") and model.quantized_as is None:
        reader.written("precision.weights", "load_in_4bit")
        return Precision(weights="float32", autocast=autocast)
    kept: tuple[str, ...] = ()
    cut = plugin(reader, CUT) and reader.raw("cut_cross_entropy") is not False
    if (
        method not in ADAPTER_METHODS
        and weights != "float32"
        and kernel in _KEEPS_FLOAT32
        and not cut
        and fsdp(reader) is None
    ):
        kept = _float32_modules(model)
        reader.same_origin_as("precision.fp32_modules", "attention")
    return Precision(
        weights=weights,
        autocast=autocast,
        fp32_modules=kept,
        fp8="tensorwise" if reader.flag("fp8") else "none",
    )


def _float32_modules(model: Model) -> tuple[str, ...]:
    found = [] if model.model_type in _NO_NORM_IN_NAME else ["norms"]
    tied = model.config.get("tie_word_embeddings", model.model_type == "gpt2")
    if model.model_type not in _UNMATCHED_EMBEDDING or tied:
        found.append("embeddings")
    return (*found, "head")


def _dtypes(reader: Reader, context: Context) -> tuple[Dtype, Literal["none", "bfloat16", "float16"]]:
    """Load dtype and autocast of the four precision keys."""

    def both(path: str) -> None:
        reader.written("precision.weights", path)
        reader.written("precision.autocast", path)

    bf16 = reader.raw("bf16")
    if bf16 == "full":
        both("bf16")
        return "bfloat16", "none"
    if boolean(bf16):
        both("bf16")
        return "bfloat16", "bfloat16"
    if reader.flag("bfloat16"):
        both("bfloat16")
        return "bfloat16", "bfloat16"
    if reader.flag("fp16"):
        both("fp16")
        return "float16", "float16"
    if reader.flag("float16"):
        both("float16")
        return "float16", "none"
    if boolean(bf16) is False:
        both("bf16")
        return ("float16" if reader.flag("load_in_8bit") else "float32"), "none"
    able = context.gpu is None or context.gpu.supports.get("bf16", True)
    if bf16 == "auto":
        both("bf16")
    else:
        reader.default("precision.weights", "bf16: auto")
        reader.default("precision.autocast", "bf16: auto")
    return ("bfloat16", "bfloat16") if able else ("float16", "float16")


def read_adapter(reader: Reader, engine: ParallelPlan, world: WorldSize) -> Adapter:
    """The adapter; its weights are float32 unless the file or the engine says otherwise."""
    r = reader.get("lora_r", positive)
    if r is None:
        reader.assume("adapter.r", "lora_r is not set: PEFT's own 8")
    else:
        reader.written("adapter.r", "lora_r")
    dtype: AdapterDtype = "float32"
    if reader.get("peft_autocast_adapter_dtype", boolean) is False:
        reader.written("adapter.dtype", "peft_autocast_adapter_dtype")
        dtype = "same-as-base"
    else:
        reader.default("adapter.dtype", "PEFT raises adapters to float32")
    if engine.adapter_dtype is not None:
        reader.same_origin_as("adapter.dtype", "parallel.strategy")
        dtype = engine.adapter_dtype
    return Adapter(
        r=r or 8,
        alpha=reader.read("lora_alpha", number, 8.0),
        dropout=reader.read("lora_dropout", number),
        targets=_targets(reader),
        dtype=dtype,
        target_parameters=_listed(reader, "target_parameters", "lora_target_parameters", names),
        layers=_listed(reader, "layers", "peft_layers_to_transform", integers),
        modules_to_save=reader.get("lora_modules_to_save", names) or (),
        fused_kernels=_fused_kernels(reader, world),
    )


def _listed(reader: Reader, field: str, path: str, kind: Kind[tuple[T, ...]]) -> tuple[T, ...]:
    found = reader.get(path, kind)
    if found is None:
        return ()
    reader.written(f"adapter.{field}", path)
    return found


def _targets(reader: Reader) -> str | tuple[str, ...]:
    if reader.flag("lora_target_linear"):
        reader.written("adapter.targets", "lora_target_linear")
        return "all-linear"
    raw = reader.raw("lora_target_modules")
    chosen = raw if isinstance(raw, str) and raw else reader.get("lora_target_modules", names)
    if chosen:
        reader.written("adapter.targets", "lora_target_modules")
        return chosen
    reader.default("adapter.targets", "nothing is adapted")
    return ()


def _fused_kernels(reader: Reader, world: WorldSize) -> bool:
    """Whether axolotl's own LoRA kernels run: as written, else on wherever they can."""
    for name in LORA_KERNELS:
        if reader.get(name, boolean) is not None:
            reader.written("adapter.fused_kernels", name)
            return any(reader.flag(kernel) for kernel in LORA_KERNELS)
    reader.default("adapter.fused_kernels", "on with an adapter unless another key rules it out")
    if reader.flag("load_in_8bit") or reader.flag("trust_remote_code"):
        return False
    if not reader.runs("axolotl", "0.14") and (
        reader.get("lora_dropout", number) != 0 or reader.get("rl", text) is not None
    ):
        return False
    return reader.runs("axolotl", "0.9") and not (world.size > 1 and fsdp(reader) == 1)


def read_attention(reader: Reader) -> Attention:
    """The kernel, by attn_implementation or by the older flags."""
    chosen = reader.get("attn_implementation", text)
    if chosen is not None:
        reader.written("attention", "attn_implementation")
        return "sdpa-efficient" if chosen == "xformers" else attention(chosen) or "sdpa"
    for flag, kernel in _FLAGS:
        if reader.flag(flag):
            reader.written("attention", flag)
            return kernel
    reader.default("attention", "transformers' choice")
    return "sdpa"
