"""The library: what `import vramlint` offers besides the command line.

    import vramlint

    report = vramlint.estimate("train.yaml", gpu="RTX 4090")
    print(report.verdict, report.device_bytes, report.components["activations"])

    for layout in vramlint.plan("train.yaml", gpus="64xH100"):
        print(layout.tensor, layout.pipeline, layout.data, layout.step_seconds)

docs/api.md describes it and says what is kept stable.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from vramlint.analysis.analyse import analyse
from vramlint.analysis.layouts import PlannedLayout, cluster_of, layouts_for
from vramlint.catalog.facts import Gpu
from vramlint.dialects.job_file.read import write_job
from vramlint.document import Document
from vramlint.explain.estimate_facts import estimate_facts
from vramlint.explain.why_not import why_not
from vramlint.files import Unreadable
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import CannotEstimate, Component, Verdict
from vramlint.planning.ranking import NoPlan
from vramlint.project.hardware import declaration
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

__all__ = ["CannotEstimate", "NoPlan", "PlannedLayout", "Report", "TrainingJob", "estimate", "plan"]

Source: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any] | TrainingJob"
"""What describes a run: the path of a file; its text, recognised by a line break; its values; a job."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run will hold on its fullest GPU. Sizes are bytes."""

    verdict: Verdict
    """`unknown` where no GPU is declared or something that counts is not in the sum."""
    device_bytes: int
    """What the GPU must offer so that the run does not die; the verdict is about this number."""
    peak_allocated_bytes: int
    """`torch.cuda.max_memory_allocated()`."""
    components: Mapping[Component, int]
    """`device_bytes` by what it is for."""
    error_band: float
    """Relative half-width: nine runs of ten should lie within `device_bytes` × (1 ± `error_band`)."""
    gpu: Gpu | None
    headroom_bytes: int | None
    """What is left of the GPU, negative where the run does not fit; None without a GPU."""
    notes: tuple[str, ...]
    """Sentences on what is not modelled."""
    analysis: Analysis = field(repr=False, compare=False)
    """The whole analysis. It is not part of the stable interface."""

    def as_dict(self) -> dict[str, Any]:
        """The object that `vramlint estimate --format json` prints, without its path."""
        estimate = self.analysis.estimate
        assert estimate is not None
        return estimate_facts(self.analysis, estimate)


def estimate(source: Source, *, gpu: str | None = None) -> Report:
    """What the run of `source` will hold in GPU memory.

    `gpu` declares the GPUs, "RTX 4090" or "8xH100", over what the source says. A file's settings and
    companions are read from around it; nothing is executed and nothing fetched. Raises CannotEstimate, with
    the code and the message of the command line, where the source is no run or does not say enough, and
    ValueError for a GPU that is not known.
    """
    analysis = _analysed(source, gpu)
    made = analysis.estimate
    if made is None:
        code, message, _ = why_not(analysis)
        raise CannotEstimate(code, message)
    return Report(
        verdict=analysis.verdict or "unknown",
        device_bytes=made.device_bytes,
        peak_allocated_bytes=made.peak_allocated_bytes,
        components={name: made.components.get(name, 0) for name in made.parts},
        error_band=made.error_band,
        gpu=analysis.gpu,
        headroom_bytes=analysis.headroom,
        notes=tuple(made.notes),
        analysis=analysis,
    )


def plan(
    source: Source, *, gpus: str | None = None, nodes: int | None = None, global_batch: int | None = None
) -> list[PlannedLayout]:
    """The layouts over many GPUs that fit the run of `source`, the fastest first; empty where none does.

    `gpus` is "64xH100", on one node or many, or with `nodes` those of each node; without them, those that the
    source declares. `global_batch` is the rows of an optimizer step, by default those of the source. Raises
    NoPlan where nothing can be planned, CannotEstimate as `estimate` does, ValueError for an unknown GPU.
    """
    analysis = _analysed(source, gpus)
    if analysis.job is None:
        code, message, _ = why_not(analysis)
        raise CannotEstimate(code, message)
    return layouts_for(cluster_of(analysis, nodes, global_batch))


def _analysed(source: Source, gpu: str | None) -> Analysis:
    if gpu is not None and (declared := declaration(gpu, "flag")).gpu is None:
        near = (
            f"; nearest: {', '.join(declared.nearest)}" if declared.nearest else "; `vramlint gpus` lists all"
        )
        raise ValueError(f'no GPU "{gpu}"{near}')
    return analyse(_document(source), Workspace(), Overrides(gpu=gpu, named=True))


def _document(source: Source) -> Document:
    if isinstance(source, TrainingJob):
        return Document.parse(yaml.safe_dump(write_job(source), sort_keys=False))
    if isinstance(source, Mapping):
        return Document.parse(yaml.safe_dump(dict(source), sort_keys=False))
    if isinstance(source, str) and "\n" in source:
        return Document.parse(source)
    try:
        return Document.read(str(Path(source)))
    except Unreadable as error:
        raise CannotEstimate("unreadable-file", f"{os.fspath(source)}: {error}") from error
