"""Shell text to words: quotes, continuations, expansions, heredocs; and whatever the text, never a crash."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vramlint.document.shell.lexer import Operator, Word, tokenize

PIECES = st.sampled_from(
    [
        "'",
        '"',
        "`",
        "$(",
        "${",
        "$((",
        "))",
        ")",
        "}",
        "(",
        "<<E\n",
        "E\n",
        "\\\n",
        "\\",
        "#",
        " ",
        "\n",
        "a=",
        "X",
    ]
)


def words(text: str) -> list[str | None]:
    return [token.literal for token in tokenize(text).tokens if isinstance(token, Word)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a  \'b c\' "d\\"e" f\\ g', ["a", "b c", 'd"e', "f g"]),
        ("a \\\n  b \\\r\n c", ["a", "b", "c"]),
        ("a#b # c", ["a#b"]),
        ("a '' $'b'", ["a", "", "b"]),
        ('echo $X "${Y:-\'z\'}" $((1 + (2))) `date` $(cat "a)")', ["echo", None, None, None, None, None]),
    ],
)
def test_words(text: str, expected: list[str | None]) -> None:
    assert words(text) == expected


def test_what_is_expanded_is_kept_without_its_brackets() -> None:
    (word,) = tokenize('"a${X:-"b}"}$(f "(")"').tokens
    assert isinstance(word, Word)
    assert [(part.kind, part.text) for part in word.parts] == [
        ("text", "a"),
        ("parameter", 'X:-"b}"'),
        ("command", 'f "("'),
    ]


def test_arrays_hold_words() -> None:
    (word,) = tokenize('X+=(a "b c" # why\n  --d "$E")').tokens
    assert isinstance(word, Word)
    assert word.items is not None
    assert [item.literal for item in word.items] == ["a", "b c", "--d", None]


def test_redirections_are_told_from_words() -> None:
    found = [
        (token.text, token.number)
        for token in tokenize("a2 2>&1 > >(tee l) &> b").tokens
        if isinstance(token, Operator)
    ]
    assert found == [(">&", "2"), (">", None), ("&>", None)]


@pytest.mark.parametrize(
    ("mark", "expands"), [("EOF", True), ("'EOF'", False), ('"EOF"', False), ("\\EOF", False)]
)
def test_a_heredoc_is_text(mark: str, expands: bool) -> None:
    text = f"cat > a.yaml <<{mark}\nx: $Y\nEOF\ntrain 'a.yaml'\n"
    found = tokenize(text)
    (heredoc,) = found.heredocs.values()
    assert text[slice(*heredoc.span)] == "x: $Y\n"
    assert heredoc.expands == expands
    assert words(text)[-2:] == ["train", "a.yaml"]


@example("cat <(echo")
@example("diff >(")
@given(st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_has_words_in_order_and_inside_it(text: str) -> None:
    found = tokenize(text)
    places = [token.span for token in found.tokens] + [
        part.span for token in found.tokens if isinstance(token, Word) for part in token.parts
    ]
    assert all(0 <= span.start <= span.end <= len(text) for span in places)
    assert all(before.span.end <= after.span.start for before, after in pairwise(found.tokens))
    assert all(
        0 <= heredoc.span.start <= heredoc.span.end <= len(text) for heredoc in found.heredocs.values()
    )
