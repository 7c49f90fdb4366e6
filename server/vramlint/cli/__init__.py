"""The command line: one module a command, one module an output format. Commands print; the layers below know.

Only the module of the command that was asked for is imported, so that `vramlint --version` costs little more
than Python itself.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "check": "check training configs for memory and consistency problems",
    "estimate": "print the GPU memory that a run needs, component by component",
    "runs": "print every run that launch scripts describe, field by field",
    "fit": "print changes that make a run fit, and the largest batch and sequence that fit",
    "plan": "print the parallel layouts that fit on many GPUs, the fastest first",
    "compare": "compare two versions of a run, or a folder with an older revision",
    "verify": "compare an estimate with a measurement, and name the component that differs",
    "explain": "print the page of a rule, a chapter of the memory model, or the effect of a key",
    "gpus": "list the known GPUs with the memory that a run can use",
    "models": "list the known models",
    "schema": "print the JSON Schema of a dialect, for other editors",
    "completion": "print the shell completion for bash, zsh or fish",
    "server": "start the language server",
    "mcp": "serve estimates to agents over the Model Context Protocol",
}

FAILED = 2
INTERRUPTED = 130
UNREAD = 141
"""Nobody reads the output any more (`vramlint … | head`): what shells report of programs that it ends."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code as documented: 0 well, 1 findings, 2 vramlint could not run."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command = arguments[0] if arguments else "--help"
    if command in ("--version", "-V"):
        from vramlint import __version__

        print(f"vramlint {__version__}")
        return 0
    if command in ("--help", "-h", "help"):
        from vramlint.cli.console import say

        say(overview())
        return 0 if arguments else FAILED
    if command not in COMMANDS:
        return refuse(command)
    return run(command, arguments[1:])


def process() -> None:
    """Run one command and end the process, without freeing first, object by object, what the system takes
    back at once: a fifth of a short run.
    """
    code = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # the reader has gone
        code = UNREAD
    os._exit(code)


def run(command: str, arguments: Sequence[str]) -> int:
    """Run `command`. Nothing that goes wrong inside shows a traceback, unless VRAMLINT_DEBUG asks for it."""
    from vramlint.cli.console import Failure, close_quietly, complain, prepare

    prepare()
    if command != "server":
        gc.disable()  # short-lived: collecting the classes that imports make is a tenth of the start-up
    try:
        code: int = import_module(f"vramlint.cli.{command}").main(arguments)
        sys.stdout.flush()
        return code
    except Failure as failure:
        complain(str(failure))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        close_quietly()
        return UNREAD
    except Exception as error:
        if os.environ.get("VRAMLINT_DEBUG"):
            raise
        reason = f"{type(error).__name__}: {error}"
        complain(f"internal error: {reason} (VRAMLINT_DEBUG=1 shows where; please report it)")
        return FAILED
    finally:
        gc.enable()


def overview() -> str:
    """The text of `vramlint --help`."""
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    return (
        "usage: vramlint COMMAND [OPTIONS] …\n\n"
        "Reads a training config, works out its GPU memory, and says whether the run fits.\n\n"
        f"commands:\n{rows}\n\n"
        "vramlint COMMAND --help lists a command's options; vramlint --version prints the version."
    )


def refuse(command: str) -> int:
    """Say that `command` is none, with the nearest that is."""
    from difflib import get_close_matches

    from vramlint.cli.console import complain

    near = get_close_matches(command, COMMANDS, 1)
    hint = f'did you mean "{near[0]}"?' if near else f"commands: {', '.join(COMMANDS)}"
    complain(f'no command "{command}"; {hint}')
    return FAILED
