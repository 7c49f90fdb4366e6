"""Path patterns: what they match, and that no pattern takes long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramlint.project.glob import matches


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.yaml", "a.yaml", True),
        ("*.yaml", "a/b.yaml", False),
        ("**/*.yaml", "a.yaml", True),
        ("**/*.yaml", "a/b/c.yaml", True),
        ("configs/**", "configs/a/b.yaml", True),
        ("configs/**", "configs", False),
        ("configs/", "configs/a.yaml", True),
        ("./a.yaml", "a.yaml", True),
        ("a/**/b.yaml", "a/b.yaml", True),
        ("a/**/b.yaml", "a/x/y/b.yaml", True),
        ("a/**/c/**/b.yaml", "a/c/c/b.yaml", True),
        ("?.yaml", "ab.yaml", False),
        ("a[1].yaml", "a[1].yaml", True),
    ],
)
def test_patterns(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


def _by_expression(pattern: str, path: str) -> bool:
    """The same pattern as a regular expression, which may take exponential time."""
    table = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"((?<![^/])\*\*/|(?<![^/])\*\*$|\*|\?)", pattern)
    return (
        re.fullmatch("".join(table.get(part, re.escape(part)) for part in parts), path, re.DOTALL) is not None
    )


NAMES = st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)
PATTERNS = st.lists(st.sampled_from(["**", "*", "a", "?b", "a*", "*a*b"]), min_size=1, max_size=4).map(
    "/".join
)


@given(PATTERNS, NAMES)
def test_agrees_with_the_regular_expression(pattern: str, path: str) -> None:
    if pattern.endswith("**"):  # "a/**" means everything below a, not a itself
        assert matches(pattern, path) == (
            _by_expression(pattern, path) and path != pattern.removesuffix("/**")
        )
    else:
        assert matches(pattern, path) == _by_expression(pattern, path)


def test_a_pattern_that_would_backtrack_ends_at_once() -> None:
    assert not matches("*a" * 40 + "b", "a" * 250)
    assert not matches("**/" * 40 + "b", "/".join("a" * 100))
