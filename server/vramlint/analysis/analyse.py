"""From one version of a document to findings: the one path that the command line and the editor share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

from vramlint.analysis import suppress
from vramlint.analysis.failures import failed
from vramlint.analysis.registry import rules_in_force, unknown_selectors
from vramlint.dialects import NAMES, Detection, detect, load
from vramlint.dialects.kit.dialect import Context, Dialect, ReadResult, Unusable
from vramlint.dialects.kit.launches import of_run
from vramlint.document import Document
from vramlint.document.edit import TextEdit, apply_edits
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import fields, replace
from vramlint.lint.context import Cannot, RuleContext
from vramlint.lint.directives import Directives, Suppression, read_directives
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import is_open, key_text, shorten
from vramlint.lint.places import span_of
from vramlint.lint.result import Analysis
from vramlint.lint.rule import Rule
from vramlint.memory import CannotEstimate, Estimate
from vramlint.project.hardware import Declaration, counted_by, file_key, implied, stated
from vramlint.project.launchers import Launcher, starts_something
from vramlint.project.overrides import Overrides
from vramlint.project.paths import folder_of
from vramlint.project.severity import SEVERITIES
from vramlint.project.surroundings import Surroundings
from vramlint.project.workspace import Workspace

NO_OVERRIDES = Overrides()


def analyse(document: Document, workspace: Workspace, overrides: Overrides = NO_OVERRIDES) -> Analysis:
    """Analyse one version of a document. Never raises, whatever the text."""
    again = partial(analyse, workspace=workspace, overrides=overrides)
    context = understand(
        document,
        workspace.surroundings(document.path, overrides),
        overrides,
        partial(_recheck, document, again),
    )
    rules, problems = rules_in_force(context.settings.rules)
    for setting in ("select", "ignore", "severity"):
        problems += unknown_selectors(setting, getattr(context.settings, setting), rules)
    if problems:
        context = replace(context, setting_problems=context.setting_problems + problems)
    findings = list(_run(rules, context, overrides, after_suppressions=False))
    suppressions = () if overrides.ignore_comments else context.directives.suppressions
    remaining, silenced, served = suppress.split(document, findings, suppressions)
    unused = suppress.unused(suppressions, served, partial(_judged, rules, context))
    context = replace(context, unused=unused)
    late, late_silenced, _ = suppress.split(
        document, _run(rules, context, overrides, after_suppressions=True), suppressions
    )
    facts = {f.name: getattr(context, f.name) for f in fields(RuleContext)}
    return Analysis(
        **facts,
        findings=tuple(sorted(remaining + late, key=partial(_order, document))),
        suppressed=tuple(silenced + late_silenced),
        rules=rules,
    )


def fixes_for(analysis: Analysis, finding: Finding) -> tuple[Fix, ...]:
    """All fixes of a finding, those that its rule works out on request included; the preferred first."""
    rule = next((rule for rule in analysis.rules if rule.code == finding.code), None)
    if rule is None:
        return finding.fixes
    try:
        return finding.fixes + tuple(rule.fixes(analysis, finding))
    except Exception:
        failed(f"rule {rule.code} failed to work out fixes")
        return finding.fixes


def understand(
    document: Document,
    around: Surroundings,
    overrides: Overrides,
    recheck: Callable[[tuple[TextEdit, ...]], Analysis],
) -> RuleContext:
    """Everything that is known of a document before the rules run."""
    directives = read_directives(document)
    values = document.values()
    detection, dialect, problem = _dialect_of(values, directives, around)
    in_file = file_key(values, dialect.gpu_key) if dialect else None
    launcher = _launcher(document, around) if dialect and dialect.role == "training" else None
    declared = stated(overrides.gpu, directives.gpu, in_file)
    spec = launcher.launch if launcher else None
    declared = implied(spec, around.settings.gpu) if declared is None else counted_by(declared, spec)
    context = RuleContext(
        document=document,
        settings=around.settings,
        directives=directives,
        catalog=around.catalog,
        values=values,
        named=overrides.named,
        detection=detection,
        dialect=dialect,
        declared=declared,
        recheck=recheck,
        setting_problems=around.settings.problems + overrides.problems + ((problem,) if problem else ()),
        settings_file=around.settings_file,
    )
    if dialect is None:
        return context
    told = dialect_context(document, around, directives, declared, launcher)
    try:
        reading = dialect.read(values, told)
    except Exception as error:
        failed(f"dialect {dialect.name} failed on {document.path}")
        why = Cannot("internal-error", f"reading the file failed in vramlint: {error!r}; please report it")
        return replace(context, dialect_context=told, cannot=why)
    if launcher and launcher.path != document.path:
        reading = replace(reading, companions=(*reading.companions, launcher.path))
    unread = next((each for each in document.problems if each.kind in ("too-large", "too-deep")), None)
    if unread is not None:
        return replace(
            context, dialect_context=told, reading=reading, cannot=Cannot(unread.kind, unread.message)
        )
    typed = tuple(value for value in reading.unusable if not _recovered(document, value))
    reading = replace(reading, unusable=typed)
    estimate, cannot = estimated(reading)
    return replace(context, dialect_context=told, reading=reading, estimate=estimate, cannot=cannot)


def _dialect_of(
    values: Any, directives: Directives, around: Surroundings
) -> tuple[Detection | None, Dialect | None, str | None]:
    """The dialect by directive, else by settings, else by content; with what is wrong with a forced name."""
    if not isinstance(values, Mapping):
        return None, None, None
    forced = directives.dialect[0] if directives.dialect else around.settings.dialect
    detection = detect(values, around.open)
    if forced is None and detection.entry is not None and detection.entry.fallback:
        forced = next(
            (entry.name for entry, _ in detection.evidence if entry.name in directives.versions), None
        )
    if forced is None:
        return detection, detection.dialect, None
    if forced == "none":
        return detection, None, None
    dialect = load(forced)
    if dialect is None:
        names = ", ".join(NAMES)
        return detection, detection.dialect, f"dialect '{forced}' is not known: use one of {names}, or none"
    return detection._replace(forced=True), dialect, None


_HEAD = 40
"""Comments that are looked at for a launch line."""


def _launcher(document: Document, around: Surroundings) -> Launcher | None:
    """What launches the document: a file of the workspace, else the comments at its head."""
    found = around.launcher()
    if found is not None and found.run is not None:
        return found
    if not any(starts_something(comment.text) for comment in document.comments[:_HEAD]):
        return found
    from vramlint.dialects.launching.lines import runs_in_comments  # late: few files begin with a comment

    run = next(iter(runs_in_comments(document.comments)), None)
    if run is None:
        return found
    return Launcher(document.path or "", of_run(run, found.launch if found else None), run)


def dialect_context(
    document: Document,
    around: Surroundings,
    directives: Directives,
    declared: Declaration | None,
    launcher: Launcher | None,
) -> Context:
    """What a dialect is told beside the values. A launcher's number of GPUs holds also where their kind is
    not known.
    """
    asked = launcher.launch if launcher else None
    count = asked.count if asked else None
    return Context(
        catalog=around.catalog,
        folder=folder_of(document.path) if document.path else None,
        gpu=declared.gpu if declared else None,
        gpu_count=declared.count if declared else count or 1,
        nodes=declared.nodes if declared else (asked.nodes if asked and count else None) or 1,
        gpu_declared=declared.counted if declared is not None else count is not None,
        ram=directives.ram,
        versions={**around.versions, **directives.versions},
        open=around.open,
        launch=launcher.run.launch if launcher and launcher.run else None,
    )


MOST_FINDINGS = 200
"""Of one rule in one file; nobody reads more, and a generated file can hold any number."""
_MORE = f"and more of the same: only the first {MOST_FINDINGS} are listed"
LARGEST_TENSORS = 10
"""Groups of tensors alive at the peak that hovers and reports may name."""


def estimated(reading: ReadResult) -> tuple[Estimate | None, Cannot | None]:
    """The estimate of what was read, or why there is none."""
    if reading.job is None:
        obstacle = reading.obstacle
        return None, Cannot(obstacle.code, obstacle.message, obstacle.key) if obstacle else None
    if reading.unusable:
        return None, _unusable(reading.unusable)
    from vramlint.memory import estimate_job  # late: a file without a training run never needs the model

    try:
        return estimate_job(reading.job, tensors=LARGEST_TENSORS), None
    except CannotEstimate as reason:
        return None, Cannot(reason.code, reason.message, _key_of(reading.job, reason.field))
    except Exception as error:
        failed("the memory model failed")
        return None, Cannot("internal-error", f"the memory model failed: {error!r}; please report it")


def _recovered(document: Document, value: Unusable) -> bool:
    """Whether the parser only guessed the value, in a text that is being typed; VL001 speaks of it."""
    node = document.node(value.key) if value.document is None else None
    return node is not None and node.resolved().recovered


def _unusable(values: tuple[Unusable, ...]) -> Cannot:
    """No estimate is made of a run with a nonsense value; one that something else fills in is named last."""
    first = min(values, key=lambda value: is_open(value.value))
    where = f" in {first.document}" if first.document else ""
    said = f"{key_text(first.key)} is {shorten(first.value)}{where}"
    if is_open(first.value):
        reason = f"{said}, which is filled in elsewhere"
    else:
        reason = f"{said}, from which no size can be worked out"
    return Cannot("unusable-value", reason, () if first.document else first.key, is_open(first.value))


def _key_of(job: TrainingJob, field: str) -> tuple[str | int, ...]:
    return job.written(field) or job.written(field.rpartition(".")[0]) or ()


def _run(
    rules: tuple[Rule, ...], context: RuleContext, overrides: Overrides, *, after_suppressions: bool
) -> Iterator[Finding]:
    """Findings of all rules that the settings leave on, with the severity that the settings give them."""
    for rule in rules:
        if rule.after_suppressions != after_suppressions or not (context.dialect or rule.any_file):
            continue
        try:
            found = list(islice(rule.check(context), MOST_FINDINGS + 1))
        except Exception:
            failed(f"rule {rule.code} failed on {context.document.path}")
            continue
        if len(found) > MOST_FINDINGS:
            found[MOST_FINDINGS] = replace(found[MOST_FINDINGS], message=_MORE, fixes=(), related=())
        for finding in found:
            level = context.settings.level(finding.code, finding.name, finding.severity)
            if level is None and rule.always_on:
                level = finding.severity
            if overrides.require_verdict and rule.about_missing_verdicts and context.is_run:
                level = "error"
            if level is not None:
                yield finding if level == finding.severity else replace(finding, severity=level)


def _judged(rules: tuple[Rule, ...], context: RuleContext, suppression: Suppression) -> bool:
    """Whether the rules that a suppression names could speak, so that it can be called unused."""
    if context.dialect is None:
        return False
    meant = [rule for rule in rules if suppression.covers(rule.code, rule.name)]
    on = [rule for rule in meant if context.settings.level(rule.code, rule.name, rule.severity) is not None]
    if meant and not on:
        return False
    return context.verdict != "unknown" or not any(rule.needs_verdict for rule in on)


def _order(document: Document, finding: Finding) -> tuple[int, int, str]:
    span = span_of(document, finding.at)
    return span.start, SEVERITIES.index(finding.severity), finding.code


def _recheck(document: Document, again: partial[Analysis], edits: tuple[TextEdit, ...]) -> Analysis:
    text = apply_edits(document.text, edits)
    return again(Document.parse(text, document.path, document.language))
