"""Whole conversations with the server, each with an editor that can do all and with one that can do little:
every message of both sides, as text that a reader can review.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from lsp_talk import FULL, SMALL
from wire import ABLE, MODEST, Wire

from vramlint.lsp import publish, workspace_diagnostics

Talk = Callable[[Wire], Awaitable[None]]
CLIENTS: Mapping[str, Mapping[str, Any]] = {"able": ABLE, "modest": MODEST}
AXOLOTL = """\
base_model: Qwen/Qwen2.5-1.5B
micro_batch_size: 1
deepspeed: ds.json
sequence_len: 512
datasets: [{path: x, type: alpaca}]
"""
ZERO = '{"zero_optimization": {"stage": 3}}\n'
CELLS = (
    "from trl import SFTConfig, SFTTrainer\nargs = SFTConfig(per_device_train_batch_size = 32)\n",
    "# 😀\nfrom unsloth import FastLanguageModel\n"
    'NAME = "unsloth/Meta-Llama-3.1-8B-bnb-4bit"\n'
    "model, _ = FastLanguageModel.from_pretrained(NAME, max_seq_length=8192)\n"
    "model = FastLanguageModel.get_peft_model(model, r = 16)",
    "SFTTrainer(model = model, args = args).train()",
)


def span(line: int, start: int, end: int) -> dict[str, Any]:
    """A range in one line."""
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}


async def documents(wire: Wire) -> None:
    """Opened, typed in, asked about, closed."""
    uri = await wire.open("train.yaml", f"# 😀\n{FULL}")
    await wire.about("diagnostic", uri)
    await wire.change(uri, 2, {"range": span(7, 18, 19), "text": "1"}, {"range": span(0, 2, 4), "text": "é"})
    for method, line, character in (("hover", 7, 3), ("hover", 0, 0), ("definition", 3, 8)):
        await wire.about(method, uri, line, character)
    for method in ("codeLens", "documentLink", "documentSymbol", "diagnostic"):
        await wire.about(method, uri)
    await wire.about("inlayHint", uri, range={"start": span(0, 0, 0)["start"], "end": span(9, 0, 0)["end"]})
    await wire.change(uri, 3, {"text": "vramlint: 1\nmodel: [\n"})
    await wire.about("hover", uri, 1, 0)
    await wire.change(uri, 4, {"text": SMALL})
    await wire.tell("textDocument/didClose", {"textDocument": {"uri": uri}})
    for method in ("hover", "codeLens", "diagnostic", "codeAction", "completion"):
        await wire.about(method, uri, range=span(0, 0, 1), context={"diagnostics": []})
    await wire.change(uri, 5, {"text": FULL})


async def languages(wire: Wire) -> None:
    """What a document is read as: by its name, else by what the editor calls it."""
    line = "accelerate launch --num_processes 2 train.py\n"
    texts = {
        "json": '{"vramlint": 1, "model": "gpt2"}',
        "jsonc": '{"vramlint": 1, /* x */ "model": "gpt2"}',
        "toml": 'vramlint = 1\nmodel = "gpt2"\n',
        "yaml": "vramlint: 1\nmodel: gpt2\n",
        "shellscript": f"#!/bin/sh\ntrl sft --model_name_or_path gpt2 --dataset_name x\n{line}",
        "makefile": "train:\n\ttrl sft --model_name_or_path gpt2 --dataset_name x\n",
        "python": "from transformers import TrainingArguments\nTrainingArguments('x')\n",
        "markdown": "vramlint: 1\n",
        "plaintext": "vramlint: 1\nmodel: gpt2\n",
    }
    for language, text in texts.items():
        uri = await wire.open(f"untitled:{language}", text, language)
        await wire.about("codeLens", uri)
        await wire.about("diagnostic", uri)
        await wire.about("documentSymbol", uri)
    await wire.about("hover", await wire.open("Makefile", texts["makefile"], "plaintext"), 1, 12)
    await wire.about("codeLens", await wire.open("space%20here.yaml", SMALL))
    await wire.command("vramlint.debugInformation", "untitled:yaml")


async def notebook(wire: Wire) -> None:
    """A document a cell."""
    uri = (wire.folder / "fit.ipynb").as_uri()
    cells = [f"{uri.replace('file:', 'vscode-notebook-cell:')}#W{number}" for number in range(len(CELLS))]
    items = [
        {"uri": cell, "languageId": "python", "version": 1, "text": text}
        for cell, text in zip(cells, CELLS, strict=True)
    ]
    kinds = [{"kind": 2, "document": cell} for cell in cells]
    kinds.insert(1, {"kind": 1, "document": f"{uri}#prose"})
    document = {"uri": uri, "notebookType": "jupyter-notebook", "version": 1, "cells": kinds}
    await wire.tell("notebookDocument/didOpen", {"notebookDocument": document, "cellTextDocuments": items})
    await wire.command("vramlint.declareGpu", cells[0], "RTX-4090")
    for cell in (*cells, uri):
        for method in ("diagnostic", "codeLens", "documentSymbol", "documentLink"):
            await wire.about(method, cell)
    await wire.about("hover", cells[1], 3, 60)
    await wire.about("hover", cells[0], 1, 20)
    await wire.about("completion", cells[0], 1, 15)
    declared = {"range": span(0, 0, 0), "text": "# vramlint: gpu=RTX-4090\n"}
    text = {"document": {"uri": cells[0], "version": 2}, "changes": [declared]}
    await _notebook_changed(wire, uri, 2, {"textContent": [text]})
    for cell in cells:
        for found in (await wire.about("diagnostic", cell) or {}).get("items", ()):
            await wire.about("codeAction", cell, range=found["range"], context={"diagnostics": []})
    await wire.command("vramlint.makeItFit", cells[0])
    gone = {"array": {"start": 3, "deleteCount": 1}, "didClose": [{"uri": cells[2]}]}
    await _notebook_changed(wire, uri, 3, {"structure": gone})
    await wire.about("diagnostic", cells[0])
    await wire.about("diagnostic", cells[2])
    closed = {"notebookDocument": {"uri": uri}, "cellTextDocuments": [{"uri": cell} for cell in cells[:2]]}
    await wire.tell("notebookDocument/didClose", closed)
    await wire.about("diagnostic", cells[0])


async def _notebook_changed(wire: Wire, uri: str, version: int, cells: Mapping[str, Any]) -> None:
    changed = {"notebookDocument": {"uri": uri, "version": version}, "change": {"cells": cells}}
    await wire.tell("notebookDocument/didChange", changed)


async def companions(wire: Wire) -> None:
    """Files that a run reads, on the disk and in the editor; links to them."""
    uri = await wire.open("train.yaml", AXOLOTL)
    await wire.about("diagnostic", uri)
    wire.file("ds.json", ZERO)
    event = {"uri": (wire.folder / "ds.json").as_uri(), "type": 1}
    await wire.tell("workspace/didChangeWatchedFiles", {"changes": [event]})
    for method in ("documentLink", "codeLens", "diagnostic"):
        await wire.about(method, uri)
    await wire.about("definition", uri, 2, 14)
    await wire.about("definition", uri, 2, 2)
    other = await wire.open("ds.json", ZERO, "json")
    await wire.change(other, 2, {"text": '{"zero_optimization": {"stage": 9}}\n'})
    await wire.about("diagnostic", uri)
    await wire.tell("workspace/didChangeWatchedFiles", {"changes": [event]})
    await wire.tell("textDocument/didClose", {"textDocument": {"uri": other}})
    await wire.about("codeLens", uri)
    wire.file("ds.json", '{"train_micro_batch_size_per_gpu": 9, "zero_optimization": {"stage": 3}}\n')
    await wire.tell("workspace/didChangeWatchedFiles", {"changes": [event]})
    await wire.about("diagnostic", uri)
    wire.file("ds.json", "{}\n")
    await wire.tell("workspace/didChangeWatchedFiles", {"changes": [event]})
    await wire.about("definition", uri, 2, 14)
    elsewhere = {"uri": (wire.folder / "other.json").as_uri(), "type": 2}
    await wire.tell("workspace/didChangeWatchedFiles", {"changes": [elsewhere]})


async def settings(wire: Wire) -> None:
    """The editor's, the project's; folders come and go."""
    uri = await wire.open("train.yaml", FULL.partition("\n")[2])
    wire.settings = {"gpu": "RTX-4090", "versions": {"transformers": "4.50"}}
    await wire.tell("workspace/didChangeConfiguration", {"settings": {"vramlint": {"gpu": "H100-80GB"}}})
    await wire.about("codeLens", uri)
    await wire.tell("workspace/didChangeConfiguration", {"settings": {"vramlint": {"gpu": "H100-80GB"}}})
    wire.file("vramlint.toml", 'gpu = "A100-40GB"\nignore = ["VL102"]\n')
    event = {"uri": (wire.folder / "vramlint.toml").as_uri(), "type": 1}
    await wire.tell("workspace/didChangeWatchedFiles", {"changes": [event]})
    await wire.about("codeLens", uri)
    await wire.command("vramlint.debugInformation", uri)
    inner = wire.folder / "inner"
    inner.mkdir()
    wire.file("inner/vramlint.toml", 'gpu = "T4"\n')
    change = {"added": [{"uri": inner.as_uri(), "name": "inner"}], "removed": []}
    await wire.tell("workspace/didChangeWorkspaceFolders", {"event": change})
    await wire.about("codeLens", await wire.open("inner/b.yaml", FULL.partition("\n")[2]))
    change = {"added": [], "removed": [{"uri": wire.folder.as_uri(), "name": "w"}]}
    await wire.tell("workspace/didChangeWorkspaceFolders", {"event": change})
    await wire.about("codeLens", uri)


async def folder(wire: Wire) -> None:
    """Files that are not open."""
    for number in range(41):
        wire.file(f"n{number:02}.yaml", "services: 1\n")
    wire.file("n20.yaml", FULL)
    wire.file("z.yaml", f"{AXOLOTL}# vramlint: gpu=T4\nmicro_batch_sise: 3\n")
    wire.file("ds.json", ZERO)
    (wire.folder / "binary.yaml").write_bytes(b"vramlint: 1\0\n")
    wire.file(".gitignore", "ignored.yaml\n")
    (wire.folder / ".git").mkdir()
    wire.file("ignored.yaml", FULL)
    await wire.open("open.yaml", FULL)
    wire.file("open.yaml", FULL)

    async def pull(before: Any, **tokens: str) -> Any:
        previous = [{"uri": uri, "value": value} for uri, value in before.items()]
        wire.server.unopened.changed()
        told = await wire.ask("workspace/diagnostic", {"previousResultIds": previous, **tokens})
        return {each["uri"]: each["resultId"] for each in (told or {}).get("items", ()) if "resultId" in each}

    first = await pull({})
    await pull({}, workDoneToken="bar")
    await pull({}, workDoneToken="bar", partialResultToken="part")
    await pull(first)
    wire.file("ds.json", '{"zero_optimization": {"stage": 2}}\n')
    second = await pull(first)
    (wire.folder / "z.yaml").unlink()
    await pull(second, partialResultToken="part")
    await pull({(wire.folder / "open.yaml").as_uri(): "x", (wire.folder / "gone.yaml").as_uri(): "x"})


async def commands(wire: Wire) -> None:
    """With what they need, with less, and with something else."""
    uri = await wire.open("train.yaml", FULL)
    for name in ("showBreakdown", "breakdown", "debugInformation", "makeItFit"):
        for arguments in ((uri,), (), ("file:///none.yaml",), (uri, 4)):
            await wire.command(f"vramlint.{name}", *arguments)
    for arguments in ((uri, "sequence_length"), (uri, "micro_batch_size"), (uri, "none"), (uri,), ()):
        await wire.command("vramlint.maximize", *arguments)
    for arguments in ((uri, "H100-80GB"), (uri, 3), (uri, "\u202e"), (uri,), ()):
        await wire.command("vramlint.declareGpu", *arguments)
    for arguments in ((), (uri,), (uri, "no id"), (uri, "no id", 3)):
        await wire.command("vramlint.addModel", *arguments)
    plain = await wire.open("plain.yaml", "services: 1\n")
    for name in ("showBreakdown", "breakdown", "makeItFit"):
        await wire.command(f"vramlint.{name}", plain)
    await wire.change(uri, 2, {"text": FULL + "parallel: [\n"})
    for name in ("breakdown", "makeItFit"):
        await wire.command(f"vramlint.{name}", uri)
    await wire.about("codeLens", uri)


async def actions(wire: Wire) -> None:
    """Asked for by the editor and by its user; of kinds; resolved in time and too late."""
    small = SMALL.replace("sequence_length", "sequence_lenght")
    uri = await wire.open("train.yaml", f"{small}optimizer: adamw  # vramlint: ignore[VL003]\n")
    everything = {"start": span(0, 0, 0)["start"], "end": span(9, 0, 0)["end"]}
    for only in (None, ["quickfix"], ["source"], ["source.fixAll"], ["refactor"], [""]):
        context = {"diagnostics": [], "only": only} if only else {"diagnostics": []}
        await wire.about("codeAction", uri, range=everything, context=context)
    for line, start, end in ((4, 0, 0), (4, 15, 20), (4, 16, 20), (3, 0, 19), (3, 19, 19), (0, 3, 3)):
        await wire.about("codeAction", uri, range=span(line, start, end), context={"diagnostics": []})
    large = await wire.open("large.yaml", FULL)
    found = span(6, 0, 20)
    for trigger in (2, 1):
        for action in (
            await wire.about(
                "codeAction", large, range=found, context={"diagnostics": [], "triggerKind": trigger}
            )
            or ()
        ):
            await wire.ask("codeAction/resolve", action)
    for data in (None, {}, {"uri": large}, {"uri": large, "finding": 9, "version": 1}, {"uri": 3}, [large]):
        await wire.ask("codeAction/resolve", {"title": "x", "data": data})
        await wire.ask("codeLens/resolve", {"range": found, "data": data})
    for lens in await wire.about("codeLens", large) or ():
        await wire.ask("codeLens/resolve", lens)
    bare = await wire.open("bare.yaml", FULL.partition("\n")[2])
    for line, start in ((0, 0), (0, 11), (1, 0), (1, 31), (2, 0)):
        await wire.about("codeAction", bare, range=span(line, start, start), context={"diagnostics": []})
    unknown = await wire.open("unknown.yaml", "vramlint: 1\nmodel: acme/unheard-of\n")
    await wire.about("codeAction", unknown, range=span(1, 0, 9), context={"diagnostics": []})
    project = await wire.open("pin.yaml", f"{FULL}versions:\n  transformers: '4'\n")
    await wire.about("codeAction", project, range=everything, context={"diagnostics": []})


async def pins(wire: Wire) -> None:
    """A model written into the project's settings: a file that is missing, ends in a line or not, is empty,
    is no text.
    """
    for number, settings in enumerate((None, b'gpu = "T4"\n', b'gpu = "T4"', b"", b"\xff\n")):
        project = wire.folder / f"project{number}"
        project.mkdir()
        if settings is not None:
            (project / "vramlint.toml").write_bytes(settings)
        text = "vramlint: 1\nmodel: mistralai/Mistral-7B-v0.l\n"
        uri = await wire.open(f"project{number}/train.yaml", text)
        await wire.about("codeAction", uri, range=span(1, 0, 9), context={"diagnostics": []})


async def completions(wire: Wire) -> None:
    """At each end of a word, in each language; the first of them resolved."""
    texts = {
        "a.yaml": f'# vramlint: gpu=T4 versi\n{AXOLOTL}optimizer: ada\nadapter: "q"\n'
        "lora_target_modules: [q_proj, ]\nfsdp_config:\n  offl: t\n  \ngradient_checkpointing: t\nmicro\n",
        "a.json": '{"vramlint": 1, "model": "gpt", "optimizer": "ada",\n'
        '"parallel": {"strategy": ""}, "mic": 4, ""}\n',
        "a.toml": 'vramlint = 1\nmodel = "gp"\noptimizer = ""\n'
        '[parallel]\nstrategy = "fsdp2"\nda\n# vramlint: \n',
        "empty.yaml": "",
        "new.yaml": "vram\n",
    }
    for name, text in texts.items():
        uri = await wire.open(name, text, name.rpartition(".")[2])
        for number, line in enumerate(text.splitlines() or [""]):
            for end in dict.fromkeys((*(each.end() for each in re.finditer(r"\w+|\"", line)), len(line))):
                offered = await wire.about("completion", uri, number, end)
                items = (offered or {}).get("items", ())
                for item in items[:1]:
                    await wire.ask("completionItem/resolve", item)


async def our_requests(wire: Wire) -> None:
    """Estimates, what would be, GPUs."""
    uri = await wire.open("train.yaml", FULL)
    for text in (FULL, f"{FULL}parallel: [\n", "services: 1\n"):
        await wire.change(uri, 2, {"text": text})
        document = {"textDocument": {"uri": uri}}
        await wire.ask("vramlint/estimate", document)
        await wire.ask("vramlint/whatIf", {**document, "gpu": "H100-80GB x2"})
        await wire.ask("vramlint/whatIf", {**document, "changes": {"method": "qlora"}})
        await wire.ask("vramlint/whatIf", {**document, "changes": {"none": 3}, "gpu": 4})
        for size in (0, -1, 1, 2**31 - 1, 2**31, True, 4.0):
            await wire.ask("vramlint/whatIf", {**document, "changes": {"micro_batch_size": size}})
    for params in ({}, {"textDocument": 3}, {"textDocument": {"uri": "file:///none"}}, []):
        for method in ("estimate", "whatIf", "sinceCommit"):
            await wire.ask(f"vramlint/{method}", params)


async def since_commit(wire: Wire) -> None:
    """The run of the last commit beside the one that is typed."""
    wire.file("train.yaml", SMALL)
    uri = await wire.open("train.yaml", SMALL)
    trusted = {"textDocument": {"uri": uri}, "trusted": True}
    await wire.ask("vramlint/sinceCommit", trusted)
    await wire.command("vramlint.sinceCommit", uri, True)
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("add", "train.yaml"), (*who, "commit", "-qm", "m")):
        subprocess.run(["git", *command], cwd=wire.folder, check=True, capture_output=True)
    for change in (
        "micro_batch_size: 1",
        "sequence_length: 513",
        "micro_batch_size: 16",
        "sequence_length: 2",
        "vramlint: 9",
    ):
        key = change.partition(":")[0]
        lines = [change if line.startswith(key) else line for line in SMALL.splitlines()]
        await wire.change(uri, 2, {"text": "\n".join([*lines, ""])})
        await wire.ask("vramlint/sinceCommit", trusted)
        await wire.command("vramlint.sinceCommit", uri, True)
    await wire.ask("vramlint/sinceCommit", {**trusted, "trusted": "yes"})
    for arguments in ((uri,), (uri, 1), (), (3, True)):
        await wire.command("vramlint.sinceCommit", *arguments)
    other = await wire.open("new.yaml", SMALL)
    await wire.command("vramlint.sinceCommit", other, True)
    await wire.command("vramlint.sinceCommit", await wire.open("untitled:x", SMALL), True)


async def life(wire: Wire) -> None:
    """What comes at the wrong time or cannot be read."""
    await wire.ask("initialize", {"processId": None, "capabilities": {}, "rootUri": None})
    await wire.ask("textDocument/didOpen", {"textDocument": {}})
    await wire.ask("no/such", {})
    await wire.ask("textDocument/hover", {"position": 3})
    wire._send({"id": [], "method": "shutdown", "params": None})
    await wire.tell("$/cancelRequest", {"id": 99})
    await wire.ask("shutdown", None)
    assert wire.server.was_shut_down
    await wire.ask("textDocument/hover", {})
    await wire.tell("textDocument/didOpen", {})
    assert not wire.server.was_told_to_exit


TALKS: Mapping[str, Talk] = {
    talk.__name__: talk
    for talk in (
        documents, languages, notebook, companions, settings, folder, commands, actions, completions,
        pins,
        our_requests, life,
    )
}  # fmt: skip
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "able": {"trusted": True},
    "modest": {"trusted": False, "gpu": "A100-80GB", "clientCommands": ["vramlint.breakdown"]},
}


def held(talk: Talk, client: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The transcript of a conversation."""
    monkeypatch.setattr(publish, "SETTLE", 0.001)
    monkeypatch.setattr(workspace_diagnostics, "HOLD", 0.05)
    monkeypatch.setattr(publish, "QUICK", 9.0)  # however slow the machine is
    monkeypatch.setattr("vramlint.lsp.server.collect_seldom", lambda: None)

    async def whole() -> str:
        wire = Wire(folder)
        await wire.begin(CLIENTS[client], **OPTIONS[client])
        await talk(wire)
        return "\n".join([*wire.said, ""])

    return asyncio.run(whole())


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("talk", TALKS)
def test_a_conversation(
    talk: str,
    client: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    snapshot: Callable[[str, str], None],
) -> None:
    snapshot(f"talk-{talk}-{client}.txt", held(TALKS[talk], client, tmp_path, monkeypatch))


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_a_conversation_about_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[[str, str], None]
) -> None:
    for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
        monkeypatch.setenv(name, "2026-01-01T00:00:00+0000")
    snapshot("talk-since-commit.txt", held(since_commit, "able", tmp_path, monkeypatch))
