"""Shell text to words and operators with positions.

It knows quotes, continuations, comments, `$X`, `${X:-y}`, `$(( ))`, `$( )`, backquotes, arrays and heredocs.
It never fails: what is not closed reaches to the end of the text. The rules are those of POSIX's Shell
Command Language, section 2.2 to 2.7, with bash's arrays, `[[ ]]`, `$[ ]` and process substitution.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias

from vramlint.document.node import Span

PartKind: TypeAlias = Literal["text", "parameter", "arithmetic", "command", "process", "placeholder"]


class Part(NamedTuple):
    """A piece of a word. `text` of a text is without quotes and escapes; of an expansion, what is between its
    brackets. `quoted`: double quotes are around it, so that its value is not split into words.
    """

    kind: PartKind
    text: str
    span: Span
    quoted: bool = False


class Word(NamedTuple):
    """One word; `items` are the words between the brackets of an array, `X=(a b)`."""

    parts: tuple[Part, ...]
    span: Span
    items: tuple[Word, ...] | None = None

    @property
    def literal(self) -> str | None:
        """Its text where nothing in it is expanded."""
        if self.items is not None or any(part.kind != "text" for part in self.parts):
            return None
        return "".join(part.text for part in self.parts)

    @property
    def bare(self) -> str | None:
        """Its text where nothing is quoted either: only so it can be a reserved word."""
        plain = len(self.parts) == 1 and self.parts[0].kind == "text" and not self.parts[0].quoted
        return self.parts[0].text if plain and self.items is None else None


class Operator(NamedTuple):
    """`;`, `&&`, `|`, a bracket, a line end ("\\n"), or a redirection (`number`: of its file)."""

    text: str
    span: Span
    number: str | None = None


class Heredoc(NamedTuple):
    """The text that follows `<<END`. `expands`: the mark was not quoted, so that variables count in it."""

    span: Span
    expands: bool
    stripped: bool


Token: TypeAlias = Word | Operator


class Tokens(NamedTuple):
    """What a text holds; heredocs by the place of the word that names their end."""

    tokens: tuple[Token, ...]
    heredocs: dict[int, Heredoc]


REDIRECTIONS = frozenset((">", ">>", "<", "<<", "<<-", "<<<", ">&", "<&", "&>", "&>>", ">|", "<>"))
_OPERATORS = re.compile(r"&>>|<<-|<<<|;;&|;;|;&|&&|\|\||\|&|&>|>>|>&|>\||<<|<&|<>|[;&|()<>\n]")
_DESCRIPTOR = re.compile(r"\d+(?=[<>])")
_BLANKS = re.compile(r"(?:[ \t\r\f\v]+|\\(?:\r?\n|\Z)|#[^\n]*)*")
"""Blanks, continued lines and comments."""
_NAME = re.compile(r"[A-Za-z_]\w*")
_SPECIAL = re.compile(r"[0-9@*#?$!-]")
_ARRAY = re.compile(r"[A-Za-z_]\w*\+?=$")
_PLAIN = re.compile(r"[^\s\\'\"$`;&|()<>]+")
_PLAIN_WORD = re.compile(_PLAIN.pattern + r"(?=[ \t\n;]|\Z)")
_PLAIN_QUOTED = re.compile(r'[^\\"$`]+')
_PLACEHOLDER = re.compile(r"<[A-Za-z](?:[\w .-]*[\w.-])?>(?!>)")
"""`<your model>` in a script that is meant to be filled in."""
_ESCAPED_IN_QUOTES = '"\\$`\n'
_DEEPEST = 40


def tokenize(text: str) -> Tokens:
    """The words and operators of a text."""
    lexer = _Lexer(text)
    lexer.run()
    return Tokens(tuple(lexer.tokens), lexer.heredocs)


def expansions(text: str, span: Span) -> tuple[Part, ...]:
    """The parts of a heredoc's body, in which variables count and quotes do not."""
    lexer = _Lexer(text[: span.end], span.start)
    parts: list[Part] = []
    lexer.quoted(parts, heredoc=True)
    return tuple(parts)


class _Lexer:
    def __init__(self, text: str, start: int = 0, depth: int = 0) -> None:
        self.text, self.at, self.depth = text, start, depth
        self.tokens: list[Token] = []
        self.heredocs: dict[int, Heredoc] = {}
        self.pending: list[tuple[Word, bool]] = []

    def run(self, closing: str = "") -> None:
        """Reads to the end of the text, or to a `closing` bracket."""
        while self._skip_blanks():
            start = self.at
            if closing and self.text[start] == closing:
                return
            plain = _PLAIN_WORD.match(self.text, start)
            if plain:
                self.at = plain.end()
                span = Span(start, self.at)
                self.tokens.append(Word((Part("text", plain[0], span),), span))
                continue
            number = _DESCRIPTOR.match(self.text, start)
            if number:
                self.at = number.end()
            if self._starts_word() or not self._operator(start, number):
                self.tokens.append(self._word())

    def _starts_word(self) -> bool:
        return self.text.startswith(("<(", ">("), self.at) or bool(_PLACEHOLDER.match(self.text, self.at))

    def _operator(self, start: int, number: re.Match[str] | None) -> bool:
        found = _OPERATORS.match(self.text, self.at)
        if found is None:
            return False
        self.at = found.end()
        operator = Operator(found[0], Span(start, self.at), number[0] if number else None)
        self.tokens.append(operator)
        if found[0] in ("<<", "<<-") and self._skip_blanks():
            word = self._word()
            self.tokens.append(word)
            self.pending.append((word, found[0] == "<<-"))
        elif found[0] == "\n":
            self._bodies()
        return True

    def _bodies(self) -> None:
        """The heredocs of the line that ended: each reaches to the line that is its mark."""
        for word, stripped in self.pending:
            mark = "".join(part.text for part in word.parts)
            start = self.at
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                body, self.at = self.at, min(end + 1, len(self.text))
                if (line.lstrip("\t") if stripped else line).rstrip("\r") == mark:
                    break
            else:
                body = len(self.text)
            expands = not any(part.quoted for part in word.parts) and word.literal is not None
            expands = expands and not any(
                mark in "'\"\\" for mark in self.text[word.span.start : word.span.end]
            )
            self.heredocs[word.span.start] = Heredoc(Span(start, body), expands, stripped)
        self.pending.clear()

    def _skip_blanks(self) -> bool:
        """Goes to the next token; whether there is one."""
        found = _BLANKS.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at < len(self.text)

    def _word(self) -> Word:
        text, start = self.text, self.at
        parts: list[Part] = []
        while self.at < len(text):
            plain = _PLAIN.match(text, self.at)
            char = text[self.at]
            if plain:
                parts.append(Part("text", plain[0], Span(self.at, plain.end())))
                self.at = plain.end()
            elif char == "\\":
                self._escape(parts)
            elif char == "'":
                self._single(parts)
            elif char == '"':
                self.at += 1
                self.quoted(parts)
            elif char in "$`":
                self._expansion(parts, quoted=False)
            elif placeholder := _PLACEHOLDER.match(text, self.at):
                parts.append(Part("placeholder", placeholder[0], Span(self.at, placeholder.end())))
                self.at = placeholder.end()
            elif text.startswith(("<(", ">("), self.at):
                end = _closed(text, self.at + 2, "(", ")")
                self._take(parts, "process", self.at + 2, end - 1, end, quoted=False)
            elif char == "(" and _ARRAY.fullmatch(text[start : self.at]):
                return self._array(tuple(parts), start)
            else:
                break
        if self.at == start:  # a stray character that starts no word
            self.at += 1
            parts.append(Part("text", text[start], Span(start, self.at)))
        return Word(tuple(parts), Span(start, self.at))

    def _array(self, parts: tuple[Part, ...], start: int) -> Word:
        inner = _Lexer(self.text, self.at + 1, self.depth + 1)
        if self.depth < _DEEPEST:
            inner.run(closing=")")
        items = tuple(token for token in inner.tokens if isinstance(token, Word))
        self.at = min(inner.at + 1, len(self.text))
        return Word(parts, Span(start, self.at), items)

    def _escape(self, parts: list[Part]) -> None:
        after = self.text[self.at + 1 : self.at + 2]
        width = 3 if self.text.startswith("\\\r\n", self.at) else 1 + len(after)
        if after not in ("\n", "") and width == 2:
            parts.append(Part("text", after, Span(self.at, self.at + 2), quoted=True))
        self.at += width

    def _single(self, parts: list[Part]) -> None:
        end = self.text.find("'", self.at + 1)
        end = len(self.text) if end < 0 else end
        parts.append(Part("text", self.text[self.at + 1 : end], Span(self.at + 1, end), quoted=True))
        self.at = min(end + 1, len(self.text))

    def quoted(self, parts: list[Part], heredoc: bool = False) -> None:
        """Reads to the closing double quote; a heredoc has none."""
        text, empty = self.text, len(parts)
        opened = self.at
        while self.at < len(text):
            char = text[self.at]
            plain = _PLAIN_QUOTED.match(text, self.at)
            if plain:
                parts.append(Part("text", plain[0], Span(self.at, plain.end()), quoted=True))
                self.at = plain.end()
            elif char == '"' and not heredoc:
                break
            elif char == "\\" and text[self.at + 1 : self.at + 2] == "\n":
                self.at += 2
            elif char == "\\" and text[self.at + 1 : self.at + 2] in _ESCAPED_IN_QUOTES:
                after = text[self.at + 1 : self.at + 2]
                parts.append(Part("text", after, Span(self.at, min(self.at + 2, len(text))), quoted=True))
                self.at = min(self.at + 2, len(text))
            elif char in '\\"':
                parts.append(Part("text", char, Span(self.at, self.at + 1), quoted=True))
                self.at += 1
            else:
                self._expansion(parts, quoted=True)
        if len(parts) == empty:
            parts.append(Part("text", "", Span(opened, opened), quoted=True))
        if not heredoc:
            self.at = min(self.at + 1, len(text))

    def _expansion(self, parts: list[Part], *, quoted: bool) -> None:
        """Reads what follows `$` or a backquote."""
        text, start = self.text, self.at
        if text[start] == "`":
            end = start + 1
            while end < len(text) and text[end] != "`":
                end += 2 if text[end] == "\\" else 1
            self._take(parts, "command", start + 1, end, end + 1, quoted)
        elif text.startswith("$((", start):
            end = _closed(text, start + 3, "(", ")")
            self._take(parts, "arithmetic", start + 3, end - 1, end + 1, quoted)
        elif text.startswith("$[", start):
            end = _closed(text, start + 2, "[", "]")
            self._take(parts, "arithmetic", start + 2, end - 1, end, quoted)
        elif text.startswith("$(", start):
            end = _closed(text, start + 2, "(", ")")
            self._take(parts, "command", start + 2, end - 1, end, quoted)
        elif text.startswith("${", start):
            end = _closed(text, start + 2, "{", "}")
            self._take(parts, "parameter", start + 2, end - 1, end, quoted)
        elif text.startswith("$'", start) and not quoted:
            self.at = start + 1
            self._single(parts)
        else:
            name = _NAME.match(text, start + 1) or _SPECIAL.match(text, start + 1)
            if name:
                self._take(parts, "parameter", start + 1, name.end(), name.end(), quoted)
            else:
                parts.append(Part("text", "$", Span(start, start + 1), quoted))
                self.at = start + 1

    def _take(
        self, parts: list[Part], kind: PartKind, begin: int, end: int, after: int, quoted: bool
    ) -> None:
        start, size = self.at, len(self.text)
        self.at = min(after, size)
        inner = self.text[begin : max(min(end, size), begin)]
        parts.append(Part(kind, inner, Span(start, self.at), quoted))


def _closed(text: str, at: int, opening: str, closing: str) -> int:
    """The place after the bracket that closes one opened before `at`, the text's end + 1 where none does;
    quotes hide brackets.
    """
    depth, quote = 1, ""
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'":
            at += 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"`" and not (char == "'" and opening == "{"):
            quote = char
        elif char == opening:
            depth += 1
        elif char == closing:
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return len(text) + 1
