"""Regular expressions that are compiled when they are first used.

Compiling one takes 0.05 to 0.5 ms, and a short run uses few of those that its modules have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any


class _Pattern:
    """Stands for a compiled expression, whose methods it takes over one by one."""

    def __init__(self, said: str | bytes, flags: int = 0) -> None:
        self._said, self._flags = said, flags

    def __getattr__(self, name: str) -> Any:
        method = getattr(re.compile(self._said, self._flags), name)
        setattr(self, name, method)
        return method


if TYPE_CHECKING:
    pattern = re.compile
else:
    pattern = _Pattern
