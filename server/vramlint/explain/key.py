"""What one key of a config costs: the text of its hover."""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.dialects.kit.dialect import Dialect, Key
from vramlint.document import Document
from vramlint.document.node import KeyPath
from vramlint.explain.format import LABELS, MARKS, difference, percent, size, value_text
from vramlint.explain.free_keys import costs_nothing
from vramlint.explain.summary import PHASES, component_line, component_table, fit_bar, footnote, peak_line
from vramlint.explain.verdict import verdict_line
from vramlint.explain.what_if import Comparison, largest_that_fits, steps
from vramlint.explain.worked import KEPT, textbook_sum
from vramlint.job import TrainingJob
from vramlint.job_fields import about, moves_of
from vramlint.lazy_dataclasses import replace
from vramlint.lint.escape import markdown, markdown_code
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import count, key_text, shorten
from vramlint.lint.result import Analysis
from vramlint.memory import estimate_job
from vramlint.memory.estimate import CannotEstimate, Estimate
from vramlint.vocabulary import ADAPTER_METHODS, Method

_NOTHING = 2**20
"""Differences below one MiB are none."""
_SHOWN = 2**26
"""Bytes; less is the same in GiB with one decimal."""
_OF_QUANTIZED = (
    "quantization.double_quant",
    "quantization.compute",
    "quantization.kbit_prep",
    "quantization.experts",
    "quantization.packed",
)
"""What is said of quantized weights, beside whether they are."""


_MOMENTS_OF_KEYS = frozenset(("evaluation",))
"""Moments with keys of their own, which decide nothing in the others."""


def explain_key(analysis: Analysis, key: Key, path: KeyPath, fixes: Sequence[Fix] = ()) -> str:
    """The hover of a key that decides memory, as Markdown.

    First what it holds and the verdict, then what other values would need, then what makes the run fit; below
    these the components, what the key does, and what was assumed. `fixes` are those of the finding that it
    does not fit. A key of which no value changes anything has one line.
    """
    name = f"**{markdown(key_text(path))}**"
    if key.field is None:
        return "\n\n".join((name, key.effect, verdict_line(analysis)))
    value = value_at(analysis, path)
    if not isinstance(value, dict) and analysis.document.node(path) is not None:
        name += f": {markdown_code(shorten(value_text(value)))}"
    estimate, job = analysis.estimate, analysis.job
    if estimate is None or job is None:
        return "\n\n".join((name, key.effect, verdict_line(analysis)))
    if below := under_the_peak(estimate, key.field):
        return f"{name} · {below}\n\n{key.effect}"
    compared = steps(analysis, key, path, value)
    now = estimate.rough.device_bytes
    same = all(abs(step.device_bytes - now) < _NOTHING for step in compared)
    if same and (reason := unused(job, key.field)):
        return f"{name} · no effect: {reason}"
    free = bool(compared) and same
    clause = free_of_cost(estimate, compared) if free else cost(job, key.field, estimate)
    if (saving := saves(job, key.field, value, compared, now)) and not free:
        clause = f"{saving}, {clause}" if clause else saving
    component = moves_of(key.field).component
    if free and component is None:
        return f"{name} · {clause}"
    blocks = [
        " · ".join(part for part in (name, clause, verdict_line(analysis)) if part),
        marginals(analysis, key, path, value, compared),
        advice_line(fixes),
        f"{component_line(estimate, component)}  \n{fit_bar(analysis)}  \n{peak_line(estimate)}",
        textbook_sum(estimate) if component in KEPT or about(key.field) == "trained" else "",
        key.effect,
        component_table(analysis, None if free else component) if _freed_before_the_peak(estimate) else "",
        footnote(analysis),
    ]
    return "\n\n".join(block for block in blocks if block)


def value_at(analysis: Analysis, path: KeyPath) -> object:
    """The value of a key as the trainer reads it."""
    node = analysis.document.node(path)
    return None if node is None else node.resolved().value


def unused(job: TrainingJob, field: str) -> str:
    """Why a field decides nothing in such a run; empty where it may."""
    if field.startswith("adapter.") and job.method not in ADAPTER_METHODS:
        return "the run trains without an adapter"
    if field.startswith(_OF_QUANTIZED) and job.quantization is None:
        return "no weight is quantized"
    return ""


def under_the_peak(estimate: Estimate, field: str) -> str:
    """What a key's own moment holds, where the run holds more in another; empty elsewhere."""
    moment = next((each for each in estimate.counted if each.name == field.partition(".")[0]), None)
    if moment is None or moment.name == estimate.worst.name or moment.name not in _MOMENTS_OF_KEYS:
        return ""
    peak, whole = PHASES.get(estimate.peak_phase, estimate.peak_phase), size(estimate.device_bytes)
    held = size(moment.device_bytes)
    return f"{held} {PHASES[moment.name]}, under the peak of {whole} {peak}"


def free_of_cost(estimate: Estimate, compared: tuple[Comparison, ...]) -> str:
    """Where no neighbouring value changes anything."""
    values = " and ".join(markdown_code(value_text(step.value)) for step in compared)
    verb = "needs" if len(compared) == 1 else "need"
    peak = PHASES.get(estimate.peak_phase, estimate.peak_phase)
    same = size(estimate.device_bytes)
    return f"no effect at the peak, which is {peak}: {values} {verb} the same {same}"


def cost(job: TrainingJob, field: str, estimate: Estimate) -> str:
    """What the key costs now, in one clause; empty where it has no share of its own."""
    component = moves_of(field).component
    if component is not None:
        whole, at_peak = estimate.component_sizes.get(component, 0), estimate.components.get(component, 0)
        part = percent(at_peak, estimate.device_bytes)
        share = f"{part} of the peak" if at_peak else "freed before the peak"
        return f"{size(whole)} of {LABELS[component]}, {share}"
    if about(field) == "shared":
        return f"{shared_by(job)}: {size(estimate.device_bytes)} on each"
    return trained(estimate) if about(field) == "trained" else ""


def saves(job: TrainingJob, field: str, value: object, compared: tuple[Comparison, ...], now: int) -> str:
    """What a switch that is on saves; of quantization also where the framework takes no other value."""
    if value is not True:
        return ""
    if compared:
        more = compared[0].device_bytes - now
        return f"saves {size(more)}" if more >= _NOTHING else ""
    if not field.startswith("quantization") or job.quantization is None:
        return ""
    method: Method = "lora" if job.method == "qlora" else job.method
    try:
        plain = estimate_job(replace(job, quantization=None, method=method)).rough.device_bytes
    except CannotEstimate:
        return ""
    return f"saves {size(plain - now)} against {job.precision.weights}" if plain - now >= _NOTHING else ""


def _freed_before_the_peak(estimate: Estimate) -> bool:
    """Whether a component holds less at the peak than before it, so that one line does not tell all."""
    sizes, at_peak = estimate.component_sizes, estimate.components
    return any(sizes.get(each, 0) - at_peak.get(each, 0) > _SHOWN for each in estimate.parts)


def trained(estimate: Estimate) -> str:
    """How much of the model is trained, and what its gradients and states take."""
    sizes = estimate.component_sizes
    states = sizes.get("gradients", 0) + sizes.get("optimizer_states", 0)
    if estimate.trainable_parameters == estimate.parameters:
        share = f"all {count(estimate.parameters)} parameters are trained"
    else:
        part = percent(estimate.trainable_parameters, estimate.parameters)
        share = f"{count(estimate.trainable_parameters)} parameters are trained ({part})"
    return f"{share}: {size(states)} of gradients and optimizer states"


def shared_by(job: TrainingJob) -> str:
    """The GPUs of the run and how they share it."""
    world = job.parallel.world_size
    how = "" if job.parallel.strategy == "none" else f" with {job.parallel.strategy}"
    return f"{world} GPU{'s' if world != 1 else ''}{how}"


def marginals(
    analysis: Analysis, key: Key, path: KeyPath, value: object, compared: tuple[Comparison, ...]
) -> str:
    """One line: what other values would cost, and the largest that fits."""
    estimate = analysis.estimate
    assert estimate is not None
    texts = []
    for step in compared:
        more = step.device_bytes - estimate.rough.device_bytes
        if abs(more) >= _NOTHING:
            text = f"{markdown_code(value_text(step.value))} → {size(step.device_bytes)} ({difference(more)})"
            texts.append(f"{text} {MARKS[step.verdict]}".rstrip())
    if texts:
        texts[0] = f"other values: {texts[0]}"
    largest = largest_that_fits(analysis, key, value)
    if largest is not None:
        texts.append(f"largest that fits: {f'**{largest}**' if largest else 'none'}")
    return " · ".join(texts)


def advice_line(fixes: Sequence[Fix]) -> str:
    """The best fixes, each checked by analysing the edited file."""
    return "\n".join(["to make it fit:", *(f"- {markdown(fix.title)}" for fix in fixes[:2])]) if fixes else ""


def explain_other_key(analysis: Analysis, path: KeyPath, ignored: Finding | None) -> str | None:
    """The hover of a key without a row in the table: what a finding says of one that is ignored or refused,
    or of its section; a group of keys; free; or not modelled.
    """
    if analysis.dialect is None:
        return None
    name = f"**{markdown(key_text(path))}**"
    if ignored is not None:
        effect = "" if ignored.name == "unknown-key" else " has no effect"
        return f"{name}{effect}: {markdown(ignored.message)}"
    below = [row.field or "" for row in analysis.dialect.keys if row.path.startswith(f"{key_text(path)}.")]
    if below:
        reasons = {unused(analysis.job, field) for field in below} if analysis.job else {""}
        if len(reasons) == 1 and (reason := reasons.pop()):
            return f"{name} · no effect: {reason}"
        blocks = (name, verdict_line(analysis), component_table(analysis), fit_bar(analysis))
        return "\n\n".join(block for block in blocks if block)
    if costs_nothing(path):
        return f"{name} costs no GPU memory"
    return f"{name}: no effect on GPU memory is modelled"


def merged_into(document: Document, dialect: Dialect, path: KeyPath) -> tuple[KeyPath, Key] | None:
    """Where a pair below an anchor takes effect through `<<`: the key path that holds the very
    same node, with its row.
    """
    node = document.node(path)
    for row in dialect.keys if node is not None else ():
        names = tuple(row.path.split("."))
        if names[-1] == path[-1] and document.node(names) is node:
            return names, row
    return None


def row_of(dialect: Dialect, path: KeyPath) -> tuple[KeyPath, Key | None]:
    """The row of the dialect's table for a path, else for its nearest ancestor, with that row's path."""
    for length in range(len(path), 0, -1):
        names = [part for part in path[:length] if isinstance(part, str)]
        row = dialect.key(".".join(names)) if names and isinstance(path[length - 1], str) else None
        if row is not None:
            return path[:length], row
    top = next((index for index, part in enumerate(path) if isinstance(part, int)), len(path))
    return path[: top or 1], None
