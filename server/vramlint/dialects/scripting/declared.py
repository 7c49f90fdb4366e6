"""The arguments that a program declares for its command line, and those that a launch line starts it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple, TypeAlias

from vramlint.dialects.kit.run import Given, Launch, Run
from vramlint.dialects.launching.arguments import CONFIG_OPTIONS
from vramlint.dialects.scripting.given import Facts, given
from vramlint.document.place import Place
from vramlint.document.python.values import Class, Items, Known, Loaded, Made, Open, Symbol, Value

Load: TypeAlias = Callable[[str], "Loaded | None"]


class Started(NamedTuple):
    """A script that a launch line starts: its path as shown (None: it is the document itself), its arguments
    by name, and the variables that it sees.
    """

    document: str | None
    command: Mapping[str, Value]
    environment: Mapping[str, Value] = {}
    words: Items | None = None
    """`sys.argv`, where all of it is known."""


def started(document: str | None, run: Run) -> Started:
    """How a launch line starts a script."""
    command = {name: _value(each) for name, each in run.arguments.items()}
    if len(run.configs) == 1:
        command |= {name: _value(run.configs[0]) for name in CONFIG_OPTIONS if name not in command}
    environment = {name: _value(each) for name, each in run.environment.items()}
    return Started(document, command, {**environment, **_world(run.launch)}, _words(run))


def _words(run: Run) -> Items | None:
    """`sys.argv` of a program that is given one config file and nothing else."""
    if run.arguments or run.open or len(run.configs) != 1:
        return None
    return Items([_value(run.program), _value(run.configs[0])], run.program.place)


def _world(launch: Launch) -> dict[str, Value]:
    """What torchrun and the launchers over it tell each process of the others (distributed/run.py of torch
    2.13): their number, where the line says it, and which one it is, which no two share.
    """
    if not {"torchrun", "accelerate", "deepspeed"} & set(launch.by):
        return {}
    place = launch.place
    counts = [launch.processes] if launch.processes is not None else [launch.per_node, launch.nodes]
    sizes = [each.value for each in counts if each is not None]
    known = bool(sizes) and all(isinstance(size, int) for size in sizes) and counts[0] is not None
    world: Value = Open("the launch line does not say how many processes run", place)
    if known:
        world = Known(str(prod(sizes)), place, "implied")
    own = {name: Open("differs from process to process", place) for name in ("RANK", "LOCAL_RANK")}
    return {"WORLD_SIZE": world, **own}


def _value(given: Given) -> Value:
    if given.value is None and given.why:
        return Open(given.why, given.place)
    if isinstance(given.value, list):
        return Items([Known(each, given.place, given.how) for each in given.value], given.place)
    return Known(given.value, given.place, given.how)


class Declared(NamedTuple):
    """What a program says of its own arguments: their defaults, and whether transformers' TrainingArguments
    are among them.
    """

    arguments: Mapping[str, Given]
    trainer: bool


def declared_in(made: Sequence[Made]) -> Declared | None:
    """The arguments that a program declares for its command line, of what its calls make where it is started
    with some; None where it declares none.
    """
    found: Facts = {}
    trainer = False
    for base, defaults, place in _declarations(made):
        trainer = trainer or base.endswith("TrainingArguments")
        for name, value in defaults.items():
            if isinstance(value, Known) and value.how == "declared-default" and value.value is not None:
                found.setdefault(name, given(value, place))
    return Declared(found, trainer) if found or trainer else None


def _declarations(made: Sequence[Made]) -> Iterator[tuple[str, Mapping[str, Value], Place]]:
    """The tables of arguments that a program declares: argparse's, and the classes that a parser is given."""
    for each in made:
        if each.kind == "Namespace":
            yield "", each.keywords, each.place
        elif each.kind in ("HfArgumentParser", "TrlParser", "H4ArgumentParser"):
            classes = each.argument("dataclass_types", 0)
            for item in classes.items if isinstance(classes, Items) else [classes]:
                if isinstance(item, Class):
                    yield item.base, item.defaults, item.place
                elif isinstance(item, Symbol):
                    yield item.name, {}, item.place
