"""`vramlint mcp`, asked by the protocol's own client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from cli_running import ROOT, Run
from mcp import Client, StdioServerParameters

from vramlint.cli.agent_server import AgentServer
from vramlint.cli.agent_tools import Tools

FULL = "examples/axolotl-llama-3.1-8b-full.yaml"
PROGRAM = str(Path(sys.executable).with_name("vramlint"))


def asked(
    work: Callable[[Client], Awaitable[Any]], process: bool = False, roots: tuple[str, ...] = (str(ROOT),)
) -> Any:
    """What `work` gets from a server in this process or in its own."""
    parameters = StdioServerParameters(command=PROGRAM, args=["mcp"], cwd=str(ROOT))
    target = parameters if process else AgentServer(Tools(roots))

    async def session() -> Any:
        async with Client(target) as client:
            return await work(client)

    return anyio.run(session)


def called(tool: str, *, roots: tuple[str, ...] = (str(ROOT),), **arguments: Any) -> Any:
    return asked(lambda client: client.call_tool(tool, arguments), roots=roots)


@pytest.mark.parametrize(
    ("tool", "arguments", "command"),
    [
        ("estimate", {}, ("estimate", FULL, "--gpu", "RTX 4090", "--format", "json")),
        ("fit", {}, ("fit", FULL, "--gpu", "RTX 4090", "--format", "json")),
    ],
)
def test_a_tool_answers_what_the_command_line_prints(
    run: Run, tool: str, arguments: dict[str, Any], command: tuple[str, ...]
) -> None:
    answer = called(tool, path=FULL, gpu="RTX 4090", **arguments)
    assert not answer.is_error
    assert answer.structured_content == run(*command).json


def test_findings_and_layouts_are_those_of_the_command_line(run: Run) -> None:
    answer = called("check", path=FULL, gpu="RTX 4090")
    (file,) = run("check", FULL, "--gpu", "RTX 4090", "--output-format", "json").json["files"]
    assert answer.structured_content == file
    answer = called("plan", path=FULL, gpus="8xH100", global_batch=64)
    said = run("plan", FULL, "--gpus", "8xH100", "--global-batch", "64", "--format", "json")
    assert answer.structured_content == said.json


def test_a_text_is_a_config(run: Run) -> None:
    text = (ROOT / FULL).read_text(encoding="utf-8")
    by_text = called("estimate", text=text).structured_content
    by_path = called("estimate", path=FULL).structured_content
    assert by_text["path"] == "config"
    assert by_text["device_bytes"] == by_path["device_bytes"]


@pytest.mark.parametrize(
    ("tool", "arguments", "reason"),
    [
        ("estimate", {}, "either the path of a config or its text"),
        ("estimate", {"path": FULL, "text": "a: 1"}, "either the path of a config or its text"),
        ("estimate", {"path": FULL, "gpu": "H10"}, "nearest: H100"),
        ("check", {"text": "some: values"}, "not a training config"),
        ("check", {"path": "no/such/file.yaml"}, "no such file"),
        ("fit", {"text": "some: values"}, "not a training config"),
        ("plan", {"path": "examples/litgpt-llama-3.2-1b-lora.yaml", "gpus": "8x24GiB"}, "how fast"),
        ("explain", {"subject": "VL999"}, "no rule, topic or key"),
        ("explain", {}, "explain needs subject"),
        ("estimate", {"path": FULL, "gpuu": "H100"}, "takes no 'gpuu': it takes path, text, gpu"),
        ("estimate", {"path": 3}, "path: 3 where a text is expected"),
        ("estimate", {"path": [FULL]}, "where a text is expected"),
        ("estimate", {"text": {"vramlint": 1}}, "where a text is expected"),
        ("plan", {"path": FULL, "gpus": "8xH100", "nodes": "2"}, 'nodes: "2" where a positive whole number'),
        (
            "plan",
            {"path": FULL, "gpus": "8xH100", "nodes": True},
            "where a positive whole number is expected",
        ),
        ("plan", {"path": FULL, "gpus": "8xH100", "nodes": -1}, "where a positive whole number is expected"),
        ("nothing", {}, "no tool is called 'nothing'"),
    ],
)
def test_what_cannot_be_answered_is_an_error_with_the_reason(
    run: Run, tool: str, arguments: dict[str, Any], reason: str
) -> None:
    answer = called(tool, **arguments)
    assert answer.is_error
    assert reason in answer.content[0].text


def test_the_tools_are_described_as_reading_only() -> None:
    tools = asked(lambda client: client.list_tools()).tools
    assert [tool.name for tool in tools] == ["check", "estimate", "fit", "plan", "explain"]
    assert all(tool.description and tool.annotations.read_only_hint for tool in tools)


def test_the_process_answers_over_standard_output() -> None:
    answer = asked(lambda client: client.call_tool("explain", {"subject": "VL101"}), process=True)
    assert not answer.is_error
    assert "does-not-fit" in answer.content[0].text
    config = json.loads((ROOT / "docs" / "agents.md").read_text().split("```json\n")[1].split("```")[0])
    assert config["mcpServers"]["vramlint"]["args"] == ["mcp"]


def test_a_text_that_is_json_stays_a_text() -> None:
    answer = called("estimate", text='{"vramlint": 1, "model": {"parameters": 7e9}}')
    assert not answer.is_error
    assert answer.structured_content["dialect"] == "job"


def test_an_unknown_argument_is_refused_by_the_schema_too() -> None:
    tools = asked(lambda client: client.list_tools()).tools
    assert all(tool.input_schema["additionalProperties"] is False for tool in tools)


SHAPE = {
    "model_type": "llama",
    "hidden_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 512,
    "vocab_size": 1000,
}
SECRET = "vramlint: 1\nmodel: {parameters: 7.0e+9}\n"


def outside(kind: str, folder: Path, elsewhere: Path) -> str:
    """A path that does not lead to a file of the folder."""
    secret = elsewhere / "secret.yaml"
    secret.write_text(SECRET)
    if kind == "link":
        (folder / "link.yaml").symlink_to(secret)
        return str(folder / "link.yaml")
    if kind == "loop":
        (folder / "loop.yaml").symlink_to(folder / "loop.yaml")
        return str(folder / "loop.yaml")
    if kind == "folder link":
        (folder / "there").symlink_to(elsewhere)
        return str(folder / "there" / "secret.yaml")
    if kind == "pipe":
        os.mkfifo(folder / "pipe.yaml")
        return str(folder / "pipe.yaml")
    return {
        "absolute": str(secret),
        "relative": str(folder / ".." / elsewhere.name / secret.name),
        "NUL": f"{folder}/a\0b.yaml",
        "share": "//host/share/train.yaml",
        "standard input": "-",
        "long": str(folder / ("x" * 5_000)),
        "folder": str(folder),
        "device": "/dev/zero",
        "home": "~/.ssh/id_rsa",
        "address": "https://example.com/train.yaml",
    }[kind]


LEADS_OUT = ["absolute", "relative", "link", "folder link"]
LEADS_NOWHERE = [
    "loop",
    "pipe",
    "NUL",
    "share",
    "standard input",
    "long",
    "folder",
    "device",
    "home",
    "address",
]


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes and no links for everybody")
@pytest.mark.parametrize("kind", LEADS_OUT + LEADS_NOWHERE)
def test_nothing_outside_the_roots_is_read(tmp_path: Path, kind: str) -> None:
    folder, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    path = outside(kind, folder, elsewhere)
    for tool in ("check", "estimate", "fit", "plan"):
        answer = called(tool, roots=(str(folder),), path=path)
        assert answer.is_error
        said = answer.content[0].text
        assert said.isprintable()
        assert len(said) <= 2_000
        assert kind not in LEADS_OUT or "outside" in said
    allowed = called("estimate", roots=(str(folder), str(elsewhere)), path=path)
    assert allowed.is_error == (kind in LEADS_NOWHERE)


@pytest.mark.skipif(sys.platform == "win32", reason="no links for everybody")
@pytest.mark.parametrize("way", ["absolute", "relative", "a link"])
@pytest.mark.parametrize("by", ["path", "text"])
def test_a_model_outside_the_roots_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, by: str
) -> None:
    folder, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for each in (folder, elsewhere):
        each.mkdir()
    (elsewhere / "config.json").write_text(json.dumps(SHAPE))
    (folder / "link").symlink_to(elsewhere)
    named = {"absolute": str(elsewhere), "relative": "../elsewhere", "a link": "./link"}[way]
    text = f"vramlint: 1\nmodel: {json.dumps(named)}\n"
    (folder / "train.yaml").write_text(text)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(folder)
    asking = {"path": str(folder / "train.yaml")} if by == "path" else {"text": text}
    unknown = called("estimate", roots=(str(folder),), **asking).structured_content
    assert unknown["error"]["code"] == "unknown-model"
    allowed = called("estimate", roots=(str(folder), str(elsewhere)), **asking)
    assert allowed.structured_content["model"]["source"] == "config.json"


def test_a_companion_outside_the_roots_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workspace is the current folder, whatever part of it the server may show."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "zero.json").write_text('{"zero_optimization": {"stage": 3}}')
    text = (ROOT / FULL).read_text(encoding="utf-8") + "deepspeed: ../zero.json\n"
    (tmp_path / "configs" / "train.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    sizes = [
        called(
            "estimate", roots=(str(tmp_path / root),), path="configs/train.yaml", gpu="8xH100"
        ).structured_content["component_sizes"]["weights"]
        for root in ("configs", ".")
    ]
    assert sizes[0] == pytest.approx(8 * sizes[1], rel=0.01)


def test_a_projects_settings_are_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text(SECRET)
    (tmp_path / "pack.py").write_text("raise SystemExit('imported')")
    (tmp_path / "vramlint.toml").write_text('rules = ["pack"]\ncompanions-outside-workspace = true\n')
    answer = called("check", roots=(str(tmp_path),), path=str(tmp_path / "train.yaml"))
    assert not answer.is_error
    said = [finding["message"] for finding in answer.structured_content["findings"]]
    assert any("not trusted" in message for message in said)


HOSTILE = "\x1b]0;owned\x07\x9b31m\u202eevil\u2066\r\n::error::x ##[command]y"


@pytest.mark.parametrize("tool", ["check", "plan"])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"vramlint": 1, "model": HOSTILE}),
        json.dumps({"vramlint": 1, "model": {"parameters": 7e9}, HOSTILE: 1, "optimizer": HOSTILE}),
        json.dumps({"base_model": "meta-llama/Llama-3.1-8B", "adapter": HOSTILE, "sequence_len": HOSTILE}),
        HOSTILE,
        "\0",
        "a: " * 3_000_000,
        "[" * 100_000,
        "&a [" + "*a, " * 10_000,
    ],
    ids=["model", "key", "values", "text", "NUL", "huge", "deep", "aliases"],
)
def test_what_a_hostile_config_says_is_shown_inert(tool: str, text: str) -> None:
    answer = called(tool, text=text)
    said = answer.content[0].text
    assert said.replace("\n", "").isprintable()
    assert "##[" not in said
    assert len(said) < 200_000


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        (HOSTILE, {}),
        ("explain", {"subject": HOSTILE}),
        ("explain", {"subject": "x" * 1_000_000}),
        ("estimate", {"path": f"{HOSTILE}.yaml"}),
        ("estimate", {"path": FULL, "gpu": HOSTILE}),
        ("estimate", {"path": FULL, HOSTILE: HOSTILE}),
        ("estimate", {"path": {HOSTILE: HOSTILE}}),
    ],
)
def test_what_a_hostile_call_says_is_shown_inert(tool: str, arguments: dict[str, Any]) -> None:
    answer = called(tool, **arguments)
    assert answer.is_error
    assert answer.content[0].text.isprintable()
    assert len(answer.content[0].text) <= 2_000


def test_a_cancelled_call_leaves_a_server_that_answers() -> None:
    async def work(client: Client) -> Any:
        for _ in range(3):
            with anyio.move_on_after(0.001):
                await client.call_tool("plan", {"path": FULL, "gpus": "64xH100"})
        return await client.call_tool("explain", {"subject": "VL101"})

    answer = asked(work, process=True)
    assert not answer.is_error


def test_messages_that_are_none_leave_a_server_that_answers() -> None:
    lines = [
        "nonsense",
        "{}",
        "[]",
        '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": 3}',
        '{"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": 3, "arguments": []}}',
        '{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}}',
        '{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "estimate", "arguments": '
        '{"text": "\\ud800"}}}',
    ]
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    lines.append(json.dumps({"jsonrpc": "2.0", "id": 4, "method": "initialize", "params": hello}))
    told = subprocess.run(
        [PROGRAM, "mcp"],
        cwd=ROOT,
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    answers = [json.loads(line) for line in told.stdout.splitlines()]
    assert any(answer.get("id") == 4 and "result" in answer for answer in answers)


def test_a_root_that_is_no_folder_is_refused(run: Run) -> None:
    refused = run("mcp", "--root", "no/such/folder")
    assert refused.code == 2
    assert "no such folder" in refused.err
