"""`vramlint completion`: print what completes the command line in a shell, from the parsers themselves."""

from __future__ import annotations

from argparse import Action, ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module

from vramlint.cli import COMMANDS
from vramlint.cli.arguments import command_parser

_HEAD = "# made by `vramlint completion`; commands and options are those of this release"


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "completion",
        "Print the completion script for a shell: "
        'eval "$(vramlint completion bash)", vramlint completion fish | source.',
    )
    result.add_argument("shell", choices=tuple(SHELLS))
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    print("\n".join(SHELLS[parser().parse_args(arguments).shell]()))
    return 0


def _options() -> Iterator[tuple[str, list[Action]]]:
    """Each command with its options and arguments."""
    for command in COMMANDS:
        if command != "server":  # editors start it, and its options need pygls
            made: ArgumentParser = import_module(f"vramlint.cli.{command}").parser()
            yield command, list(made._actions)


def _bash() -> Iterator[str]:
    yield _HEAD
    yield "_vramlint() {"
    yield '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"'
    yield '  if [ "$COMP_CWORD" -eq 1 ]; then'
    yield f'    COMPREPLY=($(compgen -W "{" ".join(COMMANDS)} --help --version" -- "$word")); return'
    yield "  fi"
    yield '  case "${COMP_WORDS[1]} $before" in'
    for command, actions in _options():
        for action in actions:
            if action.choices and action.option_strings:
                names = "|".join(f'"{command} {name}"' for name in action.option_strings)
                words = " ".join(map(str, action.choices))
                yield f'    {names}) COMPREPLY=($(compgen -W "{words}" -- "$word")); return ;;'
    yield "  esac"
    yield '  case "${COMP_WORDS[1]}" in'
    for command, actions in _options():
        words = " ".join(_words(actions))
        yield f'    {command}) COMPREPLY=($(compgen -W "{words}" -- "$word") $(compgen -f -- "$word")) ;;'
    yield "  esac"
    yield "}"
    yield "complete -o filenames -F _vramlint vramlint"


def _zsh() -> Iterator[str]:
    yield "#compdef vramlint"
    yield _HEAD
    yield "autoload -U +X bashcompinit && bashcompinit"
    yield from list(_bash())[1:]


def _fish() -> Iterator[str]:
    yield _HEAD
    for command, summary in COMMANDS.items():
        yield f"complete -c vramlint -n __fish_use_subcommand -a {command} -d {_quoted(summary)}"
    for command, actions in _options():
        here = f"complete -c vramlint -n '__fish_seen_subcommand_from {command}'"
        for action in actions:
            long = [name[2:] for name in action.option_strings if name.startswith("--")]
            choices = " ".join(map(str, action.choices or ()))
            takes = f" -x -a {_quoted(choices)}" if choices else "" if action.nargs == 0 else " -r"
            if long:
                yield f"{here} -l {long[0]}{takes} -d {_quoted(_help(action))}"
            elif choices:
                yield f"{here} -a {_quoted(choices)}"


def _words(actions: Sequence[Action]) -> Iterator[str]:
    for action in actions:
        yield from action.option_strings or map(str, action.choices or ())


def _help(action: Action) -> str:
    return (action.help or "").partition(":")[0].replace("%(default)s", str(action.default))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


SHELLS: Mapping[str, Callable[[], Iterator[str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
