"""What the parameters of a script's function are given."""

from __future__ import annotations

from vramlint.document.place import Place
from vramlint.document.python import calls
from vramlint.document.python.expressions import evaluate
from vramlint.document.python.values import (
    Evaluation,
    Function,
    Items,
    Known,
    Made,
    Open,
    Scope,
    Table,
    Value,
    handed,
)
from vramlint.document.python.work import copied


def bind(
    function: Function,
    arguments: list[Value],
    keywords: dict[str, Value],
    inner: Scope,
    place: Place,
    run: Evaluation,
) -> None:
    """Give a function's parameters their values in its scope `inner`: arguments, defaults, what is open."""
    spec = function.node.args
    if function.owner is not None:
        arguments = [function.owner, *arguments]
    names = [each.arg for each in (*spec.posonlyargs, *spec.args)]
    defaults = dict(zip(reversed(names), reversed(spec.defaults), strict=False))
    defaults |= {
        each.arg: default
        for each, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
        if default is not None
    }
    given = dict(zip(names, arguments, strict=False))
    run.spend(copied(len(names) + len(keywords) + len(arguments)))
    known = {*names, *(each.arg for each in spec.kwonlyargs)}
    for name in known:
        if name in keywords:
            inner.names[name] = handed(keywords[name], "call-argument")
        elif name in given:
            inner.names[name] = handed(given[name], "call-argument")
        elif name in defaults:
            default = evaluate(defaults[name], function.scope, run)
            inner.names[name] = handed(default, "declared-default")
        else:
            inner.names[name] = _injected(function, run) or Open(
                f"{name} is given by whoever calls the function", place
            )
    if spec.kwarg:
        rest = {name: value for name, value in keywords.items() if name not in known}
        inner.names[spec.kwarg.arg] = Table(rest, place)
    if spec.vararg:
        inner.names[spec.vararg.arg] = Items(arguments[len(names) :], place)


def _injected(function: Function, run: Evaluation) -> Value | None:
    """What a decorator hands to the function: the config of `hydra.main`."""
    for node in getattr(function.node, "decorator_list", ()):
        decorator = evaluate(node, function.scope, run)
        if isinstance(decorator, Made) and decorator.name == "hydra.main":
            name = _named_config(decorator)
            found = run.load(name, decorator.place) if name is not None else None
            if isinstance(found, Table):
                calls.override(found, run.command or {})
            return found
    return None


def _named_config(decorator: Made) -> str | None:
    """The file that `hydra.main` hands to the function below it."""
    folder, name = decorator.argument("config_path", 0), decorator.argument("config_name", 1)
    if not isinstance(name, Known):
        return None
    above = f"{folder.value}/" if isinstance(folder, Known) and folder.value else ""
    file = str(name.value)
    return above + (file if file.endswith((".yaml", ".yml")) else f"{file}.yaml")
