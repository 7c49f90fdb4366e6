"""What every explanation shares: the verdict in a line, the components, the peak, the assumptions."""

from __future__ import annotations

from vramlint.explain.format import LABELS, MARKS, WORDS, bar, size, value_text
from vramlint.job import Assumed, FrameworkDefault
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import COMPONENTS, Component, Estimate

DECLARE = "declare the card with a comment, `# vramlint: gpu=A100-80GB x8`"
PHASES = {"forward": "in forward", "backward": "in backward", "optimizer": "in the optimizer step"}
_SHOWN_ASSUMPTIONS = (
    "precision.weights",
    "precision.autocast",
    "optimizer",
    "sequence_length",
    "micro_batch_size",
    "gradient_checkpointing",
    "attention",
    "loss",
    "padded_batch",
    "packing",
)
"""Those that move most come first; a hover shows three."""


def verdict_line(analysis: Analysis) -> str:
    """ "✗ **does not fit**: needs 98.5 GiB per GPU, RTX 4090 has 23.5 (75.0 over)"."""
    estimate = analysis.estimate
    if estimate is None:
        return f"no estimate: {analysis.cannot.message}" if analysis.cannot else "no estimate"
    used, capacity = estimate.device_bytes, analysis.capacity
    gpu = analysis.gpu
    if capacity is None or gpu is None:
        return f"**needs {size(used)} per GPU** ± {estimate.error_band:.0%}; no GPU is declared: {DECLARE}"
    verdict = analysis.verdict
    head = f"{MARKS[verdict]} **{WORDS[verdict]}**"
    name = gpu_name(gpu)
    if verdict == "does_not_fit":
        return f"{head}: needs {size(used)} per GPU, {name} has {gib(capacity)} ({gib(used - capacity)} over)"
    if verdict == "tight":
        band = gib(int(used * estimate.error_band))
        return f"{head}: needs {gib(used)} ± {band} GiB per GPU, {name} has {gib(capacity)}"
    return f"{head}: needs {size(used)} per GPU, {name} has {gib(capacity)} ({gib(capacity - used)} left)"


def component_table(analysis: Analysis, highlighted: Component | None = None) -> str:
    """The components, whole and at the peak, as a Markdown table; always the same, so the eye learns it."""
    estimate = analysis.estimate
    if estimate is None:
        return ""
    rows = ["| GiB per GPU | whole | at the peak |", "|:--|--:|--:|"]
    for component in COMPONENTS:
        cells = (
            LABELS[component],
            gib(estimate.component_sizes.get(component, 0)),
            gib(estimate.components.get(component, 0)),
        )
        strong = "**" if component == highlighted else ""
        rows.append("| " + " | ".join(f"{strong}{cell}{strong}" for cell in cells) + " |")
    capacity = analysis.capacity
    of = f" of {gib(capacity)} {MARKS[analysis.verdict]}" if capacity else ""
    rows.append(f"| **total** | | **{gib(estimate.device_bytes)}**{of} |")
    return "\n".join(rows)


def fit_bar(analysis: Analysis) -> str:
    """The bar of the run against the card, as code so that it keeps its width."""
    if analysis.estimate is None:
        return ""
    capacity = analysis.capacity
    end = f" ┆ {gib(capacity)} GiB on the card" if capacity else ""
    return f"`{bar(analysis.estimate.device_bytes, capacity)}`{end}"


def peak_line(estimate: Estimate) -> str:
    """When the peak is, and the largest tensors that are alive then."""
    text = f"peak {PHASES.get(estimate.peak_phase, estimate.peak_phase)}"
    largest = sorted(estimate.tensors, key=lambda tensor: -tensor.bytes)[:1]
    for tensor in largest:
        shape = " × ".join(f"{side:,}" for side in tensor.shape)
        times = f"{tensor.count} × " if tensor.count > 1 else ""
        text += f"; the largest there: {tensor.name}, {times}[{shape}] {tensor.dtype} = {size(tensor.bytes)}"
    return text


def assumptions(analysis: Analysis, limit: int = 3) -> str:
    """What was taken for granted, shortest form; empty where the file says everything."""
    job = analysis.job
    if job is None:
        return ""
    silent = [
        name for name in _SHOWN_ASSUMPTIONS if isinstance(job.origins.get(name), FrameworkDefault | Assumed)
    ]
    texts = [f"{name.rpartition('.')[2]} {_field_value(job, name)}" for name in silent[:limit]]
    if not texts:
        return ""
    more = len([origin for origin in job.origins.values() if isinstance(origin, FrameworkDefault | Assumed)])
    rest = f" · {more - len(texts)} more" if more > len(texts) else ""
    return f"assumed: {' · '.join(texts)}{rest}"


def _field_value(job: object, name: str) -> str:
    for part in name.split("."):
        job = getattr(job, part, None)
    return value_text(job)


def footnote(analysis: Analysis) -> str:
    """Reservations, assumptions and who is speaking, last and short."""
    said = list(analysis.estimate.notes) if analysis.estimate else []
    if taken := assumptions(analysis):
        said.append(taken)
    if analysis.dialect is not None and analysis.reading is not None:
        said.append(f"{analysis.dialect.title} {analysis.reading.version}")
    return f"_{' · '.join(said)}_" if said else ""
