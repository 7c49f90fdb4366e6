"""What a dialect is: one table of keys, one way to read its files, one way to write changes back.

A dialect turns the plain values of a document into a TrainingJob, and changes of a job back into edits of
keys. It knows nothing of spans: places are named by key path and looked up in the document later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeAlias

from vramlint.catalog.facts import Gpu, Model
from vramlint.dialects.kit.run import Launch, Trainer
from vramlint.document import Document
from vramlint.document.place import Place
from vramlint.job import KeyPath, TrainingJob
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.versions import at_least, older

UNSET: Any = type("Unset", (), {"__repr__": lambda self: "UNSET", "__bool__": lambda self: False})()


@dataclass(frozen=True, slots=True)
class ByRelease:
    """What a key's default is in other releases than the one its table was read from: where every library of
    `before` is older than the release named with it, and every one of `since` is not.
    """

    default: Any
    before: tuple[tuple[str, str], ...] = ()
    since: tuple[tuple[str, str], ...] = ()

    def holds(self, releases: Mapping[str, str]) -> bool:
        """Whether these releases run; a library that is not among them is the newest."""
        return all(older(releases.get(library), release) for library, release in self.before) and all(
            at_least(releases.get(library), release) for library, release in self.since
        )

    def __str__(self) -> str:
        """Read as in "before transformers 5.0 and trl 0.27"."""
        words = (("before", self.before), ("from", self.since))
        return ", ".join(
            f"{word} " + " and ".join(f"{library} {release}" for library, release in rows)
            for word, rows in words
            if rows
        )


def before(default: Any, **releases: str) -> ByRelease:
    """The default while each of the named libraries was older than its release."""
    return ByRelease(default, before=tuple(releases.items()))


def since(default: Any, **releases: str) -> ByRelease:
    """The default from the named releases on."""
    return ByRelease(default, since=tuple(releases.items()))


@dataclass(frozen=True, slots=True)
class Key:
    """One key that decides memory.

    `path` is dotted as the framework nests it; `field` the job field it decides ("adapter.r"); `effect`
    one or two sentences in our words on what it does to memory, shown in hovers and tables; `default` what
    the framework does when the file is silent (UNSET: it depends, see `effect`); `by_release` what it does
    in other releases, the first row that holds deciding.
    """

    path: str
    field: str | None
    effect: str
    default: Any = UNSET
    choices: tuple[Any, ...] = ()
    offered: tuple[str, ...] = ()
    """Values worth proposing at a key that takes others too."""
    since: str | None = None
    by_release: tuple[ByRelease, ...] = ()


@dataclass(frozen=True, slots=True)
class Renamed:
    """A key that older releases knew. `replacement` is None where it went without one."""

    path: str
    removed_in: str
    replacement: str | None = None


class Catalog(Protocol):
    """Looks models up, without network. `folder` is where relative paths start."""

    def model(self, name: str, folder: str | None = None) -> Model | None:
        """Facts of the model `name`: a hub id, an alias, or a path to a folder with config.json or to the
        file.
        """
        ...

    def nearest(self, name: str, n: int = 3) -> list[str]:
        """The ids spelled most like `name`, closest first."""
        ...

    def from_config(self, config: Mapping[str, Any], name: str = "config") -> Model | None:
        """Facts of a model written out in a file: config.json's own keys, or `{parameters: N}`."""
        ...


@dataclass(frozen=True, slots=True)
class Companion:
    """Another config file that the analysed one names: its path as shown to the user, its values, its
    dialect's name, and the document that it was read as.
    """

    path: str
    values: Any
    dialect: str | None
    document: Document | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Context:
    """What a dialect may ask for beside the document. All of it is decided before reading starts.

    `gpu`, `gpu_count`, `nodes`: the declared hardware (None and 1 where nothing is declared); their
    product is the world size where the file does not state one. `versions`: of frameworks and libraries,
    where directive or settings name them. `open`: a companion file by the name written in the document, or
    None (missing, or outside the workspace).
    """

    catalog: Catalog
    folder: str | None = None
    gpu: Gpu | None = None
    gpu_count: int = 1
    nodes: int = 1
    gpu_declared: bool = False
    ram: int | None = None
    """Host memory of a node, bytes, where a declaration states it."""
    versions: Mapping[str, str] = field(default_factory=dict)
    open: Callable[[str], Companion | None] = lambda name: None
    launch: Launch | None = None
    """What starts the run, where a launch line of the workspace names the file."""
    trainer: Trainer | None = None
    """The trainer, where a script makes it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that the launch line or the script sets for the run."""
    set_at: Mapping[str, Place] = field(default_factory=dict)
    """Where the values of these variables are, of those that the document itself sets."""
    unsettled: frozenset[str] = frozenset()
    """Keys that the run has a value for which is not known: nothing is said of what hangs on one of them."""


Severity: TypeAlias = Literal["error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something the framework itself refuses, or that has no effect, seen while reading. Rules turn it
    into a finding.

    `kind` is stable and kebab-case; `key` the place; `related` other keys that take part; `fix` what to write
    in the same file so that it goes, where there is one such thing.
    """

    kind: str
    key: KeyPath
    message: str
    severity: Severity = "warning"
    related: tuple[KeyPath, ...] = ()
    document: str | None = None
    fix: tuple[SetKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Unusable:
    """A value at a key that decides memory, from which no size can be worked out.

    `document` is the companion that it is in; `wanted` says in words what the key takes, where known.
    """

    key: KeyPath
    value: Any
    document: str | None = None
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no job could be made of the file ("unknown-model", "no-model", "not-a-training-file" …)."""

    code: str
    message: str
    key: KeyPath = ()


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What a dialect made of a document. Exactly one of `job` and `obstacle` is set."""

    dialect: Dialect
    version: str
    job: TrainingJob | None
    obstacle: Obstacle | None = None
    problems: tuple[Problem, ...] = ()
    companions: tuple[str, ...] = ()
    """Paths of the companion files that took part."""
    missing_companions: tuple[tuple[KeyPath, str], ...] = ()
    unusable: tuple[Unusable, ...] = ()
    """Values at deciding keys that say no size; where there are any, the run gets no estimate."""


@dataclass(frozen=True, slots=True)
class SetKey:
    """Write `value` at `path` (replacing, or inserting where the key is absent); REMOVE as value deletes
    the key.
    """

    path: KeyPath
    value: Any


REMOVE: Any = type("Remove", (), {"__repr__": lambda self: "REMOVE"})()
Changes: TypeAlias = Mapping[str, Any]
"""New values of job fields by dotted name, e.g. {"gradient_checkpointing": "full", "micro_batch_size": 1,
"method": "qlora"}.
"""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of config file."""

    name: str
    title: str
    version: str
    """The newest framework version whose behaviour is known; assumed where nothing says otherwise."""
    keys: tuple[Key, ...]
    read: Callable[[Mapping[str, Any], Context], ReadResult]
    edits: Callable[[Mapping[str, Any], TrainingJob, Changes], tuple[SetKey, ...] | None]
    """How to write changes of the job in a file of this dialect; None where the dialect cannot say them."""
    unknown_keys: Literal["dropped", "refused", "unchecked"] = "dropped"
    """What the framework does with a top-level key it does not know; unchecked where the table does not hold
    all of its keys, so that none is called unknown.
    """
    extended: Literal["dropped", "refused"] | None = None
    """Which unknown keys may belong to people's own scripts, so that only misspelt ones are named."""
    training_arguments: bool = False
    """Whether its keys are those of transformers' TrainingArguments."""
    own: bool = False
    """Whether it is vramlint's own: what a file leaves out has the defaults of TrainingJob."""
    renamed: tuple[Renamed, ...] = ()
    schema: str | None = None
    """Name of its JSON Schema in vramlint_schemas.dialects."""
    model_keys: tuple[str, ...] = ()
    """The dotted keys that name the model together, where one alone does not; the last is never left out."""
    assigns: Literal["never", "always", "after a file"] = "never"
    """Where its launch lines override keys by `key=value`, not by flags."""
    engine: str = ""
    """What shares its states out, where that is an engine of its own."""
    role: Literal["training", "companion", "launcher"] = "training"
    gpu_key: str | None = None
    """The dotted key under which a file of this dialect itself names its GPUs ("A100-80GB x8"), where it
    has one.
    """

    def key(self, path: str) -> Key | None:
        """The table's row for a dotted path."""
        return next((key for key in self.keys if key.path == path), None)
