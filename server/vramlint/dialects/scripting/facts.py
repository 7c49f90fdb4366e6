"""What a script's objects say of its model, by the keys of a TRL recipe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from vramlint.dialects.kit.run import Given
from vramlint.dialects.scripting.classes import (
    BITS,
    CAUSAL,
    CLASSIFIER,
    LOADING,
    LORA,
    UNSLOTH,
    UNSLOTH_PARTS,
    WRAPPERS,
    Argument,
)
from vramlint.dialects.scripting.given import Facts, argument_of, as_value, given, take
from vramlint.document.place import Place
from vramlint.document.python.merging import UNDECIDED
from vramlint.document.python.values import (
    COMMAND_LINE,
    ENVIRONMENT,
    Known,
    Made,
    Open,
    Symbol,
    Value,
    plain,
)
from vramlint.lazy_dataclasses import replace

MODEL = "model_name_or_path"


_FROM_OUTSIDE = re.compile(f"{ENVIRONMENT}|{COMMAND_LINE}")
"""In why a value is open that is given as text: the name of a model, without an adapter."""


_Seen: TypeAlias = "dict[Made, Facts | None]"
"""What is known of the models that one is made of: of each once, however many ways lead to it."""


def model_facts(value: Value | None, place: Place, seen: _Seen | None = None) -> Facts | None:
    """What is known of the model that a trainer is given; None where it is no language model."""
    seen = {} if seen is None else seen
    if value is None or isinstance(value, Open):
        why = value.why if isinstance(value, Open) else "no model is given to the trainer"
        where = value.place if isinstance(value, Open) else place
        if _FROM_OUTSIDE.search(why):
            return {MODEL: Given(None, where, "literal", place, why)}
        return _unknown(where, place, why)
    if isinstance(value, Known):
        # create_model_from_path of trl 1.16 loads in float32 unless model_init_kwargs say otherwise.
        return {MODEL: _named(given(value, place))}
    if not isinstance(value, Made):
        return _unknown(place, place, "only the run knows")
    if value not in seen:
        seen[value] = _unknown(value.place, value.place, "made of itself")
        found = _made(value, seen)
        if found is not None:
            found |= _methods(value)
        seen[value] = found
    known = seen[value]
    return None if known is None else dict(known)


def _made(value: Made, seen: _Seen) -> Facts | None:
    """By the call that made the model."""
    kind, name = value.kind, value.name
    owner = name.split(".")[-2] if "." in name else ""
    inner = value.argument(WRAPPERS.get(name, "model"), 0)
    if name == "one of":
        return _either([model_facts(each, value.place, seen) for each in value.arguments], value.place)
    if kind == "from_pretrained" and owner in UNSLOTH:
        return _unsloth(value)
    if kind == "from_pretrained" and owner.startswith("Peft"):
        return _continued(value, model_facts(value.argument("model", 0), value.place, seen))
    if kind == "from_pretrained":
        return _loaded(value) if CAUSAL.match(owner) or CLASSIFIER.match(owner) else None
    if kind in ("from_config", "_from_config") or (CAUSAL.match(kind) and name.startswith("transformers.")):
        return _from_config(value)
    if kind == "get_peft_model" and owner in UNSLOTH:
        return _over(model_facts(inner, value.place, seen), _unsloth_adapter(value))
    if kind == "get_peft_model":
        config = value.argument("peft_config", 1)
        return _over(model_facts(inner, value.place, seen), adapter_facts(config, value.place))
    if kind in ("prepare_model_for_kbit_training", "prepare_model_for_int8_training"):
        below = model_facts(inner, value.place, seen)
        return _over(below, _prepared(value, below or {}))
    if name in WRAPPERS or (owner in UNSLOTH and kind in _SWITCHES):
        return model_facts(inner, value.place, seen)
    if kind == "0" and value.owner is not None:
        return model_facts(value.owner, value.place, seen)
    return _unknown(value.place, value.place, f"made by {name}(), which is not followed")


_SWITCHES = ("for_training", "for_inference")
"""Methods of Unsloth's classes that return the model that they are given (models/llama.py)."""


def _unknown(place: Place, used: Place, why: str) -> Facts:
    """A model of which nothing is known, not even whether it has an adapter."""
    return dict.fromkeys((MODEL, "use_peft"), Given(None, place, "literal", used, why))


def _over(below: Facts | None, above: Mapping[str, Given]) -> Facts | None:
    return None if below is None else {**below, **above}


def _either(found: list[Facts | None], place: Place) -> Facts | None:
    """What several possible models have in common; the rest is open."""
    known = [each for each in found if each is not None]
    if not known:
        return None
    keys = dict.fromkeys(key for each in known for key in each)
    result: Facts = {}
    for key in keys:
        values = [each.get(key) for each in known]
        first = next(each for each in values if each is not None)
        same = all(each is not None and each.value == first.value for each in values)
        why = UNDECIDED
        result[key] = first if same else Given(None, place, "literal", place, why)
    return result


def adapter_facts(config: Value | None, place: Place) -> Facts:
    """A LoraConfig as keys of a recipe."""
    if config is None or (isinstance(config, Known) and config.value is None):
        return {}
    if isinstance(config, Made) and config.kind == "LoraConfig":
        return {"use_peft": Given(True, config.place), **take(config, LORA), **_narrowed(config)}
    why = config.why if isinstance(config, Open) else "an adapter that is not known here"
    if isinstance(config, Made):
        why = f"{config.kind} is not read"
    return {key: Given(None, place, "literal", place, why) for key in ("use_peft", "lora_r")}


_NARROWING = ("exclude_modules", "layers_to_transform", "rank_pattern")
"""Arguments of LoraConfig that change which linears are adapted or how (tuners/lora/config.py of peft
0.21.2), and that no key of a recipe has.
"""


def _narrowed(config: Made) -> Facts:
    """The targets, open where an argument that is not read changes what they are."""
    for name in _NARROWING:
        value = config.keywords.get(name)
        empty = isinstance(value, Known) and value.value is None
        if value is not None and not empty and plain(value) not in ([], {}):
            opened = Given(None, config.place, "literal", config.place, f"{name} is not read")
            return {"lora_target_modules": opened}
    return {}


def _continued(value: Made, below: Facts | None) -> Facts | None:
    """PeftModel.from_pretrained: an adapter of which another repository says the rank. Without
    `is_trainable` it is frozen until it is merged, and so is the model below it (peft_model.py of peft
    0.21.2).
    """
    trainable = value.argument("is_trainable")
    why = "decided by the adapter_config.json of another repository"
    opened = Given(None, value.place, "literal", value.place, why)
    adapter = {"use_peft": Given(True, value.place), "lora_r": opened, "lora_target_modules": opened}
    if isinstance(trainable, Known) and trainable.value:
        return _over(below, adapter)
    if any(method.name == "merge_and_unload" for method in value.methods):
        return below
    why = "an adapter that is loaded without is_trainable is frozen, and so is the model below it"
    frozen = Given(None, value.place, "literal", value.place, why)
    return _over(below, {**adapter, "use_peft": frozen})


def _loaded(value: Made) -> Facts:
    """from_pretrained. What it loads in without a dtype, the release of transformers decides."""
    name = argument_of(value, "pretrained_model_name_or_path", 0)
    found: Facts = {}
    found[MODEL] = _named(name or Given(None, value.place, "literal", value.place, "no model is named"))
    found |= take(value, LOADING)
    spread = value.argument("device_map")
    if isinstance(spread, Known) and spread.value in ("auto", "balanced"):
        found[SPREAD] = given(spread, value.place)
    found |= bits_of(value.argument("quantization_config"), value.place)
    for key in ("load_in_4bit", "load_in_8bit"):
        flag = argument_of(value, key)
        if flag is not None:
            found[key] = flag
            found.setdefault("bnb_4bit_quant_type", Given("fp4", value.place, "implied"))
    return found


def _named(name: Given) -> Given:
    """The name of a model, open where it is the empty text that stands for what must be given."""
    return (
        replace(name, value=None, why="no model is named until it is started") if name.value == "" else name
    )


def bits_of(config: Value | None, place: Place) -> Facts:
    """A config of a quantization as keys of a recipe."""
    if config is None or (isinstance(config, Known) and config.value is None):
        return {}
    if isinstance(config, Made) and config.kind == "BitsAndBytesConfig":
        return take(config, BITS)
    if isinstance(config, Made) and config.kind == "Mxfp4Config":
        unpacked = config.argument("dequantize")  # quantizers/quantizer_mxfp4.py of transformers 5.24
        if isinstance(unpacked, Known) and unpacked.value is True:
            return {}
    if isinstance(config, Made) and config.name == "one of":
        merged = _either([bits_of(each, place) for each in config.arguments], place)
        return merged or {}
    why = config.why if isinstance(config, Open) else "a quantization that is not read"
    return {"load_in_4bit": Given(None, place, "literal", place, why)}


def _from_config(value: Made) -> Facts:
    """A model with fresh weights in float32; its shape is that of a name only where nothing is changed."""
    config = value.argument("config", 0)
    found: Facts = {"dtype": Given("float32", value.place, "implied"), "fresh": Given(True, value.place)}
    found |= take(value, LOADING)
    name = config.argument("pretrained_model_name_or_path", 0) if isinstance(config, Made) else None
    shaped = [key for key in config.keywords if key not in _NOT_SHAPE] if isinstance(config, Made) else []
    if name is None or shaped:
        why = (
            "a shape of its own" if shaped or isinstance(config, Made) else "a config that is not known here"
        )
        found[MODEL] = Given(None, value.place, "literal", value.place, why)
        found |= _shape(config, name, shaped) if isinstance(config, Made) else {}
    else:
        found[MODEL] = given(name, value.place)
    return found


SPREAD = "spread"
"""Stands for a `device_map` that spreads the layers over all GPUs, among the facts of a model."""

SHAPE = "shape"
"""Stands for a model in words, whose config a script changes, among the facts of a model."""


def _shape(config: Made, name: Value | None, changed: list[str]) -> Facts:
    """`gpt2 with n_embd 1280`: the model whose config is taken, and what is changed of it, in words."""
    known = {key: config.keywords[key] for key in changed}
    words = [f"{key} {each.value}" for key, each in known.items() if isinstance(each, Known)]
    if not isinstance(name, Known) or not words:
        return {}
    return {SHAPE: Given(f"{name.value} with {', '.join(words)}", config.place)}


_NOT_SHAPE = frozenset(
    [
        "pretrained_model_name_or_path",
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
        "trust_remote_code",
        "revision",
        "token",
        "attn_implementation",
        "use_cache",
        "cache_dir",
        "n_ctx",
    ]
)


PREPARED = "prepared"
"""Stands for the call among the facts of a model."""


_STORED = re.compile(r"4-?bit|8-?bit|int[48]|gptq|awq|nf4|fp4", re.IGNORECASE)
"""In the names of checkpoints that are stored quantized."""


def _prepared(value: Made, below: Facts) -> Facts:
    """What is not quantized is raised to float32, and over a quantized base checkpointing is switched on
    unless the call says not to (utils/other.py of peft 0.21.2).
    """
    asked = any(name in below and below[name].value is not False for name in ("load_in_4bit", "load_in_8bit"))
    if not asked and not _STORED.search(str(as_value(below, MODEL))):
        return {PREPARED: Given(True, value.place, "implied")}
    switch = value.argument("use_gradient_checkpointing", 1)
    raised = {PREPARED: Given(True, value.place, "implied")}
    if isinstance(switch, Known) and not switch.value:
        return raised
    if isinstance(switch, Open):
        return {**raised, "gradient_checkpointing": given(switch, value.place)}
    return {**raised, "gradient_checkpointing": Given(True, value.place, "implied")}


_CASTS: Mapping[str, str] = {"half": "float16", "bfloat16": "bfloat16", "float": "float32"}


def _methods(value: Made) -> Iterator[tuple[str, Given]] | Facts:
    """What methods did to the model after it was made."""
    found: Facts = {}
    for method in value.methods:
        place = method.made.place
        if method.name in _CASTS:
            found["dtype"] = Given(_CASTS[method.name], place)
        elif method.name == "to":
            for argument in (*method.made.arguments, *method.made.keywords.values()):
                if isinstance(argument, Symbol) and argument.name in _DTYPES:
                    found["dtype"] = Given(argument.name, place)
        elif method.name in ("gradient_checkpointing_enable", "gradient_checkpointing_disable"):
            found["gradient_checkpointing"] = Given(method.name.endswith("enable"), place)
        elif method.name == "add_adapter":
            found |= adapter_facts(method.made.argument("adapter_config", 0), place)
        if not method.made.certain:
            why = UNDECIDED
            found = {
                key: Given(None, place, "literal", place, why) if each.place == place else each
                for key, each in found.items()
            }
    return found


_DTYPES = frozenset(("torch.float16", "torch.bfloat16", "torch.float32", "torch.half", "torch.float"))


def _unsloth(value: Made) -> Facts:
    """FastLanguageModel.from_pretrained (models/loader.py of unsloth 2026.10.9): 4 bits unless told
    otherwise; training every weight switches them off.
    """
    name = argument_of(value, "model_name", 0)
    found = take(
        value,
        {
            "max_seq_length": Argument("unsloth_length", 2048),
            "load_in_4bit": Argument("load_in_4bit", True),
            "load_in_8bit": Argument("load_in_8bit", False),
            "full_finetuning": Argument("full_finetuning", False),
            "use_gradient_checkpointing": Argument("gradient_checkpointing", "unsloth"),
            "fast_inference": Argument("fast_inference", False),
        },
    )
    if "max_seq_length" not in value.keywords:
        del found["unsloth_length"]
        if not value.missing:
            found["unsloth_default_length"] = Given(2048, value.place, "implied")
    missing = Given(None, value.place, "literal", value.place, "no model is named")
    found[MODEL] = name or missing
    found["unsloth"] = Given(True, value.place)
    return found


def _unsloth_adapter(value: Made) -> Facts:
    """FastLanguageModel.get_peft_model (models/llama.py)."""
    found = take(
        value,
        {
            "r": Argument("lora_r", 16),
            "lora_alpha": Argument("lora_alpha", 16),
            "lora_dropout": Argument("lora_dropout", 0.0),
            "target_modules": Argument("lora_target_modules"),
            "modules_to_save": Argument("lora_modules_to_save"),
            "use_dora": Argument("use_dora"),
            "use_gradient_checkpointing": Argument("gradient_checkpointing", "unsloth"),
            **{name: Argument(name) for name in UNSLOTH_PARTS},
        },
    )
    if "use_gradient_checkpointing" not in value.keywords:
        found.pop("gradient_checkpointing", None)
    return {"use_peft": Given(True, value.place), **found}
