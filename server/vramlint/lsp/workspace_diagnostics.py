"""Diagnostics of the files that are not open: one by one, beside the server's thread, until the client
cancels.

Only what could be a config or start a run is read; a file is looked at again when it, a companion of it or
the settings are new. Nothing is walked without bounds.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lsprotocol import types
from pygls.uris import from_fs_path

from vramlint.files import Unreadable, read_bytes
from vramlint.lazy_dataclasses import dataclass
from vramlint.lsp.background import beside
from vramlint.lsp.session import Session

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

    from vramlint.project.settings import SettingsResolver

Report: TypeAlias = (
    types.WorkspaceFullDocumentDiagnosticReport | types.WorkspaceUnchangedDocumentDiagnosticReport
)
_MOST_NAMES = 100_000
_MOST_FILES = 5_000
_BATCH = 20
"""Files after which the client is told."""
HOLD = 300.0
"""Seconds that an answer without news is held back from a client that asks again and again."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a file was answered with, and the files that it read."""

    result: str
    clean: bool
    companions: tuple[str, ...]


class WorkspaceDiagnostics:
    """Answers `workspace/diagnostic`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, _Known] = {}
        self._news = asyncio.Event()

    def changed(self) -> None:
        """Something on the disk or in the settings is new: an answer that is held back is worked out."""
        self._news.set()

    async def answer(self, server: LanguageServer, params: types.WorkspaceDiagnosticParams) -> list[Report]:
        """The reports of all files with news, in parts where the client takes them so."""
        before = {item.uri: item.value for item in params.previous_result_ids}
        while True:
            self._news.clear()
            reports, news = await self._look(server, params, before)
            if news or params.partial_result_token is None or not before:
                return reports
            try:
                await asyncio.wait_for(self._news.wait(), HOLD)
            except asyncio.TimeoutError:
                return reports

    async def _look(
        self, server: LanguageServer, params: types.WorkspaceDiagnosticParams, before: dict[str, str]
    ) -> tuple[list[Report], bool]:
        """One look at all files: the reports that were not sent yet, and whether any says something new."""
        tell, token = _Progress(server, params.work_done_token), params.partial_result_token
        reports: list[Report] = []
        news = False
        gone = set(before)
        tell.begin()
        try:
            files = await beside(self._files)
            for number, path in enumerate(files):
                uri = from_fs_path(path) or ""
                gone.discard(uri)
                if not self._session.is_open(uri):
                    report = await self._report(uri, path, before.get(uri))
                    news = news or isinstance(report, types.WorkspaceFullDocumentDiagnosticReport)
                    reports += [report] if report else []
                if number % _BATCH == _BATCH - 1:
                    await asyncio.sleep(0)  # other requests, and cancellation
                    tell.report(number + 1, len(files))
                    if token is not None and reports:
                        _send(server, token, reports)
                        reports = []
        finally:
            tell.end()
        for uri in gone:
            if not self._session.is_open(uri):
                reports.append(types.WorkspaceFullDocumentDiagnosticReport(uri=uri, items=[]))
                news = True
        if token is not None and reports:
            _send(server, token, reports)
            reports = []
        return reports, news

    def _files(self) -> list[str]:
        from vramlint.project import prefilter  # here and below late: `initialize` waits for none of it

        prefilter.forget()
        found = _candidates(self._session.folders(), self._session.resolver)
        return list(islice(dict.fromkeys(found), _MOST_FILES))

    async def _report(self, uri: str, path: str, before: str | None) -> Report | None:
        """The report of a file; None for one without findings of which the client knows nothing."""
        known = self._known.get(uri)
        if known is not None and self._result(path, known.companions) == known.result:
            if before == known.result:
                return types.WorkspaceUnchangedDocumentDiagnosticReport(uri=uri, result_id=before)
            if before is None and known.clean:
                return None
        items, companions = await beside(partial(self._check, path))
        result = self._result(path, companions)
        self._known[uri] = _Known(result, not items, companions)
        if before is None and not items:
            return None
        return types.WorkspaceFullDocumentDiagnosticReport(uri=uri, items=items, result_id=result)

    def _check(self, path: str) -> tuple[list[types.Diagnostic], tuple[str, ...]]:
        from vramlint.lsp.diagnostics import diagnostics
        from vramlint.project.prefilter import MOST_BYTES, could_be_config, is_text

        try:
            data = read_bytes(path, MOST_BYTES)
        except Unreadable:
            return [], ()
        if not is_text(data) or not could_be_config(data, path):
            return [], ()
        view = self._session.look_at(path, data)
        reading = view.analysis.reading
        return diagnostics(view), tuple(reading.companions) if reading else ()

    def _result(self, path: str, companions: Sequence[str]) -> str:
        """What tells one state of a file from another: when it and what it reads were written, and the
        settings.
        """
        folder = Path(path).parent
        stamps: list[Any] = [self._session.generation]
        for file in (Path(path), *(folder / companion for companion in companions)):
            try:
                status = file.stat()
                stamps.append((status.st_mtime_ns, status.st_size))
            except OSError:
                stamps.append(None)
        import hashlib

        return hashlib.blake2s(repr(stamps).encode(), digest_size=8).hexdigest()


class _Progress:
    """The progress bar, where the client shows one."""

    def __init__(self, server: LanguageServer, token: types.ProgressToken | None) -> None:
        self._server, self._token = server, token

    def begin(self) -> None:
        self._say(types.WorkDoneProgressBegin(title="vramlint: checking the workspace", percentage=0))

    def report(self, done: int, whole: int) -> None:
        said = types.WorkDoneProgressReport(
            message=f"{done} of {whole} files", percentage=100 * done // whole
        )
        self._say(said)

    def end(self) -> None:
        self._say(types.WorkDoneProgressEnd())

    def _say(self, value: Any) -> None:
        if self._token is not None:
            self._server.progress(types.ProgressParams(token=self._token, value=value))


def _send(server: LanguageServer, token: types.ProgressToken, reports: list[Report]) -> None:
    part = types.WorkspaceDiagnosticReportPartialResult(items=reports)
    server.progress(types.ProgressParams(token=token, value=part))


def _candidates(folders: Sequence[str], settings: SettingsResolver) -> Iterator[str]:
    """The files below the folders of the workspace that a config or a start of a run could be in."""
    from vramlint.project.ignored import Ignored
    from vramlint.project.walk import Passed, files_in, is_wanted

    names = 0

    def wanted(name: str) -> bool:
        nonlocal names
        names += 1
        return names <= _MOST_NAMES and is_wanted(name)

    def until_enough(ignored: Passed) -> Passed:
        return lambda *entry: names > _MOST_NAMES or ignored(*entry)

    for top in folders:
        respects = settings.for_file(os.path.join(top, "-")).respect_gitignore  # noqa: PTH118
        yield from files_in([top], wanted, until_enough(Ignored(settings, gitignore=respects)))
