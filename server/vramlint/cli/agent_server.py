"""The tools of `agent_tools` over the Model Context Protocol, by its official SDK, which an extra brings.

What a client sends is held against the tools' own parameters, and what it is told in words is inert: a config
may say anything, and agents show it in terminals.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any

import anyio
from anyio.to_thread import run_sync
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations

from vramlint import __version__
from vramlint.cli.agent_tools import Tools
from vramlint.cli.console import Failure
from vramlint.lint.escape import json_text
from vramlint.lint.inert import inert_block, inert_message

INSTRUCTIONS = (
    "vramlint reads the configuration of a language model's training run and works out its GPU memory "
    "without a GPU. Estimate a config before it is run; fit finds changes that make it fit, plan shares it "
    "out over many GPUs. Nothing is executed, written or fetched. Sizes are bytes per GPU."
)
_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


class AgentServer(MCPServer):
    """One call after the other, each beside the server's loop; what a tool refuses is an answer."""

    def __init__(self, tools: Tools) -> None:
        super().__init__("vramlint", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING")
        self._one_at_a_time = anyio.Lock()
        self._named = {tool.__name__: tool for tool in tools.all()}
        for tool in tools.all():
            self.add_tool(tool, annotations=_READS)

    async def list_tools(self) -> list[Tool]:
        """The tools, which take no other arguments than those they name."""
        tools = await super().list_tools()
        for tool in tools:
            tool.input_schema = {**tool.input_schema, "additionalProperties": False}
        return tools

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> CallToolResult:
        """The answer of a tool. Raises ToolError with the reason where there is none."""
        try:
            tool = self._named.get(name)
            if tool is None:
                raise Failure(f"no tool is called {name!r}: there are {', '.join(self._named)}")
            work = partial(tool, **checked(tool, arguments))
            async with self._one_at_a_time:
                return _result(await run_sync(work))
        except Failure as failure:
            raise ToolError(inert_message(str(failure))) from failure
        except Exception as error:
            raise UnexpectedToolError(
                f"{inert_message(name)}: an internal error, which the log has"
            ) from error


def checked(tool: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call. Raises Failure for one that is unknown, of a wrong type, or missing.

    The SDK would leave out unknown ones, and take a text that is JSON for its value.
    """
    parameters = signature(tool).parameters
    for name, value in arguments.items():
        if name not in parameters:
            raise Failure(f"{tool.__name__} takes no {name!r}: it takes {', '.join(parameters)}")
        whole = str(parameters[name].annotation).startswith("int")
        if value is None and parameters[name].default is None:
            continue
        if whole and not (isinstance(value, int) and not isinstance(value, bool) and value > 0):
            raise Failure(f"{name}: {json_text(value)} where a positive whole number is expected")
        if not whole and not isinstance(value, str):
            raise Failure(f"{name}: {json_text(value)} where a text is expected")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise Failure(f"{tool.__name__} needs {name}")
    return arguments


def _result(answer: Any) -> CallToolResult:
    """An answer as a value, and as a text in which every character is one that can be shown."""
    if isinstance(answer, str):
        said, value = inert_block(answer), {"result": answer}
    else:
        said = json_text(answer, indent=1)
        value = json.loads(said)
    return CallToolResult(content=[TextContent(type="text", text=said)], structured_content=value)
