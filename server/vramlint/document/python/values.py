"""What an expression of a script is worth: known, open, or something that a call made."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from vramlint.document.node import Span
from vramlint.document.place import How, Place
from vramlint.document.python.work import LARGEST, LONGEST, TOO_LONG, Work
from vramlint.lazy_dataclasses import dataclass, field

COMMAND_LINE = "the command line"
"""In why a value is open that the arguments of a script decide."""
ENVIRONMENT = "environment variable"
"""In why a value is open that a variable decides."""


class Known(NamedTuple):
    """A plain value: text, a number, a boolean or None, and the place that decides it."""

    value: Any
    place: Place
    how: How = "literal"


class Open(NamedTuple):
    """A value that nothing here decides."""

    why: str
    place: Place


class Symbol(NamedTuple):
    """A name that another module holds, by its dotted path."""

    name: str
    place: Place


@dataclass(slots=True, eq=False)
class Items:
    """A list or a tuple. `whole` is False where more may be in it."""

    items: list[Value]
    place: Place
    whole: bool = True


@dataclass(slots=True, eq=False)
class Table:
    """A dictionary with text for keys. `whole` is False where it may hold more than is known."""

    entries: dict[str, Value]
    place: Place
    whole: bool = True
    words: dict[str, Word] = field(default_factory=dict)


class Word(NamedTuple):
    """Where an argument is written: its name, and what it is given."""

    key: Place
    value: Place


class Method(NamedTuple):
    """A method that was called on an object."""

    name: str
    made: Made


class Bound(NamedTuple):
    """A method of an object, not called yet."""

    owner: Made
    name: str
    place: Place


@dataclass(slots=True, eq=False)
class Made:
    """What a call of another module's function or class made.

    `keywords` also holds attributes that were set afterwards; `missing` says why there may be more of them
    than are known. `owner` is the object whose method was called. `words` has the places of keywords that
    were written as such.
    """

    name: str
    arguments: list[Value]
    keywords: dict[str, Value]
    place: Place
    owner: Made | None = None
    missing: str = ""
    certain: bool = True
    methods: list[Method] = field(default_factory=list)
    defined: Class | None = None
    aliases: dict[str, str] = field(default_factory=dict)
    """Of a parser of the command line: the argument that each of its flags sets."""
    words: dict[str, Word] = field(default_factory=dict)
    last: Place | None = None
    """The last argument that the call is given."""
    origin: Place | None = None
    """Of a call in a module of the project: the call of the file itself that led to it."""

    @property
    def kind(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(".")[2]

    def argument(self, name: str, position: int | None = None) -> Value | None:
        """An argument by its keyword or its position."""
        if name in self.keywords:
            return self.keywords[name]
        if position is not None and position < len(self.arguments):
            return self.arguments[position]
        return None


@dataclass(slots=True, eq=False)
class Function:
    """A function that the script defines, with the names that it sees."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    locate: Callable[[ast.AST], Place]
    owner: Made | Class | None = None
    """The object whose method it is, or the class, of a class method."""


@dataclass(slots=True, eq=False)
class Class:
    """A class that the script defines. `base` is the outermost class of another module that it comes from."""

    name: str
    base: str
    defaults: dict[str, Value]
    functions: dict[str, Function]
    fields: tuple[str, ...]
    place: Place
    nested: dict[str, Class] = field(default_factory=dict)
    """The fields that are annotated with a class of the script."""

    @property
    def checks(self) -> bool:
        """Whether it is one of pydantic's, which makes objects of the dictionaries that it is given."""
        return self.base.rpartition(".")[2] in ("BaseModel", "BaseSettings")


Value: TypeAlias = Known | Open | Symbol | Items | Table | Made | Bound | Function | Class


@dataclass(slots=True, eq=False)
class Scope:
    """The names of a function or of the whole file."""

    names: dict[str, Value]
    outer: Scope | None = None

    def find(self, name: str) -> Value | None:
        """What a name stands for."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None


class Given(NamedTuple):
    """The arguments of a call; `missing` says why there may be more of them."""

    arguments: list[Value]
    keywords: dict[str, Value]
    missing: str = ""
    words: Mapping[str, Word] = {}
    last: Place | None = None


def handed(value: Value, how: How) -> Value:
    """A value where it is used through a name."""
    return value._replace(how=how) if isinstance(value, Known) and value.how == "literal" else value


class Loaded(NamedTuple):
    """A config file that a script loads: its values, and the place of each key."""

    values: Mapping[str, Any]
    place: Callable[[tuple[str | int, ...]], Place | None]


class Evaluation(Protocol):
    """The reading that expressions and calls are a part of."""

    made: list[Made]
    environment: dict[str, Value]
    called: set[ast.AST]
    command: Mapping[str, Value] | None
    """The arguments that the script is started with; None where nothing says so."""

    origin: Place | None
    """The call of the file that led into a module of the project, while one is read."""

    def load(self, name: str, place: Place) -> Value:
        """The config file of a name, as a dictionary."""

    def imported(self, name: str, place: Place) -> Value | None:
        """What a dotted name stands for in a module of the project."""

    work: Work
    """What is left to do for the document."""
    nested: int
    """How many statements and expressions are being read, one in another."""

    def spend(self, amount: int = 1) -> None:
        """Count what is done. Raises Spent where the document has no more of it."""

    def aside(
        self, tree: ast.Module | None, scope: Scope, locate: Callable[[ast.AST], Place], most: int
    ) -> bool:
        """Read a module that an import brings; False where it takes more than `most` work."""

    @property
    def certain(self) -> bool:
        """Whether what is being read happens in every run."""

    def locate(self, node: ast.AST) -> Place:
        """Where a node is."""

    here: Callable[[ast.AST], Place]
    """Where the nodes of the cell that is being read stand."""

    def statement(self, node: ast.stmt, scope: Scope) -> bool:
        """Read one statement; False where what follows it is not reached."""

    def later(self, value: Value, place: Place) -> Value:
        """A value that is set afterwards: open where it is not certain that it is."""

    def call(self, node: ast.Call, scope: Scope) -> Value:
        """What a call makes."""

    def follow(
        self, function: Function, arguments: list[Value], keywords: dict[str, Value], place: Place
    ) -> Value:
        """What a function of the script returns."""


_DEEPEST = 50
"""Lists and dictionaries in one another."""


def parts(value: Value | None) -> int:
    """How many values are in a value, itself included and each as often as it is in there: as much work it is
    to go through them. Counted up to one more than LONGEST, which a list that holds itself or a list of lists
    of lists comes to as well.
    """
    count = 0
    waiting: list[tuple[Value | None, int]] = [(value, 0)]
    while waiting:
        each, depth = waiting.pop()
        count += 1
        inner = each.items if isinstance(each, Items) else each.entries if isinstance(each, Table) else ()
        if count + len(waiting) + len(inner) > LONGEST or depth > _DEEPEST:
            return LONGEST + 1
        if inner:
            below = inner.values() if isinstance(inner, dict) else inner
            waiting.extend((one, depth + 1) for one in below)
    return count


def is_long(value: Value | None) -> bool:
    """Whether a value is a text or a number that nothing is made of."""
    if not isinstance(value, Known):
        return False
    if isinstance(value.value, int):
        return abs(value.value) > LARGEST
    return isinstance(value.value, str | bytes) and len(value.value) > LONGEST


def as_table(loaded: Loaded, place: Place) -> Table:
    """A config file as a dictionary whose values keep their places in it."""
    count = 0

    def built(value: Any, path: tuple[str | int, ...]) -> Value:
        nonlocal count
        count += 1
        where = loaded.place(path) or place
        if count > LONGEST:
            return Open(TOO_LONG, where)
        if isinstance(value, Mapping):
            return Table({str(key): built(inner, (*path, key)) for key, inner in value.items()}, where)
        if isinstance(value, list):
            return Items([built(inner, (*path, index)) for index, inner in enumerate(value)], where)
        return Known(value, where, "companion")

    found = built(loaded.values, ())
    return found if isinstance(found, Table) else Table({}, place, False)


def plain(value: Value | None) -> Any:
    """A value as plain data; `Open` inside where a part is not known, and in place of what is too long."""
    if isinstance(value, Items | Table) and parts(value) > LONGEST:
        return Open(TOO_LONG, value.place)
    return _plain(value)


def _plain(value: Value | None) -> Any:
    if isinstance(value, Known):
        return value.value
    if isinstance(value, Symbol):
        return value.name
    if isinstance(value, Items):
        rest = () if value.whole else (Open("more may be in the list", value.place),)
        return [*(_plain(item) for item in value.items), *rest]
    if isinstance(value, Table):
        return {key: _plain(item) for key, item in value.entries.items()}
    if isinstance(value, Open):
        return value
    if isinstance(value, Made) and value.name == "pathlib.Path" and len(value.arguments) == 1:
        return _plain(value.arguments[0])
    return Open("made by a call", value.place if isinstance(value, Made | Bound | Class) else _NOWHERE)


def holds_open(value: Any) -> Open | None:
    """The first part of plain data that is open."""
    if isinstance(value, Open):
        return value
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    return next((found for item in inner if (found := holds_open(item))), None)


_NOWHERE = Place(Span(0, 0))
