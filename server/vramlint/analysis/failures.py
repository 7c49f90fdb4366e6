"""Where vramlint tells that a part of its own failed: a failing rule neither stops others nor goes unseen."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeAlias

Listener: TypeAlias = Callable[[str, BaseException | None], None]
_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Tell `listener` from now on; the log where it is None. The command line prints one line a failure."""
    global _listener
    _listener = listener


def failed(message: str) -> None:
    """Tell of the exception that is being handled."""
    if _listener is not None:
        _listener(message, sys.exc_info()[1])
        return
    import logging  # imported late: it is rarely needed, and slow to import

    logging.getLogger("vramlint").exception(message)
