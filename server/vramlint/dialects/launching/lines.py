"""The runs that shell text starts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vramlint.dialects.kit.run import Given, Place, Run
from vramlint.dialects.launching.peel import peel
from vramlint.document.node import Comment, Span
from vramlint.document.shell.lexer import REDIRECTIONS, Operator, Word, tokenize

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_RESERVED = frozenset(
    ("if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "{", "}", "!")
)
_CONFIG = re.compile(r"\S*\.(?:ya?ml|toml|json)\Z")
_LINE = re.compile(
    r"\s*(?:\$ )?(?:[A-Z_]\w*=\S* +)*"
    r"(?:accelerate|torchrun|deepspeed|axolotl|llamafactory-cli|python\d?|srun|uv|tune|trl|swift)\b"
)


def runs_in(text: str, document: str | None = None) -> Iterator[Run]:
    """The runs that a script starts, in its order."""
    for words in _commands(text, document):
        peeled = peel(words, words[0].place)
        if peeled is None or not peeled.words:
            continue
        program, *arguments = peeled.words
        configs = tuple(
            Given(name, given.place, given.how)
            for given in arguments
            if isinstance(given.value, str) and _CONFIG.match(name := given.value.rpartition("=")[2])
        )
        yield Run(peeled.launch(), program, configs=configs)


def runs_in_comments(comments: tuple[Comment, ...]) -> Iterator[Run]:
    """The runs that the comments at the head of a config say it is started with."""
    lines: list[str] = []
    last = -1
    for comment in comments:
        if not comment.own_line or comment.line != last + 1:
            break
        last = comment.line
        lines.append(comment.text.lstrip("#").strip("` "))
    going = False
    for index, line in enumerate(lines):
        if not going and not _LINE.match(line):
            lines[index] = ""
        going = lines[index].endswith("\\")
        lines[index] = lines[index].removeprefix("$ ")
    yield from runs_in("\n".join(lines))


def _commands(text: str, document: str | None) -> Iterator[list[Given]]:
    """The simple commands, without what stands before and after their words."""
    words: list[Given] = []
    skip = False
    for token in tokenize(text).tokens:
        if isinstance(token, Operator):
            if token.text in REDIRECTIONS:
                skip = True
                continue
            if words:
                yield words
            words, skip = [], False
        elif skip:
            skip = False
        elif words or not (token.bare in _RESERVED or _ASSIGNMENT.match(text, token.span.start)):
            words.append(Given(_text(token), Place(Span(*token.span), document)))
    if words:
        yield words


def _text(word: Word) -> str:
    """The text of a word; what is expanded in it stands for any text ("*")."""
    return "".join(part.text if part.kind == "text" else "*" for part in word.parts)
