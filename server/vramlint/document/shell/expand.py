"""What the words of a command are worth: parameters, arithmetic and simple commands put in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import pairwise

from vramlint.document.node import Span
from vramlint.document.place import How, Place, Snippet
from vramlint.document.shell.arithmetic import evaluate
from vramlint.document.shell.lexer import Part, Word, expansions, tokenize
from vramlint.document.shell.values import (
    Fragment,
    Value,
    Variable,
    is_absent,
    requoted,
    split,
    text_of,
)

_PARAMETER = re.compile(r"(!?)(#?)([A-Za-z_]\w*|[0-9]+|[@*#?$!-])(\[[^\]]*\])?(.*)\Z", re.DOTALL)
_DEFAULTS = re.compile(r"(:?)([-=+?])(.*)\Z", re.DOTALL)
_RANGE = re.compile(r"\{(-?\d+)\.\.(-?\d+)\}\Z")
_CHOICE = re.compile(r"\{([^{}]*,[^{}]*)\}\Z")
_DEEPEST = 12
_MOST_WORDS = 2_000


class Expander:
    """The variables of a script at one moment, and what words are worth then."""

    def __init__(self, snippet: Snippet, variables: dict[str, Variable]) -> None:
        self.snippet = snippet
        self.variables = variables
        self.arguments: tuple[Value, ...] | None = None
        """Of a function that is being called; None in the script itself, whose own are not known."""
        self.opened: dict[str, Fragment] = {}
        self.depth = 0

    def words(self, words: tuple[Word, ...]) -> list[Value]:
        """The words after expansion and splitting."""
        return [value for value, _ in self.placed(words)]

    def placed(self, words: tuple[Word, ...]) -> list[tuple[Value, Place]]:
        """The same, each with the place of the word that it comes from."""
        found: list[tuple[Value, Place]] = []
        for word in words:
            place = self.snippet.locate(word.span)
            found.extend((value, place) for value in self.fields(word))
            if len(found) > _MOST_WORDS:
                break
        return found

    def fields(self, word: Word) -> Iterator[Value]:
        """One word as the words that it becomes."""
        current: list[Fragment] = []
        for part in word.parts:
            items = self._items(part)
            if items is None:
                current.extend(self.part(part))
                continue
            for index, item in enumerate(items):
                if index:
                    yield from split(tuple(current)) if current else ()
                    current = []
                current.extend(requoted(item, quoted=True) or [self._fragment("", part, quoted=True)])
        if current:
            yield from split(tuple(current))

    def value(self, word: Word) -> Value:
        """One word without splitting, as in an assignment."""
        return tuple(fragment for part in word.parts for fragment in self.part(part))

    def heredoc(self, span: Span, *, expands: bool) -> Value:
        """The text of a heredoc."""
        if not expands:
            return (Fragment(self.snippet.text[slice(*span)], self.snippet.locate(span)),)
        return self._text(span.start, span.end)

    def braces(self, word: Word) -> Iterator[Value]:
        """The items that `{1..3}` or `{a,b}` stands for in a loop; other words as they are."""
        text = word.bare or ""
        numbers, choice = _RANGE.match(text), _CHOICE.match(text)
        if numbers and abs(int(numbers[2]) - int(numbers[1])) < 64:
            first, last = int(numbers[1]), int(numbers[2])
            step = 1 if last >= first else -1
            items = [str(number) for number in range(first, last + step, step)]
        elif choice:
            items = choice[1].split(",")
        else:
            yield from self.fields(word)
            return
        for item in items:
            yield (Fragment(item, self.snippet.locate(word.span), quoted=True),)

    def part(self, part: Part) -> Value:
        """One piece of a word."""
        if part.kind == "text":
            return tuple(self._known(part))
        self.depth += 1
        try:
            if self.depth > _DEEPEST:
                return (self._unknown(part, "nested too deeply"),)
            if part.kind == "parameter":
                return self._parameter(part)
            if part.kind == "arithmetic":
                return (self._arithmetic(part),)
            if part.kind == "command":
                return self._command(part)
            why = "a process's file" if part.kind == "process" else f"{part.text} is to be filled in"
            return (self._unknown(part, why, quoted=True),)
        finally:
            self.depth -= 1

    def number(self, name: str) -> int | None:
        """The whole number that a variable holds."""
        variable = self.variables.get(name)
        text = text_of(variable.value) if variable else None
        if text is None or self.depth > _DEEPEST:
            return None
        text = text.strip()
        if re.fullmatch(r"-?\d+", text):
            return int(text)
        self.depth += 1
        try:
            return evaluate(text, self.number) if re.fullmatch(r"\w+", text) else None
        finally:
            self.depth -= 1

    def calculated(self, span: Span) -> int | None:
        """The value of the arithmetic in `span` of the text."""
        text = text_of(self._text(span.start, span.end))
        return None if text is None else evaluate(text, self.number)

    def _known(self, part: Part) -> Iterator[Fragment]:
        """Text, in which private characters stand for open pieces where a value is read again."""
        if not self.opened:
            yield self._fragment(part.text, part, quoted=True)
            return
        for piece in re.split(f"([{''.join(self.opened)}])", part.text):
            if piece in self.opened:
                yield self.opened[piece]._replace(quoted=part.quoted)
            elif piece or not part.text:
                at = part.text.index(piece)
                exact = part.span.end - part.span.start == len(part.text)
                span = Span(part.span.start + at, part.span.start + at + len(piece)) if exact else part.span
                yield Fragment(piece, self.snippet.locate(span), quoted=True)

    def _fragment(self, text: str, part: Part, how: How = "literal", *, quoted: bool = False) -> Fragment:
        return Fragment(text, self.snippet.locate(part.span), how, quoted or part.quoted)

    def _unknown(self, part: Part, why: str, *, absent: bool = False, quoted: bool = False) -> Fragment:
        place = self.snippet.locate(part.span)
        return Fragment(None, place, "literal", quoted or part.quoted, why, absent)

    def _items(self, part: Part) -> tuple[Value, ...] | None:
        """The items of `${X[@]}` or, in a function, of `$@`; None for every other piece."""
        if part.kind != "parameter":
            return None
        if part.text in ("@", "*"):
            return self.arguments
        found = _PARAMETER.match(part.text)
        if found and not found[1] and not found[2] and found[4] in ("[@]", "[*]") and not found[5]:
            variable = self.variables.get(found[3])
            if variable is not None and variable.items is not None:
                return variable.items
        return None

    def _text(self, start: int, end: int, *, unquote: bool = False) -> Value:
        """A stretch of the text in which variables count, without the quotes in it if `unquote`."""
        found: list[Fragment] = []
        for part in expansions(self.snippet.text, Span(start, end)):
            if part.kind == "text" and unquote:
                part = part._replace(text=part.text.replace('"', "").replace("'", ""))
            found.extend(self.part(part))
        return tuple(found)

    def _parameter(self, part: Part) -> Value:
        found = _PARAMETER.match(part.text)
        if found is None or found[1]:
            return (self._unknown(part, "an indirect name"),)
        name, rest = found[3], found[5]
        value = self._variable(name, found[4], part)
        if found[2]:
            text = text_of(value)
            known = None if text is None else self._fragment(str(len(text)), part, "arithmetic")
            return (known or self._unknown(part, f"the length of {name}"),)
        default = _DEFAULTS.match(rest)
        if default:
            start = part.span.end - 1 - len(default[3])
            return self._with_default(name, value, default[1] + default[2], start, part)
        value = requoted(value, quoted=part.quoted, how="variable")
        return value if not rest else self._edited(value, rest, part)

    def _variable(self, name: str, index: str | None, part: Part) -> Value:
        if name.isdigit() and name != "0":
            if self.arguments is not None:
                at = int(name) - 1
                return self.arguments[at] if at < len(self.arguments) else (self._fragment("", part),)
            return (self._unknown(part, "an argument of the script", absent=True),)
        if name == "#" and self.arguments is not None:
            return (self._fragment(str(len(self.arguments)), part),)
        if name in "@*":
            return (self._unknown(part, "arguments of the script", absent=True),)
        variable = self.variables.get(name)
        if variable is None and name == "HOME":
            return (self._fragment("~", part),)  # set for everyone; below it, names go on
        if variable is None:
            why = f"{name} is set outside the script"
            return (self._unknown(part, why, absent=name[0].isalpha() or name[0] == "_"),)
        if index and variable.items is not None:
            item = self._index(index[1:-1])
            if item is None or item >= len(variable.items):
                return (self._unknown(part, f"an item of {name}"),)
            return variable.items[item]
        if variable.items is not None:
            return variable.items[0] if variable.items else ()
        return variable.value

    def _index(self, text: str) -> int | None:
        return int(text) if text.isdigit() else evaluate(text.lstrip("$"), self.number)

    def _with_default(self, name: str, value: Value, mark: str, start: int, part: Part) -> Value:
        """`${X:-y}` and its like: the default where nothing here sets the variable."""
        text = text_of(value)
        unset = is_absent(value) or (mark.startswith(":") and text == "")
        if mark[-1] == "+":
            return () if unset or not text else self._text(start, part.span.end - 1, unquote=True)
        if not unset:
            return requoted(value, quoted=part.quoted, how="variable")
        if mark[-1] == "?":
            return (self._unknown(part, f"{name} must be set from outside"),)
        default = self._text(start, part.span.end - 1, unquote=True)
        found = requoted(default, quoted=part.quoted, how="shell-default")
        if mark[-1] == "=":
            self.variables[name] = Variable(found, exported=False)
        return found

    def _edited(self, value: Value, rest: str, part: Part) -> Value:
        """`${X%.*}`, `${X##*/}`, `${X/a/b}`, `${X,,}`."""
        text = text_of(value)
        edited = None if text is None else edit(text, rest)
        if edited is None:
            return (self._unknown(part, f"${{…{rest}}} is not worked out"),)
        return (self._fragment(edited, part, "variable"),)

    def _arithmetic(self, part: Part) -> Fragment:
        inner = self.snippet.text.find(part.text, part.span.start) if part.text else part.span.start
        result = self.calculated(Span(inner, inner + len(part.text)))
        if result is None:
            return self._unknown(part, f"$(({part.text.strip()})) is not known here")
        return self._fragment(str(result), part, "arithmetic")

    def _command(self, part: Part) -> Value:
        """The few commands whose output is certain: `expr`, `echo`, `basename`."""
        why = f"what {part.text.split()[0] if part.text.split() else 'a command'} prints"
        tokens = tokenize(part.text).tokens
        if not tokens or not all(isinstance(token, Word) for token in tokens):
            return (self._unknown(part, why),)
        begin = self.snippet.text.find(part.text, part.span.start)
        inner = Expander(self._shifted(begin, len(part.text)), self.variables)
        inner.arguments, inner.opened, inner.depth = self.arguments, self.opened, self.depth
        words = inner.words(tuple(token for token in tokens if isinstance(token, Word)))
        texts = [text_of(word) for word in words]
        known = [text or "" for text in texts]
        if not known or None in texts:
            return (self._unknown(part, why),)
        if known[0] == "echo":
            return (self._fragment(" ".join(word for word in known[1:] if word not in ("-n", "-e")), part),)
        if known[0] == "expr":
            result = evaluate(" ".join(known[1:]), self.number)
            return (
                self._unknown(part, why)
                if result is None
                else self._fragment(str(result), part, "arithmetic"),
            )
        if known[0] == "basename" and len(known) in (2, 3):
            name = known[1].rstrip("/").rpartition("/")[2]
            return (self._fragment(name.removesuffix(known[2] if len(known) == 3 else ""), part, "variable"),)
        return (self._unknown(part, why),)

    def _shifted(self, begin: int, length: int) -> Snippet:
        """A stretch of the text as a text of its own."""
        text = self.snippet.text[begin : begin + length]
        place = self.snippet.locate(Span(begin, begin + length))
        exact = place.span.end - place.span.start == length
        pieces = self.snippet.pieces[0]._replace(start=0, place=place, exact=exact)
        return Snippet(text, (pieces,))


def edit(text: str, rest: str) -> str | None:
    """A parameter's text after `%`, `%%`, `#`, `##`, `/`, `^` or `,`; None where a pattern is not plain."""
    if rest in (",,", "^^"):
        return text.lower() if rest == ",," else text.upper()
    if "$" in rest or "`" in rest or len(text) > 500:
        return None
    mark = rest[:2] if rest[:2] in ("%%", "##", "//") else rest[:1]
    pattern = rest[len(mark) :]
    if mark in ("/", "//"):
        old, _, new = pattern.partition("/")
        plain = old and not set("*?[#%\\") & set(old)
        return text.replace(old, new, -1 if mark == "//" else 1) if plain else None
    if mark in ("%", "%%"):
        ends = range(len(text), -1, -1) if mark == "%" else range(len(text) + 1)
        return next((text[:end] for end in ends if fnmatchcase(text[end:], pattern)), text)
    if mark in ("#", "##"):
        starts = range(len(text) + 1) if mark == "#" else range(len(text), -1, -1)
        return next((text[start:] for start in starts if fnmatchcase(text[:start], pattern)), text)
    if rest.startswith(":"):
        start, _, length = rest[1:].partition(":")
        if start.isdigit() and (length.isdigit() or not length):
            return text[int(start) :][: int(length) if length else None]
    return None


def place_of(value: Value, used: Place) -> Place:
    """The place that decides a value: that of its pieces where they are together, else where it is used."""
    if len(value) == 1:
        return value[0].place
    places = [fragment.place for fragment in value]
    if not places or len({place.document for place in places}) > 1:
        return used
    spans = [place.span for place in places]
    together = all(after.start - before.end in (0, 1, 2) for before, after in pairwise(spans))
    if together:
        return Place(Span(spans[0].start, max(spans[-1].end, spans[0].start)), places[0].document)
    return used
