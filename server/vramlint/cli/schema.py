"""`vramlint schema`: print the JSON Schema of a dialect or of the settings, for other editors."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from vramlint.cli.arguments import command_parser
from vramlint.cli.console import Failure, say

SETTINGS = "settings"
"""The name that means vramlint's own settings."""


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "schema",
        "Print the JSON Schema of a dialect, or of vramlint's own settings, for editors and tools that "
        "take one; without a name, list what has one.",
    )
    result.add_argument("dialect", nargs="?", help="axolotl, trl … or settings")
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    import json

    from vramlint_schemas import load_schema, names

    dialect = parser().parse_args(arguments).dialect
    if dialect is None:
        say("\n".join((*names(), SETTINGS)))
        return 0
    if dialect == SETTINGS:
        from vramlint.project.settings_schema import settings_schema

        print(json.dumps(settings_schema(), indent=2))
        return 0
    if dialect not in names():
        raise Failure(f'no schema "{dialect}"; there are: {", ".join((*names(), SETTINGS))}')
    print(json.dumps(load_schema(dialect), indent=2))
    return 0
