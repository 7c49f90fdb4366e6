"""The arguments of a script: what its parser declares, and what a launch line gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vramlint.document.flags import spelled_out
from vramlint.document.place import Place
from vramlint.document.python.values import (
    COMMAND_LINE,
    Class,
    Evaluation,
    Given,
    Items,
    Known,
    Made,
    Open,
    Symbol,
    Table,
    Value,
    handed,
)

_TYPES: Mapping[str, Callable[[str], object]] = {"int": int, "float": float, "str": str}


def parser(owner: Made, name: str, given: Given, place: Place, run: Evaluation) -> Value:
    """argparse: each argument by its declared default."""
    root = owner
    while root.owner is not None:
        root = root.owner
    if name in ("add_argument_group", "add_mutually_exclusive_group", "add_subparsers", "add_parser"):
        return Made(f"argparse.{name}", [], {}, place, owner)
    if name == "set_defaults":
        root.keywords |= {key: handed(value, "declared-default") for key, value in given.keywords.items()}
    if name == "add_argument":
        _argument(root, given, place)
    if name in ("parse_args", "parse_known_args"):
        keywords = dict(root.keywords)
        for flag, value in (run.command or {}).items():
            meant = spelled_out(flag, root.aliases) or flag
            target = root.aliases.get(flag) or root.aliases.get(meant)
            if target is not None:
                keywords[target] = value
        found = Made("argparse.Namespace", [], keywords, place, missing="an argument that is not declared")
        run.made.append(found)
        return found if name == "parse_args" else Items([found, Open("further arguments", place)], place)
    return Known(None, place)


def _argument(parser: Made, given: Given, place: Place) -> None:
    flags = [each.value for each in given.arguments if isinstance(each, Known)]
    long = next((flag for flag in flags if isinstance(flag, str) and flag.startswith("--")), None)
    word = long or next((flag for flag in flags if isinstance(flag, str)), "")
    target = given.keywords.get("dest")
    name = str(target.value) if isinstance(target, Known) else word.lstrip("-").replace("-", "_")
    parser.aliases |= {str(flag).lstrip("-").replace("-", "_"): name for flag in flags}
    action = given.keywords.get("action")
    kind = action.value if isinstance(action, Known) else None
    default = given.keywords.get("default")
    if default is None and kind in ("store_true", "store_false"):
        default = Known(kind == "store_false", place)
    required = given.keywords.get("required")
    if default is None or (isinstance(required, Known) and required.value):
        why = f"{word} is an argument of {COMMAND_LINE}, without a default"
        if not word.startswith("-"):
            why = f"{word} is a positional argument of {COMMAND_LINE}"
        parser.keywords[name] = Open(why, place)
        return
    parser.keywords[name] = handed(_typed(default, given.keywords.get("type")), "declared-default")


def _typed(default: Value, kind: Value | None) -> Value:
    """argparse gives a default that is text to the type."""
    function = _TYPES.get(kind.name) if isinstance(kind, Symbol) else None
    if isinstance(default, Known) and isinstance(default.value, str) and function is not None:
        try:
            return default._replace(value=function(default.value))
        except ValueError:
            return default
    return default


_ASKED = ("do_train", "do_eval", "do_predict")
"""What a script of transformers does, where its launch line asks for it."""


def of_line(
    owner: Made, name: str, given: Given, place: Place, run: Evaluation
) -> Mapping[str, Value] | None:
    """What a parser of classes is given: a file alone (`parse_yaml_file`), else the arguments of the launch
    line, over the file that TRL's and the handbook's parsers take from it. None where nothing says so.
    """
    named = (run.command or {}).get("config")
    alone = name in ("parse_yaml_file", "parse_json_file")
    if alone and given.arguments and isinstance(given.arguments[0], Known):
        named = given.arguments[0]
    elif alone:
        named = next((each for each in given.keywords.values() if isinstance(each, Known)), named)
    if not (alone or owner.kind != "HfArgumentParser") or not isinstance(named, Known):
        return None if alone else run.command
    file = run.load(str(named.value), place)
    entries = file.entries if isinstance(file, Table) else None
    if alone or entries is None:
        return entries
    return {**entries, **(run.command or {})}


def parsed_classes(owner: Made, command: Mapping[str, Value] | None, place: Place, run: Evaluation) -> Value:
    """HfArgumentParser: an object of each class; what has no default is given on the command line."""
    classes = owner.argument("dataclass_types", 0)
    listed = classes.items if isinstance(classes, Items) else [classes] if classes is not None else []
    found: list[Value] = []
    classes_here = [each for each in listed if isinstance(each, Class)]
    declared = {key for each in classes_here for key in (*each.fields, *each.defaults)}
    for each in listed:
        base = (
            each.base or each.name
            if isinstance(each, Class)
            else each.name
            if isinstance(each, Symbol)
            else ""
        )
        defaults = dict(each.defaults) if isinstance(each, Class) else {}
        own = set(each.fields) | defaults.keys() if isinstance(each, Class) else set()
        named = base.rpartition(".")[0] != "" and base.endswith(("Arguments", "Config"))
        given = {
            key: value
            for key, value in (command or {}).items()
            if key in own or (named and key not in declared)
        }
        missing = "" if command is not None else f"an argument of {COMMAND_LINE}"
        if not missing and base.endswith("TrainingArguments"):
            asked = {name: Known(False, place, "declared-default") for name in _ASKED}
            defaults = {**asked, **defaults}
        made = Made(base, [], {**defaults, **given}, place, missing=missing)
        made.defined = each if isinstance(each, Class) else None
        run.made.append(made)
        found.append(made)
    return Items(found, place)
