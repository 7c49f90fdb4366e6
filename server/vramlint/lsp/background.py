"""What is too slow for the server's thread: one piece of work at a time, beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_POOL = ThreadPoolExecutor(1, thread_name_prefix="vramlint")
"""One thread: two would only share the interpreter's lock."""


async def beside(work: Callable[[], T]) -> T:
    """What `work` returns, worked out off the server's thread."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, work)
