"""What every explanation shares: the components, the peak, the reservations."""

from __future__ import annotations

from vramlint.explain.assumptions import assumed_in_short
from vramlint.explain.format import LABELS, MARKS, bar, size
from vramlint.lint.escape import markdown
from vramlint.lint.format import gib
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Component, Estimate

PHASES = {
    "load": "while the model is loaded",
    "generation": "while completions are generated",
    "forward": "in the forward pass",
    "backward": "in the backward pass",
    "optimizer": "in the optimizer step",
    "evaluation": "in evaluation",
    "save": "while a checkpoint is saved",
}


def component_line(estimate: Estimate, highlighted: Component | None = None) -> str:
    """ "weights 15.0 · **activations 4.2** GiB": components at the peak, those that hold any."""
    texts = []
    for component in estimate.parts:
        held = gib(estimate.components.get(component, 0))
        strong = "**" if component == highlighted else ""
        if float(held.replace(",", "")):
            texts.append(f"{strong}{LABELS[component]} {held}{strong}")
    return f"{' · '.join(texts)} GiB" if texts else ""


def component_table(analysis: Analysis, highlighted: Component | None = None) -> str:
    """The components, whole and at the peak, as a Markdown table; always the same, so the eye learns it."""
    estimate = analysis.estimate
    if estimate is None:
        return ""
    rows = ["| GiB per GPU | whole | at the peak |", "|:--|--:|--:|"]
    for component in estimate.parts:
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
    """The bar of the run against the GPU, as code so that it keeps its width."""
    if analysis.estimate is None:
        return ""
    capacity = analysis.capacity
    end = f" ┆ {gib(capacity)} GiB on the GPU" if capacity else ""
    return f"`{bar(analysis.estimate.device_bytes, capacity)}`{end}"


def peak_line(estimate: Estimate) -> str:
    """When the peak is, and the largest tensors that are alive then."""
    text = f"peak {PHASES.get(estimate.peak_phase, estimate.peak_phase)}"
    largest = sorted(estimate.tensors, key=lambda tensor: -tensor.bytes)[:1]
    for tensor in largest:
        shape = " × ".join(f"{side:,}" for side in tensor.shape)
        times = f"{tensor.count} × " if tensor.count > 1 else ""
        text += f"; the largest there: {markdown(tensor.name)}, {times}[{shape}] {tensor.dtype}"
        text += f" = {size(tensor.bytes)}"
    return text


def footnote(analysis: Analysis) -> str:
    """Reservations, assumptions and who is speaking, last and short."""
    said = list(map(markdown, analysis.estimate.notes)) if analysis.estimate else []
    if taken := assumed_in_short(analysis):
        said.append(markdown(taken))
    if analysis.dialect is not None and analysis.reading is not None:
        said.append(f"{analysis.dialect.title} {markdown(analysis.reading.version)}")
    return f"_{' · '.join(said)}_" if said else ""
