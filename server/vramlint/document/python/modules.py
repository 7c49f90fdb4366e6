"""The own modules of a project, as far as a script imports them: each is read once, when it is used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias

from vramlint.document.place import Place, Snippet
from vramlint.document.python.cells import cells_of
from vramlint.document.python.expressions import attribute, brought
from vramlint.document.python.values import Evaluation, Known, Scope, Value
from vramlint.document.python.work import Spent

Finder: TypeAlias = Callable[[str, "str | None"], "Snippet | None"]
"""The text of a module by its path without a suffix, looked for from the folder of a program upwards; of a
folder that is no package, an empty text.
"""

_MOST = 32
_MOST_WORK = 8_000
_DEEPEST = 8
"""Imports that lead to one another."""
_LONGEST = 16
"""Parts of a dotted name: a package and a function of one name may lead to one another for ever."""
_LIBRARIES = frozenset(
    ("torch", "transformers", "trl", "peft", "unsloth", "datasets", "accelerate", "deepspeed", "bitsandbytes")
)
"""Read by their names, whatever folders of the project are called."""


class Modules:
    """The modules that the program at `program` imports from its project."""

    def __init__(self, find: Finder, program: str | None) -> None:
        self._find, self._program, self._depth = find, program, 0
        self._scopes: dict[str, Scope | None] = {}
        self._values: dict[str, Value | None] = {}

    def value(self, dotted: str, place: Place, run: Evaluation) -> Value | None:
        """What a dotted name of an import stands for; None where it is no module's of the project."""
        if dotted not in self._values:
            self._values[dotted] = None  # of modules that import each other
            if self._depth < _DEEPEST:
                self._depth += 1
                self._values[dotted] = self._value(dotted, place, run)
                self._depth -= 1
        return self._values[dotted]

    def _value(self, dotted: str, place: Place, run: Evaluation) -> Value | None:
        names = dotted.split(".")
        if names[0] in _LIBRARIES or names[0] in sys.stdlib_module_names or len(names) > _LONGEST:
            return None
        for end, scope in reversed(self._scopes_of(names, run)):
            found = scope.names.get(names[end])
            if found is not None:
                found = brought(found, run)
                for name in names[end + 1 :]:
                    found = brought(attribute(found, name, place), run)
                return found
        return None

    def _scopes_of(self, names: Sequence[str], run: Evaluation) -> list[tuple[int, Scope]]:
        """The modules that lead to a dotted name, each with the index of what is looked up in it. The
        innermost is the one that an import names: its package may hold something else by the same name.
        """
        found: list[tuple[int, Scope]] = []
        for end in range(1, len(names)):
            scope = self._scope("/".join(names[:end]), run)
            if scope is None:
                break
            found.append((end, scope))
        return found

    def _scope(self, name: str, run: Evaluation) -> Scope | None:
        """The names of a module."""
        if name not in self._scopes:
            self._scopes[name] = None
            snippet = self._find(name, self._program) if len(self._scopes) <= _MOST else None
            if snippet is not None:
                scope = self._scopes[name] = Scope({})
                if not _read(name, snippet, scope, run):
                    self._scopes[name] = None  # read in part, it may say something else
        return self._scopes[name]


def _read(name: str, snippet: Snippet, scope: Scope, run: Evaluation) -> bool:
    """Read a module into its scope; False where it is too long to follow."""
    document = snippet.pieces[0].place.document or name
    try:
        cells = cells_of(snippet.text, "python", document, run.work)
    except Spent:
        return False
    scope.names["__name__"] = Known(name.replace("/", "."), cells[0].snippet.pieces[0].place)
    return all(run.aside(cell.tree, scope, cell.locate, _MOST_WORK) for cell in cells)
