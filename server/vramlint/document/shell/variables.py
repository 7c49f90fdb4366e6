"""The variables of a script while it is walked."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vramlint.document.node import Span
from vramlint.document.place import Place
from vramlint.document.shell.values import Fragment, Value, Variable, pattern_of, text_of

_LONGEST = 200
"""Pieces of a value; a variable that is put together from itself doubles with each turn."""


class Variables(dict[str, Variable]):
    """What is set, by name."""

    export_all: bool = False
    """Whether the script has said `set -a`."""

    def put(self, name: str, value: Value, *, exported: bool = False, appended: bool = False) -> None:
        """Set a variable, which stays exported where it was."""
        old = self.get(name)
        exported = exported or self.export_all or bool(old and old.exported)
        if appended and old is not None:
            value = old.value + value
        if len(value) > _LONGEST or sum(len(fragment.text or "") for fragment in value) > _LONGEST * 10:
            value = (value[0]._replace(text=None, why=f"{name} grows too long"),)
        self[name] = Variable(value, None, exported)

    def put_items(
        self, name: str, items: tuple[Value, ...], *, exported: bool = False, appended: bool = False
    ) -> None:
        """Set an array."""
        old = self.get(name)
        if appended and old is not None:
            items = (old.items if old.items is not None else (old.value,)) + items
        self[name] = Variable(items[0] if items else (), items, exported)

    def put_read(self, words: Iterable[Value]) -> None:
        """Set what `read` and its like fill in while the script runs."""
        for word in words:
            name = text_of(word) or ""
            if re.fullmatch(r"[A-Za-z_]\w*", name):
                self[name] = Variable((Fragment(None, word[0].place, why="read while it runs"),))

    def without_options(self, names: Iterable[str], place: Place) -> None:
        """What an option parser at `place` leaves when no option is given: defaults stay, and what must be
        given is open.
        """
        for name in names:
            variable = self.get(name)
            if variable is not None and variable.items is None and text_of(variable.value) == "":
                why = "chosen by an option that has no default"
                self[name] = Variable((Fragment(None, place, why=why),), None, variable.exported)

    def export(self, name: str | None) -> None:
        """Export a variable, where it is set."""
        if name is not None and name in self:
            self[name] = self[name]._replace(exported=True)

    @property
    def exported(self) -> dict[str, Value]:
        """What a command sees."""
        return {name: each.value for name, each in self.items() if each.exported}

    def flags(self, words: Iterable[Value]) -> None:
        """Heed `set -a`."""
        given = [text_of(word) for word in words]
        on = self.export_all or "-a" in given or "allexport" in given
        self.export_all = on and "+a" not in given

    def restore(self, kept: dict[str, Variable]) -> None:
        """Make it what it was, in place: others hold on to this mapping."""
        self.clear()
        self.update(kept)

    def agree(self, ends: list[dict[str, Variable]]) -> None:
        """Keep what all `ends` agree on; the rest is open."""
        merged = dict(ends[0])
        for other in ends[1:]:
            for name in other.keys() | merged.keys():
                ours, theirs = merged.get(name), other.get(name)
                if ours is None or theirs is None or _plain(ours) != _plain(theirs):
                    merged[name] = _either_of(name, ours or theirs)
        self.restore(merged)


def _plain(variable: Variable) -> object:
    items = [pattern_of(item) for item in variable.items] if variable.items is not None else None
    return pattern_of(variable.value), items


def _either_of(name: str, variable: Variable | None) -> Variable:
    """A variable after ways that do not agree on it."""
    place = variable.value[0].place if variable and variable.value else Place(Span(0, 0))
    return Variable((Fragment(None, place, why=f"{name} depends on a condition"),), None, True)
