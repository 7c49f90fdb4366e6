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


def test_killed_servers_leave_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "TEMP": str(tmp_path / "tmp")}
    Path(environment["TMPDIR"]).mkdir()
    uri = (tmp_path / "a.yaml").as_uri()
    said = []
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-m", "vramlint", "server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert process.stdin is not None
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": TEXT}
        where = {"textDocument": {"uri": uri}, "position": {"line": 3, "character": 2}}
        process.stdin.write(message("initialize", {"capabilities": {}}, 1) + message("initialized", {}))
        process.stdin.write(message("textDocument/didOpen", {"textDocument": document}))
        process.stdin.flush()
        said.append(answer(process, "textDocument/publishDiagnostics")["params"])
        process.stdin.write(message("textDocument/hover", where, 2))
        process.stdin.flush()
        answer(process, "2")
        process.kill()
        process.communicate()
    assert said == [said[0]] * KILLS
    assert said[0]["diagnostics"]
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "tmp"]
