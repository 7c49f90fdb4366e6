"""From one version of a document to findings: the one path that the command line and the editor share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import islice
from typing import Any

from vramlint.analysis.failures import failed
from vramlint.analysis.judging import dialect_context, estimated, judge
from vramlint.dialects import NAMES, Detection, detect, load
from vramlint.dialects.kit.dialect import Dialect, Unusable
from vramlint.dialects.kit.launch_spec import of_run
from vramlint.dialects.scripting.marks import holds_lines, may_train
from vramlint.document import PROGRAMS, Document
from vramlint.document.edit import TextEdit, edited
from vramlint.lazy_dataclasses import replace
from vramlint.lint.context import Cannot, Rechecked, RuleContext
from vramlint.lint.directives import Directives, read_directives
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.result import Analysis
from vramlint.lint.schema import refused_at_deciding_keys
from vramlint.memory.estimate import Verdict
from vramlint.project.hardware import counted_by, file_key, implied, stated
from vramlint.project.launchers import Launcher, starts_something
from vramlint.project.overrides import Overrides
from vramlint.project.settings import settings_of_text
from vramlint.project.surroundings import Surroundings
from vramlint.project.workspace import Workspace

NO_OVERRIDES = Overrides()


def analyse(document: Document, workspace: Workspace, overrides: Overrides = NO_OVERRIDES) -> Analysis:
    """Analyse one version of a document. Never raises, whatever the text."""
    if document.language == "shell" or (document.language in PROGRAMS and may_train(document.text)):
        from vramlint.analysis.scripts import analyse_script  # late: most files are no scripts

        try:
            return analyse_script(document, workspace, overrides)
        except Exception:
            failed(f"reading the script {document.path} failed")
            document = Document.parse("", document.path, "yaml")
    context = _understood(document, workspace, overrides)
    analysis = judge(context, overrides, files=document.language not in PROGRAMS)
    return _with_lines(analysis, document, workspace, overrides)


def _is_own_config(run: Analysis) -> bool:
    """Whether a launch line is all the config that its run has. A config that it names is analysed itself."""
    cannot = run.cannot
    return run.is_run and bool(run.values) and cannot is not None and cannot.key != ("config",)


def _with_lines(
    analysis: Analysis, document: Document, workspace: Workspace, overrides: Overrides
) -> Analysis:
    """The same with the runs that the lines of a task or a workflow start."""
    dialect = analysis.dialect
    trains = dialect is not None and dialect.role != "launcher"
    if document.language != "yaml" or trains or not holds_lines(document.text):
        return analysis
    from vramlint.analysis.programs import TOO_MANY_RUNS  # late: most files hold no launch line
    from vramlint.analysis.scripts import analyses_of, joined

    try:
        runs = analyses_of(document, workspace, overrides)
    except Exception:
        failed(f"reading the launch lines of {document.path} failed")
        return analysis
    a_task = dialect is not None
    told = [each for each in runs if each.estimate is not None or (a_task and _is_own_config(each))]
    told += [each for each in runs if each.cannot is not None and each.cannot.code == TOO_MANY_RUNS]
    return joined([*told, analysis]) if told else analysis


def _understood(document: Document, workspace: Workspace, overrides: Overrides) -> RuleContext:
    around = workspace.surroundings(document.path, overrides)
    return understand(document, around, overrides, partial(_recheck, document, workspace, overrides))


def fixes_for(analysis: Analysis, finding: Finding, worked_out: int | None = None) -> tuple[Fix, ...]:
    """The fixes of a finding, the preferred first: its own, and those that its rule works out on request, all
    of them or the first `worked_out`.
    """
    analysis = next((each for each in analysis.others if finding in each.findings), analysis)
    rule = next((rule for rule in analysis.rules if rule.code == finding.code), None)
    if rule is None:
        return finding.fixes
    try:
        return finding.fixes + tuple(islice(rule.load().fixes(analysis, finding), worked_out))
    except Exception:
        failed(f"rule {rule.code} failed to work out fixes")
        return finding.fixes


def understand(
    document: Document,
    around: Surroundings,
    overrides: Overrides,
    recheck: Callable[[tuple[TextEdit, ...]], Rechecked],
) -> RuleContext:
    """Everything that is known of a document before the rules run."""
    directives = read_directives(document)
    values = document.values()
    if (own := settings_of_text(document.text, document.path)) is not None:
        around = replace(around, settings=overrides.over(own))
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
        faults=around.faults,
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
    unusable = (*reading.unusable, *refused_at_deciding_keys(dialect, values))
    typed = tuple(value for value in unusable if not _recovered(document, value))
    reading = replace(reading, unusable=typed)
    estimate, cannot = estimated(reading, overrides.by_count)
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
    return replace(detection, forced=True), dialect, None


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


def _recovered(document: Document, value: Unusable) -> bool:
    """Whether the parser only guessed the value, in a text that is being typed; VL001 speaks of it."""
    node = document.node(value.key) if value.document is None else None
    return node is not None and node.resolved().recovered


def _recheck(
    document: Document, workspace: Workspace, overrides: Overrides, edits: tuple[TextEdit, ...]
) -> Rechecked:
    after = edited(document, *edits)
    return Reread(_understood(after, workspace, overrides), overrides)


class Reread:
    """A document after an edit: read at once, and judged where somebody asks what the rules find in it. A
    search for fixes does that for few of its candidates.
    """

    def __init__(self, context: RuleContext, overrides: Overrides) -> None:
        self.context = context
        self.estimate, self.document = context.estimate, context.document
        self._judged = cache(partial(judge, context, overrides))

    @property
    def verdict(self) -> Verdict:
        """Whether it fits."""
        return self._settled.verdict

    @property
    def fits(self) -> bool:
        """Whether the verdict is "fits"; cheaper to ask."""
        return self._settled.fits

    @property
    def _settled(self) -> RuleContext:
        """What counts after the rules, where an error that may be silenced refuses the run."""
        refused = self.estimate is not None and self.estimate.refused
        return self._judged() if refused else self.context

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules find."""
        return self._judged().findings

    @property
    def suppressed(self) -> tuple[Finding, ...]:
        """What comments silence."""
        return self._judged().suppressed
