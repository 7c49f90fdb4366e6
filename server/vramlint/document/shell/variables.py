"""The variables of a script while it is walked."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from vramlint.document.node import Span
from vramlint.document.place import Place
from vramlint.document.shell.environment import changes
from vramlint.document.shell.values import (
    Fragment,
    Value,
    Variable,
    cut,
    marked,
    part,
    pattern_of,
    text_of,
)

_NOWHERE = Place(Span(0, 0))
_LONGEST = 200
"""Pieces of a value; a variable that is put together from itself doubles with each turn."""


FOLDER = "\0folder"
"""Holds the folder that the script has gone to, as no variable of its own can be named."""


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

    def put_text(self, words: Sequence[Value], text: Value | None) -> bool:
        """Set the one variable of `read -r -d '' NAME` to the text that it is given, which holds no NUL to
        end at; False where it reads in another way.
        """
        said = [text_of(word) for word in words]
        whole = any(option in ("-d", "-rd") and end == "" for option, end in pairwise(said))
        raw = any(option in ("-r", "-rd") for option in said)
        names = [name for name in said if name and re.fullmatch(r"[A-Za-z_]\w*", name)]
        if text is None or not (whole and raw) or len(names) != 1:
            return False
        self.put(names[0], _trimmed(text))
        return True

    def without_options(self, names: Iterable[str], place: Place) -> None:
        """What an option parser at `place` leaves when no option is given: defaults stay, and what must be
        given is open.
        """
        for name in names:
            variable = self.get(name)
            if variable is not None and variable.items is None and text_of(variable.value) == "":
                why = "chosen by an option that has no default"
                self[name] = Variable((Fragment(None, place, why=why),), None, variable.exported)

    def export(self, name: str | None, *, on: bool = True) -> None:
        """Export a variable, where it is set, or hold it back."""
        if name is not None and name in self:
            self[name] = self[name]._replace(exported=on)

    def hand_on(self, words: Sequence[Value]) -> None:
        """Heed what the words of a command change of the environment of what it starts."""
        changed = changes([marked(word) for word in words])
        for name in [name for name in self if not changed.keeps(name)]:
            self.export(name, on=False)
        for name, word, start, end in changed.settings:
            self.put(name, part(words[word], start, end), exported=True)

    def keep_exported(self) -> None:
        """What another process sees, and the folder that it is started in."""
        for name in [name for name, each in self.items() if not each.exported and name != FOLDER]:
            del self[name]

    @property
    def exported(self) -> dict[str, Value]:
        """What a command sees."""
        return {name: each.value for name, each in self.items() if each.exported}

    def go_to(self, words: Sequence[Value]) -> None:
        """Heed `cd`, which alone leads back to the start, since nobody trains at home; a folder outside the
        script's own, or one that is not known, is open.
        """
        if not words:
            self.pop(FOLDER, None)
            return
        target = text_of(words[0]) if len(words) == 1 else None
        inside = target is not None and not re.match(r"[/~$-]", target)
        here = self.folder
        if inside and here is not None:
            path = posixpath.normpath(posixpath.join(here, target or ""))
            self[FOLDER] = Variable((Fragment("" if path == "." else path, _NOWHERE),))
        else:
            self[FOLDER] = Variable((Fragment(None, _NOWHERE, why="another folder"),))

    @property
    def folder(self) -> str | None:
        """The folder that the script is in, from its own; None where that is open."""
        return text_of(self[FOLDER].value) if FOLDER in self else ""

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
                if ours is theirs:
                    continue
                if ours is None or theirs is None or _plain(ours) != _plain(theirs):
                    merged[name] = _either_of(name, ours or theirs)
        self.restore(merged)


def _trimmed(text: Value) -> Value:
    """A value without the spaces and line ends around it."""
    kept = list(text)
    if kept and kept[0].text is not None:
        kept[0] = cut(kept[0], len(kept[0].text) - len(kept[0].text.lstrip()), len(kept[0].text))
    if kept and kept[-1].text is not None:
        kept[-1] = cut(kept[-1], 0, len(kept[-1].text.rstrip()))
    return tuple(kept)


def _plain(variable: Variable) -> object:
    items = [pattern_of(item) for item in variable.items] if variable.items is not None else None
    return pattern_of(variable.value), items


def _either_of(name: str, variable: Variable | None) -> Variable:
    """A variable after ways that do not agree on it."""
    place = variable.value[0].place if variable and variable.value else _NOWHERE
    return Variable((Fragment(None, place, why=f"{name} depends on a condition"),), None, True)
