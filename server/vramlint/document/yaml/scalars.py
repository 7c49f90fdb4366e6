"""What PyYAML's safe loader makes of a scalar (YAML 1.1): `1e-5` a string, `no` False, `12:30` 750."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import yaml

MERGE_TAG = "tag:yaml.org,2002:merge"
VALUE_TAG = "tag:yaml.org,2002:value"
_PREFIX = "tag:yaml.org,2002:"
_RESOLVERS: dict[str | None, list[tuple[str, Any]]] = yaml.SafeLoader.yaml_implicit_resolvers
_WILDCARD = _RESOLVERS.get(None, [])
_CONSTRUCTOR: Any = yaml.constructor.SafeConstructor()
_MARK = yaml.Mark("", 0, 0, 0, None, 0)


class CannotConstruct(ValueError):
    """The safe loader refuses the scalar."""


def implicit_tag(text: str) -> str:
    """The tag that a plain scalar gets from its text."""
    for tag, pattern in _RESOLVERS.get(text[:1], []) + _WILDCARD:
        if pattern.match(text):
            return tag
    return _PREFIX + "str"


@lru_cache(maxsize=4096)
def plain_value(text: str) -> Any:
    """The value of a plain scalar without a tag. Raises CannotConstruct where the loader would stop, as for
    `2024-13-45`.
    """
    return tagged_value(implicit_tag(text), text)


def tagged_value(tag: str, text: str) -> Any:
    """The value of a scalar with that tag. Raises CannotConstruct for tags the safe loader does not know and
    for text they do not fit.
    """
    if tag == _PREFIX + "str":
        return text
    if tag not in yaml.SafeLoader.yaml_constructors or tag[len(_PREFIX) :] in _COLLECTIONS:
        raise CannotConstruct(f"the safe loader has no reading for the tag {short_tag(tag)}")
    node = yaml.ScalarNode(tag, text, _MARK, _MARK)
    try:
        return yaml.SafeLoader.yaml_constructors[tag](_CONSTRUCTOR, node)
    except (ValueError, IndexError, KeyError, AttributeError, OverflowError, yaml.YAMLError) as error:
        raise CannotConstruct(f"{text!r} cannot be read as {short_tag(tag)}") from error


_COLLECTIONS = frozenset({"seq", "map", "set", "omap", "pairs"})


def collection_value(tag: str | None, default: str, items: list[Any], mapping: dict[Any, Any]) -> Any:
    """The value of a mapping or a sequence with an optional tag, of which `!!set`, `!!omap` and `!!pairs`
    change the type.
    """
    name = default if tag in (None, "!") else (tag or "").removeprefix(_PREFIX)
    if name == "map" and default == "map":
        return mapping
    if name == "seq" and default == "seq":
        return items
    if name == "set" and default == "map":
        return set(mapping)
    if name in ("omap", "pairs") and default == "seq":
        return [pair for item in items if isinstance(item, dict) for pair in item.items()]
    raise CannotConstruct(f"the safe loader has no reading for the tag {short_tag(tag or '')} here")


def short_tag(tag: str) -> str:
    """A tag as people write it: `!!int` for `tag:yaml.org,2002:int`."""
    return tag.replace(_PREFIX, "!!")
