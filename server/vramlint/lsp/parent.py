"""The editor that started the server: where it dies without a word, and others hold the pipe open, the server
ends too.
"""

from __future__ import annotations

import asyncio
import os
import sys

from vramlint.lsp import pages
from vramlint.lsp.alive import lives

EVERY = 5.0
"""Seconds."""


def watch(process_id: int | None) -> asyncio.Task[None] | None:
    """Look after a process from time to time; None for one that cannot be seen from here, as that outside of
    a container, and on Windows, where the pipe ends with the editor.
    """
    if process_id is None or process_id == os.getpid() or sys.platform == "win32" or not lives(process_id):
        return None
    return asyncio.get_running_loop().create_task(_end_with(process_id))


async def _end_with(process_id: int) -> None:
    while lives(process_id):
        await asyncio.sleep(EVERY)
    pages.remove()
    os._exit(1)  # the thread that reads the pipe would wait for ever
