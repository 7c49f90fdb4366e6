"""What each key of each framework makes of a run, as text that a reader can review.

A line that changes says which files are read otherwise from now on; it belongs into the CHANGELOG.
"""

from collections.abc import Callable
from json import dumps

import pytest
from dialect_seeds import with_values
from key_effects import bases, effect, read, said, said_of, tried

from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Dialect

WITHOUT_JOBS = frozenset(("skypilot", "slime", "ludwig", "megatron-bridge"))


@pytest.mark.parametrize(
    "dialect",
    [each for each in load_all() if each.name not in WITHOUT_JOBS],
    ids=lambda dialect: dialect.name,
)
def test_what_a_key_does(dialect: Dialect, snapshot: Callable[[str, str], None]) -> None:
    lines: list[str] = []
    of_seed: dict[str, str] = {}
    for name, base in bases(dialect):
        before = said(read(dialect, base))
        lines += [f"# {name}: " + "; ".join(f"{field} {value}" for field, value in before.items()), ""]
        for path, values in tried(dialect, name):
            by_effect: dict[str, list[str]] = {}
            for value in values:
                done = effect(before, read(dialect, with_values(base, {path: value})), path)
                if name == "seed" or done != of_seed.get(f"{path} = {dumps(value)}"):
                    by_effect.setdefault(done or "nothing", []).append(dumps(value))
                if name == "seed":
                    of_seed[f"{path} = {dumps(value)}"] = done
            lines += [f"{path} = {', '.join(words)}: {done}" for done, words in by_effect.items()]
        lines.append("")
    lines += ["# table", "", *map(said_of, dialect.keys), ""]
    snapshot(f"{dialect.name}.txt", "\n".join(lines))
