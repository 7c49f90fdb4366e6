"""What rules look at: one version of one file, read and estimated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from vramlint.catalog.facts import Gpu
from vramlint.dialects import Detection
from vramlint.dialects.kit.dialect import Catalog, Context, Dialect, ReadResult
from vramlint.document import PROGRAMS, Document
from vramlint.document.edit import TextEdit
from vramlint.document.node import KeyPath
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.lint.directives import Directives, Suppression
from vramlint.lint.finding import Finding
from vramlint.lint.format import key_text
from vramlint.memory import Estimate
from vramlint.memory.estimate import Verdict
from vramlint.project.hardware import Declaration
from vramlint.project.settings import Settings


class Rechecked(Protocol):
    """What a rule may ask of the document after an edit."""

    @property
    def estimate(self) -> Estimate | None:
        """What the edited run needs."""
        ...

    @property
    def verdict(self) -> Verdict:
        """Whether it fits."""
        ...

    @property
    def fits(self) -> bool:
        """Whether the verdict is "fits"; cheaper to ask."""
        ...

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules say of it."""
        ...

    @property
    def suppressed(self) -> tuple[Finding, ...]:
        """What comments silence in it."""
        ...

    @property
    def document(self) -> Document:
        """The edited document."""
        ...


@dataclass(frozen=True, slots=True)
class Cannot:
    """Why there is no estimate. `code` is stable; `key` the place in the file; `open` where something else
    fills the deciding value in, so that the file itself is not wrong.
    """

    code: str
    message: str
    key: KeyPath = ()
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleContext:
    """All facts about one version of a document, before any rule has spoken."""

    document: Document
    settings: Settings
    directives: Directives
    catalog: Catalog
    values: Any = None
    named: bool = False
    """The user asked for this very file, so that also a file that is not ours deserves a word."""
    detection: Detection | None = None
    dialect: Dialect | None = None
    dialect_context: Context | None = field(default=None, repr=False, compare=False)
    """What the dialect was told; with it, other values can be read the same way."""
    reading: ReadResult | None = None
    declared: Declaration | None = None
    estimate: Estimate | None = None
    cannot: Cannot | None = None
    recheck: Callable[[tuple[TextEdit, ...]], Rechecked] = field(repr=False, compare=False)
    """Analyse the document again with edits applied."""
    proceed: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)
    """Called before each step of a long search; it raises where nobody waits for the answer any more."""
    setting_problems: tuple[str, ...] = ()
    settings_file: str | None = None
    """Where settings of this file are written: the file they came from, else the workspace's own."""
    faults: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Companions that are there and cannot be read: why, by the name written."""
    unused: tuple[Suppression, ...] = ()
    """Suppressions that silenced nothing (known to rules with `after_suppressions`)."""

    @property
    def job(self) -> TrainingJob | None:
        """The job the file describes."""
        return self.reading.job if self.reading else None

    @property
    def is_run(self) -> bool:
        """Whether the file describes a training run, estimated or not."""
        trains = self.dialect is not None and self.dialect.role == "training"
        return trains and not (self.cannot and self.cannot.code == "not-a-training-file")

    @property
    def gpu(self) -> Gpu | None:
        """The declared GPU, where the catalog knows it."""
        return self.declared.gpu if self.declared else None

    @property
    def capacity(self) -> int | None:
        """Bytes that the declared GPU can give; None without one."""
        return self.gpu.usable_bytes if self.gpu else None

    @property
    def verdict(self) -> Verdict:
        """Whether it fits; unknown where that depends on which GPU of the declared name it is."""
        if self.estimate is None:
            return "unknown"
        others = self.declared.other_sizes if self.declared else ()
        verdicts = {self.estimate.verdict(gpu.usable_bytes) for gpu in others}
        own = self.estimate.verdict(self.capacity)
        return own if verdicts <= {own} else "unknown"

    @property
    def fits(self) -> bool:
        """Whether the verdict is "fits"; cheaper to ask."""
        if self.estimate is None:
            return False
        others = self.declared.other_sizes if self.declared else ()
        sizes = (self.capacity, *(gpu.usable_bytes for gpu in others))
        return all(self.estimate.fits(size) for size in sizes)

    @property
    def headroom(self) -> int | None:
        """Bytes left on the GPU; negative where it does not fit."""
        if self.estimate is None or self.capacity is None:
            return None
        return self.capacity - self.estimate.device_bytes

    def key(self, field_name: str) -> KeyPath | None:
        """The key of this file that decides a job field; None where the file is silent on it."""
        key = self.job.written(field_name) if self.job else None
        return key if key is not None and self.document.node(key) is not None else None

    def quoted(self, field_name: str, value: int) -> str:
        """The job field with its value: `sequence_len 4096` where the file says just that, else in our words,
        as where a row is a prompt and its completion, each under a key of its own.
        """
        key = self.key(field_name)
        node = self.document.node(key) if key else None
        if key is not None and node is not None and str(node.resolved().value) != str(value):
            return f"{field_name.replace('_', ' ')} {value}"
        return f"{self.called(field_name)} {value}"

    def _as_called(self, key: KeyPath) -> str:
        """Of a program, the name of the argument that is there; empty where none does."""
        span = self.document.key_span(key) if self.document.language in PROGRAMS else None
        name = self.document.text[slice(*span)].strip("\"'") if span is not None else ""
        return name if name.isidentifier() else ""

    def called(self, field_name: str) -> str:
        """The job field in the words of the file: its key where written, else the dialect's name for it."""
        key = self.key(field_name)
        if key is not None:
            return self._as_called(key) or key_text(key)
        row = (
            next((row for row in self.dialect.keys if row.field == field_name), None)
            if self.dialect
            else None
        )
        return row.path if row else field_name
