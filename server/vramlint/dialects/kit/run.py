"""What a run is made of before any framework reads it: what starts it, its files, its overrides,
its engine.

Launch lines, scripts and notebooks are all read into this model. Every value keeps its place: that of the
text which decides it, not of its use. What is not certain is open: it has no value, and `Run.open` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from vramlint.document.place import How, Place, Room
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.vocabulary import Loop, Objective


@dataclass(frozen=True, slots=True)
class Given:
    """A value and the place that decides it; `used` is the word of the launch line that it comes in, `key`
    the flag or name before it. None where it is open, and `why` says why. A flag without a value is True.
    """

    value: Any
    place: Place
    how: How = "literal"
    used: Place | None = None
    why: str = ""
    key: Place | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A deciding value that is open, and why."""

    field: str
    why: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """What starts the processes, and the engine that it puts under the run.

    `by`: the launchers, the outermost first ("srun", "accelerate"). `processes` counts all nodes, `per_node`
    those of one. `engine`: options by their keys in accelerate's launcher file, which they beat;
    `engine_file`: that file, as named.
    """

    place: Place
    by: tuple[str, ...] = ()
    processes: Given | None = None
    per_node: Given | None = None
    nodes: Given | None = None
    engine_file: Given | None = None
    engine: Mapping[str, Given] = field(default_factory=dict)

    @property
    def may_hide_engine(self) -> bool:
        """Whether an engine may be named where nobody sees it: `accelerate launch` without a file reads
        the one in the user's home folder (commands/launch.py of accelerate 1.15).
        """
        return "accelerate" in self.by and self.engine_file is None and "distributed_type" not in self.engine


class WrittenFile(NamedTuple):
    """A config that a program writes from a dictionary: its values, the place of each key, and what of it is
    open, by dotted keys.
    """

    values: Mapping[str, Any]
    places: Mapping[tuple[str | int, ...], Place]
    open: tuple[Unknown, ...] = ()


class Trainer(NamedTuple):
    """The trainer that a script makes: its library, its method, and whether the model went through
    PEFT's prepare_model_for_kbit_training. `own`: the script trains by itself, `loop` says how long it keeps
    the logits, and `alone` that its processes know nothing of one another. `optimizer`: its `optim`, where
    the config that the script is read as has no key for it. `images`: whether it reads rows with images.
    """

    library: Literal["trl", "transformers", "unsloth", "own"]
    objective: Objective
    prepared: bool = False
    loop: Loop = "trainer"
    alone: bool = False
    optimizer: str | None = None
    images: bool = False
    spread: bool = False
    """The model is loaded with a `device_map` that spreads its layers over all GPUs."""
    by_name: bool = False
    """The trainer loads the model, whose name it is given."""
    called: bool = False
    """A call in a script makes it, whose arguments are refused where a library does not know them."""

    @property
    def given_model(self) -> bool:
        """Whether the script loads the model itself."""
        return self.called and not self.by_name


@dataclass(frozen=True, slots=True)
class Run:
    """One run that a file describes.

    `program` is the script or subcommand as written; `framework` the dialect that it belongs to, where the
    program alone says so. `configs`: the config files that it is given, a later one beating the earlier.
    `arguments`: flags and overrides by the dotted key of that framework's own config; they beat the files.
    `environment`: the variables that the run sees. `rooms`: of a script, the calls that take further
    arguments, by key; that of "" takes all keys that are not listed. `folder`: the one that its names start
    from, seen from the file's own.
    """

    launch: Launch
    program: Given
    framework: str | None = None
    configs: tuple[Given, ...] = ()
    arguments: Mapping[str, Given] = field(default_factory=dict)
    environment: Mapping[str, Given] = field(default_factory=dict)
    open: tuple[Unknown, ...] = ()
    trainer: Trainer | None = None
    rooms: Mapping[str, Room] = field(default_factory=dict)
    folder: str = ""

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment without what is open in it."""
        return {name: str(given.value) for name, given in self.environment.items() if given.value is not None}
