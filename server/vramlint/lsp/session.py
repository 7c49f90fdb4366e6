"""The open documents, each analysed once per version, and what the client has set for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from pygls.uris import from_fs_path, to_fs_path

from vramlint.lazy_dataclasses import dataclass, field, replace
from vramlint.lsp.client import Client
from vramlint.project.overrides import Overrides
from vramlint.project.settings import SettingsResolver, usable_versions

if TYPE_CHECKING:
    from vramlint.document import Language
    from vramlint.document.node import Node
    from vramlint.document.yaml.pieces import Pieces
    from vramlint.lint.finding import Finding, Fix
    from vramlint.lint.result import Analysis
    from vramlint.lsp.cells import Cell
    from vramlint.lsp.view import View
    from vramlint.project.workspace import Workspace

T = TypeVar("T")
_LANGUAGES: dict[str, Language] = {
    "yaml": "yaml",
    "json": "json",
    "jsonc": "json",
    "toml": "toml",
    "shellscript": "shell",
    "makefile": "shell",
    "python": "python",
}


def overrides_of(section: Any) -> Overrides:
    """The section `vramlint` of the client's settings, as far as the server acts on it; invalid types are
    ignored.
    """
    values: Mapping[str, Any] = section if isinstance(section, Mapping) else {}
    gpu, versions = values.get("gpu"), values.get("versions")
    declared = (
        {str(name): str(version) for name, version in versions.items()}
        if isinstance(versions, Mapping)
        else {}
    )
    problems: list[str] = []
    return Overrides(
        gpu=gpu.strip() or None if isinstance(gpu, str) else None,
        versions=usable_versions("vramlint.versions", declared, problems),
        problems=tuple(problems),
    )


_own_seconds = getattr(time, "thread_time", time.process_time)
"""Processor time of this thread, which other work on the machine does not lengthen. A browser's Python has
none for a thread, and one thread.
"""


@dataclass(slots=True)
class _Open:
    """One open document. `good` is the last analysis that had an estimate (until there is one: that knew the
    kind of config), `whole` the last of a text without syntax problems.
    """

    uri: str
    path: str | None
    language: Language | None
    version: int | None
    text: str
    analysis: Analysis | None = None
    hurried: bool = False
    """Answered at once: verdicts are by the count until `settle` has replaced the analysis."""
    good: Analysis | None = None
    whole: Analysis | None = None
    seconds: float = 0.0
    answers: dict[Hashable, Any] = field(default_factory=dict)
    pieces: Pieces | None = None
    """What its text held, from its first analysis on."""
    cells: tuple[Cell, ...] = ()
    """Of a notebook, which is known by the URIs of its cells too."""


class Session:
    """All that the server remembers between two messages."""

    def __init__(self) -> None:
        self.client = Client()
        self._documents: dict[str, _Open] = {}
        self._overlay: dict[str, str] = {}
        self._folders: dict[str, Workspace | None] = {}
        """By path; each made when a document of it is analysed."""
        self._opened: tuple[str, ...] = ()
        self._editor: dict[str, Overrides] = {"": Overrides()}
        self._resolver = SettingsResolver()
        self.searches: dict[str, asyncio.Task[Any]] = {}
        """The search for fixes that goes on for a document; a change of its text ends it."""
        self.generation = 0
        """Counts the changes of settings, after which nothing that was said holds."""
        self.trusted = False
        """Whether the client has said that the user trusts the workspace."""

    # documents

    def open(self, uri: str, language: str, version: int | None, text: str) -> None:
        """A document was opened."""
        path = to_fs_path(uri)
        self._documents[_key(uri)] = _Open(uri, path, _LANGUAGES.get(language), version, text)
        self._overlay_changed(path, text)

    def change(self, uri: str, version: int | None, text: str) -> None:
        """A document has a new text."""
        document = self._documents.get(_key(uri))
        if document is not None:
            document.version, document.text, document.analysis = version, text, None
            document.hurried = True
            self.abandon(uri)
            self._overlay_changed(document.path, text)

    def abandon(self, uri: str) -> None:
        """End the search for a document's fixes: its text is another one."""
        if (search := self.searches.pop(_key(uri), None)) is not None:
            search.cancel()

    def close(self, uri: str) -> None:
        """A document was closed; from now on its file counts again."""
        self.abandon(uri)
        document = self._documents.pop(_key(uri), None)
        if document is not None:
            self._overlay_changed(document.path, None)

    def open_notebook(
        self, uri: str, path: str | None, version: int | None, text: str, cells: tuple[Cell, ...]
    ) -> None:
        """A notebook was opened, or its cells have changed."""
        known = self._documents.get(_key(uri))
        document = known or _Open(uri, path, "notebook", version, text)
        document.hurried = known is not None
        self.close_notebook(uri)
        document.version, document.text, document.cells, document.analysis = version, text, cells, None
        self._documents |= dict.fromkeys((_key(uri), *(_key(cell.uri) for cell in cells)), document)

    def close_notebook(self, uri: str) -> None:
        """A notebook was closed with all its cells."""
        document = self._documents.get(_key(uri))
        for name in [name for name, each in self._documents.items() if each is document]:
            del self._documents[name]

    def uris(self) -> tuple[str, ...]:
        """The open documents."""
        return tuple(dict.fromkeys(document.uri for document in self._documents.values()))

    def parts(self, uri: str) -> tuple[str, ...]:
        """What the client shows of a document: itself, or its cells."""
        document = self._documents.get(_key(uri))
        cells = document.cells if document is not None else ()
        return tuple(cell.uri for cell in cells) or (uri,)

    def is_open(self, uri: str) -> bool:
        """Whether the document is open."""
        return _key(uri) in self._documents

    def users_of(self, path: str) -> Iterator[str]:
        """The open documents that read the file at `path`, or would if it were there."""
        name = Path(path).name
        found: set[str] = set()
        for document in self._documents.values():
            reading = document.analysis.reading if document.analysis else None
            if reading is None or document.path == path:
                continue
            known = document.analysis.companions if document.analysis else ()
            named = (*known, *(missing for _, missing in reading.missing_companions))
            if any(Path(companion).name == name for companion in named):
                found.add(document.uri)
        yield from found

    # analyses

    def look_at(self, path: str, data: bytes) -> View:
        """A file that is not open, as it is on the disk; on any thread."""
        from vramlint.analysis.analyse import (
            analyse,
        )  # here and below late: `initialize` waits for none of it
        from vramlint.document import Document
        from vramlint.lsp.view import View

        workspace, editor = self._around(path)
        parsed = Document.from_bytes(data, path)
        analysis = analyse(parsed, workspace, editor)
        return View(from_fs_path(path) or "", None, analysis, analysis, analysis, self.client)

    @property
    def resolver(self) -> SettingsResolver:
        """Reads the project's settings."""
        return self._resolver

    def view(self, uri: str) -> View | None:
        """The document as it is, analysed now if its text or its surroundings are new."""
        from vramlint.lsp.view import View

        document = self._documents.get(_key(uri))
        if document is None:
            return None
        analysis = document.analysis or self._analyse(document)
        shown = document.good if document.good and _says_less(analysis, document.good) else analysis
        cell = next((cell for cell in document.cells if _key(cell.uri) == _key(uri)), None)
        if cell is not None:
            return View(
                cell.uri, cell.version, analysis, shown, document.whole, self.client, cell, document.cells
            )
        return View(document.uri, document.version, analysis, shown, document.whole, self.client)

    def unsettled(self, uri: str) -> Callable[[], Analysis] | None:
        """What works out verdicts of the document that the count leaves open, on any thread; None where there
        are none.
        """
        document = self._documents.get(_key(uri))
        analysis = document.analysis if document else None
        if document is None or analysis is None:
            return None
        if not any(run.estimate is not None and run.estimate.undecided for run in analysis.runs):
            return None
        from vramlint.analysis.analyse import analyse

        workspace, editor = self._around(document.path)
        return partial(analyse, analysis.document, workspace, editor)

    def settle(self, uri: str, before: Analysis, after: Analysis) -> bool:
        """Replace an analysis by one whose verdicts are settled, unless the document has changed meanwhile.
        Tells whether anything that is shown is new.
        """
        document = self._documents.get(_key(uri))
        if document is None or document.analysis is not before:
            return False
        document.analysis = document.good = after
        document.answers.clear()
        return True

    def cost(self, uri: str) -> float:
        """Processor seconds that the last analysis of the document took."""
        document = self._documents.get(_key(uri))
        return document.seconds if document else 0.0

    def once(self, uri: str, question: Hashable, work: Callable[[], T]) -> T:
        """What `work` returns, worked out once per analysis of the document."""
        answers = self._documents[_key(uri)].answers
        if question not in answers:
            answers[question] = work()
        known: T = answers[question]
        return known

    def known_fixes(self, uri: str, finding: Finding) -> tuple[Fix, ...] | None:
        """All fixes of a finding, where they were searched for in this version; else None."""
        document = self._documents.get(_key(uri))
        return None if document is None else document.answers.get(finding)

    def remember_fixes(self, uri: str, analysis: Analysis, finding: Finding, fixes: tuple[Fix, ...]) -> None:
        """Keep what a search found, unless the document has changed meanwhile."""
        document = self._documents.get(_key(uri))
        if document is not None and (analysis is document.analysis or analysis is document.good):
            document.answers[finding] = fixes

    def forget(self, uris: Iterable[str] | None = None) -> None:
        """Analyse again at the next question: these documents, or all, with their settings read again."""
        if uris is None:
            self.generation += 1
            self._resolver.forget()
            for workspace in filter(None, self._folders.values()):
                workspace.forget()
            uris = self.uris()
        for uri in uris:
            document = self._documents.get(_key(uri))
            if document is not None:
                document.analysis, document.hurried = None, True

    # folders and settings

    def folders(self) -> tuple[str, ...]:
        """The folders of the workspace, without those that lie in another."""
        paths = [Path(folder) for folder in self._opened]
        return tuple(str(path) for path in paths if not any(other in path.parents for other in paths))

    def set_folders(self, uris: Iterable[str]) -> None:
        """The folders of the workspace."""
        self._opened = tuple(filter(None, map(to_fs_path, uris)))
        self._folders = dict.fromkeys(self._opened)
        self.forget()

    def configure(self, sections: Mapping[str, Any]) -> bool:
        """The client's settings by folder path, "" for what holds elsewhere. Tells whether they are new."""
        everywhere = overrides_of(sections.get(""))
        folders = {path: overrides_of(section) for path, section in sections.items() if path}
        editor = {path: settings for path, settings in folders.items() if settings != everywhere}
        editor[""] = everywhere
        new, self._editor = editor != self._editor, editor
        return new

    def _analyse(self, document: _Open) -> Analysis:
        from vramlint.analysis.analyse import analyse
        from vramlint.document import Document
        from vramlint.document.yaml.pieces import Pieces

        started = _own_seconds()
        workspace, editor = self._around(document.path)
        document.pieces = document.pieces or Pieces()
        parsed = Document.parse(document.text, document.path, document.language, pieces=document.pieces)
        analysis = analyse(parsed, workspace, replace(editor, by_count=document.hurried))
        document.analysis = analysis
        document.answers.clear()
        if analysis.estimate or (analysis.dialect and not (document.good and document.good.estimate)):
            document.good = analysis
        if not parsed.problems:
            document.whole = analysis
        document.seconds = _own_seconds() - started
        return analysis

    def _around(self, path: str | None) -> tuple[Workspace, Overrides]:
        """The workspace of a document, and what the client has set there."""
        folder = self._folder_of(path)
        editor = self._editor.get(folder or "", self._editor[""])
        if folder is None:
            folder = str(Path(path).parent) if path else str(Path.cwd())
        workspace = self._folders.get(folder)
        if workspace is None:
            self._folders[folder] = workspace = self._workspace(folder)
        return workspace, replace(editor, trusted=self.trusted)

    def _workspace(self, path: str) -> Workspace:
        from vramlint.project.workspace import Workspace

        return Workspace(path, settings=self._resolver, overlay=self._overlay)

    def _folder_of(self, path: str | None) -> str | None:
        """The innermost folder of the workspace that holds the file."""
        if path is None:
            return None
        holding = [folder for folder in self._folders if Path(path).is_relative_to(folder)]
        return max(holding, key=len, default=None)

    def _overlay_changed(self, path: str | None, text: str | None) -> None:
        if path is None:
            return
        resolved = str(Path(path).resolve())
        if text is None:
            self._overlay.pop(resolved, None)
        else:
            self._overlay[resolved] = text


def _says_less(now: Analysis, before: Analysis) -> bool:
    """Whether a text is one that is being typed, of the run that it described before: it does not parse, or
    has lost what told its kind and still has keys of it.
    """
    if now.estimate is not None:
        return False
    if now.dialect is None and now.document.root is not None and before.document.root is not None:
        return bool(_keys(now.document.root) & _keys(before.document.root))
    return bool(now.document.problems)


def _keys(root: Node) -> set[object]:
    return {pair.key.value for pair in root.resolved().pairs}


def _key(uri: str) -> str:
    """Clients differ in what they escape in a URI."""
    return unquote(uri)
