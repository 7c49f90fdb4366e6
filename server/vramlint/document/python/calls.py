"""What a call makes: a value of the script's own functions, a plain value, else a record of the call."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from vramlint.document.node import Span
from vramlint.document.place import Place
from vramlint.document.python import command_line, paths
from vramlint.document.python.expressions import attribute, evaluate, spread, taken
from vramlint.document.python.operations import builtin
from vramlint.document.python.values import (
    ENVIRONMENT,
    Bound,
    Class,
    Evaluation,
    Function,
    Given,
    Items,
    Known,
    Made,
    Method,
    Open,
    Scope,
    Symbol,
    Table,
    Value,
    Word,
    handed,
    parts,
)
from vramlint.document.python.work import LONGEST, TOO_LONG


def arguments_of(node: ast.Call, scope: Scope, run: Evaluation) -> Given:
    """The arguments of a call with their values."""
    arguments: list[Value] = []
    keywords = Table({}, run.locate(node))
    missing = ""
    for argument in node.args:
        value = taken(evaluate(argument, scope, run), run)
        if not isinstance(argument, ast.Starred):
            arguments.append(value)
        elif isinstance(value, Items) and len(arguments) + len(value.items) <= LONGEST:
            arguments.extend(value.items)
        else:
            missing = "arguments that are not known here"
    for keyword in node.keywords:
        value = taken(evaluate(keyword.value, scope, run), run)
        if keyword.arg is None:
            spread(keywords, value)
        else:
            keywords.entries[keyword.arg] = value
            keywords.words[keyword.arg] = _word(keyword, run)
    if not keywords.whole:
        missing = "arguments that are not known here"
    nodes = [*node.args, *node.keywords]
    last = max((run.locate(each) for each in nodes), key=lambda place: place.span.end, default=None)
    return Given(arguments, keywords.entries, missing, keywords.words, last)


def _word(node: ast.keyword, run: Evaluation) -> Word:
    whole = run.locate(node)
    start = whole.span.start
    return Word(whole._replace(span=Span(start, start + len(node.arg or ""))), run.locate(node.value))


def part(value: Value, index: int, place: Place) -> Value:
    """One of several values that a call returns: the model, where a loader returns a tokenizer with it."""
    if isinstance(value, Made):
        return value if index == 0 else Made(f"{value.name}.{index}", [], {}, place, value)
    return value if isinstance(value, Open) else Open("a part of something that only the run knows", place)


def call(callee: Value, given: Given, place: Place, run: Evaluation) -> Value:
    """What calling a value makes."""
    if isinstance(callee, Function):
        if isinstance(callee.owner, Made) and not isinstance(callee.node, ast.Lambda):
            made = Made(f"{callee.owner.name}.{callee.node.name}", given.arguments, given.keywords, place)
            callee.owner.methods.append(Method(callee.node.name, made))
        return run.follow(callee, given.arguments, given.keywords, place)
    if isinstance(callee, Class):
        return instance(callee, given, place, run)
    if isinstance(callee, Bound):
        return _method(callee, given, place, run)
    if isinstance(callee, Made):
        return _recorded(f"{callee.name}.__call__", given, place, run, callee)
    if isinstance(callee, Symbol):
        return _symbol(callee, given, place, run)
    _start(given, {}, place, run)
    return callee if isinstance(callee, Open) else Open("only the run knows", place)


def instance(made: Class, given: Given, place: Place, run: Evaluation) -> Made:
    """An object of a class that the script defines; named after the class of another module below it."""
    start = made.functions.get("__init__")
    keywords = {**made.defaults, **given.keywords}
    if made.checks:
        only = given.arguments[0] if len(given.arguments) == 1 else None
        keywords |= only.entries if isinstance(only, Table) else {}
        for name in made.nested.keys() & keywords.keys():
            keywords[name] = _validated(made.nested[name], keywords[name], place, run)
    if start is None and not made.base:
        keywords |= dict(zip(made.fields, given.arguments, strict=False))
    found = Made(made.base or made.name, given.arguments, keywords, place, None, given.missing, run.certain)
    found.defined, found.origin = made, run.origin
    found.words |= given.words
    found.last = given.last
    run.made.append(found)
    if start is not None:
        if made.base and start.node.args.kwarg is None:
            found.keywords = dict(made.defaults)
        run.follow(
            Function(start.node, start.scope, start.locate, found), given.arguments, given.keywords, place
        )
    return found


def _validated(made: Class, value: Value, place: Place, run: Evaluation) -> Value:
    if not isinstance(value, Table):
        return value
    missing = "" if value.whole else "a config that holds more than is known here"
    return instance(made, Given([], dict(value.entries), missing, value.words), place, run)


_SAME = frozenset(
    [
        "to",
        "cuda",
        "cpu",
        "half",
        "bfloat16",
        "float",
        "eval",
        "train",
        "merge_and_unload",
        "get_base_model",
        "requires_grad_",
        "set_format",
        "type",
    ]
)
"""Methods of a model that return it."""


def _method(callee: Bound, given: Given, place: Place, run: Evaluation) -> Value:
    owner, name = callee.owner, callee.name
    if owner.kind in ("ArgumentParser", "add_argument_group", "add_mutually_exclusive_group", "add_parser"):
        return command_line.parser(owner, name, given, place, run)
    if owner.kind in ("HfArgumentParser", "TrlParser", "H4ArgumentParser") and name.startswith("parse"):
        return command_line.parsed_classes(
            owner, command_line.of_line(owner, name, given, place, run), place, run
        )
    if paths.is_path(owner):
        found = paths.called(owner, name, given.arguments, place)
        if found is not None:
            return found
    made = _recorded(f"{owner.name}.{name}", given, place, run, owner)
    owner.methods.append(Method(name, made))
    if name in _SAME and owner.kind in ("from_pretrained", "get_peft_model", "from_config"):
        return owner
    return made


def _symbol(callee: Symbol, given: Given, place: Place, run: Evaluation) -> Value:
    name = callee.name
    if name == "super":
        return Made("super", [], {}, place)
    if name in ("os.environ.get", "os.getenv", "os.environ.setdefault"):
        return _environment(given, place, run)
    if name in ("dict", "DictDefault", "axolotl.utils.dict.DictDefault"):
        table = Table({}, place, not given.missing)
        for each in given.arguments:
            spread(table, each)
        table.entries |= given.keywords
        table.words |= given.words
        return table
    if name in ("list", "tuple") and len(given.arguments) == 1 and isinstance(given.arguments[0], Items):
        return given.arguments[0]
    if name in ("copy.copy", "copy.deepcopy") and len(given.arguments) == 1:
        only = given.arguments[0]
        return _copied(only) if parts(only) <= LONGEST else Open(TOO_LONG, place)
    if name in _LOADS:
        return _loaded(name, given, place, run)
    if name in _MERGED and not given.missing:
        return _merged(given.arguments, place)
    if name == "omegaconf.OmegaConf.from_cli":
        line = Table({}, place)  # without a launch line, nothing is given
        override(line, run.command or {})
        return line
    if name == "getattr" and len(given.arguments) > 1 and isinstance(given.arguments[1], Known):
        return attribute(given.arguments[0], str(given.arguments[1].value), place)
    found = paths.named(name, given.arguments, place) if not given.missing else None
    if found is None and not given.keywords:
        found = builtin(name, given.arguments, place)
    return found if found is not None else _recorded(name, given, place, run)


def _copied(value: Value) -> Value:
    """A dictionary or a list of its own; anything else is read and not changed."""
    if isinstance(value, Table):
        entries = {key: _copied(each) for key, each in value.entries.items()}
        return Table(entries, value.place, value.whole, dict(value.words))
    if isinstance(value, Items):
        return Items([_copied(each) for each in value.items], value.place, value.whole)
    return value


_LOADS = frozenset(
    (
        "yaml.safe_load",
        "yaml.load",
        "yaml.full_load",
        "json.load",
        "toml.load",
        "tomllib.load",
        "tomli.load",
        "omegaconf.OmegaConf.load",
    )
)


def _loaded(name: str, given: Given, place: Place, run: Evaluation) -> Value:
    """A config file that is loaded by its name."""
    file = given.arguments[0] if given.arguments else None
    while isinstance(file, Made) and file.kind in ("open", "Path", "read_text"):
        file = file.argument("file", 0) or file.owner
    if isinstance(file, Known) and "\n" not in str(file.value):
        return run.load(str(file.value), place)
    return _recorded(name, given, place, run)


_MERGED = frozenset(
    f"omegaconf.OmegaConf.{name}" for name in ("merge", "unsafe_merge", "create", "to_container", "to_object")
)
"""What they return holds what they are given, a later one beating the earlier."""


def _merged(tables: list[Value], place: Place) -> Value:
    """Dictionaries merged key by key; open where one of them is not known."""
    found = Table({}, place)
    for each in tables:
        if isinstance(each, Known) and each.value is None:
            continue
        if parts(found) + parts(each) > LONGEST:
            return Open(TOO_LONG, place)
        if not isinstance(each, Table):
            return each if isinstance(each, Open) else Open("a part of the config is not known", place)
        _merge(found, each)
    return found


def _merge(below: Table, above: Table) -> None:
    below.whole = below.whole and above.whole
    below.words |= above.words
    for key, value in above.entries.items():
        old = below.entries.get(key)
        if isinstance(value, Table):
            inner = Table({}, value.place)
            for part_of in (old, value):
                if isinstance(part_of, Table):
                    _merge(inner, part_of)
            value = inner
        below.entries[key] = value


def override(table: Table, values: Mapping[str, Value]) -> None:
    """Set values by their dotted keys."""
    for key, value in values.items():
        inner = table
        *above, last = key.split(".")
        for part_name in above:
            below = inner.entries.setdefault(part_name, Table({}, table.place))
            if not isinstance(below, Table):
                break
            inner = below
        else:
            inner.entries[last] = value


def _environment(given: Given, place: Place, run: Evaluation) -> Value:
    name = given.arguments[0] if given.arguments else None
    if isinstance(name, Known) and name.value in run.environment:
        return run.environment[name.value]
    default = given.arguments[1] if len(given.arguments) > 1 else given.keywords.get("default")
    if default is not None:
        return handed(default, "declared-default")
    said = name.value if isinstance(name, Known) else "?"
    return Open(f"{ENVIRONMENT} {said}, without a default", place)


def _recorded(name: str, given: Given, place: Place, run: Evaluation, owner: Made | None = None) -> Made:
    made = Made(name, given.arguments, given.keywords, place, owner, given.missing, run.certain)
    made.words |= given.words
    made.last, made.origin = given.last, run.origin
    run.made.append(made)
    asked = run.command if name in ("fire.Fire", "typer.run") else None
    _start(given, asked or {}, place, run)
    return made


def _start(given: Given, asked: Mapping[str, Value], place: Place, run: Evaluation) -> None:
    """Follow the functions that a call is handed: `data["train"].map(tokenize)` calls them."""
    settings = given.keywords.get("train_loop_config")  # Ray's trainers call the function with it
    for value in (*given.arguments, *given.keywords.values()):
        if isinstance(value, Function) and value.node not in run.called:
            run.follow(value, [settings] if settings is not None else [], dict(asked), place)
