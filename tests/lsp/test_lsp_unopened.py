"""Diagnostics of files that nobody has opened: pulled for the whole workspace, in parts, with progress."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsp_talk import FULL, SMALL
from lsprotocol import types
from pygls.lsp.client import LanguageClient
from work import PATIENCE

CAPABILITIES = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(diagnostic=types.DiagnosticClientCapabilities()),
    window=types.WindowClientCapabilities(work_done_progress=True),
)


pytestmark = pytest.mark.asyncio


class Puller:
    """A client that pulls, with what it was told on the way."""

    def __init__(self, client: LanguageClient) -> None:
        self.client = client
        self.told: list[types.ProgressParams] = []

    async def pull(self, before: dict[str, str], token: str | None = None) -> list[Any]:
        previous = [types.PreviousResultId(uri, value) for uri, value in before.items()]
        params = types.WorkspaceDiagnosticParams(
            previous, work_done_token=token and f"{token}-bar", partial_result_token=token
        )
        return list((await self.client.workspace_diagnostic_async(params)).items)


@pytest_asyncio.fixture
async def puller(tmp_path: Path) -> AsyncIterator[Puller]:
    client = LanguageClient("puller", "1")
    found = Puller(client)

    @client.feature(types.PROGRESS)
    def progress(params: types.ProgressParams) -> None:
        found.told.append(params)

    await client.start_io(sys.executable, "-m", "vramlint", "server")
    folder = types.WorkspaceFolder(tmp_path.as_uri(), "w")
    await client.initialize_async(types.InitializeParams(CAPABILITIES, workspace_folders=[folder]))
    client.initialized(types.InitializedParams())
    yield found
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()


def fill(folder: Path, number: int) -> None:
    for index in range(number):
        (folder / f"run{index}.yaml").write_text(FULL)
    (folder / "compose.yaml").write_text("services:\n  web:\n    image: nginx\n")
    (folder / "small.yaml").write_text(SMALL)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "other.yaml").write_text(FULL)
    (folder / ".git").mkdir()
    (folder / ".gitignore").write_text("ignored.yaml\n")
    (folder / "ignored.yaml").write_text(FULL)


async def test_files_with_findings_are_reported_once(puller: Puller, tmp_path: Path) -> None:
    fill(tmp_path, 3)
    reports = await puller.pull({})
    assert {Path(report.uri).name for report in reports} == {"run0.yaml", "run1.yaml", "run2.yaml"}
    assert all([item.code for item in report.items] == ["VL101"] for report in reports)
    assert await puller.pull({}) == reports, "a client that remembers nothing is told again"
    before = {report.uri: report.result_id for report in reports}
    assert {report.kind for report in await puller.pull(before)} == {"unchanged"}

    (tmp_path / "run0.yaml").write_text(SMALL)
    (tmp_path / "run1.yaml").unlink()
    again = {Path(report.uri).name: report for report in await puller.pull(before)}
    assert not again["run0.yaml"].items
    assert not again["run1.yaml"].items
    assert again["run2.yaml"].kind == "unchanged"
    asked_anew = {Path(report.uri).name: report for report in await puller.pull(before)}
    assert asked_anew == again, "an answer that was lost is given again"


async def test_the_files_are_those_that_the_command_line_checks(puller: Puller, tmp_path: Path) -> None:
    """Workflows start runs too; a virtual environment is nobody's; settings may name a dialect."""
    workflow = tmp_path / ".github" / "workflows" / "train.yml"
    environment = tmp_path / "mine"
    for folder in (workflow.parent, environment):
        folder.mkdir(parents=True)
    for name in ("pyvenv.cfg", "run.yaml"):
        (environment / name).write_text(FULL)
    (tmp_path / "kept.yaml").write_text(FULL)
    (tmp_path / ".gitignore").write_text("kept.yaml\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / "vramlint.toml").write_text("respect-gitignore = false\n")
    launch = "accelerate launch -m axolotl.cli.train kept.yaml"
    workflow.write_text(f"jobs:\n  train:\n    steps:\n      - run: {launch}\n")
    checked = subprocess.run(
        [sys.executable, "-m", "vramlint", "check", ".", "--output-format", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    found = {each["path"] for each in json.loads(checked.stdout)["files"] if each["findings"]}
    reports = await puller.pull({})
    assert {
        Path(report.uri.removeprefix("file://")).relative_to(tmp_path).as_posix() for report in reports
    } == found
    assert found >= {"kept.yaml"}


async def test_an_open_file_is_left_to_its_own_requests(puller: Puller, tmp_path: Path) -> None:
    fill(tmp_path, 1)
    uri = (tmp_path / "run0.yaml").as_uri()
    item = types.TextDocumentItem(uri, "yaml", 1, FULL)
    puller.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    assert await puller.pull({}) == []


async def test_parts_and_progress(puller: Puller, tmp_path: Path) -> None:
    fill(tmp_path, 45)
    assert await puller.pull({}, "t") == []
    parts = [told.value for told in puller.told if told.token == "t"]
    assert sum(len(part["items"] if isinstance(part, dict) else part.items) for part in parts) == 45
    assert len(parts) > 1
    bar = [told.value for told in puller.told if told.token == "t-bar"]
    kinds = [each["kind"] if isinstance(each, dict) else each.kind for each in bar]
    assert kinds[0] == "begin"
    assert kinds[-1] == "end"
    assert "report" in kinds


async def test_it_is_cancelled_and_others_are_answered_meanwhile(puller: Puller, tmp_path: Path) -> None:
    fill(tmp_path, 300)
    uri = (tmp_path / "run0.yaml").as_uri()
    item = types.TextDocumentItem(uri, "yaml", 1, FULL)
    puller.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    asked = asyncio.ensure_future(puller.pull({}, "t"))
    await asyncio.sleep(0.3)
    where = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(5, 2))
    assert await asyncio.wait_for(puller.client.text_document_hover_async(where), PATIENCE)
    number = next(
        number for number, future in puller.client.protocol._request_futures.items() if not future.done()
    )
    puller.client.protocol.notify(types.CANCEL_REQUEST, types.CancelParams(number))
    with pytest.raises(Exception, match=r"[Cc]ancel"):
        await asyncio.wait_for(asked, PATIENCE)
    assert len([told for told in puller.told if told.token == "t"]) < 15


async def test_an_answer_without_news_is_held_back_until_there_are_some(
    puller: Puller, tmp_path: Path
) -> None:
    fill(tmp_path, 1)
    (report,) = await puller.pull({})
    asked = asyncio.ensure_future(puller.pull({report.uri: report.result_id}, "t"))
    await asyncio.sleep(0.3)
    assert not asked.done()
    (tmp_path / "run0.yaml").write_text(SMALL)
    event = types.FileEvent(report.uri, types.FileChangeType.Changed)
    puller.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
    await asyncio.wait_for(asked, PATIENCE)
