"""Whether a process still runs."""

from __future__ import annotations

import os


def lives(process_id: int) -> bool:
    """Whether there is such a process. Not for Windows, where the question would end it."""
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # another user's
    return process_id > 0
