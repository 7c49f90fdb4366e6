"""What starts a run says of it: SkyPilot tasks and SLURM batch scripts, read for GPUs, nodes and configs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vramlint.dialects.kit.launch_spec import LaunchSpec
from vramlint.dialects.kit.reader import look_up, positive, text
from vramlint.document.node import Span

_CONFIG = re.compile(r"[\w./${}~+=:@%-]*\.(?:ya?ml|toml|json)\b")
_VARIABLE = re.compile(r"\$\{?\w+\}?")
_BATCH = re.compile(r"^#SBATCH[ \t]+(.*)$", re.MULTILINE)
_OPTION = re.compile(r"(?:^|\s)(--[a-z-]+|-[NGnC])(?:[= ]\s*|(?=\d))(\S+)")
_PER_NODE = re.compile(r"--(?:nproc[_-]per[_-]node|num_gpus|gpus-per-node)[= ]+(\d{1,3})\b")
_PROCESSES = re.compile(r"--num[_-]processes[= ]+(\d{1,5})\b")


def of_skypilot(values: Mapping[str, Any]) -> LaunchSpec | None:
    """What a SkyPilot task asks for; None where it leaves a choice or asks for no GPU."""
    asked = look_up(values, "resources.accelerators")
    options = [asked] if isinstance(asked, str) else list(asked) if isinstance(asked, Mapping | list) else []
    if len(options) != 1 or not isinstance(options[0], str):
        return None
    name, _, count = options[0].partition(":")
    if isinstance(asked, Mapping):
        count = str(asked[name])
    nodes = positive(values.get("num_nodes")) or 1
    configs = tuple(_configs(text(values.get("run")) or ""))
    folder = text(values.get("workdir"))
    below = tuple(f"{folder.rstrip('/')}/{name}" for name in configs if name[0] not in "/~") if folder else ()
    return LaunchSpec(name.strip(), positive(count) or 1, nodes, configs + below)


class BatchOptions(NamedTuple):
    """The `#SBATCH` lines of a script, each option with the span of its line."""

    values: Mapping[str, str]
    lines: Mapping[str, Span]

    def place(self, *names: str) -> Span | None:
        """The line of the first of these options that is there."""
        return next((self.lines[name] for name in names if name in self.lines), None)


def batch_options(script: str) -> BatchOptions:
    """What a SLURM batch script asks for, option by option."""
    values: dict[str, str] = {}
    lines: dict[str, Span] = {}
    for line in _BATCH.finditer(script):
        found = dict(_OPTION.findall(line[1].partition(" #")[0]))
        values |= found
        lines |= dict.fromkeys(found, Span(*line.span()))
    return BatchOptions(values, lines)


def of_batch_script(script: str) -> LaunchSpec | None:
    """What a SLURM batch script asks for; None for a script of another kind."""
    options = batch_options(script).values
    if not options:
        return None
    body = re.sub(r"^\s*#.*$", "", script.replace("\\\n", " "), flags=re.MULTILINE)
    nodes = _nodes(options.get("--nodes") or options.get("-N") or "1")
    kind, count = _asked(options, nodes)
    started = _PER_NODE.search(body)
    processes = _PROCESSES.search(body)
    if started:
        count = int(started[1])
    elif processes and int(processes[1]) % nodes == 0:
        count = int(processes[1]) // nodes
    return LaunchSpec(kind, count or None, nodes, tuple(_configs(body)), exact=False)


GPU_OPTIONS = ("--gpus-per-node", "--gres", "--gpus", "-G", "--gpus-per-task")
"""The options of SLURM that ask for GPUs, the strongest first (sbatch(1) of SLURM 25)."""


def _asked(options: Mapping[str, str], nodes: int) -> tuple[str | None, int | None]:
    """Kind and count a node of the first option that asks for GPUs; a kind may be a constraint instead."""
    for option in GPU_OPTIONS:
        value = options.get(option)
        if value is None:
            continue
        wanted = next((part for part in value.split(",") if option != "--gres" or part.startswith("gpu")), "")
        *kind, number = [part for part in wanted.split("(")[0].split(":") if part != "gpu"] or [""]
        count = positive(number)
        if count is None:
            kind, count = [number] if number else [], 1
        if option in ("--gpus", "-G"):
            count //= nodes
        elif option == "--gpus-per-task":
            tasks = positive(options.get("--ntasks-per-node"))
            total = positive(options.get("--ntasks") or options.get("-n"))
            count *= tasks or (total // nodes if total and total % nodes == 0 else 1)
        return (kind[-1] if kind else _constraint(options)), count
    return None, None


def _constraint(options: Mapping[str, str]) -> str | None:
    """The one feature that nodes must have, which may name their GPU."""
    named = options.get("--constraint") or options.get("-C") or ""
    return named.strip("\"'") if re.fullmatch(r"[\"']?[\w-]+[\"']?", named) else None


def _nodes(value: str) -> int:
    """The nodes that are asked for; of a range, the fewest."""
    return positive(value.partition("-")[0]) or 1


def _configs(command: str) -> Iterator[str]:
    """The config files that a command names; a variable stands for any text ("*")."""
    for name in dict.fromkeys(_CONFIG.findall(command)):
        yield _VARIABLE.sub("*", name.rpartition("=")[2])
