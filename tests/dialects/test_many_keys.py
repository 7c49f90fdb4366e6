"""What files with several keys at once come to, under several releases, and what is written where their runs
change. Some are told in words; of many more a sum of twenty tells that one of them is read otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any
from zlib import crc32

import pytest
from key_effects import read, said
from many_keys import drawn, files, short
from test_key_effects import WITHOUT_JOBS
from test_older_releases import RELEASES
from test_written_changes import changes, written

from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Dialect

IN_WORDS, IN_SUMS, TOGETHER = 60, 600, 20


def told(dialect: Dialect, count: int) -> Iterator[list[str]]:
    """What is said of each file, in lines."""
    known = changes()
    eras: list[Mapping[str, str]] = [{}, {}, *RELEASES.values()]
    for number, (what, values) in enumerate(files(dialect, count)):
        result = read(dialect, values, eras[drawn(number, "era", len(eras))])
        if result.obstacle is not None:
            problem = result.obstacle
            found = f"no job: {problem.code} at {'.'.join(map(str, problem.key))}, {problem.message}"
        else:
            found = "; ".join(f"{name} {value}" for name, value in said(result).items())
        lines = [f"{short(what)}: {short(found)}"]
        if result.job is not None and dialect.role == "training":
            asked: Mapping[str, Any] = {}
            for turn in range(3):
                asked = {**asked, **known[drawn(number, f"change {turn}", len(known))]}
                keys = dialect.edits(values, result.job, asked)
                lines.append(
                    f"  {short(str(dict(asked)))}: {short('cannot' if keys is None else written(keys))}"
                )
        yield lines


@pytest.mark.parametrize(
    "dialect",
    [each for each in load_all() if each.name not in WITHOUT_JOBS],
    ids=lambda dialect: dialect.name,
)
def test_what_several_keys_do(dialect: Dialect, snapshot: Callable[[str, str], None]) -> None:
    all_told = told(dialect, IN_WORDS + IN_SUMS)
    lines = [line for each in islice(all_told, IN_WORDS) for line in each]
    while some := ["\n".join(each) for each in islice(all_told, TOGETHER)]:
        jobs = sum("no job: " not in each for each in some)
        lines.append(f"{len(some)} more, {jobs} of them runs: {crc32(''.join(some).encode()):08x}")
    snapshot(f"many-{dialect.name}.txt", "\n".join(lines) + "\n")
