"""The faults of mutation testing, and what their runs have left."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))

from mutants import DATA  # noqa: E402
from mutants.operators import mutants  # noqa: E402
from mutants.page import PAGE, page  # noqa: E402
from mutants.sample import PACKAGE, ROOMS, drawn  # noqa: E402

TEXT = '''\
"""A docstring with 1 < 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from x import y

__all__ = ["least"]
Side: TypeAlias = "a" | None
log = logging.getLogger("x.y")

@cache(maxsize=64)
def least(size: Literal["a"], of: int = 4) -> int:
    """The least of `size` and 3."""
    log.info("called", 5)
    if size > of and not (
        size
        == 3
    ):
        return f"{size + 1} of {of}"
    del size
    return None
'''


def test_each_fault_is_one_change_that_keeps_the_lines() -> None:
    found = mutants("x.py", TEXT)
    assert [(each.line, each.family, each.before) for each in found] == [
        (15, "number", "4"),
        (18, "boolean", "size > of and (not size == 3)"),
        (18, "branch", "size > of and (not size == 3)"),
        (18, "compare", "size > of"),
        (18, "boolean", "not size == 3"),
        (19, "compare", "size == 3"),
        (20, "number", "3"),
        (22, "return", "f'{size + 1} of {of}'"),
        (23, "removed", "del size"),
    ]
    texts = {each.apply(TEXT) for each in found}
    assert len(texts) == len(found)
    for text in texts:
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(TEXT))
        assert text.splitlines()[22].strip() in ("del size", "pass")


def test_a_sample_is_the_same_each_time_and_another_for_another_seed() -> None:
    one = drawn(ROOT, 1, 40)
    assert one == drawn(ROOT, 1, 40)
    assert one != drawn(ROOT, 2, 40)
    rooms = [Path(each.file).relative_to(PACKAGE).parts[0] for each in one]
    assert {room: rooms.count(room) for room in ROOMS} == dict.fromkeys(ROOMS, 10)
    assert len({each.family for each in one}) == 8


@pytest.mark.parametrize("file", sorted(DATA.glob("seed-*.json")), ids=lambda file: file.stem)
def test_each_survivor_of_a_run_has_a_reason(file: Path) -> None:
    sample = json.loads(file.read_text(encoding="utf-8"))
    assert 0 < sample["killed"] + len(sample["survived"]) == sample["mutants"] <= sample["drawn"]
    assert [each["place"] for each in sample["survived"] if not each["reason"]] == []


def test_the_page_is_written_from_the_runs() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
