"""A script or a notebook read from top to bottom without running it: what its calls are given.

Statements are followed as Python does, one step at a time and a bounded number of them. Where a condition is
not known, both ways are read, and what they disagree on is open. Functions of the script are followed into;
calls of anything else are recorded with what they are given.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from vramlint.document.place import Place
from vramlint.document.python import calls, rounds
from vramlint.document.python.assigning import assign
from vramlint.document.python.binding import bind
from vramlint.document.python.cells import Cell
from vramlint.document.python.conditions import dotted, fits, leaves
from vramlint.document.python.definitions import bring_in, class_of, entries
from vramlint.document.python.expressions import attribute, brought, evaluate, taken
from vramlint.document.python.linears import EVERY, collects_linears
from vramlint.document.python.magics import Magic
from vramlint.document.python.merging import UNDECIDED, merged
from vramlint.document.python.methods import GROWING, grow, method
from vramlint.document.python.modules import Modules
from vramlint.document.python.operations import binary, truth
from vramlint.document.python.values import (
    Function,
    Items,
    Known,
    Loaded,
    Made,
    Open,
    Scope,
    Table,
    Value,
    as_table,
)
from vramlint.document.python.work import DEEPEST, PARTS, TOO_DEEP, Spent, Work, copied

_NAME = re.compile(r"[A-Za-z_]\w*")

_DEPTH = 12
_LOOPS = 16


class Stop(NamedTuple):
    """The moment after a cell: what it has for other languages, and the plain values that names stand for
    then.
    """

    magics: tuple[Magic, ...]
    names: dict[str, Known]
    environment: dict[str, Value]


def _nowhere(node: ast.AST) -> Place:
    raise ValueError("nothing is being read")


class Evaluation:
    """One reading of a file: `made` is what its calls made, in their order; `stops`, the moments after cells
    that hold other languages too; `rounds`, how many backward passes its loops make to a step; `origin`, the
    call of the file that led into a module of the project, while one is read.
    """

    unread = ""
    """Why not all of it was followed: what it comes to is not known then."""

    def __init__(
        self,
        command: Mapping[str, Value] | None = None,
        open_file: Callable[[str], Loaded | None] = lambda name: None,
        environment: Mapping[str, Value] | None = None,
        modules: Modules | None = None,
        words: Items | None = None,
        work: Work | None = None,
    ) -> None:
        self.command = command
        self.open_file = open_file
        self.modules = modules
        self.words = words
        self.origin: Place | None = None
        self.stops: list[Stop] = []
        self.made: list[Made] = []
        self.environment: dict[str, Value] = dict(environment or {})
        self.rounds: list[Value] = []
        self.top = Scope({})
        self.called: set[ast.AST] = set()
        self.here: Callable[[ast.AST], Place] = _nowhere
        self.work = work or Work()
        self._depth = 0
        self.nested = 0
        self._rounds_of: dict[ast.AST, ast.expr | None] = {}
        self._linears: dict[ast.AST, bool] = {}
        self._turns = 0
        self._unsure: list[Open] = []
        self._returned: list[list[Value]] = []

    def read(self, cells: Sequence[Cell]) -> Evaluation:
        """All cells in their order, then the functions that something else starts."""
        with self.limited():
            self._read(cells)
        return self

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Where more is asked for than is followed, that is said of the whole."""
        try:
            yield
        except Spent as why:
            self.unread = str(why)
        except RecursionError:
            self.unread = TOO_DEEP

    def _read(self, cells: Sequence[Cell]) -> None:
        for cell in cells:
            self.here = cell.locate
            if cell.tree is not None:
                self.block(cell.tree.body, self.top)
            if cell.magics:
                names = {name for magic in cell.magics for name in _NAME.findall(magic.snippet.text)}
                known = {name: each for name in names if isinstance(each := self.top.names.get(name), Known)}
                self.spend(copied(len(names) + len(self.environment)))
                self.stops.append(Stop(cell.magics, known, dict(self.environment)))
        for function in entries(cells):
            value = self.top.names.get(function.name)
            if function not in self.called and isinstance(value, Function):
                self.follow(value, [], {}, value.locate(function))

    def aside(
        self, tree: ast.Module | None, scope: Scope, locate: Callable[[ast.AST], Place], most: int
    ) -> bool:
        """A module that an import brings, as in every run; False where it takes more than `most` work."""
        kept = self.here, self._unsure, self._depth, self.nested
        self.here, self._unsure = locate, []
        own = min(most, self.work.left)
        before, self.work.left = self.work.left, own
        try:
            self.block(tree.body if tree is not None else (), scope)
        except Spent:
            if own < most:
                raise
            return False
        finally:
            self.work.left += before - own
            self.here, self._unsure, self._depth, self.nested = kept
        return True

    def walk(self, node: ast.AST) -> Iterator[ast.AST]:
        """All nodes below one."""
        for count, each in enumerate(ast.walk(node)):
            if count % PARTS == 0:
                self.spend()
            yield each

    def spend(self, amount: int = 1) -> None:
        """Count what is done. Raises Spent where the document has no more of it."""
        self.work.spend(amount)

    def load(self, name: str, place: Place) -> Value:
        """The config file of a name, as a dictionary."""
        found = self.open_file(name)
        return as_table(found, place) if found is not None else Open(f"{name} is not here", place)

    def imported(self, name: str, place: Place) -> Value | None:
        """What a dotted name stands for in a module of the project."""
        if name == "sys.argv":
            return self.words or Items([Known("script", place, "shell-default")], place, whole=False)
        return self.modules.value(name, place, self) if self.modules is not None else None

    def locate(self, node: ast.AST) -> Place:
        """Where a node is."""
        return self.here(node)

    @property
    def certain(self) -> bool:
        """Whether what is being read happens in every run."""
        return not self._unsure

    def block(self, body: Sequence[ast.stmt], scope: Scope) -> bool:
        """Statements one after the other; False where what follows them is not reached."""
        self.nested += 1
        if self.nested > DEEPEST:
            raise Spent(TOO_DEEP)
        reached = True
        for statement in body:
            if not self.statement(statement, scope):
                reached = False
                break
        self.nested -= 1
        return reached

    def statement(self, node: ast.stmt, scope: Scope) -> bool:
        """One statement; False where what follows it is not reached."""
        self.spend()
        match node:
            case ast.Assign(targets=targets, value=value):
                found = evaluate(value, scope, self)
                for target in targets:
                    assign(target, found, scope, self, self.locate(value))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                assign(target, evaluate(value, scope, self), scope, self, self.locate(value))
            case ast.AugAssign(target=target, op=kind, value=value):
                place = self.locate(node)
                left = evaluate(target, scope, self)
                found = binary(kind, left, evaluate(value, scope, self), place)
                assign(target, taken(found, self), scope, self)
            case ast.Expr(value=value):
                found = evaluate(value, scope, self)
                return not (isinstance(found, Made) and found.name in ("sys.exit", "exit", "quit"))
            case ast.Return(value=value):
                returned = evaluate(value, scope, self) if value else Known(None, self.locate(node))
                if self._returned:
                    self._returned[-1].append(returned)
                return False
            case ast.Raise(exc=ast.Call() as raised):
                evaluate(raised, scope, self)  # `raise SystemExit(main())`
                return False
            case ast.Raise() | ast.Continue() | ast.Break():
                return False
            case ast.Import() | ast.ImportFrom():
                bring_in(node, scope, self.locate(node))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for decorator in node.decorator_list:
                    evaluate(decorator, scope, self)
                scope.names[node.name] = Function(node, scope, self.here)
            case ast.ClassDef():
                scope.names[node.name] = class_of(node, scope, self)
            case ast.If(test=test, body=body, orelse=other):
                self._round(rounds.divisor, node, scope)
                said = truth(evaluate(test, scope, self))
                if self.command is None and said is not None and leaves(body if said else other):
                    said = None  # what it asks for is given where it is started
                return self._branch(said, node, body, other, scope)
            case ast.Match():
                return self._match(node, scope)
            case ast.For() | ast.AsyncFor():
                self._round(rounds.repeated, node, scope)
                self._loop(node, scope)
            case ast.While(body=body):
                self._turns += 1
                self.block(body, scope)
                self._turns -= 1
            case ast.With() | ast.AsyncWith():
                return self._with(node, scope)
            case ast.Try(body=body, orelse=other, finalbody=last):
                going = self.block(body, scope) and self.block(other, scope)
                return self.block(last, scope) and going
        return True

    def _round(
        self, counts: Callable[[ast.AST, rounds.Walk], ast.expr | None], node: ast.stmt, scope: Scope
    ) -> None:
        """Note how many backward passes come to a step."""
        if node not in self._rounds_of:
            self._rounds_of[node] = counts(node, self.walk)
        count = self._rounds_of[node]
        if isinstance(count, ast.Call) and dotted(count.func) == "range" and len(count.args) == 1:
            count = count.args[0]
        if count is not None:
            self.rounds.append(evaluate(count, scope, self))

    def later(self, value: Value, place: Place) -> Value:
        """A value that is set afterwards: open where it is not certain that it is."""
        return value if self.certain else Open(self._unsure[-1].why, place)

    def _branch(
        self, said: bool | None, node: ast.AST, body: list[ast.stmt], other: list[ast.stmt], scope: Scope
    ) -> bool:
        """The way that is known to be taken, else both."""
        if said is not None:
            return self.block(body if said else other, scope)
        return self._ways(node, [body, other], scope)

    def _ways(self, node: ast.AST, ways: list[list[ast.stmt]], scope: Scope) -> bool:
        """Each way from the same start; what the ways that go on disagree on is open."""
        self.spend(2 * len(ways) + copied(len(scope.names) * (len(ways) + 1)))
        before = dict(scope.names)
        ends: list[dict[str, Value]] = []
        place = self.locate(node)
        gone = [leaves(way) for way in ways]
        sure = gone.count(False) == 1
        for way, left in zip(ways, gone, strict=True):
            if left:
                continue
            scope.names = dict(before)
            with self._only(not sure, Open(UNDECIDED, place)):
                if self.block(way, scope):
                    ends.append(scope.names)
        scope.names = before
        if not ends:
            return False
        names = dict.fromkeys(name for end in ends for name in end)
        for name in names:
            values = [end[name] for end in ends if name in end]
            found = values[0]
            for value in values[1:]:
                found = merged(found, value, place, self)
            before[name] = found
        return True

    @contextmanager
    def _only(self, unsure: bool, why: Open) -> Iterator[None]:
        if unsure:
            self._unsure.append(why)
        yield
        if unsure:
            self._unsure.pop()

    def _match(self, node: ast.Match, scope: Scope) -> bool:
        subject = evaluate(node.subject, scope, self)
        self.spend(copied(len(node.cases)))
        if isinstance(subject, Known):
            for case in node.cases:
                if fits(case.pattern, subject.value):
                    return self.block(case.body, scope)
            return True
        return self._ways(node, [case.body for case in node.cases], scope)

    def _loop(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        over = evaluate(node.iter, scope, self)
        known = isinstance(over, Items) and len(over.items) <= _LOOPS
        values = (
            over.items
            if known and isinstance(over, Items)
            else [Open("differs from round to round", self.locate(node))]
        )
        self._turns += not known
        for value in tuple(values):
            assign(node.target, value, scope, self)
            self.block(node.body, scope)
        self._turns -= not known

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> bool:
        for item in node.items:
            value = evaluate(item.context_expr, scope, self)
            if item.optional_vars is not None:
                assign(item.optional_vars, value, scope, self)
        return self.block(node.body, scope)

    def call(self, node: ast.Call, scope: Scope) -> Value:
        """What a call makes."""
        place = self.locate(node)
        if isinstance(node.func, ast.Attribute):
            owner = evaluate(node.func.value, scope, self)
            if isinstance(owner, Items) and node.func.attr in GROWING:
                given = calls.arguments_of(node, scope, self)
                grow(owner, node.func.attr, given.arguments, certain=self.certain and not self._turns)
                return Known(None, place)
            if isinstance(owner, Known | Table):
                given = calls.arguments_of(node, scope, self)
                return taken(method(owner, node.func.attr, given.arguments, given.keywords, place), self)
            callee = brought(attribute(owner, node.func.attr, self.locate(node.func)), self)
        else:
            callee = evaluate(node.func, scope, self)
        given = calls.arguments_of(node, scope, self)
        return calls.call(callee, given, place, self)

    def follow(
        self, function: Function, arguments: list[Value], keywords: dict[str, Value], place: Place
    ) -> Value:
        """What a function of the script returns."""
        node = function.node
        if self._depth >= _DEPTH:
            return Open("too deep to follow", place)
        self.called.add(node)
        if node not in self._linears:
            self._linears[node] = collects_linears(node, self.walk)
        if self._linears[node]:
            return Known(EVERY, function.locate(node), "implied")
        inner = Scope({}, function.scope)
        outer, self.here, came = self.here, function.locate, self.origin
        if came is None and function.locate(node).document != place.document:
            self.origin = place
        bind(function, arguments, keywords, inner, place, self)
        self._depth += 1
        if isinstance(node, ast.Lambda):
            found: Value = evaluate(node.body, inner, self)
        else:
            self._returned.append([])
            self.block(node.body, inner)
            returned = self._returned.pop()
            found = returned[0] if returned else Known(None, place)
            for other in returned[1:]:
                found = merged(found, other, place, self)
        self._depth -= 1
        self.here, self.origin = outer, came
        return found
