"""How many processes a run has, on how many nodes, and what says so."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from vramlint.dialects.kit.launch_spec import LaunchSpec, takes_all, visible_devices
from vramlint.dialects.kit.launches import GPU_OPTIONS, batch_options
from vramlint.dialects.kit.reader import look_up, positive
from vramlint.dialects.kit.run import Given
from vramlint.document.place import Place
from vramlint.lazy_dataclasses import replace
from vramlint.project.run_subject import Source, Subject


class Ranks(NamedTuple):
    """`total` counts the processes of all nodes; None where it is open."""

    total: Given | None
    nodes: Given | None
    per_node: int | None


_ENTRIES = frozenset(("python", "uv", "coverage", "time", "nohup", "env", "poetry", "conda"))
"""Launchers that start one process; a notebook's machine is taken to have one GPU where nothing says more.
"""
_ALONE = frozenset(("tune", "unsloth", "oumi"))
"""Programs that start none where nothing counts them (_cli/run.py of torchtune 0.6)."""
_OWN_COUNTS: Mapping[str, tuple[str, str]] = {
    "verl": ("trainer.n_gpus_per_node", "trainer.nnodes"),
    "nemo": ("cluster.gpus_per_node", "cluster.num_nodes"),
    "litgpt": ("devices", "num_nodes"),
    "openrlhf": ("actor.num_gpus_per_node", "actor.num_nodes"),
}
"""Keys of frameworks that start their processes themselves."""


def ranks_of(subject: Subject, engine: Source | None, header: LaunchSpec | None, script: str) -> Ranks:
    """The processes of a run. `engine` is its launcher file, `header` what its batch script asks for."""
    run = subject.run
    said, machines = run.launch.processes, run.launch.nodes
    nodes = _number(machines) or (_of_source(engine, "num_machines") if machines is None else None)
    nodes = nodes or _own(subject, 1)
    slurm = _of_header(header, script, "--nodes", "-N")
    if nodes is None and run.launch.nodes is None:
        nodes = slurm
    per_node = _number(run.launch.per_node) or _own(subject, 0)
    total = _number(said) or (_of_source(engine, "num_processes") if said is None else None)
    if total is None and per_node is not None:
        opened = run.launch.nodes is not None and nodes is None
        if not opened:
            count = prod(given.value for given in (per_node, nodes) if given is not None)
            total = replace(per_node, value=count)
    if total is None and run.launch.per_node is None and run.launch.processes is None:
        total = _implied(subject, header, script)
    if nodes is None and run.launch.nodes is None and total is not None and "torchrun" in run.launch.by:
        nodes = Given(1, run.launch.place, "implied")
    size = None if total is None else total.value // (nodes.value if nodes else 1)
    return Ranks(total, nodes, size)


def _number(given: Given | None) -> Given | None:
    """A count that is known; of a range ("1:4"), the fewest."""
    count = positive(str(given.value).partition(":")[0]) if given is not None else None
    return None if count is None or given is None else replace(given, value=count)


def _of_source(source: Source | None, key: str) -> Given | None:
    if source is None:
        return None
    count, place = positive(source.values.get(key)), source.place((key,))
    return Given(count, place, "companion") if count is not None and place is not None else None


def _own(subject: Subject, index: int) -> Given | None:
    """The count that the framework's own config states."""
    name = subject.dialect.name if subject.dialect else ""
    keys = _OWN_COUNTS.get(name)
    if keys is None or (name == "verl" and "torchrun" in subject.run.launch.by):
        return None
    value: Any = look_up(subject.values, keys[index])
    place = subject.place(tuple(keys[index].split(".")))
    count = positive(value)
    return Given(count, place) if count is not None and place is not None else None


def _of_header(header: LaunchSpec | None, script: str, *options: str) -> Given | None:
    if header is None or header.nodes is None:
        return None
    line = batch_options(script).place(*options)
    return Given(header.nodes, Place(line), "scheduler-header") if line is not None else None


def _implied(subject: Subject, header: LaunchSpec | None, script: str) -> Given | None:
    """One process where nothing starts more; the visible or allotted GPUs where a launcher takes them all."""
    run = subject.run
    by = [name for name in run.launch.by if name not in ("srun",)]
    if takes_all(run):
        alone = Given(1, run.launch.place, "implied") if by[:1] == ["notebook"] else None
        return visible_devices(run) or _allotted(header, script) or alone
    if by[-1:] == ["swift"]:
        return (
            replace(found, value=1)
            if (found := visible_devices(run))
            else Given(1, run.launch.place, "implied")
        )
    one = (
        by[:1] == ["notebook"] or by[-1:] in (["tune"], ["unsloth"], ["oumi"]) or (set(by) <= _ENTRIES and by)
    )
    return Given(1, run.launch.place, "implied") if one else None


def _allotted(header: LaunchSpec | None, script: str) -> Given | None:
    line = batch_options(script).place(*GPU_OPTIONS)
    if header is None or header.count is None or line is None:
        return None
    return Given(header.count * (header.nodes or 1), Place(line), "scheduler-header")
