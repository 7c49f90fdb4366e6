"""Which tests are run against a fault, from the lines that each was seen to execute, and in which order."""

from __future__ import annotations

import ast
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mutants.operators import Mutant

Test = str
"""The id that pytest gives a test."""
_SETUP = " (setup)"


@dataclass(frozen=True)
class _Seen:
    """The lines of one file that one context executed, a bit each."""

    tests: frozenset[Test]
    bits: int

    def any_of(self, lines: range) -> bool:
        """Whether it executed one of them."""
        return bool(self.bits & _bits(lines))


def _bits(lines: range) -> int:
    return (1 << lines.stop) - (1 << lines.start)


@cache
def _in_functions(file: Path) -> int:
    """The lines of a file that do not run at import, where they tell only which test came first."""
    found = 0
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found |= _bits(range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1))
    return found


_ALL = range(1 << 16)
_Files = dict[str, list[_Seen]]
_Order = Callable[[Iterable[Test]], list[Test]]


@dataclass(eq=False)
class Recording:
    """What the tests execute."""

    seconds: dict[Test, float] = field(default_factory=dict)
    """Of the tests that passed, when they were quickest."""
    _comparing: set[Test] = field(default_factory=set)
    """Those that compare all they see with a stored text."""
    _own: _Files = field(default_factory=lambda: defaultdict(list))
    _served: _Files = field(default_factory=lambda: defaultdict(list))
    """What a process that a fixture starts executes before the first test, for any of its file."""

    @classmethod
    def read(cls, folder: Path, root: Path) -> Recording:
        """What `mutants.record` left."""
        read = cls()
        for file in folder.glob("tests-*.json"):
            for test, (passed, seconds, compares) in json.loads(file.read_text(encoding="utf-8")).items():
                if passed:
                    read.seconds[test] = min(seconds, read.seconds.get(test, seconds))
                    read._comparing |= {test} if compares else set()
        for file in folder.glob("lines.*"):
            read._add(file, root)
        return read

    def _add(self, file: Path, root: Path) -> None:
        """By its documented schema, with a bit for each line: the interface asks file by file, which takes
        minutes.
        """
        with closing(sqlite3.connect(file)) as database:
            rows = database.execute(
                "select file.path, context.context, line_bits.numbits from line_bits "
                "join file on file.id = file_id join context on context.id = context_id"
            )
            for path, context, stored in rows:
                bits = int.from_bytes(stored, "little") & _in_functions(Path(path))
                context = context.rpartition("|")[2]  # what a served process does is of the test that runs
                if bits and (tests := self._named(context)):
                    known = self._served if context.endswith(_SETUP) else self._own
                    known[Path(path).relative_to(root).as_posix()].append(_Seen(tests, bits))

    @cache  # noqa: B019  # there is one recording a process
    def _named(self, context: str) -> frozenset[Test]:
        if not context.endswith(_SETUP):
            return frozenset({context.removesuffix(" (call)")} & self.seconds.keys())
        file = context.partition("::")[0] + "::"
        return frozenset(each for each in self.seconds if each.startswith(file))

    def tests(self, mutant: Mutant, budget: float) -> list[Test]:
        """As many as take `budget` seconds together: a third for quick ones near the fault, the rest for
        those that see most of its folder, first such as compare all they see.

        What only runs at import (a table) is executed by no test, and a fault in it shows where values
        differ: in tests that are few, slow and wide.
        """
        width = self._width(str(Path(mutant.file).parent))
        rings = [*self._rings(mutant), set(width)]
        chosen = self._fitting(rings, budget / 3, self._quick)
        nearest = next((ring for ring in rings if ring.difference(chosen)), set())

        def widest(tests: Iterable[Test]) -> list[Test]:
            return sorted(tests, key=lambda test: (test not in self._comparing, -width[test], test))

        for ring, order in ((nearest, widest), *((ring, self._quick) for ring in rings)):
            left = budget - sum(self.seconds[test] for test in chosen)
            chosen += self._fitting([ring.difference(chosen)], left, order)
        return chosen

    def _rings(self, mutant: Mutant) -> list[set[Test]]:
        """The tests that execute the place itself, its statement, its function, its file."""
        place = range(mutant.line, mutant.end_line + 1)
        statement = range(mutant.statement[0], mutant.statement[1] + 1)
        function = range(mutant.function[0], mutant.function[1] + 1) if mutant.function else range(0)
        own, started = self._own[mutant.file], self._served[mutant.file]
        return [_of(own, place) or _of(started, place), _of(own, statement), _of(own, function), _of(own)]

    @cache  # noqa: B019  # there is one recording a process
    def _width(self, folder: str) -> Mapping[Test, int]:
        """How many lines of the files in it each test executes."""
        seen: defaultdict[tuple[Test, str], int] = defaultdict(int)
        for file, known in self._own.items():
            if str(Path(file).parent) == folder:
                for each in known:
                    for test in each.tests:
                        seen[test, file] |= each.bits
        width: Counter[Test] = Counter()
        for (test, _), lines in seen.items():
            width[test] += lines.bit_count()
        return width

    def _fitting(self, rings: Iterable[set[Test]], seconds: float, order: _Order) -> list[Test]:
        """From the first ring on, those that fit into the time that is left."""
        chosen: dict[Test, None] = {}
        for ring in rings:
            for test in order(ring.difference(chosen)):
                if self.seconds[test] <= seconds:
                    seconds -= self.seconds[test]
                    chosen[test] = None
        return list(chosen)

    def _quick(self, tests: Iterable[Test]) -> list[Test]:
        """Quick ones first, and few cases of one test function."""
        cases: Counter[str] = Counter()
        ranked = []
        for test in sorted(tests, key=lambda each: (self.seconds[each], each)):
            function = test.partition("[")[0]
            cases[function] += 1
            ranked.append((cases[function] * self.seconds[test], test))
        return [test for _, test in sorted(ranked)]


def _of(known: list[_Seen], lines: range = _ALL) -> set[Test]:
    return {test for seen in known if seen.any_of(lines) for test in seen.tests}


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
