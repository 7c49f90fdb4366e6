"""Every run that a script or a config describes."""

from __future__ import annotations

from functools import partial

from vramlint.analysis.analyse import analyse
from vramlint.analysis.describe import Described, read_for_fields
from vramlint.analysis.programs import all_runs
from vramlint.analysis.run_fields import Field, fields_of
from vramlint.dialects import detect
from vramlint.dialects.kit.run import Given, Launch, Run, Unknown
from vramlint.dialects.launching.snippets import is_config
from vramlint.document import Document
from vramlint.document.node import KeyPath
from vramlint.document.place import Place
from vramlint.project.overrides import Overrides
from vramlint.project.run_subject import Source, Subject, opened
from vramlint.project.workspace import Workspace


def runs_of(document: Document, workspace: Workspace, overrides: Overrides) -> tuple[Described, ...]:
    """The runs of a script in its order, or the one of a config."""
    around = workspace.surroundings(document.path, overrides)
    dialect = detect(document.values()).dialect if is_config(document.path or "") else None
    if dialect is not None and dialect.role == "training" and dialect.name != "skypilot":
        config = _of_config(document, workspace, overrides)
        return (config,) if config is not None else ()
    return all_runs(document, around, overrides)


def _of_config(document: Document, workspace: Workspace, overrides: Overrides) -> Described | None:
    """The run of a config, under what launches it."""
    analysis = analyse(document, workspace, overrides)
    if analysis.dialect is None or analysis.reading is None or analysis.dialect_context is None:
        return None

    def place(key: KeyPath) -> Place | None:
        span = document.key_span(key)
        return Place(span) if span is not None else None

    start = Place(document.nearest_span(()))
    context = analysis.dialect_context
    run = Run(context.launch or Launch(start), Given(document.path, start), analysis.dialect.name)
    source = Source(document.path or "", analysis.values, document, place)
    subject = Subject(run, analysis.dialect, analysis.values, (source,), (), by_name=False)
    job = analysis.job or read_for_fields(subject, context)
    opener = partial(opened, open_file=context.open, files={})
    fields = fields_of(subject, job, opener)
    if analysis.job is not None and context.gpu_declared:
        fields["ranks"] = Field(analysis.job.parallel.world_size)
    cannot = analysis.cannot
    unknown = (Unknown("model", cannot.message),) if cannot is not None else ()
    return Described(
        run, subject, fields, unknown, analysis.reading, analysis.estimate, analysis.declared, context
    )
