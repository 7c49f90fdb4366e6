"""Names of files that a script puts together: `pathlib`, `os.path`, and the folder of the script itself."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from itertools import accumulate

from vramlint.document.place import Place
from vramlint.document.python.values import Items, Known, Made, Value

SCRIPT = "__file__"
"""The name of the script, whose folder is where names start from."""
_CLASS = "pathlib.Path"
_CLASSES = frozenset((_CLASS, "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath"))
_PARENTS = 8
_SAME = frozenset(("resolve", "absolute", "expanduser"))
_SAME_TEXT = frozenset(("abspath", "realpath", "expanduser", "normpath", "fspath"))


def text_of(value: Value | None) -> str | None:
    """The name of a file that a value is, as text or as an object; None where it is none that is known."""
    if isinstance(value, Known):
        return value.value if isinstance(value.value, str) else None
    if isinstance(value, Made) and value.name == _CLASS and value.arguments:
        return text_of(value.arguments[0])
    return None


def is_path(value: Value | None) -> bool:
    """Whether a value is a path whose text is known."""
    return isinstance(value, Made) and text_of(value) is not None


def named(name: str, arguments: Sequence[Value], place: Place) -> Value | None:
    """What a function of `os.path` or the class of `pathlib` makes of known names."""
    package, _, last = name.rpartition(".")
    texts = [text for each in arguments if (text := text_of(each)) is not None]
    if len(texts) != len(arguments) or not texts:
        return None
    if name in _CLASSES:
        return _path(posixpath.join(*texts), arguments[0], place)
    if package not in ("os.path", "os"):
        return None
    if name == "os.path.join":
        return _known(posixpath.join(*texts), arguments[0], place)
    if name == "os.path.dirname":
        return _known(_above(texts[0]), arguments[0], place)
    if name == "os.path.basename":
        return _known(posixpath.basename(texts[0]), arguments[0], place)
    return _known(texts[0], arguments[0], place) if last in _SAME_TEXT else None


def joined(left: Value, right: Value, place: Place) -> Value | None:
    """`folder / name`."""
    first, second = text_of(left), text_of(right)
    if first is None or second is None or not (is_path(left) or is_path(right)):
        return None
    return _path(posixpath.join(first, second), right, place)


def part(path: Made, name: str, place: Place) -> Value | None:
    """An attribute of a path."""
    text = text_of(path)
    if text is None:
        return None
    if name == "parent":
        return _path(_above(text), path, place)
    if name == "parents":
        above = list(accumulate(range(_PARENTS), lambda each, _: _above(each), initial=_above(text)))
        return Items([_path(each, path, place) for each in above], place)
    words = {"name": posixpath.basename(text), "stem": posixpath.splitext(posixpath.basename(text))[0]}
    return _known(words[name], path, place) if name in words else None


def called(path: Made, method: str, arguments: Sequence[Value], place: Place) -> Value | None:
    """What a method of a path returns."""
    if method in _SAME:
        return path
    if method == "is_absolute":
        return Known((text_of(path) or "").startswith("/"), place)
    if method == "as_posix":
        return _known(text_of(path) or "", path, place)
    return named(_CLASS, [path, *arguments], place) if method == "joinpath" else None


def _above(text: str) -> str:
    """The folder that a file or a folder is in, as seen from the script's."""
    if posixpath.basename(text) in ("", ".", ".."):
        return posixpath.normpath(posixpath.join(text, ".."))
    return posixpath.dirname(text)


def _known(text: str, source: Value, place: Place) -> Known:
    first = source.arguments[0] if isinstance(source, Made) and source.arguments else source
    return Known(text, first.place, first.how) if isinstance(first, Known) else Known(text, place)


def _path(text: str, source: Value, place: Place) -> Made:
    return Made(_CLASS, [_known(text, source, place)], {}, place)
