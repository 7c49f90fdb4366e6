"""A config file as text, tree and plain values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from vramlint.document.language import PROGRAMS, Language, language_of
from vramlint.document.lines import LineIndex
from vramlint.document.node import Comment, KeyPath, Node, Pair, Place, Span, SyntaxProblem, Tree
from vramlint.files import read_bytes
from vramlint.lazy_dataclasses import dataclass, field

if TYPE_CHECKING:
    from vramlint.document.place import Room
    from vramlint.document.yaml.pieces import Pieces

LONGEST_PROGRAM = 2 * 1024 * 1024
LONGEST_CONFIG = 200_000
"""Of longer texts (in code points) only the beginning is parsed: no training config is that long. A notebook
with its output may be.
"""
MOST_BYTES = 4 * LONGEST_PROGRAM
"""Of a file that is read: those of the longest text in the widest encoding."""

_INDEXED = 50
"""Pairs of a mapping from which on they are not looked through one by one."""


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed file, however broken its text; `problems` says what the file's own reader would refuse."""

    path: str | None
    language: Language
    text: str
    root: Node | None
    problems: tuple[SyntaxProblem, ...]
    comments: tuple[Comment, ...]
    lines: LineIndex
    others: tuple[Node, ...] = ()
    """Further documents of a YAML stream; `root` is the first that is not empty."""
    rooms: Mapping[str, Room] = field(default_factory=dict)
    """Of a program: the calls that take further arguments, by key; that of "" takes all keys not listed."""
    assigns: bool = False
    """Of a launch line, whether an override is written `key=value` where none is there yet."""
    of_run: bool = False
    """Whether the tree is that of one run's arguments, in a script or in another file."""

    @classmethod
    def parse(
        cls,
        text: str,
        path: str | None = None,
        language: Language | None = None,
        pieces: Pieces | None = None,
    ) -> Document:
        """The document of a text. Never raises. Of one that is too long only the beginning is parsed.

        `pieces` is kept by the caller from one version of a text to the next: what has not changed is not
        read again.
        """
        language = language or language_of(text, path)
        lines = LineIndex(text)
        limit = LONGEST_PROGRAM if language == "shell" or language in PROGRAMS else LONGEST_CONFIG
        if len(text) > limit:
            message = f"{len(text):,} characters are too many for a config: up to {limit:,} are read"
            problem = SyntaxProblem(lines.line_span(0), message, "too-large")
            head = text[:limit].rpartition("\n")[0] or text[:limit]
            tree = _parse(head, language, lines, path, None)
            return cls(path, language, text, tree.root, (problem,), tree.comments, lines, tree.others)
        tree = _parse(text, language, lines, path, pieces)
        return cls(path, language, text, tree.root, tree.problems, tree.comments, lines, tree.others)

    @classmethod
    def from_bytes(cls, data: bytes, path: str | None = None, language: Language | None = None) -> Document:
        """The document of a file's content. What is not text has no root and an `encoding` problem."""
        if len(data) > MOST_BYTES:
            return cls._unreadable(
                path, language, f"{len(data):,} bytes are too many for a config", "too-large"
            )
        if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return cls._unreadable(path, language, "not a text file: it holds NUL bytes", "encoding")
        try:
            wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
            return cls.parse(data.decode("utf-16" if wide else "utf-8"), path, language)
        except UnicodeDecodeError as error:
            message = f"not a text file: byte {error.start} is not UTF-8"
            return cls._unreadable(path, language, message, "encoding")

    @classmethod
    def read(cls, path: str, language: Language | None = None) -> Document:
        """The document of a file. Raises Unreadable where it cannot be read."""
        return cls.from_bytes(read_bytes(path, MOST_BYTES), path, language)

    @classmethod
    def _unreadable(
        cls,
        path: str | None,
        language: Language | None,
        message: str,
        kind: Literal["encoding", "too-large"],
    ) -> Document:
        problem = SyntaxProblem(Span(0, 0), message, kind)
        return cls(path, language or language_of("", path), "", None, (problem,), (), LineIndex(""))

    @property
    def takes_comments(self) -> bool:
        """Whether a comment can be written into the text as it is."""
        return self.language != "json" and not (self.language == "notebook" and self.text[:1] == "{")

    @property
    def takes_keys(self) -> bool:
        """Whether a key can be set: a launch line inside of YAML is text there, and no change is written."""
        return not self.of_run or self.language == "shell" or self.language in PROGRAMS

    def values(self) -> Any:
        """What the file's own reader returns; None for an empty file. Shared between calls: do not change it.

        Where the text is broken, the recovered nodes are included.
        """
        return None if self.root is None else self.root.value

    def pair(self, path: KeyPath) -> Pair | None:
        """The pair at a path that ends with a key. Of a duplicate key, the last: it counts."""
        if not path:
            return None
        parent = self.node(path[:-1])
        return None if parent is None else _pair(parent.resolved(), path[-1])

    def node(self, path: KeyPath) -> Node | None:
        """The value at a path; an alias is returned as such, and followed on the way to deeper keys."""
        node = self.root
        for part in path:
            if node is None:
                return None
            node = node.resolved()
            if isinstance(part, int) and node.kind == "seq":
                node = node.items[part] if 0 <= part < len(node.items) else None
            else:
                pair = _pair(node, part)
                node = None if pair is None else pair.value
        return node

    def key_span(self, path: KeyPath) -> Span | None:
        """Where the key at a path is written; for an item of a list, the item."""
        if path and isinstance(path[-1], int):
            parent = self.node(path[:-1])
            if parent is not None and parent.resolved().kind == "seq":
                return self.value_span(path)
        pair = self.pair(path)
        return None if pair is None else pair.key.span

    def value_span(self, path: KeyPath) -> Span | None:
        """Where the value at a path is written; of no width right after the colon where it is missing."""
        node = self.node(path)
        return None if node is None else node.span

    def nearest_span(self, path: KeyPath) -> Span:
        """The key of the deepest part of a path that exists, or else the first line with content."""
        for length in range(len(path), 0, -1):
            span = self.key_span(path[:length])
            if span is not None:
                return span
        start = len(self.text) - len(self.text.lstrip()) if self.root is None else self.root.span.start
        line = self.lines.line_span(self.lines.line(start))
        return Span(min(start, line.end), line.end)

    def place_at(self, offset: int) -> Place | None:
        """The key path at an offset, for hovers and completion; None outside every pair."""
        place: Place | None = None
        path: KeyPath = ()
        node = self.root
        while node is not None:
            if node.kind == "seq":
                hits = [index for index, item in enumerate(node.items) if _within(item.span, offset)]
                if not hits:
                    return place
                path = (*path, hits[0])
                place, node = Place(path, "value"), node.items[hits[0]]
                continue
            # The last: a table of TOML may be taken up again below another, and then spans it.
            pair = next((pair for pair in self._latest(node) if self._reaches(pair, offset)), None)
            if pair is None:
                return place
            path = (*path, pair.key.raw)
            if offset <= pair.key.span.end:
                return Place(path, "key")
            place, node = Place(path, "value"), pair.value
        return place

    @staticmethod
    def _latest(node: Node) -> list[Pair]:
        """The pairs of a mapping, the last written first."""
        return sorted(node.pairs, key=lambda pair: -pair.key.span.start)

    def _reaches(self, pair: Pair, offset: int) -> bool:
        """Whether a pair covers an offset. Without a value it reaches to where one would be typed."""
        if pair.merged_from is not None or offset < pair.key.span.start:
            return False
        end = max(pair.key.span.end, pair.value.span.end)
        if pair.value.span.start == pair.value.span.end:
            line_end = self.lines.line_span(self.lines.line(end)).end
            rest = self.text[end:line_end]
            end += len(rest) - len(rest.lstrip()) if rest.strip() else len(rest)
        return offset <= end


def _pair(node: Node, key: str | int) -> Pair | None:
    if len(node.pairs) > _INDEXED and type(key) is str:
        return _index(node).get(key)
    for pair in reversed(node.pairs):
        if pair.key.raw == key or (pair.key.value == key and isinstance(pair.key.value, type(key))):
            return pair
    return None


@lru_cache(maxsize=16)
def _index(node: Node) -> Mapping[str, Pair]:
    """The pairs of a mapping by their keys as written and as read; of equal ones the last."""
    found: dict[str, Pair] = {}
    for pair in node.pairs:
        found[pair.key.raw] = pair
        if isinstance(pair.key.value, str):
            found[pair.key.value] = pair
    return found


def _within(span: Span, offset: int) -> bool:
    return span.start <= offset <= span.end


def _parse(text: str, language: Language, lines: LineIndex, path: str | None, pieces: Pieces | None) -> Tree:
    """The tree of a text by its language's parser; only that parser is imported."""
    if language == "json":
        from vramlint.document.json import parse_json

        return parse_json(text, lines, comments_allowed=bool(path) and str(path).endswith(".jsonc"))
    if language == "toml":
        from vramlint.document.toml import parse_toml

        return parse_toml(text, lines)
    if language == "shell":
        from vramlint.document.comments import comments_at, hash_spans

        return Tree(None, comments=comments_at(text, lines, hash_spans(text, ())))
    if language in PROGRAMS:
        if "vramlint" not in text:
            return Tree(None)  # no other comment is ever asked for, and most programs are none of ours
        from vramlint.document.comments import comments_at
        from vramlint.document.python.comments import comment_spans

        return Tree(None, comments=comments_at(text, lines, comment_spans(text, language)))
    from vramlint.document.yaml.recover import parse_yaml

    return parse_yaml(text, lines, pieces)
