"""What is said of each field that a file leaves out or that is assumed, in files of every kind of a dialect,
under this release and an older one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zlib import crc32

import pytest
from key_effects import bases, read
from many_keys import files
from test_key_effects import WITHOUT_JOBS
from test_older_releases import RELEASES

from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Dialect, ReadResult
from vramlint.job import Assumed, FrameworkDefault

COUNT, TOGETHER = 200, 20


def told(result: ReadResult) -> dict[str, str]:
    """The reason by field."""
    found = {}
    for field, origin in result.job.origins.items() if result.job is not None else ():
        if isinstance(origin, FrameworkDefault):
            found[field] = f"default of {origin.framework} {origin.version}: {origin.note}"
        elif isinstance(origin, Assumed):
            found[field] = f"assumed: {origin}"
    return found


@pytest.mark.parametrize(
    "dialect",
    [each for each in load_all() if each.name not in WITHOUT_JOBS],
    ids=lambda dialect: dialect.name,
)
def test_what_is_said_of_a_default(dialect: Dialect, snapshot: Callable[[str, str], None]) -> None:
    lines: list[str] = []
    first: Mapping[str, str] = {}
    for name, values in bases(dialect):
        for era, versions in {"today": {}, "end of 2024": RELEASES["end of 2024"]}.items():
            found = told(read(dialect, values, versions))
            lines.append(f"# {name}, {era}")
            lines += [
                f"{field}: {reason}".rstrip(" :")
                for field, reason in found.items()
                if first.get(field) != reason
            ]
            lines += [f"{field}: nothing" for field in first if field not in found]
            first = first or found
    every = [str(told(read(dialect, values))) for _, values in files(dialect, COUNT)]
    for at in range(0, COUNT, TOGETHER):
        lines.append(f"{TOGETHER} more: {crc32(''.join(every[at : at + TOGETHER]).encode()):08x}")
    snapshot(f"defaults-{dialect.name}.txt", "\n".join(lines) + "\n")
