"""Writes `docs/mutation.md` from what the runs found: `python -m mutants.page`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mutants import DATA, ROOT
from mutants.sample import ROOMS

PAGE = ROOT / "docs" / "mutation.md"
_HEAD = """\
# Mutation testing

A test that cannot fail proves nothing. So small faults are put into a copy of the code, one at a time: a
comparison turned, `and` for `or`, another constant or word, a `return None`, a statement left out, a branch
swapped. A fault is killed if a test fails or hangs, and survives if none does. Docstrings and other prose,
annotations, decorators, logging and the inside of f-strings are left alone.

A seed draws a sample before anything is known about it: as many faults of each room, and in a room as many
of each kind. Tests are added for what a sample shows, so **the share at first is the one that holds for the
rest of the code**.

```sh
.venv/bin/pip install -e '.[dev,mutants]'
.venv/bin/python -m mutants.record /tmp/mutants       # the lines that each test executes
.venv/bin/python -m mutants.run /tmp/mutants --seed 3
.venv/bin/python -m mutants.page                      # this page
```

A fault is tried until a test fails or they have taken as long as `--budget` says: a third of it goes to quick
tests that execute its line, then its function, its file and its folder, the rest to those that see most of
its folder, first such as compare all they see with a stored text: what a table holds is read at import, and
shows only where values differ. Every test that killed a fault is run once more without it, and counts only
if it passes. Tests that build, install or copy the project are not used, nor those in editors, so the shares
are lower bounds. After tests were added: `mutants.record /tmp/mutants FILES`, then `mutants.run --again`.
"""


def page() -> str:
    """The whole page."""
    samples = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(DATA.glob("seed-*.json"))]
    return _HEAD + "".join(line + "\n" for sample in samples for line in _sample(sample))


def _sample(sample: dict[str, Any]) -> Iterator[str]:
    yield f"\n## Seed {sample['seed']}\n"
    state = f"At `{sample['commit'][:7]}`, Python {sample['python']}"
    tried = f"{sample['mutants']} of {sample['drawn']} faults tried"
    yield f"{state}: {tried}, with {sample['budget']:g} seconds of tests each.\n"
    yield "| room | faults | killed | share |"
    yield "|---|--:|--:|--:|"
    for room in ROOMS:
        yield _row(f"`{room}`", sample["rooms"][room])
    yield _row("**all**", sample)
    share = sample["killed_at_first"] / sample["mutants"]
    yield f"\nAt first, before tests were added for what it showed, {share:.0%} were killed."
    later = sum(each["reason"].startswith("killed since") for each in sample["survived"])
    if later:
        whole = (sample["killed"] + later) / sample["mutants"]
        yield f"Tests that were added since kill {later} more: {whole:.0%}."
    yield "\n| survived | fault | why |"
    yield "|---|---|---|"
    for each in sample["survived"]:
        place = each["place"].removeprefix("server/vramlint/")
        yield f"| {place} | {_code(each['before'])} → {_code(each['after'])} | {each['reason']} |"


def _row(name: str, counts: dict[str, int]) -> str:
    share = counts["killed"] / counts["mutants"] if counts["mutants"] else 0
    return f"| {name} | {counts['mutants']} | {counts['killed']} | {share:.0%} |"


def _code(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|").replace("`", "'")
    return f"`{line if len(line) <= 70 else line[:69] + '…'}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
