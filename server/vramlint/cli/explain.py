"""`vramlint explain`: print the page of a rule, a chapter of the memory model, or what a key does."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from difflib import get_close_matches

from vramlint.analysis.registry import find_rule, rules_in_force
from vramlint.cli.arguments import command_parser
from vramlint.cli.console import Failure, say
from vramlint.project.settings import SettingsResolver


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "explain",
        "Print the page of a rule, a chapter of the memory model, or what a key does in each framework that "
        "has it; without an argument, list rules and topics.",
    )
    result.add_argument(
        "subject",
        nargs="?",
        metavar="RULE|TOPIC|KEY",
        help="VL101, does-not-fit, zero3, sample_packing, axolotl.sample_packing",
    )
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    wanted = parser().parse_args(arguments).subject
    packs = SettingsResolver().for_file(None).rules
    say(_list(packs) if wanted is None else page_of(wanted, packs))
    return 0


def _list(packs: Sequence[str]) -> str:
    from vramlint.explain.topics import TOPICS

    rules = [entry.load() for entry in rules_in_force(packs)[0]]
    width = max(map(len, TOPICS))
    return "\n".join(
        [
            *(f"{rule.code}  {rule.name:<32} {rule.summary}" for rule in rules),
            "",
            *(f"{topic:<{width}}  {title}" for topic, title in TOPICS.items()),
        ]
    )


def page_of(wanted: str, packs: Sequence[str] = ()) -> str:
    """What there is to say of a rule, a topic or a key; of a name that is both of these, the chapter and each
    framework's key. Raises Failure where it is none.
    """
    rule = find_rule(wanted, packs)
    if rule is not None:
        return rule.page().rstrip()
    from vramlint.explain.topics import TOPICS, chapter, key_names, keys_named

    said = list(keys_named(wanted))
    if title := TOPICS.get(wanted.lower().replace("_", "-")):
        text = chapter(title)
        if not text and not said:
            raise Failure(
                "the page of the memory model is not part of this installation: see docs/memory-model.md"
            )
        said = [text, *said] if text else said
    if said:
        return "\n\n".join(said)
    near = get_close_matches(wanted, [*TOPICS, *key_names()], n=3)
    nearest = f"nearest: {', '.join(near)}" if near else "`vramlint explain` lists rules and topics"
    raise Failure(f'no rule, topic or key "{wanted}"; {nearest}')
