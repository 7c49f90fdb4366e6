"""Words and operators to commands, lists and blocks.

The grammar is that of POSIX's Shell Command Language, section 2.10, read leniently: what does not fit is
passed over, so that the rest of a script is still read.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from vramlint.document.node import Span
from vramlint.document.shell.lexer import REDIRECTIONS, Heredoc, Operator, Part, Token, Tokens, Word


class Redirection(NamedTuple):
    """`> file`, `<<END` …"""

    operator: str
    target: Word
    heredoc: Heredoc | None = None


class Assignment(NamedTuple):
    """`NAME=value`, `NAME+=value` or `NAME=(…)`; the word is without the name."""

    name: str
    value: Word
    appended: bool


class Simple(NamedTuple):
    """One command with its words, the assignments before it, and its redirections."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    span: Span


class Arithmetic(NamedTuple):
    """`(( … ))`; the span is of what is between."""

    span: Span


class Sequence(NamedTuple):
    """Commands one after the other, each with the operator before it: "", ";", "&&", "||", "|", or "!"."""

    items: tuple[tuple[str, Command], ...]


class If(NamedTuple):
    """Conditions with their bodies; of the last, for `else`, the condition is None."""

    branches: tuple[tuple[Sequence | None, Sequence], ...]


class For(NamedTuple):
    """`for NAME in words`; without words it goes through the script's own arguments."""

    name: str
    words: tuple[Word, ...] | None
    body: Sequence
    span: Span


class While(NamedTuple):
    """`while` and `until`."""

    condition: Sequence
    body: Sequence
    span: Span
    until: bool = False


class Case(NamedTuple):
    """`case word in pattern) body ;; … esac`."""

    word: Word | None
    branches: tuple[tuple[tuple[Word, ...], Sequence], ...]


class Function(NamedTuple):
    """A function's definition."""

    name: str
    body: Command


class Group(NamedTuple):
    """`{ … }`, or with `subshell` `( … )`."""

    body: Sequence
    subshell: bool


Command: TypeAlias = Simple | Arithmetic | Sequence | If | For | While | Case | Function | Group

EMPTY = Sequence(())
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=")
_NAME = re.compile(r"[A-Za-z_][\w.:-]*\Z")
_CLOSING = frozenset(("then", "else", "elif", "fi", "do", "done", "esac", "}"))
_DEEPEST = 60


def parse(tokens: Tokens, text: str) -> Sequence:
    """The commands of a whole text."""
    return _Parser(tokens, text).whole()


class _Parser:
    def __init__(self, tokens: Tokens, text: str) -> None:
        self.tokens, self.heredocs, self.text = tokens.tokens, tokens.heredocs, text
        self.at = 0
        self.depth = 0

    def whole(self) -> Sequence:
        items: list[tuple[str, Command]] = []
        while self.at < len(self.tokens):
            items.extend(self.sequence().items)
            self.at += 1  # a closing word or bracket without its opening
        return Sequence(tuple(items))

    def sequence(self, *until: str) -> Sequence:
        """Commands up to one of the closing words, or any other that closes a block around it."""
        items: list[tuple[str, Command]] = []
        before = ""
        self.depth += 1
        while (token := self._token()) is not None:
            if isinstance(token, Operator) and token.text not in REDIRECTIONS:
                if token.text == "(" and self.depth < _DEEPEST:
                    items.append((before, self._bracket()))
                    before = ""
                    continue
                if token.text in (")", ";;", ";&", ";;&"):
                    break
                before = token.text if token.text in ("&&", "||", "|", "|&") else ";"
                if token.text == "\n" and items and self._continues():
                    before = "&&"
                self.at += 1
                continue
            if isinstance(token, Word) and token.bare in _CLOSING:
                break
            items.append((before, self._command()))
            before = ""
        self.depth -= 1
        return Sequence(tuple(items))

    def _continues(self) -> bool:
        """Whether the line before ended with an operator that goes on after the line's end."""
        last = self.tokens[self.at - 1]
        return isinstance(last, Operator) and last.text in ("&&", "||", "|")

    def _token(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _next(self) -> Token | None:
        return self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None

    def _bare(self) -> str | None:
        token = self._token()
        return token.bare if isinstance(token, Word) else None

    def _skip_lines(self) -> None:
        while isinstance(token := self._token(), Operator) and token.text in ("\n", ";"):
            self.at += 1

    def _take(self, word: str) -> None:
        """Goes past the word, if it is there."""
        self._skip_lines()
        if self._bare() == word:
            self.at += 1

    def _command(self) -> Command:
        word = self._bare()
        if self.depth < _DEEPEST:
            block = {
                "if": self._if, "for": self._for, "select": self._for, "while": self._while,
                "until": self._while, "case": self._case, "{": self._group, "function": self._function,
            }.get(word or "")  # fmt: skip
            if block is not None:
                return block()
        if word in ("!", "time") and isinstance(self._next(), Word) and self.depth < _DEEPEST:
            self.at += 1
            self.depth += 1
            command = self._command()
            self.depth -= 1
            return Sequence((("!", command),)) if word == "!" else command
        if word == "[[":
            return self._double_brackets()
        following = self.tokens[self.at + 1 : self.at + 3]
        if (
            word is not None
            and _NAME.match(word)
            and [isinstance(token, Operator) and token.text for token in following] == ["(", ")"]
        ):
            self.at += 3
            self._skip_lines()
            return Function(word, self._command() if self._token() is not None else EMPTY)
        return self._simple()

    def _simple(self) -> Simple:
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        start = self.tokens[self.at].span.start
        end = start
        while (token := self._token()) is not None:
            if isinstance(token, Operator):
                if token.text not in REDIRECTIONS:
                    break
                self.at += 1
                target = self._token()
                if isinstance(target, Word):
                    redirections.append(Redirection(token.text, target, self.heredocs.get(target.span.start)))
                    self.at += 1
                    end = target.span.end
                continue
            end = token.span.end
            self.at += 1
            assigned = None if words else assignment(token)
            if assigned is not None:
                assignments.append(assigned)
            else:
                words.append(token)
        return Simple(tuple(assignments), tuple(words), tuple(redirections), Span(start, max(start, end)))

    def _double_brackets(self) -> Simple:
        """`[[ … ]]`, in which `<`, `>`, `&&` and brackets are words too."""
        words: list[Word] = []
        start = self.tokens[self.at].span.start
        while (token := self._token()) is not None:
            self.at += 1
            if isinstance(token, Word):
                words.append(token)
                if token.bare == "]]":
                    break
            elif token.text == "\n" and len(words) > 30:
                break
            else:
                words.append(operator_word(token))
        return Simple((), tuple(words), (), Span(start, words[-1].span.end))

    def _bracket(self) -> Command:
        """A subshell, or `(( … ))`."""
        first = self.tokens[self.at]
        second = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
        self.at += 1
        if isinstance(second, Operator) and second.text == "(" and second.span.start == first.span.end:
            depth, start = 1, second.span.end
            self.at += 1
            end = start
            while (token := self._token()) is not None and depth >= 0:
                if isinstance(token, Operator):
                    depth += {"(": 1, ")": -1}.get(token.text, 0)
                end = token.span.start if depth == 0 else end
                self.at += 1
                if depth == -1:
                    break
            return Arithmetic(Span(start, max(start, end)))
        body = self.sequence()
        self.at += 1
        return Group(body, subshell=True)

    def _group(self) -> Group:
        self.at += 1
        body = self.sequence()
        self._take("}")
        return Group(body, subshell=False)

    def _if(self) -> If:
        branches: list[tuple[Sequence | None, Sequence]] = []
        while self._bare() in ("if", "elif"):
            self.at += 1
            condition = self.sequence()
            self._take("then")
            branches.append((condition, self.sequence()))
        if self._bare() == "else":
            self.at += 1
            branches.append((None, self.sequence()))
        self._take("fi")
        return If(tuple(branches))

    def _for(self) -> Command:
        start = self.tokens[self.at].span.start
        self.at += 1
        token = self._token()
        name = (token.literal or "") if isinstance(token, Word) else ""
        words: list[Word] | None = None
        if name:
            self.at += 1
            self._skip_lines()
            if self._bare() == "in":
                self.at += 1
                words = []
                while isinstance(token := self._token(), Word):
                    words.append(token)
                    self.at += 1
        while (token := self._token()) is not None and self._bare() != "do":
            if isinstance(token, Word) and token.bare in _CLOSING:
                break
            self.at += 1
        self._take("do")
        body = self.sequence()
        self._take("done")
        return For(name, None if words is None else tuple(words), body, Span(start, start))

    def _while(self) -> While:
        token = self.tokens[self.at]
        until = self._bare() == "until"
        self.at += 1
        condition = self.sequence()
        self._take("do")
        body = self.sequence()
        self._take("done")
        return While(condition, body, token.span, until)

    def _case(self) -> Case:
        self.at += 1
        token = self._token()
        word = token if isinstance(token, Word) else None
        self.at += word is not None
        self._take("in")
        branches: list[tuple[tuple[Word, ...], Sequence]] = []
        while (token := self._token()) is not None and self._bare() != "esac":
            patterns: list[Word] = []
            while (token := self._token()) is not None:
                if isinstance(token, Word):
                    if token.bare == "esac":
                        break
                    patterns.append(token)
                self.at += 1
                if isinstance(token, Operator) and token.text == ")":
                    break
            if self._bare() == "esac" or self._token() is None:
                break
            branches.append((tuple(patterns), self.sequence()))
            if self._bare() in _CLOSING - {"esac"}:
                break
            if isinstance(token := self._token(), Operator):
                self.at += 1
            self._skip_lines()
        self._take("esac")
        return Case(word, tuple(branches))

    def _function(self) -> Function:
        self.at += 1
        token = self._token()
        name = (token.literal or "") if isinstance(token, Word) else ""
        self.at += 1
        while isinstance(token := self._token(), Operator) and token.text in ("(", ")", "\n"):
            self.at += 1
        return Function(name, self._command() if self._token() is not None else EMPTY)


def assignment(word: Word) -> Assignment | None:
    """The word as `NAME=value`, if it is one."""
    first = word.parts[0] if word.parts else None
    if first is None or first.kind != "text" or first.quoted:
        return None
    found = _ASSIGNMENT.match(first.text)
    if found is None:
        return None
    rest = first._replace(
        text=first.text[found.end() :], span=Span(first.span.start + found.end(), first.span.end)
    )
    parts = ((rest,) if rest.text else ()) + word.parts[1:]
    start = parts[0].span.start if parts else rest.span.start
    return Assignment(found[1], Word(parts, Span(start, word.span.end), word.items), found[2] == "+")


def operator_word(token: Operator) -> Word:
    """An operator where it is an ordinary word."""
    return Word((Part("text", token.text, token.span),), token.span)
