"""Which weights NeMo Automodel trains: an adapter on the linears that patterns name, and what it freezes.

Semantics of 0.7 (`components/_peft/lora.py`, `components/_peft/module_matcher.py`,
`components/utils/model_utils.py`, apply_parameter_freezing).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Obstacle
from vramlint.dialects.kit.reader import Reader, choice, mapping, names, number, positive, text
from vramlint.dialects.kit.reading import unmodelled
from vramlint.job import Adapter, Quantization
from vramlint.vocabulary import Dtype

_WORDS: Mapping[str, Dtype] = {
    "bf16": "bfloat16",
    "bfloat16": "bfloat16",
    "fp16": "float16",
    "float16": "float16",
    "half": "float16",
    "fp32": "float32",
    "float32": "float32",
    "float": "float32",
}
DTYPES: Mapping[str, Dtype] = {**_WORDS, **{f"torch.{word}": dtype for word, dtype in _WORDS.items()}}
_TOWERS: Mapping[str, tuple[str, ...]] = {
    "freeze_config.freeze_vision_tower": ("vision", "visual", "image_encoder"),
    "freeze_config.freeze_audio_tower": ("audio", "speech", "sound"),
}
"""Keys that freeze a part, and what the names of its modules contain."""


_DEGREES = ("distributed.tp_size", "distributed.pp_size", "distributed.ep_size")


def towers_obstacle(reader: Reader, model: Model) -> Obstacle | None:
    """What of a model that takes images is not modelled: a tower that its config does not describe, audio
    that is trained, and layers that several GPUs share.
    """
    if "vision_config" not in model.config:
        path = "model.pretrained_model_name_or_path"
        return unmodelled(reader, path, f"the tower of {model.name} is not known")
    if "audio_config" in model.config and not reader.flag("freeze_config.freeze_audio_tower"):
        return unmodelled(
            reader, "freeze_config.freeze_audio_tower", "training an audio tower is not modelled"
        )
    for path in _DEGREES:
        if reader.raw(path) not in (None, "none", 1) and reader.has(path):
            return unmodelled(reader, path, "sharing the layers of a model that takes images is not modelled")
    return None


def frozen_parts(reader: Reader) -> tuple[str, ...] | Obstacle:
    """What the names of frozen weights contain, of a model of several parts. A `freeze_config` freezes the
    vision tower where it does not say otherwise.
    """
    if reader.get("freeze_config", mapping) is None:
        return ()
    for path in ("freeze_modules", "unfreeze_modules"):
        if reader.has(f"freeze_config.{path}"):
            return unmodelled(reader, f"freeze_config.{path}", "what selectors freeze is not modelled")
    if reader.flag("freeze_config.freeze_language_model"):
        reason = "training the tower alone is not modelled"
        return unmodelled(reader, "freeze_config.freeze_language_model", reason)
    defaults = (True, False)
    frozen = [
        words
        for (path, words), default in zip(_TOWERS.items(), defaults, strict=True)
        if (reader.flag(path) if reader.has(path) else default)
    ]
    return tuple(word for words in frozen for word in words)


def trained_parameters(frozen: tuple[str, ...]) -> tuple[str, ...]:
    """The expression of the weights that are trained beside frozen parts."""
    return (rf"(?!.*({'|'.join(frozen)}))",) if frozen else ()


def read_quantization(reader: Reader) -> Quantization | None:
    """The base in 4 bits (`create_bnb_config` of components/quantization/qlora.py)."""
    if not reader.flag("quantization.load_in_4bit"):
        return None
    reader.written("quantization", "quantization.load_in_4bit")
    kind = reader.get("quantization.bnb_4bit_quant_type", text) or "fp4"
    return Quantization(
        scheme="bnb-nf4" if kind == "nf4" else "bnb-fp4",
        double_quant=reader.flag("quantization.bnb_4bit_use_double_quant"),
    )


def read_method(reader: Reader, quantization: Quantization | None) -> Any:
    """The method of a run with an adapter."""
    if reader.flag("peft.use_dora"):
        return "dora"
    return "lora" if quantization is None else "qlora"


def read_adapter(
    reader: Reader, quantization: Quantization | None, frozen: tuple[str, ...]
) -> Adapter | None:
    """The adapter; one inside a frozen part gets no gradients, and is left out."""
    if reader.get("peft", mapping) is None:
        return None
    reader.written("method", "peft")
    given: Dtype | None = reader.get("peft.lora_dtype", choice(DTYPES))
    alpha: float = reader.read("peft.alpha", number)
    return Adapter(
        r=reader.read("peft.dim", positive),
        alpha=alpha,
        dropout=reader.read("peft.dropout", number),
        targets=_targets(reader, frozen),
        dtype=given or ("same-as-base" if quantization is None else "bfloat16"),
    )


def _targets(reader: Reader, frozen: tuple[str, ...]) -> str | tuple[str, ...]:
    """All linears, the head among them; those of names with wildcards; or all but those that are excluded.
    Without any of the three, those whose names end in `_proj`.
    """
    wanted = reader.get("peft.target_modules", names) or ()
    excluded = reader.get("peft.exclude_modules", names) or ()
    apart = rf"(?!.*({'|'.join(frozen)}))" if frozen else ""
    if reader.flag("peft.match_all_linear"):
        reader.written("adapter.targets", "peft.match_all_linear")
        return f"{apart}.*"
    if wanted:
        reader.written("adapter.targets", "peft.target_modules")
        if not any("*" in pattern for pattern in wanted) and not frozen:
            return wanted
        return apart + _any_of(wanted)
    if excluded:
        reader.written("adapter.targets", "peft.exclude_modules")
        return rf"(?!{_any_of(excluded)}\Z){apart}.*"
    reader.default("adapter.targets", "linears whose names end in _proj")
    return apart + _any_of(("*_proj",))


def _any_of(patterns: tuple[str, ...]) -> str:
    return "(?:" + "|".join(_expression(pattern) for pattern in patterns) + ")"


def _expression(pattern: str) -> str:
    """A pattern, in which `*` and `.*` stand for any text; `.*` after a whole segment for what lies below it
    (_compile_wildcard_pattern). Without either it is a name.
    """
    parts = re.split(r"(\.?\*)", pattern)
    found = "" if len(parts) > 1 else r"(?:.*\.)?"
    for index, part in enumerate(parts):
        before = parts[index - 1] if index else ""
        below = before.startswith(".") or (index == 1 and before) or re.search(r"\.\d+\Z", before)
        if index % 2 == 0:
            found += re.escape(part)
        else:
            found += r"(?:\..*)?" if part == ".*" and below else ".*"
    return found
