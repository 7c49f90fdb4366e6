"""Facts as JSON Schema (draft 2020-12), as lenient as the framework's own reader and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from generator.entry import MISSING, Entry, Facts

DRAFT = "https://json-schema.org/draft/2020-12/schema"
JSON_TYPES = {
    "bool": "boolean", "int": "integer", "float": "number", "str": "string", "choice": "string",
    "dict": "object", "list": "array",
}  # fmt: skip
ANYTHING = {"boolean", "number", "string", "object", "array", "null"}
TEMPLATE = r"\$\{|\{\{"
NUMBER = r"^\s*[+-]?(\d[\d_]*\.?[\d_]*|\.\d+)([eE][+-]?\d+)?\s*$|^[+-]?(inf|nan|\.inf|\.nan)$"
WHOLE = r"^\s*[+-]?\d[\d_]*(\.0*)?\s*$"
EXPONENT = r"^[+-]?\d[\d_]*(\.[\d_]*)?[eE][+-]?\d+$"
TRUTH = r"^([Tt]rue|TRUE|[Ff]alse|FALSE|[Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF|[TtFfYyNn01])$"
TRUTHS = ("true", "false", "True", "False", "yes", "no", "on", "off")


@dataclass(frozen=True, slots=True)
class Reader:
    """What a framework's reader makes of a value of another type.

    `strings`: patterns of strings that pass where the key holds a "bool", "int" or "float". `also`: further
    JSON types that pass for a word.
    `text_numbers` says whether a YAML `1e-5`, a string to PyYAML, ends as a number. `unknown`: the fate of
    an unknown key at the top and in
    sections. `everywhere`: literals that are legal for every scalar. `guessed`: the types were seen in
    files, not read from declarations.
    """

    text_numbers: Literal["accepted", "refused"]
    unknown: Literal["dropped", "refused", "launcher"]
    nested_unknown: Literal["dropped", "refused", "open"]
    strings: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    everywhere: tuple[str, ...] = ()
    open_sections: tuple[str, ...] = ()
    guessed: bool = False


LAX_STRINGS = {"bool": TRUTH, "int": WHOLE, "float": NUMBER}
OMEGACONF_STRINGS = {"int": EXPONENT, "float": EXPONENT}


def schema(facts: Facts, reader: Reader) -> dict[str, Any]:
    """The JSON Schema of a dialect."""
    root: dict[str, Any] = {
        "$schema": DRAFT,
        "title": facts.framework,
        "x-framework": facts.framework,
        "x-version": facts.version,
        "x-string-number": reader.text_numbers,
        "x-unknown": reader.unknown,
        "type": "object",
        "properties": {},
    }
    for path, entry in sorted(facts.keys.items()):
        node, name = _parent(root, path, reader)
        _merge(node, name, _property(entry, reader))
        for alias in entry.aliases:
            _merge(node, alias.rpartition(".")[2], _property(entry, reader) | {"x-alias-of": name})
    if facts.removed:
        root["x-removed"] = dict(sorted(facts.removed.items()))
    return root


def _parent(root: dict[str, Any], path: str, reader: Reader) -> tuple[dict[str, Any], str]:
    """The `properties` that hold the last name of a dotted path, made on the way."""
    *sections, name = path.split(".")
    node = root
    for index, section in enumerate(sections):
        item = section.endswith("[]")
        node = node["properties"].setdefault(section.removesuffix("[]"), {})
        if item:
            node = node.setdefault("items", {})
        if "properties" not in node:
            node["properties"] = {}
            if reader.nested_unknown == "refused":
                node.setdefault("type", ["object", "null"])
            opened = reader.nested_unknown == "open" or sections[0].removesuffix("[]") in reader.open_sections
            node["x-unknown"] = "open" if opened or (index and item) else reader.nested_unknown
    return node["properties"], name


def _merge(properties: dict[str, Any], name: str, described: dict[str, Any]) -> None:
    """A section's own row and those of its keys meet in one schema, whichever comes first."""
    properties[name] = described | properties.get(name, {})


def _property(entry: Entry, reader: Reader) -> dict[str, Any]:
    words = [word for word in entry.words if word != "null"]
    described: dict[str, Any] = {} if reader.guessed else _constraint(words, entry, reader)
    if words and "any" not in words:
        described["x-type"] = "|".join(dict.fromkeys("str" if word == "choice" else word for word in words))
    if entry.default is not MISSING and entry.default is not None and _plain(entry.default):
        described["default"] = entry.default
    if entry.choices and "enum" not in described and not reader.guessed:
        described["x-enum"] = list(entry.choices)
    if entry.deprecated:
        described["deprecated"] = True
    if entry.plugin:
        described["x-plugin"] = entry.plugin
    return described


def _constraint(words: list[str], entry: Entry, reader: Reader) -> dict[str, Any]:
    """What a value must be; nothing where an annotation says "any"."""
    if "any" in words or not words:
        return {}
    if words == ["choice"]:
        return {"enum": [*entry.choices, *reader.everywhere, None]}
    if "choice" in words and "str" not in words and set(words) <= {"choice", "bool"}:
        truths = TRUTHS if "bool" in reader.strings else ()
        return {"enum": [*entry.choices, *reader.everywhere, *truths, True, False, None]}
    types = [JSON_TYPES[word] for word in words] + ["null"]
    for word in words:
        types += reader.also.get(word, ())
    constraint: dict[str, Any] = dict(entry.bounds)
    if "string" not in types and (patterns := _patterns(words, reader)):
        types.append("string")
        constraint["pattern"] = "|".join(patterns)
    if "number" in types and "integer" in types:
        types.remove("integer")
    if set(types) >= ANYTHING:
        return dict(entry.bounds)
    return {"type": list(dict.fromkeys(types)), **constraint}


def _patterns(words: list[str], reader: Reader) -> list[str]:
    """Patterns of the strings that pass where a number or a truth value is expected; a template is left
    alone."""
    patterns = [reader.strings[word] for word in words if word in reader.strings]
    patterns += [f"^{literal}$" for literal in reader.everywhere]
    scalar = any(word in ("bool", "int", "float") for word in words)
    return [*dict.fromkeys(patterns), TEMPLATE] if scalar and reader.strings else []


def _plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str) or value == [] or value == {}
