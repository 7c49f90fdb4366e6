"""TRL's weights: the dtype they are loaded in, quantization, the adapter, and the attention kernel.

Semantics of trl's ModelConfig and `create_model_from_path`, peft 0.21 and transformers' BitsAndBytesConfig.
"""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.distribution import ParallelPlan
from vramlint.dialects.engines.hf_trainer import attention, read_autocast
from vramlint.dialects.engines.peft_targets import DEFAULT_TARGETS
from vramlint.dialects.kit.reader import Reader, boolean, choice, names, number, positive, text
from vramlint.dialects.kit.reading import checkpoint_dtype
from vramlint.job import Adapter, Assumed, Precision, Quantization, TrainingJob, released_quantized
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import AdapterDtype, Attention, Autocast, Dtype, Method

_DTYPES: Mapping[str, Dtype] = {
    "float32": "float32",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "fp32": "float32",
    "fp16": "float16",
    "bf16": "bfloat16",
    "torch.float32": "float32",
    "torch.float16": "float16",
    "torch.bfloat16": "bfloat16",
}
_DTYPE_KEYS = ("dtype", "torch_dtype", "model_init_kwargs.dtype", "model_init_kwargs.torch_dtype")
ADAPTER_FLAGS = ("use_peft", "use_lora", "use_qlora")


def read_quantization(reader: Reader, model: Model, *, given: bool = False) -> Quantization | None:
    """bitsandbytes' scheme of the base, or that of a checkpoint stored quantized. `given`: the script loads
    the model, which up to transformers 4.57 it has in float16 where it names no dtype
    (quantizers/quantizer_bnb_4bit.py, update_dtype).
    """
    double = reader.read("use_bnb_nested_quant", boolean, field="quantization.double_quant")
    compute = load_dtype(reader, model) or "float32"
    if given and load_dtype(reader, model) is None:
        compute = checkpoint_dtype(model) if reader.runs("transformers", "5.0") else "float16"
    for path in ("load_in_4bit", "use_qlora"):
        if reader.flag(path):
            reader.written("quantization.scheme", path)
            kind = reader.get("bnb_4bit_quant_type", text)
            scheme = "bnb-fp4" if kind == "fp4" else "bnb-nf4"
            return Quantization(scheme, double, compute)
    if reader.flag("load_in_8bit"):
        reader.written("quantization.scheme", "load_in_8bit")
        return Quantization("bnb-int8", False, compute)
    if model.quantized_as is not None:
        reader.same_origin_as("quantization", "model")
        return replace(released_quantized(model.quantized_as), compute=compute)
    return None


def prepared(
    reader: Reader, quantization: Quantization | None, engine: ParallelPlan, autocast: Autocast
) -> Quantization | None:
    """The base as the engine and TRL's trainers have it.

    FSDP2 leaves 4-bit weights in integers alone (accelerate 1.15, utils/fsdp_utils.py, fsdp2_prepare_model:
    ignored_params). Up to TRL 0.24 PEFT raises what is not quantized to float32
    (peft 0.4 to 0.17, utils/other.py, prepare_model_for_kbit_training), and from 0.7.5 on TRL casts all but
    the norms of a 4-bit base back under bf16. From 0.8 on it leaves 4-bit weights alone that an engine shares
    out (trl 0.4.7 to 0.24, trainer/sft_trainer.py and models/utils.py).
    """
    if quantization is None or not quantization.scheme.startswith("bnb-"):
        return quantization
    four_bit = quantization.scheme != "bnb-int8"
    integers = reader.get("bnb_4bit_quant_storage", text) in (None, "uint8")
    if four_bit and integers and engine.parallel.strategy == "fsdp2":
        quantization = replace(quantization, packed="buffers")
    if reader.framework != "trl" or reader.runs("trl", "0.25"):
        return quantization
    shared = engine.parallel.strategy in ("zero3", "fsdp1", "fsdp2")
    if four_bit and shared and reader.runs("trl", "0.8"):
        return quantization
    cast_back = four_bit and autocast == "bfloat16" and reader.runs("trl", "0.7.5")
    return replace(quantization, kbit_prep="fp32-norms" if cast_back else "fp32-norms-embeddings-head")


def raised(job: TrainingJob) -> TrainingJob:
    """A job whose script hands the model to PEFT's prepare_model_for_kbit_training: every weight in 16 bits
    becomes float32, of a base that is not quantized all (utils/other.py of peft 0.21.2).
    """
    reason = Assumed(
        "the script calls prepare_model_for_kbit_training, which raises 16-bit weights to float32"
    )
    if job.quantization is None:
        origins = {**job.origins, "precision.weights": reason}
        return replace(job, precision=replace(job.precision, weights="float32"), origins=origins)
    if not job.quantization.scheme.startswith("bnb-"):
        return job
    kept = replace(job.quantization, kbit_prep="fp32-norms-embeddings-head")
    return replace(job, quantization=kept, origins={**job.origins, "quantization.kbit_prep": reason})


def read_method(reader: Reader, quantization: Quantization | None) -> Method:
    """full, or the adapter's method."""
    for path in ADAPTER_FLAGS:
        if reader.flag(path):
            reader.written("method", path)
            return "dora" if reader.flag("use_dora") else "qlora" if quantization is not None else "lora"
    reader.default("method", "no adapter: every weight is trained")
    return "full"


def load_dtype(reader: Reader, model: Model) -> Dtype | None:
    """The dtype that the file asks for; None where it is silent. Records its origin."""
    for path in _DTYPE_KEYS:
        word = reader.get(path, text)
        named: Dtype | None = reader.get(path, choice(_DTYPES))
        dtype = checkpoint_dtype(model) if word == "auto" else named
        if dtype is not None:
            reader.written("precision.weights", path)
            reader.written("quantization.compute", path)
            return dtype
    return None


def read_precision(reader: Reader, model: Model, *, given: bool = False) -> Precision:
    """Load dtype and autocast. `given`: the script loads the model, so that TRL's default is not asked."""
    weights = load_dtype(reader, model)
    if weights is None:
        quantized = reader.flag("load_in_4bit") or reader.flag("load_in_8bit")
        if given and quantized and not reader.runs("transformers", "5.0"):
            reader.default("precision.weights", "transformers' beside bitsandbytes' weights")
            weights = "float16"
        elif (not given and reader.runs("trl", "0.25")) or not reader.runs("transformers", "5.0"):
            reader.default("precision.weights")
            weights = "float32"
        else:
            reader.default("precision.weights", "the checkpoint's own dtype")
            weights = checkpoint_dtype(model)
    autocast = read_autocast(reader)
    return Precision(weights=weights, autocast=autocast)


def read_adapter(
    reader: Reader, model: Model, engine: ParallelPlan, quantization: Quantization | None
) -> Adapter:
    """The adapter: float32 over a plain base, bfloat16 over a quantized one that TRL casts back."""
    dtype: AdapterDtype = "float32"
    raised = quantization is not None and quantization.kbit_prep == "fp32-norms-embeddings-head"
    if engine.adapter_dtype is not None:
        reader.same_origin_as("adapter.dtype", "parallel.strategy")
        dtype = engine.adapter_dtype
    elif quantization is not None and reader.framework == "trl" and not raised:
        reader.default("adapter.dtype", "adapters of a quantized base are cast to bfloat16")
        dtype = "bfloat16"
    else:
        reader.default("adapter.dtype", "PEFT raises adapters to float32")
    return Adapter(
        r=reader.read(("lora_r", "lora_rank"), positive),
        alpha=reader.read("lora_alpha", number),
        dropout=reader.read("lora_dropout", number),
        targets=_targets(reader, model),
        dtype=dtype,
        target_parameters=_parameters(reader),
        modules_to_save=reader.get("lora_modules_to_save", names) or (),
    )


def _targets(reader: Reader, model: Model) -> str | tuple[str, ...]:
    chosen = reader.get("lora_target_modules", names)
    raw = reader.raw("lora_target_modules")
    if isinstance(raw, str) and raw and chosen is not None and len(chosen) == 1:
        chosen = (raw,)
    if chosen:
        reader.written("adapter.targets", "lora_target_modules")
        regular = len(chosen) == 1 and (chosen[0] == "all-linear" or not chosen[0].replace("_", "").isalnum())
        return chosen[0] if regular else chosen
    reader.default("adapter.targets", f"PEFT's table for {model.model_type or 'this architecture'}")
    found = DEFAULT_TARGETS.get(model.model_type)
    if found is None and model.model_type and not reader.get("lora_target_parameters", names):
        reader.problem(
            "no-default-targets",
            "use_peft" if reader.has("use_peft") else "",
            f"PEFT has no default target modules for {model.model_type}: the run stops; "
            "write lora_target_modules: all-linear",
            "error",
            fix={"lora_target_modules": "all-linear"},
        )
    return found or ()


def _parameters(reader: Reader) -> tuple[str, ...]:
    found = reader.get("lora_target_parameters", names) or ()
    if found:
        reader.written("adapter.target_parameters", "lora_target_parameters")
        if reader.read("lora_dropout", number):
            message = "PEFT refuses lora_dropout above 0 with lora_target_parameters; write lora_dropout: 0"
            beside, fix = ("lora_dropout",), {"lora_dropout": 0}
            reader.problem("dropout-on-parameters", "lora_target_parameters", message, "error", beside, fix)
    return found


def read_attention(reader: Reader) -> Attention:
    """The attention kernel; transformers' choice where the file is silent."""
    for path in ("attn_implementation", "model_init_kwargs.attn_implementation"):
        kernel: Attention | None = reader.get(path, attention)
        if kernel is not None:
            reader.written("attention", path)
            return kernel
    for path in ("use_flash_attention_2", "use_flash_attn"):
        if reader.flag(path):
            reader.written("attention", path)
            return "flash_attention_2"
    reader.default("attention", "transformers' choice")
    return "sdpa"
