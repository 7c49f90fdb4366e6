"""The runs that a script describes, read and estimated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from vramlint.analysis.judging import dialect_context, estimated
from vramlint.analysis.megatron_fields import megatron_fields
from vramlint.analysis.run_fields import BY_NAME, Field, fields_by_name, fields_of
from vramlint.catalog.facts import Model
from vramlint.dialects import detect
from vramlint.dialects.kit.dialect import Catalog, Companion, Context, ReadResult
from vramlint.dialects.kit.launch_spec import LaunchSpec, of_run
from vramlint.dialects.kit.run import Run, Unknown
from vramlint.dialects.launching.lines import Script
from vramlint.document import Document
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.lint.directives import read_directives
from vramlint.memory import Estimate
from vramlint.memory.estimate import Verdict
from vramlint.project.hardware import Declaration, implied, stated
from vramlint.project.overrides import Overrides
from vramlint.project.run_ranks import Ranks, ranks_of
from vramlint.project.run_subject import Files, Opener, Source, Subject, opened, subject_of
from vramlint.project.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Described:
    """A run, what is known of it, and what it comes to on the declared GPU."""

    run: Run
    subject: Subject
    fields: Mapping[str, Field]
    open: tuple[Unknown, ...]
    reading: ReadResult | None = None
    estimate: Estimate | None = None
    declared: Declaration | None = None
    context: Context | None = None
    deciding: Unknown | None = None
    """An open value without which there is no estimate."""

    @property
    def verdict(self) -> Verdict:
        """Whether it fits; unknown where a deciding value is open."""
        gpu = self.declared.gpu if self.declared else None
        if self.estimate is None or gpu is None:
            return "unknown"
        return self.estimate.verdict(gpu.usable_bytes)


def _deciding(
    subject: Subject, job: TrainingJob | None, counted: bool, unknown: list[Unknown]
) -> Unknown | None:
    """The first open value that the framework's table knows; a config that is not here; the number of ranks
    where an engine divides by it and nothing counts them.
    """
    rows = {row.path for row in subject.dialect.keys if row.field} if subject.dialect else set()
    divided = job is not None and job.parallel.strategy.startswith(("zero", "fsdp"))
    return next(
        (
            each
            for each in unknown
            if each.field in rows
            or each.field in ("config", "model")
            or (each.field == "ranks" and divided and not counted)
        ),
        None,
    )


def describe(
    run: Run,
    script: Script,
    header: LaunchSpec | None,
    text: str,
    document: Document,
    around: Surroundings,
    overrides: Overrides,
) -> Described | None:
    """One run of a script; None where it does not train."""
    around = around.below(run.folder)
    subject = subject_of(run, around.open, script.files)
    if not trains(subject):
        return None
    open_source = partial(opened, open_file=around.open, files=script.files)
    engine_file = run.launch.engine_file
    engine = open_source(str(engine_file.value)) if engine_file and engine_file.value else None
    ranks = ranks_of(subject, engine, header, text)
    directives = read_directives(document)
    declared = stated(overrides.gpu, directives.gpu, None)
    spec = replace(of_run(run, header), count=ranks.per_node)
    if declared is None:
        declared = implied(spec, around.settings.gpu)
    elif ranks.per_node is not None and not declared.counted:
        nodes = ranks.nodes.value if ranks.nodes else 1
        declared = replace(declared, count=ranks.per_node, nodes=nodes, counted=True)
    context = dialect_context(document, around, directives, declared, None)
    if declared is None and ranks.per_node is not None:
        nodes = ranks.nodes.value if ranks.nodes else 1
        context = replace(context, gpu_count=ranks.per_node, nodes=nodes, gpu_declared=True)
    companion = partial(_companion, around.open, script.files)
    context = replace(
        context,
        launch=run.launch,
        trainer=run.trainer,
        open=companion,
        environment=run.variables,
        set_at={name: each.place for name, each in run.environment.items() if each.place.document is None},
        unsettled=frozenset(name for name, each in run.arguments.items() if each.why),
    )
    unknown = _open_in(run, subject)
    closing = declared is not None and declared.counted and (ranks.nodes is not None or not run.launch.nodes)
    given = Field(declared.count * declared.nodes) if declared is not None and closing else None
    counted = ranks.total is not None or given is not None
    if not counted:
        unknown.append(Unknown("ranks", "the launch line does not say how many", run.launch.place))
    if subject.by_name:
        fields = fields_by_name(subject, open_source)
        if run.framework == "megatron":
            fields |= megatron_fields(run, ranks.total.value if ranks.total else None)
        unknown.append(Unknown("framework", f"decided inside {run.program.value}", run.program.place))
        fields |= _placed(run, ranks, engine, fields)
        return Described(run, subject, fields, tuple(unknown), declared=declared)
    assert subject.dialect is not None
    reading = subject.dialect.read(subject.values, context)
    job = reading.job
    if job is None:
        job = read_for_fields(subject, context)
    fields = fields_of(subject, job, open_source)
    if subject.missing:  # it may say otherwise than the framework's defaults
        fields = {name: field for name, field in fields.items() if field.place is not None}
    fields |= _placed(run, ranks, engine, fields)
    if ranks.total is None and given is not None:
        fields["ranks"] = given
    refused = reading.obstacle is not None and reading.obstacle.code == "not-modelled"
    if "model" not in fields and not refused:
        unknown.append(Unknown("model", "no model is named", run.program.place))
    deciding = _deciding(subject, job, counted, unknown)
    estimate = None if deciding else estimated(reading, overrides.by_count)[0]
    return Described(run, subject, fields, tuple(unknown), reading, estimate, declared, context, deciding)


def _open_in(run: Run, subject: Subject) -> list[Unknown]:
    """What of a run and its files is open."""
    found = list(run.open)
    found += [Unknown(key, given.why, given.place) for key, given in run.arguments.items() if given.why]
    found += [Unknown("config", f"{given.value} is not here", given.place) for given in subject.missing]
    return [*found, *(each for source in subject.sources for each in source.open)]


def _companion(open_file: Opener, files: Files, name: str) -> Companion | None:
    """A companion that the script writes itself, else one of the workspace."""
    source = opened(name, open_file, files) if name in files else None
    if source is None:
        return open_file(name)
    return Companion(source.path, source.values, detect(source.values).name, source.document)


def read_for_fields(subject: Subject, context: Context) -> TrainingJob | None:
    """The job as far as it can be read with any model: an open or unknown one hides nothing else."""
    assert subject.dialect is not None
    values = dict(subject.values)
    for row in subject.dialect.keys:
        given = subject.run.arguments.get(row.path)
        if row.field == "model" and given is not None and given.value is None:
            values[row.path] = "?"
    return subject.dialect.read(values, replace(context, catalog=_Anything(context.catalog))).job


def trains(subject: Subject) -> bool:
    """Whether the run is a training: its program or config says so, or its arguments do by their names."""
    if subject.dialect is not None:
        return subject.dialect.role == "training"
    names = subject.run.arguments.keys()
    named = [names & set(BY_NAME[field]) for field in ("model", "micro_batch")]
    return all(named) or bool(subject.run.framework)


def _placed(run: Run, ranks: Ranks, engine: Source | None, fields: Mapping[str, Field]) -> dict[str, Field]:
    """Ranks, nodes and engine with the places that decide them."""
    found: dict[str, Field] = {}
    for name, given in (("ranks", ranks.total), ("nodes", ranks.nodes)):
        if given is not None:
            found[name] = Field(given.value, given.place)
    named = run.launch.engine.get("distributed_type")
    kind = named.value if named else engine.values.get("distributed_type") if engine else None
    if isinstance(kind, str) and kind.upper() in _ENGINES and "engine" not in fields:
        place = named.place if named else engine.place(("distributed_type",)) if engine else None
        found["engine"] = Field(_ENGINES[kind.upper()], place)
    elif isinstance(kind, str) and fields.get("engine") and fields["engine"].place is None:
        place = named.place if named else engine.place(("distributed_type",)) if engine else None
        found["engine"] = replace(fields["engine"], place=place)
    stage = run.launch.engine.get("deepspeed_config.zero_stage")
    if stage is not None and (known := fields.get("zero_stage", Field(stage.value))).place is None:
        found["zero_stage"] = replace(known, place=stage.place)
    return found


_ENGINES: Mapping[str, str] = {"FSDP": "fsdp", "DEEPSPEED": "deepspeed", "MULTI_GPU": "ddp"}


class _Anything:
    """The catalog, in which every name is a model, so that the other fields of a run can be read."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def model(self, name: str, folder: str | None = None) -> Model | None:
        """A model, of which nothing may be known but its name."""
        return self._catalog.model(name, folder) or Model(name, "")

    def nearest(self, name: str, n: int = 3) -> list[str]:
        """The ids spelled most like `name`."""
        return self._catalog.nearest(name, n)

    def from_config(self, config: Mapping[str, Any], name: str = "config") -> Model | None:
        """Facts of a model written out in a file."""
        return self._catalog.from_config(config, name)
