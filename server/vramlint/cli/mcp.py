"""`vramlint mcp`: serve the tools of `agent_tools` over the Model Context Protocol."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from vramlint.cli.arguments import command_parser
from vramlint.cli.console import Failure


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "mcp",
        "Serve check, estimate, fit, plan and explain to agents over the Model Context Protocol, on standard "
        "input and output. Needs the extra vramlint[mcp].",
    )
    result.add_argument(
        "--root",
        action="append",
        metavar="FOLDER",
        help="configs below this folder may be read (default: the current one); may be repeated",
    )
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    roots = tuple(options.root or (str(Path.cwd()),))
    for root in roots:
        if not Path(root).is_dir():
            raise Failure(f"--root {root}: no such folder")
    try:
        import mcp.server  # noqa: F401
    except ImportError:
        raise Failure("the MCP server needs its extra: pip install 'vramlint[mcp]'") from None
    from vramlint.cli.agent_server import AgentServer
    from vramlint.cli.agent_tools import Tools

    AgentServer(Tools(roots)).run()
    return 0
