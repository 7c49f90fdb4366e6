"""The run of the last commit beside the one that is typed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lsp_talk import SMALL, Editor
from lsprotocol import types

from vramlint.lsp import git

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(shutil.which("git") is None, reason="no git"),
]


def commit(folder: Path) -> None:
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "m")):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


async def since(editor: Editor, uri: str, trusted: bool = True) -> Any:
    params = {"textDocument": {"uri": uri}, "trusted": trusted}
    answer = await editor.client.protocol.send_request_async("vramlint/sinceCommit", params)
    return answer if answer is None or isinstance(answer, dict) else answer._asdict()


async def compare(editor: Editor, uri: str) -> Any:
    params = types.ExecuteCommandParams("vramlint.sinceCommit", [uri, True])
    return await editor.client.workspace_execute_command_async(params)


async def test_what_is_typed_is_compared_with_the_last_commit(editor: Editor) -> None:
    uri = await editor.open(SMALL)
    assert await since(editor, uri) is None, "there is no commit"
    commit(editor.folder)
    assert (await since(editor, uri))["said"] == ""
    page = await compare(editor, uri)
    assert "the same memory as in the last commit" in page
    assert "****" not in page
    await editor.change(uri, SMALL.replace("micro_batch_size: 1", "micro_batch_size: 16"))
    told = await since(editor, uri)
    assert told["said"].startswith("+")
    assert told["said"].endswith("GiB since the last commit")
    assert told["difference_bytes"] == told["device_bytes"] - told["device_bytes_then"] > 2**30
    page = await compare(editor, uri)
    assert "| micro_batch_size | 1 | 16 |" in page
    assert told["commit"] in page


async def test_the_version_without_an_estimate_is_named(editor: Editor) -> None:
    uri = await editor.open(SMALL)
    commit(editor.folder)
    await editor.change(uri, "vramlint: 1\nmethod: full\n")
    assert await since(editor, uri) is None
    assert (await compare(editor, uri)).endswith("no estimate of this version")


async def test_git_is_not_asked_in_workspaces_that_are_not_trusted(editor: Editor) -> None:
    uri = await editor.open(SMALL)
    commit(editor.folder)
    assert await since(editor, uri, trusted=False) is None


async def test_nothing_of_the_repository_is_run(editor: Editor) -> None:
    uri = await editor.open(SMALL)
    commit(editor.folder)
    proof = editor.folder / "ran"
    for name in ("core.fsmonitor", "diff.external", "core.pager", "filter.x.smudge", "core.sshCommand"):
        subprocess.run(["git", "config", name, f"touch {proof}"], cwd=editor.folder, check=True)
    (editor.folder / ".gitattributes").write_text("*.yaml filter=x diff=x\n")
    assert await since(editor, uri) is not None
    await compare(editor, uri)
    assert not proof.exists()


@pytest.mark.parametrize(("size", "read"), [(2**21, True), (2**21 + 1, False)])
async def test_what_is_too_large_is_not_read(tmp_path: Path, size: int, read: bool) -> None:
    (tmp_path / "large.yaml").write_bytes(b"#" * size)
    commit(tmp_path)
    found = git.committed(str(tmp_path / "large.yaml"))
    assert found is not None
    assert (git.content(str(tmp_path / "large.yaml"), found.blob) is not None) == read
    assert git.committed(str(tmp_path / "none.yaml")) is None
