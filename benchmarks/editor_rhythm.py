"""What somebody waits for while typing: a change, then at once lens, hints, hover and diagnostics.

    python benchmarks/editor_rhythm.py [--rounds N] [--peer "node …/yaml-language-server --stdio"]
        [--write benchmarks/data/editor.json]

A config that does not fit, of 20, 90, 500 and 5,000 lines of Axolotl keys, is edited at one number; of JSON,
TOML and shell text one of 5,000 lines, as far as the diagnostics and a hover.
Wall time is what the editor sees, processor time what the server spent: on a busy machine only the second can
be compared. The same changes go to a YAML server with the same schema, where one is named. `initialize` is
compared with a pygls server that does nothing, by processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from editor_kinds import KINDS, Kind

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schemas" / "vramlint_schemas" / "dialects" / "axolotl.json"
SERVER = (sys.executable, "-m", "vramlint", "server")
BARE = (
    sys.executable,
    "-c",
    "from pygls.lsp.server import LanguageServer; LanguageServer('bare', '1').start_io()",
)
LINES = (20, 90, 500, 5_000)
BOUNDS = {
    "change → diagnostics": {90: 12, 5_000: 60},
    "JSON: change → diagnostics": {5_000: 60},
    "TOML: change → diagnostics": {5_000: 60},
    "lens after it": {90: 15, 5_000: 60},
    "hover after it": {90: 15, 5_000: 60},
    "list of actions": {90: 30},
    "its fixes": {90: 400},
    "completion with totals": {90: 40},
}
"""Milliseconds, 95th percentile, by lines."""


class Client:
    """One server process on standard input and output."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.answers: queue.Queue[tuple[float, dict[str, Any]]] = queue.Queue()
        self.number = self.version = 0
        self.uri = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            size = None
            while line.strip():
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
                line = self.process.stdout.readline()
            if size is not None:
                message = json.loads(self.process.stdout.read(size))
                self.answers.put((time.perf_counter(), message))

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def ask(self, method: str, params: Any) -> int:
        self.number += 1
        self.send(id=self.number, method=method, params=params)
        return self.number

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> tuple[float, dict[str, Any]]:
        """The next message of a kind, and when it came. What the server asks meanwhile is answered."""
        while True:
            when, message = self.answers.get(timeout=60)
            if "id" in message and "method" in message:
                asked = (message.get("params") or {}).get("items")
                self.send(id=message["id"], result=[self.settings(item) for item in asked] if asked else None)
            elif wanted(message):
                return when, message

    def settings(self, item: dict[str, Any]) -> Any:
        """Of the YAML server: the schema, and nothing that would be fetched."""
        if item.get("section") != "yaml":
            return {}
        return {"schemas": {SCHEMA.as_uri(): "*.yaml"}, "schemaStore": {"enable": False}, "hover": True}

    def result(self, number: int) -> tuple[float, Any]:
        when, message = self.wait(lambda message: message.get("id") == number)
        return when, message.get("result")

    def cpu(self) -> float:
        """Processor time of all its threads so far, seconds."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9

    def resident(self) -> float:
        """The resident size, MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024

    def initialize(self) -> None:
        text = {
            "publishDiagnostics": {"versionSupport": True},
            "hover": {"contentFormat": ["markdown"]},
            "codeAction": {
                "dataSupport": True,
                "resolveSupport": {"properties": ["edit"]},
                "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}},
            },
        }
        params = {
            "processId": os.getpid(),
            "rootUri": "file:///project",
            "capabilities": {"workspace": {"configuration": True}, "textDocument": text},
        }
        self.result(self.ask("initialize", params))
        self.send(method="initialized", params={})

    def open(self, text: str, kind: Kind) -> None:
        self.version, self.uri = 1, f"file:///project/train.{kind.suffix}"
        item = {"uri": self.uri, "languageId": kind.language, "version": 1, "text": text}
        self.send(method="textDocument/didOpen", params={"textDocument": item})
        self.wait(self._published)

    def change(self, line: int, column: int, text: str) -> tuple[float, float, list[Any]]:
        """One number typed anew; when it was sent, when its diagnostics came, and they."""
        self.version += 1
        there = {"start": {"line": line, "character": column}, "end": {"line": line, "character": column + 1}}
        document = {"uri": self.uri, "version": self.version}
        sent = time.perf_counter()
        changes = [{"range": there, "text": text}]
        self.send(
            method="textDocument/didChange", params={"textDocument": document, "contentChanges": changes}
        )
        came, message = self.wait(self._published)
        return sent, came, message["params"]["diagnostics"]

    def _published(self, message: dict[str, Any]) -> bool:
        if message.get("method") != "textDocument/publishDiagnostics":
            return False
        return message["params"].get("version") in (self.version, None)

    def close(self) -> None:
        self.send(method="textDocument/didClose", params={"textDocument": {"uri": self.uri}})

    def stop(self) -> None:
        self.result(self.ask("shutdown", None))
        self.send(method="exit")
        self.process.wait(10)


Samples = dict[str, list[tuple[float, float]]]
"""By what was waited for: wall and processor time of each round, seconds."""


def rhythm(client: Client, kind: Kind, lines_wanted: int, rounds: int, *, whole_round: bool) -> Samples:
    """Rounds of one change and a hover; with `whole_round` all that an editor asks after it."""
    found: Samples = {}
    text = kind.text(lines_wanted)
    lines = text.splitlines()
    line = next(number for number, each in enumerate(lines) if kind.key in each)
    column = lines[line].index(kind.key)
    optimizer = next((number for number, each in enumerate(lines) if each.startswith("optimizer")), 0)
    at = {"position": {"line": line, "character": column + 3}}
    at_value = {"line": optimizer, "character": len("optimizer: a")}
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": len(lines), "character": 0}}

    def note(name: str, sent: float, came: float, before: float) -> None:
        found.setdefault(name, []).append((came - sent, client.cpu() - before))

    def asked(name: str, method: str, **more: Any) -> Any:
        before, sent = client.cpu(), time.perf_counter()
        came, result = client.result(client.ask(method, {**identifier, **more}))
        note(name, sent, came, before)
        return result

    client.open(text, kind)
    identifier = {"textDocument": {"uri": client.uri}}
    for number in range(rounds + 2):
        if number == 2:  # the first two warm up
            found.clear()
        time.sleep(0.03)
        before = client.cpu()
        sent, came, diagnostics = client.change(line, column + len(kind.key), str(2 + number % 4))
        note("change → diagnostics", sent, came, before)
        asked("hover after it", "textDocument/hover", **at)
        if not whole_round:
            if kind is KINDS["YAML"]:
                asked("completion", "textDocument/completion", position=at_value)
            continue
        asked("lens after it", "textDocument/codeLens")
        asked("hints after it", "textDocument/inlayHint", range=whole)
        if number % 3 == 0:
            place = next(each["range"] for each in diagnostics if each["code"] == "VL101")
            actions = asked(
                "list of actions",
                "textDocument/codeAction",
                range=place,
                context={"diagnostics": [], "triggerKind": 2},
            )
            before, sent = client.cpu(), time.perf_counter()
            for action in [each for each in actions or [] if each.get("data", {}).get("what") == "fit"]:
                came, _ = client.result(client.ask("codeAction/resolve", action))
            note("its fixes", sent, time.perf_counter(), before)
            asked("completion with totals", "textDocument/completion", position=at_value)
    client.close()
    return found


def start(command: Sequence[str]) -> float:
    """Processor seconds from the start until `initialize` is answered."""
    client = Client(command)
    client.initialize()
    spent = client.cpu()
    client.process.kill()
    client.process.wait()
    return spent


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def rows(samples: Samples, lines: int, server: str) -> Iterator[dict[str, Any]]:
    """Milliseconds: median and 95th percentile of wall and processor time."""
    for name, pairs in samples.items():
        wall, cpu = ([1000 * pair[index] for pair in pairs] for index in (0, 1))
        yield {
            "server": server,
            "lines": lines,
            "what": name,
            "wall_median": round(median(wall), 2),
            "wall_p95": round(percentile(wall, 0.95), 2),
            "cpu_median": round(median(cpu), 2),
            "cpu_p95": round(percentile(cpu, 0.95), 2),
            "bound": BOUNDS.get(name, {}).get(lines) if server == "vramlint" else None,
        }


def measure(rounds: int, peer: Sequence[str] | None) -> dict[str, Any]:
    """All of it, both servers by turns."""
    found: list[dict[str, Any]] = []
    resident: dict[str, float] = {}
    servers = {"vramlint": SERVER, **({"yaml-language-server": tuple(peer)} if peer else {})}
    for lines in LINES:
        for name, command in servers.items():
            client = Client(command)
            client.initialize()
            samples = rhythm(client, KINDS["YAML"], lines, rounds, whole_round=name == "vramlint")
            found += rows(samples, lines, name)
            if lines == LINES[1]:
                resident[name] = round(client.resident(), 1)
            client.stop()
    for name, kind in KINDS.items():
        if name != "YAML":
            client = Client(SERVER)
            client.initialize()
            samples = rhythm(client, kind, max(LINES), rounds, whole_round=False)
            samples = {f"{name}: {what}": pairs for what, pairs in samples.items()}
            found += rows(samples, max(LINES), "vramlint")
            client.stop()
    starts = [(start(SERVER), start(BARE)) for _ in range(7)]
    return {
        "load": os.getloadavg()[0],
        "rounds": rounds,
        "rows": found,
        "resident_mib": resident,
        "initialize_cpu": {
            "vramlint": round(min(one for one, _ in starts), 3),
            "bare pygls": round(min(other for _, other in starts), 3),
        },
    }


def table(measured: dict[str, Any]) -> str:
    """The figures as Markdown."""
    said = ["| server | lines | what | wall: median | 95 % | processor: median | 95 % | bound |"]
    said.append("|:--|--:|:--|--:|--:|--:|--:|--:|")
    for row in measured["rows"]:
        cells = (row[name] for name in ("wall_median", "wall_p95", "cpu_median", "cpu_p95"))
        figures = " | ".join(f"{cell:.1f}" for cell in cells)
        said.append(
            f"| {row['server']} | {row['lines']:,} | {row['what']} | {figures} | {row['bound'] or ''} |"
        )
    ours, bare = measured["initialize_cpu"].values()
    said.append("")
    said.append(
        f"`initialize`: {ours:.2f} s of processor time, a bare pygls server {bare:.2f} s: {ours / bare:.2f} ×"
    )
    return "\n".join(said)


def main() -> int:
    """Print the table; 1 where processor time misses a bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--peer", type=shlex.split)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    measured = measure(options.rounds, options.peer)
    print(f"load {measured['load']:.1f}\n\n{table(measured)}")
    if options.write:
        options.write.write_text(json.dumps(measured, indent=1) + "\n")
    return int(any(row["bound"] and row["cpu_p95"] > row["bound"] for row in measured["rows"]))


if __name__ == "__main__":
    raise SystemExit(main())
