"""Values as text that the file's own reader reads back as the same value."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any

from vramlint.document.language import Language
from vramlint.patterns import pattern

_BARE_TOML_KEY = pattern(r"[A-Za-z0-9_-]+\Z")


class CannotWrite(ValueError):
    """The language has no way to say the value."""


def write_value(value: Any, language: Language, style: str = "plain", flow: bool = False) -> str:
    """One line for a value; collections in flow style. `style` is how the old string was quoted, `flow`
    whether it is in a flow collection.

    Raises CannotWrite.
    """
    if language == "json":
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        colon = ": " if language == "yaml" else " = "
        pairs = (
            f"{write_key(key, language, True)}{colon}{write_value(item, language, flow=True)}"
            for key, item in value.items()
        )
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(write_value(item, language, flow=True) for item in value) + "]"
    return _toml_scalar(value) if language == "toml" else _yaml_scalar(value, style, flow)


def write_key(key: Any, language: Language, flow: bool = False) -> str:
    """A mapping's key, quoted where the language wants it."""
    if language == "json":
        return json.dumps(str(key), ensure_ascii=False)
    if language == "toml":
        return str(key) if _BARE_TOML_KEY.match(str(key)) else quoted(str(key))
    return _yaml_scalar(key, "plain", flow)


def quoted(text: str) -> str:
    """A string in double quotes as YAML and TOML both read it."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(character if character.isprintable() else _escape(character) for character in written)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _yaml_scalar(value: Any, style: str, flow: bool) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _yaml_float(value)
    if not isinstance(value, str):
        return str(value)
    if style == "double":
        return quoted(value)
    if style == "single" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return value if _reads_plain(value, flow) else quoted(value)


def _yaml_float(value: float) -> str:
    """YAML 1.1 wants a point before an exponent: `1.0e-05`, for `1e-05` would be a string."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    mantissa, exponent, power = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{power}" if exponent else mantissa


@lru_cache(1024)
def _reads_plain(text: str, flow: bool) -> bool:
    """Whether the text without quotes comes back as the same string."""
    if not text or not text.isprintable() or text != text.strip() or text[0] in "[{&*!|>'\"%@`#":
        return False
    # Imported late: PyYAML costs as much as a bare start of Python, and JSON and TOML do without.
    from vramlint.document.yaml.compose import Broken, compose
    from vramlint.document.yaml.scalars import plain_value

    try:
        if plain_value(text) != text:
            return False
        document = compose(f"[{text}, x]" if flow else f"k: {text}\n").documents[0]
    except (Broken, ValueError):
        return False
    return bool(document.value == ([text, "x"] if flow else {"k": text}))


def _toml_scalar(value: Any) -> str:
    if value is None:
        raise CannotWrite("TOML has no null")
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else str(value)
