"""Pages as files, so that a link to a rule or a breakdown opens in any editor without network."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tempfile

log = logging.getLogger(__name__)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that only this user can read, removed when the server ends."""
    import tempfile  # here and below late: `initialize` waits for none of it

    return tempfile.TemporaryDirectory(prefix="vramlint-")


def remove() -> None:
    """Remove the pages, where the process ends without its usual clearing up."""
    if _folder.cache_info().currsize:
        _folder().cleanup()


@cache
def rule_page(code: str) -> str | None:
    """The URI of a rule's page, written at the first question; None for a code without one."""
    from vramlint.analysis.registry import find_rule

    rule = find_rule(code)
    if rule is None:
        return None
    return as_file(f"{code}.md", rule.page())


def as_file(name: str, text: str) -> str | None:
    """Write a page; its URI, or None where no file can be written."""
    try:
        page = Path(_folder().name) / name
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        log.warning("%s cannot be written: %s", name, error)
        return None
    return page.as_uri()
