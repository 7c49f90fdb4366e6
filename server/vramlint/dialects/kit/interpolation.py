"""References inside a file, `${optimizer.lr}`, as OmegaConf resolves them. What cannot be resolved stays as
it
is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from vramlint.dialects.kit.dialect import UNSET
from vramlint.dialects.kit.reader import look_up
from vramlint.dialects.kit.signs import refers
from vramlint.lazy_dataclasses import dataclass
from vramlint.patterns import pattern

_REFERENCE = pattern(r"\$\{([A-Za-z_][\w.\-]*)\}")
_DEEPEST = 8
_MOST = 2000
"""References followed in one file: a file that refers in circles ends here."""
_LONGEST = 4096
"""Characters; text that grows longer by its references is left as it is."""


def resolve(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """`values` with each reference to another key replaced by that key's value; a lone reference keeps the
    value's type.
    """
    if not _any(values, lambda text: "${" in text):
        return values
    resolver = _Resolver(values)
    return {key: resolver.resolved(value, 0) for key, value in values.items()}


def composed(values: Any) -> bool:
    """Whether some value refers to another as only OmegaConf resolves it: then OmegaConf reads the file, for
    which 5e8 is a number (omegaconf 2.3, `_utils.py`, get_yaml_loader).
    """
    return _any(values, refers)


def _any(value: Any, holds: Callable[[str], bool]) -> bool:
    """Whether `holds` is true of some text in the value."""
    if isinstance(value, Mapping):
        return any(_any(inner, holds) for inner in value.values())
    if isinstance(value, list):
        return any(_any(inner, holds) for inner in value)
    return isinstance(value, str) and holds(value)


@dataclass(slots=True)
class _Resolver:
    """Follows references from the root of one file."""

    root: Mapping[str, Any]
    left: int = _MOST

    def resolved(self, value: Any, depth: int) -> Any:
        """`value` without references, as far as they lead anywhere."""
        if isinstance(value, Mapping):
            return {key: self.resolved(inner, depth) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.resolved(inner, depth) for inner in value]
        if not isinstance(value, str) or "${" not in value or depth > _DEEPEST:
            return value
        lone = _REFERENCE.fullmatch(value.strip())
        if lone:
            target = self._follow(lone[1])
            return value if target is UNSET else self.resolved(target, depth + 1)
        replaced = _REFERENCE.sub(self._text, value)
        done = replaced == value or len(replaced) > _LONGEST
        return value if done else self.resolved(replaced, depth + 1)

    def _follow(self, path: str) -> Any:
        self.left -= 1
        return look_up(self.root, path) if self.left >= 0 else UNSET

    def _text(self, match: re.Match[str]) -> str:
        target = self._follow(match[1])
        return match[0] if target is UNSET or isinstance(target, Mapping | list) else str(target)
