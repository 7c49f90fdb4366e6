"""`vramlint mcp`, asked by the protocol's own client."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from cli_running import ROOT, Run
from mcp import Client, StdioServerParameters

from vramlint.cli.mcp import server

FULL = "examples/axolotl-llama-3.1-8b-full.yaml"
PROGRAM = str(Path(sys.executable).with_name("vramlint"))


def asked(work: Callable[[Client], Awaitable[Any]], process: bool = False) -> Any:
    """What `work` gets from a server in this process or in its own."""
    target = StdioServerParameters(command=PROGRAM, args=["mcp"], cwd=str(ROOT)) if process else server()

    async def session() -> Any:
        async with Client(target) as client:
            return await work(client)

    return anyio.run(session)


def called(tool: str, **arguments: Any) -> Any:
    return asked(lambda client: client.call_tool(tool, arguments))


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
