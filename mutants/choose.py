"""Which tests are run against a fault, from the lines that each was seen to execute, and in which order."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from coverage.numbits import numbits_to_nums

from mutants.operators import Mutant

Test = str
"""The id that pytest gives a test."""


@dataclass(eq=False)
class Recording:
    """What the tests execute."""

    seconds: dict[Test, float] = field(default_factory=dict)
    """Of the tests that passed."""
    _lines: dict[str, dict[int, set[Test]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )

    @classmethod
    def read(cls, folder: Path, root: Path) -> Recording:
        """What `mutants.record` left."""
        read = cls()
        for file in folder.glob("tests-*.json"):
            for test, (passed, seconds) in json.loads(file.read_text(encoding="utf-8")).items():
                if passed:
                    read.seconds[test] = seconds
        for file in folder.glob("lines.*"):
            read._add(file, root)
        return read

    def _add(self, file: Path, root: Path) -> None:
        """By its documented schema: the interface asks file by file, which takes minutes."""
        with closing(sqlite3.connect(file)) as database:
            rows = database.execute(
                "select file.path, context.context, line_bits.numbits from line_bits "
                "join file on file.id = file_id join context on context.id = context_id"
            )
            for path, context, bits in rows:
                lines = self._lines[Path(path).relative_to(root).as_posix()]
                for line in numbits_to_nums(bits):
                    lines[line] |= self._named(context)

    @cache  # noqa: B019  # there is one recording a process
    def _named(self, context: str) -> frozenset[Test]:
        """The tests of a context: a process that a fixture starts serves any of its file."""
        if not context.endswith(" (setup)"):
            return frozenset({context.removesuffix(" (call)")} & self.seconds.keys())
        file = context.partition("::")[0] + "::"
        return frozenset(each for each in self.seconds if each.startswith(file))

    def tests(self, mutant: Mutant, budget: float) -> list[Test]:
        """The nearest first: of the place itself, its function, its file, its folder; of the equally
        near one case of each test function before a second one, the quick ones first. As many as take
        `budget` seconds together.
        """
        folder = str(Path(mutant.file).parent)
        near = [file for file in self._lines if str(Path(file).parent) == folder]
        rings: list[set[Test]] = [
            self._of(mutant.file, range(mutant.line, mutant.end_line + 1)),
            self._of(mutant.file, range(mutant.statement[0], mutant.statement[1] + 1)),
            self._of(mutant.file, range(mutant.function[0], mutant.function[1] + 1))
            if mutant.function
            else set(),
            self._of(mutant.file),
            set().union(*(self._of(file) for file in near)) if near else set(),
        ]
        chosen: dict[Test, None] = {}
        spent = 0.0
        for ring in rings:
            for test in self._ordered(ring.difference(chosen)):
                if spent + self.seconds[test] <= budget:
                    spent += self.seconds[test]
                    chosen[test] = None
        return list(chosen)

    def _of(self, file: str, lines: Iterable[int] | None = None) -> set[Test]:
        known = self._lines.get(file, {})
        return set().union(*(known.get(line, set()) for line in (known if lines is None else lines)))

    def _ordered(self, tests: Iterable[Test]) -> list[Test]:
        seen: Counter[str] = Counter()
        ranked = []
        for test in sorted(tests, key=lambda each: (self.seconds[each], each)):
            function = test.partition("[")[0]
            ranked.append((seen[function], self.seconds[test], test))
            seen[function] += 1
        return [test for _, _, test in sorted(ranked)]


def batches(tests: list[Test], sizes: tuple[tuple[int, int], ...] = ((25, 3), (200, 15))) -> list[list[Test]]:
    """Few tests of few files first: most faults fall to these, and to import a file takes longer than to run
    one of its tests. `sizes`: tests and files at most.
    """
    cut: list[list[Test]] = []
    for most, most_files in sizes:
        files: dict[str, None] = {}
        taken: list[Test] = []
        for test in tests:
            file = test.partition("::")[0]
            if len(taken) < most and (file in files or len(files) < most_files):
                files[file] = None
                taken.append(test)
        cut.append(taken)
        gone = set(taken)
        tests = [each for each in tests if each not in gone]
    return [each for each in (*cut, tests) if each]
