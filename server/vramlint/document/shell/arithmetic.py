"""Whole-number arithmetic as in `$(( ))`; what is not known makes the result unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import add, and_, eq, ge, gt, le, lt, mul, ne, or_, sub, xor

_TOKEN = re.compile(
    r"\s*(0[xX][\da-fA-F]+|\d+|[A-Za-z_]\w*|\*\*|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%()<>!~?:&|^])"
)
_LARGEST = 1 << 63
_DEEPEST = 40

Operation = Callable[[int, int], int | bool]
_LEVELS: tuple[Mapping[str, Operation], ...] = (
    {"||": lambda a, b: bool(a or b)},
    {"&&": lambda a, b: bool(a and b)},
    {"|": or_},
    {"^": xor},
    {"&": and_},
    {"==": eq, "!=": ne},
    {"<": lt, "<=": le, ">": gt, ">=": ge},
    {"+": add, "-": sub},
    {"*": mul, "/": lambda a, b: _quotient(a, b), "%": lambda a, b: a - b * _quotient(a, b)},
)
"""From the weakest to the strongest; `**` and shifts are left out but for powers, which bind strongest."""


def evaluate(text: str, look_up: Callable[[str], int | None]) -> int | None:
    """The number that an expression is worth; None where it is not known or not understood."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text):
        return None
    try:
        parser = _Parser(tokens, look_up)
        result = parser.level(0)
        return result if parser.at == len(tokens) and abs(result) < _LARGEST else None
    except (_UnknownError, ZeroDivisionError, ValueError):
        return None


class _UnknownError(Exception):
    pass


def _quotient(a: int, b: int) -> int:
    """As C divides: towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


class _Parser:
    def __init__(self, tokens: list[str], look_up: Callable[[str], int | None]) -> None:
        self.tokens, self.look_up, self.at, self.depth = tokens, look_up, 0, 0

    def level(self, level: int) -> int:
        if level == len(_LEVELS):
            return self.power()
        left = self.level(level + 1)
        while (operation := _LEVELS[level].get(self.token())) is not None:
            self.at += 1
            left = int(operation(left, self.level(level + 1)))
        return left

    def power(self) -> int:
        left = self.operand()
        if self.token() != "**":
            return left
        self.at += 1
        exponent = self.power()
        if not 0 <= exponent < 64 or abs(left) >= 1 << 31:
            raise _UnknownError
        return int(left**exponent)

    def operand(self) -> int:
        token = self.token()
        self.at += 1
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _UnknownError
        try:
            if token == "(":
                inner = self.level(0)
                if self.token() != ")":
                    raise _UnknownError
                self.at += 1
                return inner
            if token in ("-", "+", "!"):
                inner = self.operand()
                return -inner if token == "-" else inner if token == "+" else int(not inner)
        finally:
            self.depth -= 1
        if token[:1].isdigit():
            return int(token, 16 if token[:2].lower() == "0x" else 10)
        found = self.look_up(token) if re.match(r"[A-Za-z_]", token) else None
        if found is None:
            raise _UnknownError
        return found

    def token(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""
