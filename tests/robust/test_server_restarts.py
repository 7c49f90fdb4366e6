"""A server that is killed leaves nothing, and its successor says the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

KILLS = 2
TEXT = (
    "# vramlint: gpu=RTX-4090\nvramlint: 1\nmodel: HuggingFaceTB/SmolLM2-135M\nmicro_batch_size: 0\n"
    "sequence_length: 512\n"
)


START = {"capabilities": {"textDocument": {"publishDiagnostics": {"codeDescriptionSupport": True}}}}
"""A client to which the pages of rules are named, so that they are written."""


def message(method: str, params: Any, number: int | None = None) -> bytes:
    body = json.dumps(
        {"jsonrpc": "2.0", "method": method, "params": params} | ({} if number is None else {"id": number})
    ).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def answer(process: subprocess.Popen[bytes], wanted: str) -> Any:
    """The next message of a method, or the answer to a request by its number."""
    assert process.stdout is not None
    while True:
        length = 0
        while (line := process.stdout.readline()).strip():
            if line.lower().startswith(b"content-length"):
                length = int(line.split(b":")[1])
        found = json.loads(process.stdout.read(length))
        if found.get("method") == wanted or str(found.get("id")) == wanted:
            return found


def test_a_server_removes_what_killed_ones_left(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "TEMP": str(tmp_path / "tmp")}
    Path(environment["TMPDIR"]).mkdir()
    uri = (tmp_path / "a.yaml").as_uri()
    said = []
    for turn in range(KILLS + 1):
        process = subprocess.Popen(
            [sys.executable, "-m", "vramlint", "server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert process.stdin is not None
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": TEXT}
        where = {"textDocument": {"uri": uri}, "position": {"line": 3, "character": 2}}
        process.stdin.write(message("initialize", START, 1) + message("initialized", {}))
        process.stdin.write(message("textDocument/didOpen", {"textDocument": document}))
        process.stdin.flush()
        published = answer(process, "textDocument/publishDiagnostics")["params"]
        assert all(each.pop("codeDescription") for each in published["diagnostics"])
        said.append(published)
        process.stdin.write(message("textDocument/hover", where, 2))
        process.stdin.flush()
        answer(process, "2")
        if turn < KILLS:
            process.kill()
        else:
            process.stdin.write(message("shutdown", None, 3) + message("exit", None))
        process.communicate()
        pages = list((tmp_path / "tmp").iterdir())
        left = turn + 1 if sys.platform == "win32" else 1
        assert len(pages) == (left if turn < KILLS else left - 1), turn
    assert said == [said[0]] * (KILLS + 1)
    assert said[0]["diagnostics"]
    if sys.platform != "win32":
        assert sorted(tmp_path.rglob("*")) == [tmp_path / "tmp"]
