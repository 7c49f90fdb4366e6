"""A program, evaluated once for all that is asked of it."""

from __future__ import annotations

from typing import NamedTuple

from vramlint.dialects.scripting.declared import Load, Started
from vramlint.document.language import Language
from vramlint.document.python.cells import Cell, cells_of
from vramlint.document.python.evaluate import Evaluation
from vramlint.document.python.modules import Finder, Modules
from vramlint.document.python.work import Work


class Program(NamedTuple):
    """A script or a notebook, and what its cells come to."""

    text: str
    language: Language
    cells: tuple[Cell, ...]
    reading: Evaluation
    document: str | None = None
    """Its path as shown, where it is not the document itself."""


def read_program(
    text: str,
    language: Language,
    load: Load,
    started: Started | None = None,
    find: Finder | None = None,
    work: Work | None = None,
) -> Program:
    """Evaluate a program. `load` opens the config files that it reads, `find` the modules of its project;
    `started` says how a launch line starts it; `work` is what all programs of a document have together.
    """
    document, command, environment, words = started or (None, None, None, None)
    modules = Modules(find, document) if find is not None else None
    reading = Evaluation(command, load, environment, modules, words, work)
    cells: tuple[Cell, ...] = ()
    with reading.limited():
        cells = cells_of(text, language, document, reading.work)
        reading.read(cells)
    return Program(text, language, cells, reading, document)
