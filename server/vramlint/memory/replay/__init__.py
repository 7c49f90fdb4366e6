"""Reserved memory by replaying PyTorch's caching allocator over every storage of a run.

Loaded when a figure needs it: an estimate alone counts what is allocated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vramlint.memory.replay.reserved import Replay
    from vramlint.memory.replay.run import Run


class Late:
    """The replay of a run, made at the first call."""

    __slots__ = ("_made", "run")

    def __init__(self, run: Run) -> None:
        self.run = run
        self._made: Replay | None = None

    def __call__(self) -> Replay:
        """The replay."""
        if self._made is None:
            from vramlint.memory.replay.reserved import Replay

            self._made = Replay(self.run)
        return self._made
