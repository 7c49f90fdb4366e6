"""What a server keeps and how soon it answers after a long day, in its own process → data/long_life.json.

    python benchmarks/long_life.py [--edits 50000] [--documents 5000] [--open 1000] [--kills 20] [--write]

Growth is of the resident size, from the end of the first tenth, when all caches are full, to the end. The
hover is asked for right after a change of settings that concerns every open document. A server is killed at
any moment, and its successor is told what is open, as an editor does; what it then shows is compared with a
server that was never killed. Exits 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from editor_rhythm import SERVER, Client

DATA = Path(__file__).resolve().parent / "data" / "long_life.json"
MOST_MIB = 8
MOST_MS = 100
"""Of processor time, for a hover among many open documents."""
SEED = 7
TEXT = """\
# vramlint: gpu={gpu}
base_model: HuggingFaceTB/SmolLM2-135M
micro_batch_size: {batch}
sequence_len: 512
optimizer: adamw_torch_fused
learning_rate: 2.0e-5
"""


def text(batch: int, gpu: str = "RTX-4090") -> str:
    """A config of a batch size."""
    return TEXT.format(batch=batch, gpu=gpu)


def uri(number: int) -> str:
    """The address of a document."""
    return f"file:///nowhere/{number}.yaml"


class Server(Client):
    """A server and the documents that are open in it."""

    gpu = "RTX-4090"

    def __init__(self, folder: str | None = None) -> None:
        super().__init__(SERVER, environment={**os.environ, "TMPDIR": folder} if folder else None)
        self.initialize()

    def show(self, number: int, content: str, version: int = 1) -> Any:
        """Open a document; its diagnostics."""
        document = {"uri": uri(number), "languageId": "yaml", "version": version, "text": content}
        self.send(method="textDocument/didOpen", params={"textDocument": document})
        return self.diagnostics(number, version)

    def edit(self, number: int, content: str, version: int) -> Any:
        """Replace the whole text; the diagnostics."""
        document = {"uri": uri(number), "version": version}
        changes = [{"text": content}]
        self.send(
            method="textDocument/didChange", params={"textDocument": document, "contentChanges": changes}
        )
        return self.diagnostics(number, version)

    def hide(self, number: int) -> None:
        """Close a document."""
        self.send(method="textDocument/didClose", params={"textDocument": {"uri": uri(number)}})

    def diagnostics(self, number: int, version: int) -> Any:
        """What is published of a version."""

        def wanted(message: dict[str, Any]) -> bool:
            params = message.get("params") or {}
            return params.get("uri") == uri(number) and params.get("version") == version

        return self.wait(wanted)[1]["params"]["diagnostics"]

    def hover(self, number: int) -> tuple[float, Any]:
        """When the hover of a document's batch size came, and it."""
        where = {"textDocument": {"uri": uri(number)}, "position": {"line": 2, "character": 3}}
        return self.result(self.ask("textDocument/hover", where))

    def configure(self, gpu: str) -> float:
        """Have the server read other settings; when the client's answer was sent."""
        self.gpu = gpu
        self.send(method="workspace/didChangeConfiguration", params={"settings": None})
        return time.perf_counter()

    def settings(self, item: dict[str, Any]) -> Any:
        """Those of the client."""
        return {"gpu": self.gpu}

    def settled(self, number: int) -> None:
        """Wait until so many documents were published again."""
        seen: set[str] = set()

        def wanted(message: dict[str, Any]) -> bool:
            if message.get("method") == "textDocument/publishDiagnostics":
                seen.add(message["params"]["uri"])
            return len(seen) == number

        self.wait(wanted)


def growth(server: Server, step: Callable[[int], object], times: int) -> dict[str, float]:
    """MiB when idle, and what a step adds from the end of the first tenth on."""
    idle = server.resident()
    for number in range(times // 10):
        step(number)
    before = server.resident()
    for number in range(times // 10, times):
        step(number)
    after = server.resident()
    return {
        "times": times,
        "idle_mib": round(idle, 1),
        "end_mib": round(after, 1),
        "growth_mib": round(after - before, 2),
    }


def edits(times: int) -> dict[str, float]:
    """Whole texts of one document."""
    server = Server()
    server.show(0, text(1))
    found = growth(
        server, lambda number: server.edit(0, f"{text(number % 40 + 1)}# {number}\n", number + 2), times
    )
    server.stop()
    return found


def documents(times: int) -> dict[str, float]:
    """Documents that are opened and closed."""
    server = Server()

    def step(number: int) -> None:
        server.show(number, text(number % 40 + 1))
        server.hide(number)

    found = growth(server, step, times)
    server.stop()
    return found


def many_open(number: int) -> dict[str, Any]:
    """The hover of one of many open documents, right after a change of settings: five times, until the answer
    came, and what the server worked until then (on a busy machine only that can be compared).
    """
    server = Server()
    for each in range(number):
        server.show(each, text(each % 40 + 1))
    wall, spent, mib = [], [], server.resident()
    for turn, gpu in enumerate(("A100-80GB", "L40S", "T4", "H100", "RTX-3090")):
        before, began = server.cpu(), server.configure(gpu)
        came, hover = server.hover(turn * number // 5)
        spent.append(round(1000 * (server.cpu() - before), 1))
        assert hover is not None
        wall.append(round(1000 * (came - began), 1))
        server.settled(number)
    server.stop()
    return {
        "documents": number,
        "mib": round(mib, 1),
        "wall_ms": wall,
        "cpu_ms": spent,
        "load": round(os.getloadavg()[0], 1),
    }


def kills(times: int) -> dict[str, int]:
    """Servers killed at any moment of their work: how many answers of their successors differ from those of
    a server that was never killed, and what files are left at the end.
    """
    random, wrong = Random(SEED), 0
    with tempfile.TemporaryDirectory(prefix="long-life-") as folder:
        texts = [text(random.randint(0, 400)) for _ in range(4)]
        steady = Server(folder)
        for number, content in enumerate(texts):
            steady.show(number, content)
        for version in range(2, times + 3):
            server = Server(folder)
            for number, content in enumerate(texts):
                said = server.show(number, content, version), plain(server.hover(number)[1])
                wrong += said != (steady.edit(number, content, version), plain(steady.hover(number)[1]))
            if version == times + 2:
                break
            for later in range(random.randint(0, 12)):  # nobody waits for the answers
                number = random.randrange(len(texts))
                texts[number] = text(random.randint(0, 400))
                document = {"uri": uri(number), "version": version + later + 1}
                params = {"textDocument": document, "contentChanges": [{"text": texts[number]}]}
                server.send(method="textDocument/didChange", params=params)
            server.process.kill()
            server.process.wait()
        server.stop()
        steady.stop()
        return {"times": times, "wrong": wrong, "left": len(list(Path(folder).iterdir()))}


def plain(hover: Any) -> str:
    """A hover without the name of the folder in which its server keeps pages."""
    return re.sub(r"/vramlint-pages-[^/]*/", "/", json.dumps(hover))


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """All of it."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()}",
        "python": platform.python_version(),
        "edits": edits(options.edits),
        "documents": documents(options.documents),
        "open": many_open(options.open),
        "kills": kills(options.kills),
    }


def missed(found: dict[str, Any]) -> list[str]:
    """The bounds that do not hold."""
    grown = [name for name in ("edits", "documents") if found[name]["growth_mib"] > MOST_MIB]
    slow = ["open"] if max(found["open"]["cpu_ms"]) > MOST_MS else []
    return grown + slow + (["kills"] if found["kills"]["wrong"] or found["kills"]["left"] else [])


def main() -> int:
    """Print what was found; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edits", type=int, default=50_000)
    parser.add_argument("--documents", type=int, default=5_000)
    parser.add_argument("--open", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = measured(options)
    print(json.dumps(found, indent=1), flush=True)
    if options.write:
        DATA.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name in missed(found):
        print(f"bound missed: {name}", file=sys.stderr)
    return int(bool(missed(found)))


if __name__ == "__main__":
    sys.exit(main())
