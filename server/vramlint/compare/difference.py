"""The differences between two versions of a run: verdict, sizes by component, and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vramlint.dialects.job_file.keys import KEYS
from vramlint.dialects.job_file.read import write_job
from vramlint.dialects.kit.dialect import UNSET
from vramlint.explain.format import value_text
from vramlint.job import TrainingJob
from vramlint.job_fields import counts
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.lint.format import gpu_name
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Component, Verdict
from vramlint.vocabulary import ADAPTER_METHODS

_NOT_COMPARED = ("vramlint", "model", "gpu")
"""Keys of a job file that are compared apart, or not at all."""


@dataclass(frozen=True, slots=True)
class Side:
    """One version of a run. Sizes are bytes per GPU; `device_bytes` is None where there is no estimate, and
    `problem` then says why.
    """

    path: str
    verdict: Verdict
    device_bytes: int | None = None
    components: Mapping[Component, int] = field(default_factory=dict)
    """At the worst moment; they add up to `device_bytes`."""
    gpu: str | None = None
    usable_bytes: int | None = None
    """What the declared GPU can give."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """All that counts of the run, by the dotted key of a job file."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of the job file with its values before and after; None where it counts for nothing, as an
    adapter's rank does without one.
    """

    key: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Two versions of one run; None where there was, or is, none."""

    before: Side | None
    after: Side | None

    @property
    def path(self) -> str:
        """Of the later version, where there is one."""
        side = self.after or self.before
        return side.path if side else ""

    @property
    def is_none(self) -> bool:
        """Whether nothing that counts differs."""
        before, after = self.before, self.after
        if before is None or after is None:
            return before is after
        kept = (before.verdict, before.device_bytes, before.components, before.problem)
        return kept == (after.verdict, after.device_bytes, after.components, after.problem) and (
            not self.settings
        )

    @property
    def change_bytes(self) -> int | None:
        """By how much the need grew; None without two estimates."""
        if self.before is None or self.after is None:
            return None
        if self.before.device_bytes is None or self.after.device_bytes is None:
            return None
        return self.after.device_bytes - self.before.device_bytes

    @property
    def components(self) -> Iterator[tuple[Component, int, int]]:
        """Each component that either version has, with its bytes before and after."""
        before = self.before.components if self.before else {}
        after = self.after.components if self.after else {}
        for name in dict.fromkeys((*before, *after)):
            if before.get(name) or after.get(name):
                yield name, before.get(name, 0), after.get(name, 0)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What differs of the run itself."""
        if self.before is None or self.after is None:
            return ()
        before, after = self.before.settings, self.after.settings
        keys = dict.fromkeys((*before, *after))
        changed = (key for key in keys if before.get(key) != after.get(key))
        return tuple(Setting(key, before.get(key), after.get(key)) for key in changed)


def side(path: str, analysis: Analysis, *, by_count: bool = False) -> Side:
    """What is kept of an analysis; `by_count` takes the count of tensors, which no replay has to settle."""
    estimate, gpu = analysis.estimate, analysis.gpu
    if estimate is not None and by_count:
        estimate = estimate.rough
    settings = _settings(analysis.job) if analysis.job is not None else {}
    cannot = analysis.cannot.message if analysis.cannot else ""
    if gpu is not None and analysis.declared is not None:
        name = gpu_name(gpu) + (f" × {analysis.declared.count}" if analysis.declared.count > 1 else "")
        settings = {"gpu": name, **settings}
    if estimate is None:
        return Side(path, analysis.verdict, settings=settings, problem=cannot or "there is no estimate")
    return Side(
        path,
        analysis.verdict,
        estimate.device_bytes,
        {name: estimate.components.get(name, 0) for name in estimate.parts},
        gpu_name(gpu) if gpu else None,
        gpu.usable_bytes if gpu else None,
        settings,
    )


def _settings(job: TrainingJob) -> dict[str, str]:
    apart = _NOT_COMPARED if job.method in ADAPTER_METHODS else (*_NOT_COMPARED, "adapter")
    written = {key: value for key, value in write_job(job).items() if key not in apart}
    defaults = {
        row.path: value_text(row.default)
        for row in KEYS
        if row.field is not None
        and row.default is not UNSET
        and row.path.partition(".")[0] not in apart
        and counts(job, row.field)
    }
    return {"model": job.model.name, **defaults, **dict(_flat(written))}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value_text(value)
