"""Text made of pieces that parsers stumble over."""

from __future__ import annotations

from hypothesis import strategies as st

_WORDS = (
    "a|b c|: |:|- |-|[|]|{|}|,|#| # |>|&x |*x|<<: |!!int |!t |? |=|.|[[|]]|1e-5|true|null|//|/*|*/|%|@|`|\\"
)
_SCRIPTS = "$|$(|${|&&|;|<<EOF\n|EOF|for |def f():|import |lambda x:|(|)"
_BREAKS = ("|", '"', "'", '"""', "'''", "\n", "\n  ", "\n    ", "\t", "\r\n", "\r", "---\n", "...\n")
_ODD = ("\ufeff", "\x85", "\u2028")


def _joined(*pieces: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pieces), max_size=30).map("".join)


CONFIGS = _joined(*_WORDS.split("|"), *_BREAKS, *_ODD, "\ud800", "😀")
"""Of YAML, JSON and TOML, with a character that no encoding has."""
PIECES = _joined(*_WORDS.split("|"), *_SCRIPTS.split("|"), *_BREAKS, *_ODD)
"""Of YAML, JSON, TOML, shell and Python."""
