"""`vramlint explain`: print the page of a rule, or list all rules."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from vramlint.analysis.registry import find_rule, rules_in_force
from vramlint.cli.arguments import command_parser
from vramlint.cli.console import Failure, say
from vramlint.project.settings import SettingsResolver


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser("explain", "Print the page of a rule, or list all rules.")
    result.add_argument("rule", nargs="?", metavar="CODE|NAME", help="VL101, or does-not-fit")
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    wanted = parser().parse_args(arguments).rule
    packs = SettingsResolver().for_file(None).rules
    if wanted is None:
        rules = [entry.load() for entry in rules_in_force(packs)[0]]
        say("\n".join(f"{rule.code}  {rule.name:<32} {rule.summary}" for rule in rules))
        return 0
    rule = find_rule(wanted, packs)
    if rule is None:
        raise Failure(f'no rule "{wanted}"; `vramlint explain` lists all')
    say(rule.page().rstrip())
    return 0
