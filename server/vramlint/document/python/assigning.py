"""Where a program puts a value: in a name, an attribute, an item."""

from __future__ import annotations

import ast

from vramlint.document.node import Span
from vramlint.document.place import Place
from vramlint.document.python import calls
from vramlint.document.python.expressions import evaluate
from vramlint.document.python.values import (
    Bound,
    Evaluation,
    Items,
    Known,
    Made,
    Scope,
    Symbol,
    Table,
    Value,
    Word,
)


def assign(
    target: ast.expr, value: Value, scope: Scope, run: Evaluation, written: Place | None = None
) -> None:
    """Bind a target to a value, which is `written` somewhere."""
    place = run.locate(target)
    written = written or place
    match target:
        case ast.Name(id=name):
            scope.names[name] = value
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            given = value.items if isinstance(value, Items) and len(value.items) == len(parts) else None
            for index, part in enumerate(parts):
                assign(part, given[index] if given else calls.part(value, index, place), scope, run)
        case ast.Attribute(value=inner, attr=name):
            owner = evaluate(inner, scope, run)
            if isinstance(owner, Made):
                owner.keywords[name] = run.later(value, place)
                end = place.span.end
                key = place._replace(span=Span(max(end - len(name), place.span.start), end))
                owner.words[name] = Word(key, written)
            elif isinstance(owner, Table):
                owner.entries[name] = value
            elif isinstance(owner, Bound) and owner.owner.kind == "Config":
                section = Made(f"{owner.owner.name}.{owner.name}", [], {}, place)
                section.keywords[name] = run.later(value, place)
                owner.owner.keywords[owner.name] = section  # the rest of it has its defaults
        case ast.Subscript(value=inner, slice=key):
            word = Word(run.locate(key), written)
            _set_item(evaluate(inner, scope, run), evaluate(key, scope, run), value, word, run)


def _set_item(owner: Value, key: Value, value: Value, word: Word, run: Evaluation) -> None:
    if not isinstance(key, Known):
        return
    if isinstance(owner, Table | Made):
        owner.words[str(key.value)] = word
    if isinstance(owner, Table):
        owner.entries[str(key.value)] = run.later(value, key.place)
    elif isinstance(owner, Made):
        owner.keywords[str(key.value)] = run.later(value, key.place)
    elif isinstance(owner, Symbol) and owner.name == "os.environ":
        run.environment[str(key.value)] = value
