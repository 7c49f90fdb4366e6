"""Pages as files, so that a link to a rule or a breakdown opens in any editor without network."""

from __future__ import annotations

import logging
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from vramlint.lsp.alive import lives

if TYPE_CHECKING:
    import tempfile

_PREFIX = "vramlint-pages-"

log = logging.getLogger(__name__)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that only this user can read, removed when the server ends. Those of servers that were killed
    go now.
    """
    import tempfile  # here and below late: `initialize` waits for none of it

    _remove_left(Path(tempfile.gettempdir()))
    return tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-")


def _remove_left(temporary: Path) -> None:
    """Remove what servers that no longer run have left."""
    if sys.platform == "win32":
        return
    import shutil

    for folder in temporary.glob(f"{_PREFIX}*-*"):
        number = folder.name.removeprefix(_PREFIX).partition("-")[0]
        try:
            ours = folder.lstat().st_uid == os.getuid()
        except OSError:
            continue
        if ours and number.isdecimal() and not lives(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


def remove() -> None:
    """Remove the pages: the process ends without its usual clearing up."""
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
