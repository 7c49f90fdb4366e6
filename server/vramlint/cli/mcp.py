"""`vramlint mcp`: serve the tools of `agent_tools` over the Model Context Protocol."""

from __future__ import annotations

import functools
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from vramlint.cli.arguments import command_parser
from vramlint.cli.console import Failure

if TYPE_CHECKING:
    import anyio
    from mcp.server import MCPServer

INSTRUCTIONS = (
    "vramlint reads the configuration of a language model's training run and works out its GPU memory "
    "without a GPU. Estimate a config before it is run; fit finds changes that make it fit, plan shares it "
    "out over many GPUs. Nothing is executed, written or fetched. Sizes are bytes per GPU."
)


def parser() -> ArgumentParser:
    """The options of the command: none."""
    return command_parser(
        "mcp",
        "Serve check, estimate, fit, plan and explain to agents over the Model Context Protocol, on standard "
        "input and output. Needs the extra vramlint[mcp].",
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser().parse_args(arguments)
    try:
        import mcp.server  # noqa: F401
    except ImportError:
        raise Failure("the MCP server needs its extra: pip install 'vramlint[mcp]'") from None
    server().run()
    return 0


def server() -> MCPServer:
    """The server with its tools. Needs the extra."""
    import anyio
    from mcp.server import MCPServer
    from mcp_types import ToolAnnotations

    from vramlint import __version__
    from vramlint.cli.agent_tools import TOOLS

    result = MCPServer("vramlint", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING")
    one_at_a_time = anyio.Lock()
    reads = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    for tool in TOOLS:
        result.tool(annotations=reads)(_guarded(tool, one_at_a_time))
    return result


def _guarded(tool: Callable[..., Any], one_at_a_time: anyio.Lock) -> Callable[..., Any]:
    """The tool, run beside the server's loop, one call after the other; what it refuses is an answer."""
    from anyio.to_thread import run_sync
    from mcp.server.mcpserver.exceptions import ToolError

    @functools.wraps(tool)
    async def call(**arguments: Any) -> Any:
        async with one_at_a_time:
            try:
                return await run_sync(functools.partial(tool, **arguments))
            except Failure as failure:
                raise ToolError(str(failure)) from failure

    return call
