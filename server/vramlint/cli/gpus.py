"""`vramlint gpus`: list the known GPUs with what a run can use of them."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from vramlint.catalog.gpus import all_gpus, find_gpu, nearest_gpus, search_gpus
from vramlint.cli.arguments import command_parser
from vramlint.cli.console import Failure, say
from vramlint.lint.format import gib


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser("gpus", "List the known GPUs with the memory that a run can use, in GiB.")
    result.add_argument(
        "query", nargs="*", help="words that the name, vendor, class or architecture must contain"
    )
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    query = " ".join(parser().parse_args(arguments).query)
    named = find_gpu(query) if query else None
    found = (search_gpus(query) or ([named] if named else [])) if query else all_gpus()
    if not found:
        near = ", ".join(nearest_gpus(query, 3))
        raise Failure(f'no GPU "{query}"' + (f"; nearest: {near}" if near else ""))
    width = max(len(gpu.name) for gpu in found)
    say(f"{'name':<{width}}  {'total':>6}  {'usable':>6}  {'cc':<5}  architecture")
    for gpu in found:
        sizes = f"{gib(gpu.memory_bytes):>6}  {gib(gpu.usable_bytes):>6}"
        kind = f"{gpu.compute_capability or '':<5}  {gpu.architecture or ''}"
        say(f"{gpu.name:<{width}}  {sizes}  {kind}".rstrip())
    return 0
