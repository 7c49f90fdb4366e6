"""From what is understood of a document to what the rules find in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice

from vramlint.analysis import suppress
from vramlint.analysis.failures import failed
from vramlint.analysis.registry import rules_in_force, unknown_selectors
from vramlint.dialects.kit.dialect import Context, ReadResult, Unusable
from vramlint.document import Document
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import fields, replace
from vramlint.lint.context import Cannot, RuleContext
from vramlint.lint.directives import DirectiveProblem, Directives, Suppression
from vramlint.lint.finding import Finding
from vramlint.lint.format import is_open, key_text, shorten
from vramlint.lint.inert import inert_message
from vramlint.lint.places import span_of
from vramlint.lint.result import Analysis
from vramlint.lint.rule import Entry
from vramlint.memory import CannotEstimate, Estimate
from vramlint.project.hardware import Declaration
from vramlint.project.launchers import Launcher
from vramlint.project.overrides import Overrides
from vramlint.project.paths import folder_of
from vramlint.project.severity import SEVERITIES
from vramlint.project.surroundings import Surroundings

MOST_FINDINGS = 200
"""Of one rule in one file; nobody reads more, and a generated file can hold any number."""
_MORE = f"and more of the same: only the first {MOST_FINDINGS} are listed"
_REFUSES = "the framework refuses the run: "


def judge(context: RuleContext, overrides: Overrides, *, files: bool = True) -> Analysis:
    """What the rules find in a document that is understood. Without `files`, those that speak of a config
    file's own form are left out.
    """
    document = context.document
    rules, problems = rules_in_force(context.settings.rules)
    for setting, entries in context.settings.selectors.items():
        problems += unknown_selectors(setting, entries, rules)
    context = replace(
        context,
        setting_problems=context.setting_problems + problems,
        directives=_with_unknown_rules(context.directives, rules),
    )
    if not files:
        rules = tuple(rule for rule in rules if not rule.code.startswith("VL0"))
    suppressions = () if overrides.ignore_comments else context.directives.suppressions
    findings = list(_run(rules, context, overrides, after_suppressions=False))
    remaining, silenced, served = suppress.split(document, findings, suppressions)
    named = {each.code: each for each in suppressions}  # a code may be in any number of comments
    judged = {code: _judged(rules, context, each) for code, each in named.items()}
    unused = suppress.unused(suppressions, served, lambda each: judged[each.code])
    context = replace(context, unused=unused)
    if (settled := _settled(context, remaining)) is not None:
        return judge(settled, overrides, files=files)
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


def _with_unknown_rules(directives: Directives, rules: tuple[Entry, ...]) -> Directives:
    """The directives, with a problem for each rule that a suppression names and that there is not, where it
    is named first.
    """
    first = {each.code: each.span for each in reversed(directives.suppressions) if each.code}
    problems = (
        DirectiveProblem(span, problem)
        for code, span in first.items()
        for problem in unknown_selectors("ignore", (code,), rules)
    )
    said = tuple(islice(problems, MOST_FINDINGS))
    return replace(directives, problems=directives.problems + said) if said else directives


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
        ram=directives.ram or (declared.ram if declared else None) or around.settings.ram,
        versions={**around.versions, **directives.versions},
        open=around.open,
        launch=launcher.run.launch if launcher and launcher.run else None,
        environment=launcher.run.variables if launcher and launcher.run else {},
    )


def estimated(reading: ReadResult, by_count: bool) -> tuple[Estimate | None, Cannot | None]:
    """The estimate of what was read, or why there is none. `by_count`: the allocator is not replayed for the
    verdict.
    """
    if reading.job is None:
        obstacle = reading.obstacle
        return None, Cannot(obstacle.code, obstacle.message, obstacle.key) if obstacle else None
    if reading.unusable:
        return None, _unusable(reading.unusable)
    from vramlint.memory.remembered import (  # late: a file without a run never needs the model
        remembered_estimate,
    )

    try:
        made = remembered_estimate(reading.job)
        if refused := _refused(reading):
            made = replace(made, refused=refused, notes=(*made.notes, *refused))
        return replace(made, by_count=True) if by_count else made, None
    except CannotEstimate as reason:
        return None, Cannot(reason.code, reason.message, _key_of(reading.job, reason.field))
    except Exception as error:
        failed("the memory model failed")
        return None, Cannot("internal-error", f"the memory model failed: {error!r}; please report it")


def _refused(reading: ReadResult) -> tuple[str, ...]:
    """What stops the framework before anything is trained."""
    messages = dict.fromkeys(problem.message for problem in reading.problems if problem.severity == "error")
    return tuple(_REFUSES + message for message in messages)


def _settled(context: RuleContext, remaining: list[Finding]) -> RuleContext | None:
    """The context without refusals that no error speaks of any more, since a comment or the settings silence
    it: the figures are those of the file, and there is a verdict. None where nothing changes.
    """
    estimate = context.estimate
    if estimate is None or not estimate.refused or any(finding.message == _MORE for finding in remaining):
        return None
    said = {finding.message for finding in remaining if finding.severity == "error"}
    gone = {why for why in estimate.refused if inert_message(why.removeprefix(_REFUSES)) not in said}
    if not gone:
        return None
    refused, notes = (
        tuple(why for why in each if why not in gone) for each in (estimate.refused, estimate.notes)
    )
    return replace(context, estimate=replace(estimate, refused=refused, notes=notes))


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
    rules: tuple[Entry, ...], context: RuleContext, overrides: Overrides, *, after_suppressions: bool
) -> Iterator[Finding]:
    """Findings of all rules that the settings leave on, with the severity that the settings give them."""
    settings = context.settings
    for entry in rules:
        if entry.after_suppressions != after_suppressions or not (context.dialect or entry.any_file):
            continue
        if entry.opt_in and not settings.names(entry.code, entry.name):
            continue
        try:
            if not entry.applies(context):
                continue
            rule = entry.load()
            found = list(islice(rule.check(context), MOST_FINDINGS + 1))
        except Exception:
            failed(f"rule {entry.code} failed on {context.document.path}")
            continue
        if len(found) > MOST_FINDINGS:
            found[MOST_FINDINGS] = replace(found[MOST_FINDINGS], message=_MORE, fixes=(), related=())
        for finding in found:
            level = settings.level(finding.code, finding.name, finding.severity)
            if finding.always:
                level = finding.severity
            if overrides.require_verdict and finding.no_verdict and context.is_run:
                level = "error"
            if level is not None:
                yield finding if level == finding.severity else replace(finding, severity=level)


def _judged(rules: tuple[Entry, ...], context: RuleContext, suppression: Suppression) -> bool:
    """Whether the rules that a suppression names could speak, so that it can be called unused."""
    if context.dialect is None:
        return False
    settings = context.settings
    meant = [entry.load() for entry in rules if suppression.covers(entry.code, entry.name)]
    on = [
        rule
        for rule in meant
        if settings.level(rule.code, rule.name, rule.severity) is not None
        and (not rule.opt_in or settings.names(rule.code, rule.name))
    ]
    if not on:  # off, or the name of no rule, which is said of the comment
        return False
    return context.verdict != "unknown" or not any(rule.needs_verdict for rule in on)


def _order(document: Document, finding: Finding) -> tuple[int, int, str]:
    span = span_of(document, finding.at)
    return span.start, SEVERITIES.index(finding.severity), finding.code
