"""Reads configuration classes and call signatures from source text with `ast`. Nothing is imported or run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from generator.entry import MISSING, Entries, Entry, join

PLAIN = {
    "bool": "bool", "int": "int", "float": "float", "str": "str", "None": "null", "Any": "any",
    "object": "any", "dict": "dict", "Dict": "dict", "Mapping": "dict", "list": "list",
    "List": "list", "tuple": "list",
    "Tuple": "list", "set": "list", "Sequence": "list", "Path": "str", "PathLike": "str",
}  # fmt: skip
SEQUENCES = frozenset(name for name, word in PLAIN.items() if word == "list") | {"Iterable", "Set"}
ANY = ast.Name("Any")
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
DEPRECATED = re.compile(
    r"^\W*deprecated|is deprecated|(?<=\. )Deprecated\b(?! in `)|^[^.]*\bdeprecated alias\b", re.IGNORECASE
)


def last_name(node: ast.expr) -> str:
    """`a.b.C` → "C"; `C[T]` → "C"."""
    if isinstance(node, ast.Subscript):
        return last_name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


class Source:
    """Classes, enumerations, constants and functions of a set of source files."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.classes: dict[str, ast.ClassDef] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.constants: dict[str, ast.expr] = {}
        for path in files:
            self._read(ast.parse(path.read_text(encoding="utf-8")))

    def _read(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self.classes.setdefault(node.name, node)
            elif isinstance(node, ast.FunctionDef):
                self.functions.setdefault(node.name, node)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.constants[node.targets[0].id] = node.value

    def fields(self, name: str, prefix: str = "", inside: tuple[str, ...] = ()) -> Entries:
        """All fields of the class `name`, inherited ones included, and those of the classes its fields
        hold."""
        found: Entries = {}
        for owner in self._lineage(name):
            for statement in self.classes[owner].body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    key = statement.target.id
                    if (
                        key.startswith("_")
                        or key == "model_config"
                        or "ClassVar" in ast.unparse(statement.annotation)
                    ):
                        continue
                    if self._keyword(statement.value, "init") is False:
                        continue
                    annotation = ANY if key in self._prepared(owner) else statement.annotation
                    entry = self._entry(annotation, statement.value)
                    alone = isinstance(self._of_no_value(statement.value), bool)
                    taken = ("bool",) if alone or key in self._mapped(owner) else ()
                    more = (*taken, *self._asked(owner).get(key, ()))
                    entry = replace(entry, words=tuple(dict.fromkeys((*entry.words, *more))))
                    found[prefix + key] = entry
                    found |= self._nested(statement.annotation, prefix + key, (*inside, name))
        return found

    def _mapped(self, owner: str) -> set[str]:
        """Fields that `__post_init__` maps from a bool, as in `{True: "group"}.get(self.scale, self.scale)`,
        whatever their annotation.
        """
        calls = (node for node in ast.walk(self.classes[owner]) if isinstance(node, ast.Call) and node.args)
        return {
            last_name(call.args[0])
            for call in calls
            if isinstance(call.func, ast.Attribute)
            and call.func.attr == "get"
            and isinstance(call.func.value, ast.Dict)
            and any(isinstance(self.value(key), bool) for key in call.func.value.keys)
        }

    def _asked(self, owner: str) -> dict[str, tuple[str, ...]]:
        """What `isinstance(self.fsdp, (bool, list))` asks of a field: it takes a value of that type, whatever
        its annotation.
        """
        found: dict[str, tuple[str, ...]] = {}
        for call in ast.walk(self.classes[owner]):
            asks = isinstance(call, ast.Call) and last_name(call.func) == "isinstance" and len(call.args) == 2
            if not asks or not isinstance(call.args[0], ast.Attribute):
                continue
            kinds = call.args[1].elts if isinstance(call.args[1], ast.Tuple) else [call.args[1]]
            words = tuple(last_name(kind) for kind in kinds if last_name(kind) in ("bool", "list"))
            name = call.args[0].attr
            found[name] = (*found.get(name, ()), *words)
        return found

    def parameters(self, function: str, prefix: str = "", owner: str | None = None) -> Entries:
        """The parameters of a function (of a method, with `owner`)."""
        node: ast.FunctionDef | None = self.functions.get(function)
        if owner:
            body = self.classes[owner].body
            node = next((n for n in body if isinstance(n, ast.FunctionDef) and n.name == function), None)
        if node is None:
            return {}
        arguments = node.args.posonlyargs + node.args.args
        values: list[ast.expr | None] = [None] * (len(arguments) - len(node.args.defaults)) + list(
            node.args.defaults
        )
        pairs = list(zip(arguments, values, strict=True)) + list(
            zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        )
        found: Entries = {}
        for argument, value in pairs:
            if argument.arg in ("self", "cls"):
                continue
            annotation = argument.annotation or ANY
            found[prefix + argument.arg] = self._entry(annotation, value)
            nested = self._nested(annotation, prefix + argument.arg, ())
            if isinstance(value, ast.Call):
                given = {f"{prefix}{argument.arg}.{k.arg}": self.value(k.value) for k in value.keywords}
                nested = {k: Entry(e.words, given.get(k, e.default), e.choices) for k, e in nested.items()}
            found |= nested
        return found

    def value(self, node: ast.expr | None) -> Any:
        """The literal that an expression stands for, or MISSING."""
        if node is None:
            return MISSING
        try:
            return ast.literal_eval(node)
        except ValueError:
            pass
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            left, right = self.value(node.left), self.value(node.right)
            return left * right if isinstance(left, int) and isinstance(right, int) else MISSING
        if isinstance(node, ast.Name) and node.id in self.constants:
            inner = self.constants[node.id]
            return MISSING if isinstance(inner, ast.Name) and inner.id == node.id else self.value(inner)
        if isinstance(node, ast.Attribute):
            if node.attr == "value":
                return self.value(node.value)
            owner = self.classes.get(last_name(node.value))
            for statement in owner.body if owner else ():
                if isinstance(statement, ast.Assign) and last_name(statement.targets[0]) == node.attr:
                    return self.value(statement.value)
        return MISSING

    def flags(self) -> list[str]:
        """Names of the command-line flags that `add_argument` calls declare, as keys."""
        found = []
        for function in self.functions.values():
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and last_name(call.func) == "add_argument":
                    names = [value for value in map(self.value, call.args) if isinstance(value, str)]
                    found += [name[2:].replace("-", "_") for name in names if name.startswith("--")]
        return found

    def held(self, owner: str) -> set[str]:
        """Names of the types that the fields of the class `owner` mention."""
        body = self.classes[owner].body
        return {n for s in body if isinstance(s, ast.AnnAssign) for n, _ in self._held(s.annotation, False)}

    def _lineage(self, name: str) -> Iterator[str]:
        seen: list[str] = []
        for base in reversed(self.classes[name].bases):
            if last_name(base) in self.classes:
                seen += [one for one in self._lineage(last_name(base)) if one not in seen]
        return iter([*seen, name])

    def _prepared(self, owner: str) -> set[str]:
        """Fields that a validator of the class prepares before they are checked, so that their annotation
        says too little."""
        found: set[str] = set()
        for method in self.classes[owner].body:
            for decorator in method.decorator_list if isinstance(method, ast.FunctionDef) else ():
                if isinstance(decorator, ast.Call) and last_name(decorator.func) == "field_validator":
                    before = self._keyword(decorator, "mode") == "before"
                    found |= {str(self.value(a)) for a in decorator.args} if before else set()
        return found

    def _is_enum(self, name: str) -> bool:
        node = self.classes.get(name)
        return node is not None and any(
            "Enum" in last_name(base) or self._is_enum(last_name(base)) for base in node.bases
        )

    def choices(self, name: str) -> list[Any]:
        """The values of an enumeration."""
        body = self.classes[name].body
        values = [self.value(s.value) for s in body if isinstance(s, ast.Assign)]
        return [v for v in values if v is not MISSING]

    def _nested(self, annotation: ast.expr, key: str, inside: tuple[str, ...]) -> Entries:
        found: Entries = {}
        for name, item in self._held(annotation, False):
            if name in self.classes and name not in inside and not self._is_enum(name):
                join(found, self.fields(name, f"{key}{'[]' if item else ''}.", inside))
        return found

    def _held(self, node: ast.expr, item: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from self._held(ast.parse(node.value, mode="eval").body, item)
        elif isinstance(node, ast.Subscript):
            if last_name(node) == "Literal":
                return
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            for part in parts[:1] if last_name(node) == "Annotated" else parts:
                yield from self._held(part, item or last_name(node) in SEQUENCES)
        elif isinstance(node, ast.BinOp):
            yield from self._held(node.left, item)
            yield from self._held(node.right, item)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            yield last_name(node), item

    def _words(self, node: ast.expr) -> tuple[list[str], list[Any]]:
        """Words and choices of an annotation."""
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                return self._words(ast.parse(node.value, mode="eval").body)
            return ["null"], []
        if isinstance(node, ast.BinOp):
            left, right = self._words(node.left), self._words(node.right)
            return left[0] + right[0], left[1] + right[1]
        if isinstance(node, ast.Subscript):
            return self._subscript(last_name(node), node.slice)
        name = last_name(node)
        if self._is_enum(name):
            values = self.choices(name)
            return ["int" if values and all(isinstance(v, int) for v in values) else "choice"], values
        if name in self.constants and name not in PLAIN:
            return self._words(self.constants[name])
        return [PLAIN.get(name, "dict" if name in self.classes else "any")], []

    def _subscript(self, head: str, inner: ast.expr) -> tuple[list[str], list[Any]]:
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if head == "Literal":
            values = [v for v in map(self.value, parts) if v is not MISSING]
            words = ["choice" if isinstance(v, str) else PLAIN.get(type(v).__name__, "null") for v in values]
            return words, [v for v in values if v is not None]
        if head in SEQUENCES:
            return ["list"], []
        if head in ("Optional", "Union", "Annotated"):
            words = ["null"] if head == "Optional" else []
            choices: list[Any] = []
            for part in parts[:1] if head == "Annotated" else parts:
                more = self._words(part)
                words, choices = words + more[0], choices + more[1]
            return words, choices
        return [PLAIN.get(head, "any")], []

    def _of_no_value(self, field: ast.expr | None) -> Any:
        """What the field's flag is where it has no value: `field(metadata={"nargs": "?", "const": True})`."""
        metadata = next((k.value for k in getattr(field, "keywords", ()) if k.arg == "metadata"), None)
        pairs = zip(metadata.keys, metadata.values, strict=True) if isinstance(metadata, ast.Dict) else ()
        return next((self.value(value) for key, value in pairs if self.value(key) == "const"), MISSING)

    def _keyword(self, call: ast.expr | None, name: str) -> Any:
        if not isinstance(call, ast.Call):
            return MISSING
        return next((self.value(k.value) for k in call.keywords if k.arg == name), MISSING)

    def _entry(self, annotation: ast.expr, value: ast.expr | None) -> Entry:
        words, choices = self._words(annotation)
        bounds: dict[str, float] = {}
        aliases: list[str] = []
        deprecated = False
        default: Any = self.value(value)
        calls = [value] if isinstance(value, ast.Call) else []
        calls += [n for n in ast.walk(annotation) if isinstance(n, ast.Call)]
        for call in calls:
            if last_name(call.func) not in ("field", "Field"):
                continue
            if call is value:
                default = self._field_default(call)
            given = {k.arg: k.value for k in call.keywords if k.arg}
            for extra in (given.get("metadata"), given.get("json_schema_extra")):
                if isinstance(extra, ast.Dict):
                    pairs = zip(extra.keys, extra.values, strict=True)
                    given |= {str(self.value(key)): inner for key, inner in pairs if key is not None}
            for name, keyword in BOUNDS.items():
                bound = self.value(given.get(name))
                if isinstance(bound, (int, float)):
                    bounds[keyword] = bound
            alias = self.value(given.get("alias"))
            aliases += [alias] if isinstance(alias, str) else []
            more = self.value(given.get("aliases"))
            aliases += [a.lstrip("-") for a in more] if isinstance(more, list) else []
            listed = self.value(given.get("choices"))
            choices = choices or (list(listed) if isinstance(listed, (list, tuple)) else [])
            text = next(
                (
                    t
                    for t in map(self.value, (given.get("help"), given.get("description")))
                    if isinstance(t, str)
                ),
                "",
            )
            deprecated |= bool(DEPRECATED.search(text)) or "deprecated" in given
        return Entry(
            tuple(dict.fromkeys(words)),
            default,
            tuple(dict.fromkeys(choices)),
            bounds,
            tuple(aliases),
            deprecated,
        )

    def _field_default(self, call: ast.Call) -> Any:
        if call.args:
            return self.value(call.args[0])
        given = {k.arg: k.value for k in call.keywords}
        if "default" in given:
            return self.value(given["default"])
        factory = given.get("default_factory")
        if isinstance(factory, ast.Lambda):
            return self.value(factory.body)
        return {"list": [], "dict": {}}.get(last_name(factory), MISSING) if factory is not None else MISSING
