"""Patterns that are compiled when they are first used."""

from __future__ import annotations

import re

from vramlint.patterns import pattern


def test_a_pattern_does_what_the_compiled_one_does() -> None:
    made = pattern("(a)|B", re.IGNORECASE)
    assert [found.group() for found in made.finditer("xAb")] == ["A", "b"]
    assert made.sub("-", "cab") == "c--"
    assert made.groups == 1


def test_nothing_is_compiled_before() -> None:
    broken = pattern("(")
    try:
        broken.match("")
    except re.error:
        return
    raise AssertionError("it was compiled, and is no pattern")
