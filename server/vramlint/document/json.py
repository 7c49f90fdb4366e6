"""JSON and JSONC by a tolerant reader: a tokenizer, a stack, and a place for every token.

What `json.loads` refuses is a problem, but whatever can be understood is still in the tree.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from vramlint.document.comments import comments_at
from vramlint.document.lines import LineIndex
from vramlint.document.node import Node, Pair, Span, SyntaxProblem, Tree
from vramlint.lazy_dataclasses import dataclass, field, replace

MAX_DEPTH = 200

_SPACE = re.compile(r"[ \t\r\n\ufeff]*")
_TOKEN = re.compile(
    r"""(?:(?P<mark>[{}\[\],:])
    |(?P<string>"(?:[^"\\\r\n]|\\[^\r\n])*")
    |(?P<open_string>"[^\r\n]*)
    |(?P<comment>//[^\r\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?)
    |(?P<word>[^\s{}\[\],:"/]+|.))[ \t\r\n\ufeff]*""",
    re.VERBOSE | re.DOTALL,
)
"""A token and the white space after it."""
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_WORDS = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}
_CLOSER = {"map": "}", "seq": "]"}


class _Token(NamedTuple):
    kind: str
    text: str
    span: Span


@dataclass(slots=True)
class _Frame:
    """An open bracket. `key` waits for its value; `after` is where a missing value would be."""

    kind: str
    start: int
    pairs: list[Pair] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    key: Node | None = None
    after: int = 0
    colon: bool = False
    comma: bool = True
    broken: bool = False


def parse_json(text: str, lines: LineIndex, comments_allowed: bool = False) -> Tree:
    """The tree of a JSON text; `comments_allowed` (and trailing commas) makes it JSONC."""
    tokens, comments = _tokens(text)
    reader = _Reader(text, comments_allowed)
    if comments and not comments_allowed:
        reader.complain(comments[0], "comments are not allowed in JSON: remove it, or use YAML", lenient=True)
    reader.run(tokens)
    root = reader.root
    try:
        values = json.loads(text)
        root = None if root is None else replace(root, value=values)
    except json.JSONDecodeError as error:
        if not reader.problems and not (comments_allowed and reader.lenient):
            message = error.msg[:1].lower() + error.msg[1:]
            reader.complain(Span(error.pos, min(error.pos + 1, len(text))), message)
    except (RecursionError, ValueError) as error:
        if not reader.problems:
            reader.complain(Span(0, 1), f"json cannot read this: {error}")
    return Tree(root, tuple(reader.problems), comments_at(text, lines, comments))


def _tokens(text: str) -> tuple[list[_Token], list[Span]]:
    """Tokens without white space, and the comments' places."""
    tokens: list[_Token] = []
    comments: list[Span] = []
    space = _SPACE.match(text)
    for found in _TOKEN.finditer(text, space.end() if space else 0):
        kind, group = found.lastgroup, found.lastindex
        assert kind is not None
        assert group is not None
        span = Span._make(found.span(group))
        if kind == "comment":
            comments.append(span)
        else:
            tokens.append(_Token(kind, found[group], span))
    return tokens, comments


class _Reader:
    """Builds the tree from the tokens, closing and inserting what is missing."""

    def __init__(self, text: str, comments_allowed: bool) -> None:
        self.text = text
        self.comments_allowed = comments_allowed
        self.lenient = bool(comments_allowed)
        self.problems: list[SyntaxProblem] = []
        self.root: Node | None = None
        self.stack: list[_Frame] = []
        self.skipped: list[str] = []
        self.broken = False

    def complain(self, span: Span, message: str, kind: Any = "syntax", lenient: bool = False) -> None:
        """Note a problem. A lenient one (comments, trailing commas) leaves no doubt about the tree."""
        self.problems.append(SyntaxProblem(span, message, kind))
        if kind == "syntax" and not lenient:
            self.broken = True

    def run(self, tokens: list[_Token]) -> None:
        if not tokens:
            self.complain(Span(0, 0), "the file is empty: a JSON value is expected")
        for index, token in enumerate(tokens):
            if self.skipped:
                self.skip(token)
            elif self.root is not None and not self.stack:
                self.complain(token.span, "unexpected text after the JSON value")
                return
            elif token.kind == "mark":
                self.mark(token)
            else:
                follower = tokens[index + 1] if index + 1 < len(tokens) else None
                self.text_token(
                    token, follower is not None and follower.text == ":" and follower.kind == "mark"
                )
        end = len(self.text.rstrip())
        if self.stack:
            message = f"a bracket is not closed: add {_CLOSER[self.stack[-1].kind]!r} here"
            self.complain(Span(end - 1, end), message)
        while self.stack:
            self.close(end)

    def skip(self, token: _Token) -> None:
        """Pass over what is nested too deep."""
        if token.kind == "mark" and token.text in "{[":
            self.skipped.append(token.text)
        elif token.kind == "mark" and token.text in "}]":
            self.skipped.pop()

    def mark(self, token: _Token) -> None:
        top = self.stack[-1] if self.stack else None
        if token.text in "{[":
            self.open(token)
        elif token.text in "}]":
            self.end(token)
        elif top is None:
            self.complain(token.span, f"{token.text!r} where a value is expected")
        elif token.text == ":":
            if top.key is None or top.colon:
                self.complain(token.span, "':' without a key before it")
            else:
                top.colon, top.after = True, token.span.end
        else:
            if top.key is not None:
                self.missing(top)
            elif top.comma:
                self.complain(token.span, "',' without a value before it")
            top.comma = True

    def open(self, token: _Token) -> None:
        self.expect_value(token.span)
        if len(self.stack) >= MAX_DEPTH:
            self.complain(token.span, f"nested deeper than {MAX_DEPTH} levels", "too-deep")
            self.add(Node("scalar", Span(token.span.start, token.span.start), recovered=True))
            self.skipped.append(token.text)
            return
        kind = "map" if token.text == "{" else "seq"
        self.stack.append(_Frame(kind, token.span.start, broken=self.broken))

    def end(self, token: _Token) -> None:
        kind = "map" if token.text == "}" else "seq"
        if not any(frame.kind == kind for frame in self.stack):
            self.complain(token.span, f"{token.text!r} closes nothing")
            return
        if self.stack[-1].kind != kind:
            self.complain(token.span, f"{token.text!r} where {_CLOSER[self.stack[-1].kind]!r} is expected")
        while self.stack[-1].kind != kind:
            self.close(token.span.start)
        top = self.stack[-1]
        if top.comma and (top.pairs or top.items) and top.key is None and not self.comments_allowed:
            self.complain(
                token.span, "a comma before a closing bracket is not allowed in JSON: remove it", lenient=True
            )
        self.close(token.span.end)

    def close(self, end: int) -> None:
        """Finish the innermost bracket."""
        frame = self.stack[-1]
        if frame.key is not None:
            self.missing(frame)
        self.stack.pop()
        span, recovered = Span(frame.start, end), self.broken or frame.broken
        if frame.kind == "map":
            pairs = tuple(frame.pairs)
            self.add(Node("map", span, frame.values, style="flow", pairs=pairs, recovered=recovered))
        else:
            values = [item.value for item in frame.items]
            self.add(Node("seq", span, values, style="flow", items=tuple(frame.items), recovered=recovered))

    def text_token(self, token: _Token, before_colon: bool) -> None:
        """A string, number or word: a key or a value."""
        top = self.stack[-1] if self.stack else None
        node = self.scalar(token, top is not None and top.kind == "map" and not top.colon)
        if top is not None and top.kind == "map" and (before_colon or top.key is None):
            if top.key is not None:
                self.missing(top)
                top.comma = True
            self.key(node, token, top)
        else:
            self.expect_value(token.span)
            self.add(node)

    def key(self, node: Node, token: _Token, top: _Frame) -> None:
        if not top.comma:
            self.complain(node.span, f"a ',' is missing before the key {node.raw!r}")
        if token.kind == "word":
            self.complain(node.span, f"the key {node.raw} must be in double quotes")
        raw = node.raw
        if raw in top.values:
            message = f"duplicate key {raw!r}: the last value is used"
            self.complain(node.span, message, "duplicate-key")
        if node.value is not raw:
            node = replace(node, value=raw)
        top.key, top.after = node, node.span.end
        top.comma = False
        inner = self.text.find(":", node.span.start, token.span.end)
        if token.kind == "open_string" and inner == node.span.end:
            top.colon, top.after = True, inner + 1
            rest = self.text[inner + 1 : token.span.end].strip(' ",')
            if rest:
                start = self.text.index(rest, inner + 1)
                self.add(self.scalar(_Token("word", rest, Span(start, start + len(rest))), False))
                top.comma = self.text[token.span.start : token.span.end].rstrip().endswith(",")

    def expect_value(self, span: Span) -> None:
        """Complain about a value that nothing waits for."""
        top = self.stack[-1] if self.stack else None
        if top is None:
            return
        if top.kind == "seq":
            if not top.comma:
                self.complain(span, "a ',' is missing before this item")
        elif top.key is None:
            self.complain(span, "a key in double quotes is expected here")
        elif not top.colon:
            self.complain(span, f"a ':' is missing after the key {top.key.raw!r}")

    def missing(self, frame: _Frame) -> None:
        """Give a key without value an empty one."""
        assert frame.key is not None
        self.complain(frame.key.span, f"the key {frame.key.raw!r} has no value")
        self._pair(frame, Node("scalar", Span(frame.after, frame.after), recovered=True))

    def _pair(self, frame: _Frame, node: Node) -> None:
        assert frame.key is not None
        frame.pairs.append(Pair(frame.key, node))
        frame.values[frame.key.raw] = node.value
        frame.key, frame.colon, frame.comma = None, False, False

    def add(self, node: Node) -> None:
        """Put a finished value where it belongs; one that nothing waited for is dropped."""
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if top.kind == "seq":
            top.items.append(node)
            top.comma = False
        elif top.key is not None:
            self._pair(top, node)

    def scalar(self, token: _Token, is_key: bool) -> Node:
        """The node of a string, number or word."""
        span, text = token.span, token.text
        if token.kind == "string":
            value = text[1:-1]
            if "\\" in value or not value.isprintable():
                try:
                    value = json.loads(text)
                except ValueError:
                    self.complain(
                        span, "a string that JSON cannot read: a control character or an unknown escape"
                    )
            return Node("scalar", span, value, value, "double", recovered=self.broken)
        if token.kind == "open_string":
            self.complain(span, "this string is never closed: add a double quote")
            cut = re.match(r'"[^:"]*' if is_key else r'"(?:[^,\]}]|[,\]}](?=.*\S))*', text)
            text = (cut.group() if cut else text).rstrip()
            return Node(
                "scalar",
                Span(span.start, span.start + len(text)),
                text[1:],
                text[1:],
                "double",
                recovered=True,
            )
        word: float | bool | str | None = _WORDS.get(text, text)
        if _NUMBER.match(text):
            try:
                word = json.loads(text)
            except ValueError:
                self.complain(span, "a number with too many digits")
        elif text not in _WORDS and not is_key:
            self.complain(span, f"invalid JSON value {text!r}: quote it if it is a string")
        return Node("scalar", span, word, text, recovered=self.broken)
