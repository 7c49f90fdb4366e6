"""ms-swift's weights: which are trained and in which dtype, what is quantized, what an adapter adds (4.6.0,
`arguments/base_args/`, `pipelines/train/tuner.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import ParallelPlan
from vramlint.dialects.kit.reader import Reader, boolean, choice, names, number, positive, text
from vramlint.job import Adapter, Precision, Quantization
from vramlint.vocabulary import Autocast, Dtype, Method, Scheme

_DTYPES: Mapping[str, Dtype] = {
    "bfloat16": "bfloat16", "float16": "float16", "float32": "float32",
    "bf16": "bfloat16", "fp16": "float16", "fp32": "float32",
}  # fmt: skip
_AUTOCAST: Mapping[str, Autocast] = {"fp16": "float16", "bf16": "bfloat16"}
_SCHEMES: Mapping[tuple[str, int], Scheme] = {
    ("bnb", 8): "bnb-int8",
    ("hqq", 8): "bnb-int8",
    ("eetq", 8): "bnb-int8",
    ("hqq", 4): "hqq-int4",
}
METHODS: Mapping[str, Method] = {"full": "full", "lora": "lora", "vera": "vera"}
NO_IMAGES = r"(?!.*(visual|vision|image|audio|merger|projector|connector|aligner|mlp1))"
"""Matches weights outside the towers (vision, audio) and the modules that join them to the language model."""


def read_quantization(reader: Reader, model: Model) -> Quantization | None:
    """How the frozen base is stored. A base that was released quantized stays so."""
    dtype = reader.get("torch_dtype", choice(_DTYPES)) or model.dtype
    compute: Dtype = "bfloat16" if dtype == "bfloat16" else "float32"
    given: Dtype | None = reader.get("bnb_4bit_compute_dtype", choice(_DTYPES))
    if model.quantized_as is not None:
        reader.same_origin_as("quantization", "model")
        return Quantization(model.quantized_as, True, given or compute)
    kind, bits = reader.get("quant_method", text), reader.get("quant_bits", positive)
    if kind is None or bits is None:
        return None
    scheme = _SCHEMES.get((kind, bits))
    if (kind, bits) == ("bnb", 4):
        scheme = "bnb-fp4" if reader.get("bnb_4bit_quant_type", text) == "fp4" else "bnb-nf4"
    reader.written("quantization", "quant_bits")
    double = reader.read("bnb_4bit_use_double_quant", boolean)
    return Quantization(scheme or f"{kind}-{bits}", double and bits == 4, given or compute)


def read_method(reader: Reader, quantization: Quantization | None) -> Method:
    """What is trained: everything, or an adapter; LoRA over a quantized base is QLoRA."""
    named: Method = reader.read(("tuner_type", "train_type"), choice(METHODS))
    if named != "lora":
        return named
    if reader.flag("use_dora"):
        reader.written("method", "use_dora")
        return "dora"
    return "qlora" if quantization is not None else "lora"


def read_precision(reader: Reader, model: Model) -> Precision:
    """Weights in `torch_dtype`, autocast in the 16-bit dtype that follows it (base_args/model_args.py,
    _init_mixed_precision: float16 for float32 weights).
    """
    weights: Dtype | None = reader.get("torch_dtype", choice(_DTYPES))
    if weights is not None:
        reader.written("precision.weights", "torch_dtype")
    else:
        reader.default("precision.weights", "the checkpoint's own dtype")
        weights = _DTYPES.get(model.dtype or "", "bfloat16")
    follows = {"fp16": weights != "bfloat16", "bf16": weights == "bfloat16"}
    flags = {name: reader.get(name, boolean) for name in follows}
    half = next((name for name, given in flags.items() if (follows[name] if given is None else given)), None)
    if half is not None and flags[half] is not None:
        reader.written("precision.autocast", half)
    else:
        reader.default("precision.autocast", "it follows the dtype of the weights")
    return Precision(weights=weights, autocast=_AUTOCAST[half] if half else "none")


def read_adapter(reader: Reader, engine: ParallelPlan, reads_images: bool, method: Method) -> Adapter:
    """The adapter, its weights in float32 where nothing says otherwise."""
    given: Dtype | None = reader.get("lora_dtype", choice(_DTYPES))
    if given is not None:
        reader.written("adapter.dtype", "lora_dtype")
    elif engine.adapter_dtype is not None:
        reader.same_origin_as("adapter.dtype", "parallel.strategy")
    else:
        reader.default("adapter.dtype", "PEFT raises adapters to float32")
    dtype: Dtype = engine.adapter_dtype or given or "float32"
    if method == "vera":
        return Adapter(
            r=reader.read("vera_rank", positive), targets=_targets(reader, reads_images), dtype=dtype
        )
    saved = reader.get("modules_to_save", names) or ()
    if saved:
        reader.written("adapter.modules_to_save", "modules_to_save")
    return Adapter(
        r=reader.read("lora_rank", positive),
        alpha=reader.read("lora_alpha", number),
        dropout=reader.read("lora_dropout", number),
        targets=_targets(reader, reads_images),
        dtype=dtype,
        target_parameters=reader.get("target_parameters", names) or (),
        modules_to_save=tuple("embed_tokens" if name == "all-embedding" else name for name in saved),
    )


def _targets(reader: Reader, reads_images: bool) -> str | tuple[str, ...]:
    """All linears but the head, of the language model alone where images are taken."""
    expression = reader.get("target_regex", text)
    if expression is not None:
        reader.written("adapter.targets", "target_regex")
        return expression
    default: tuple[str, ...] = ("all-linear",)
    chosen = reader.read("target_modules", names, default)
    if "all-linear" in chosen:
        alone = reads_images and reader.get("freeze_vit", boolean) is not False
        return NO_IMAGES + r"(?!lm_head).*" if alone else "all-linear"
    return chosen
