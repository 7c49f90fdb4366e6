"""The linears that Unsloth adapts in a model whose layers it leaves to transformers (unsloth_zoo 2026.10.9,
peft_utils.py, get_peft_regex; unsloth/models/vision.py, get_peft_model).
"""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.dialects.kit.dialect import Key
from vramlint.dialects.kit.reader import Reader, boolean, names

_ATTENTION = ("self_attn", "attention", "attn")
_MLP = ("mlp", "feed_forward", "ffn", "dense", "mixer")
_TOWER = ("vision", "image", "visual", "patch")
_LANGUAGE = ("language", "text")
_PARTS = (
    ("lora.finetune_vision_layers", "Adapts the tower too, where there is one."),
    ("lora.finetune_language_layers", "Adapts the language model's layers."),
    ("lora.finetune_attention_modules", "Adapts the linears of attention."),
    ("lora.finetune_mlp_modules", "Adapts the linears of MLPs."),
)
KEYS = tuple(Key(path, "adapter.targets", said, True) for path, said in _PARTS)


def read_targets(reader: Reader) -> str | tuple[str, ...]:
    """What the adapter goes on: the named linears, of those parts that are not switched off."""
    vision, language, attention, mlp = (reader.get(path, boolean) is not False for path, _ in _PARTS)
    named = reader.get("lora.target_modules", names)
    if named == ("all-linear",):
        named = None
    if named is not None and vision and language and attention and mlp:
        reader.written("adapter.targets", "lora.target_modules")
        return named
    reader.default("adapter.targets", "linears of attention and MLPs of the parts that are trained")
    parts = (_TOWER if vision else ()) + (_LANGUAGE if language else ())
    kinds = (_ATTENTION if attention else ()) + (_MLP if mlp else ())
    return _expression(parts, kinds, named, language)


def _expression(
    parts: Sequence[str], kinds: Sequence[str], named: Sequence[str] | None, language: bool
) -> str:
    """A full name: a part of the model, then a kind of module, then a linear; text models have no part."""
    last = rf"(?:.*\.)?(?:{'|'.join(named)})" if named else ".*"
    kind = rf"(?:{'|'.join(kinds)})"
    found = rf".*?(?:{'|'.join(parts)}).*?{kind}{last if named is None else f'.*?{last}'}"
    return rf"{found}|model\.layers\.\d+\.{kind}\.{last}" if language else found
