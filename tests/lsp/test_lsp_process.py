"""The server as a process: how it ends, and that nothing but the protocol is on its standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lsp_talk import SMALL
from work import PATIENCE


def message(method: str, number: int | None = None, params: object = None) -> bytes:
    body: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params}
    if number is not None:
        body["id"] = number
    data = json.dumps(body).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(data), data)


HELLO = message("initialize", 1, {"capabilities": {}, "processId": None, "rootUri": None})


@pytest.mark.parametrize(
    ("talk", "code"),
    [
        (HELLO + message("shutdown", 2) + message("exit"), 0),
        (HELLO + message("exit"), 1),
        (HELLO, 0),
        (b"", 0),
    ],
    ids=["goodbye", "exit-only", "end-of-input", "nothing"],
)
def test_the_process_ends(talk: bytes, code: int) -> None:
    command = [sys.executable, "-m", "vramlint", "server"]
    done = subprocess.run(command, input=talk, capture_output=True, timeout=PATIENCE)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr


def test_a_print_does_not_reach_the_protocol() -> None:
    program = (
        "import vramlint.lsp.server as server, vramlint.analysis.analyse as analysis\n"
        "analyse = analysis.analyse\n"
        "analysis.analyse = lambda *given: (print('a stray line'), analyse(*given))[1]\n"
        "raise SystemExit(server.main([]))\n"
    )
    opened = {"textDocument": {"uri": "file:///a.yaml", "languageId": "yaml", "version": 1, "text": SMALL}}
    talk = HELLO + message("textDocument/didOpen", None, opened) + message("shutdown", 2) + message("exit")
    done = subprocess.run([sys.executable, "-c", program], input=talk, capture_output=True, timeout=PATIENCE)
    assert b"a stray line" not in done.stdout
    assert b"a stray line" in done.stderr
    assert done.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there the pipe ends with the editor")
def test_the_process_ends_with_its_editor_though_the_pipe_stays_open() -> None:
    with subprocess.Popen(["sleep", "60"]) as editor:
        hello = message("initialize", 1, {"capabilities": {}, "processId": editor.pid, "rootUri": None})
        command = [sys.executable, "-m", "vramlint", "server"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(hello)
            server.stdin.flush()
            assert server.stdout.readline()
            editor.kill()
            editor.wait()
            assert server.wait(30) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there nothing is removed")
def test_pages_that_killed_servers_left_are_removed_and_no_others(tmp_path: Path) -> None:
    ours, dead, strange = (tmp_path / f"vramlint-pages-{each}-x" for each in (os.getpid(), 2**22 + 1, "x"))
    for folder in (ours, dead, strange):
        folder.mkdir()
        (folder / "breakdown.md").write_text("# page\n")
    program = "from vramlint.lsp import pages\nassert pages.as_file('a.md', 'a')\npages.remove()\n"
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(tmp_path)}, check=True)
    assert set(tmp_path.iterdir()) == {ours, strange}
