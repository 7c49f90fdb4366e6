"""What the options of all commands have in common."""

from __future__ import annotations

from argparse import ArgumentParser, HelpFormatter
from functools import partial
from typing import Any

WIDTH = 90


def command_parser(name: str, description: str) -> ArgumentParser:
    """An empty parser of one command. The width of its help is fixed: to ask the terminal imports shutil."""
    formatter: Any = partial(HelpFormatter, width=WIDTH)
    return ArgumentParser(f"vramlint {name}", description=description, formatter_class=formatter)


def add_gpu(parser: ArgumentParser) -> None:
    """`--gpu`, the same everywhere."""
    parser.add_argument(
        "--gpu",
        metavar="NAME[xN]",
        help="the GPU to check against, over files and settings: RTX-4090, A100-80GBx8, 24GiB",
    )


def add_color(parser: ArgumentParser) -> None:
    """`--color`, the same everywhere."""
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
