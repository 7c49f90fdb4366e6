"""What the server offers to answer, as text that a reader can review."""

from __future__ import annotations

from collections.abc import Callable
from json import dumps

from pygls.protocol import default_converter

from vramlint.lsp.offers import OFFERS


def test_what_is_offered(snapshot: Callable[[str, str], None]) -> None:
    told = default_converter()
    lines = [f"{method}: {dumps(told.unstructure(options))}" for method, options in OFFERS.items()]
    snapshot("offers.txt", "\n".join([*lines, ""]))
