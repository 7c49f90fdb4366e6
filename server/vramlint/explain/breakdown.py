"""The whole estimate on one page of Markdown: what the breakdown panel shows."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.explain.assumptions import assumptions
from vramlint.explain.format import LABELS, percent, reserved_text, size, value_text
from vramlint.explain.model import explain_model_facts
from vramlint.explain.summary import fit_bar
from vramlint.explain.verdict import verdict_line
from vramlint.explain.worked import textbook_sum
from vramlint.lint.escape import markdown
from vramlint.lint.format import gib, shorten
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Estimate

_TENSORS = 12
_WIDTH = 24


def breakdown(analysis: Analysis) -> str | None:
    """The page, or None where the file has no dialect."""
    if analysis.dialect is None:
        return None
    name = (analysis.document.path or "untitled").replace("\\", "/").rpartition("/")[2]
    version = f" {analysis.reading.version}" if analysis.reading else ""
    blocks = [f"# {markdown(name)}", f"{analysis.dialect.title}{markdown(version)}", verdict_line(analysis)]
    estimate, job = analysis.estimate, analysis.job
    if estimate is not None and job is not None:
        blocks += [
            fit_bar(analysis),
            "\n".join(_components(estimate)),
            textbook_sum(estimate),
            "## The peak",
            "\n".join(_phases(estimate)),
            "\n".join(_tensors(estimate)),
            "## The model",
            explain_model_facts(analysis, job.model),
            "## What was assumed",
            "\n".join(_assumptions(analysis)) or "nothing: every value is in the file",
            "\n".join(f"- {markdown(note)}" for note in estimate.notes),
        ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _components(estimate: Estimate) -> Iterator[str]:
    yield "| per GPU | whole | at the peak | | |"
    yield "|:--|--:|--:|--:|:--|"
    for component in estimate.parts:
        whole, now = estimate.component_sizes.get(component, 0), estimate.components.get(component, 0)
        share = percent(now, estimate.device_bytes)
        bar = "█" * round(_WIDTH * now / max(1, estimate.device_bytes))
        yield f"| {LABELS[component]} | {size(whole)} | {size(now)} | {share} | {bar} |"
    band = f"± {estimate.error_band:.0%}"
    yield f"| **the GPU must offer** | | **{size(estimate.device_bytes)}** | {band} | |"
    yield f"| as nvidia-smi shows it | | {size(estimate.process_bytes)} | | |"
    yield f"| reserved by PyTorch | | {reserved_text(estimate)} | | |"
    yield f"| allocated | | {size(estimate.peak_allocated_bytes)} | | |"


def _phases(estimate: Estimate) -> Iterator[str]:
    yield "| moment | allocated at most | of the GPU |"
    yield "|:--|--:|--:|"
    worst = max((moment.device_bytes for moment in estimate.moments), default=0)
    for moment in estimate.moments:
        mark = "**" if moment.device_bytes == worst else ""
        sizes = size(moment.allocated_bytes), size(moment.device_bytes)
        cells = (f"{mark}{cell}{mark}" for cell in (markdown(moment.name), *sizes))
        yield f"| {' | '.join(cells)} |"


def _tensors(estimate: Estimate) -> Iterator[str]:
    if not estimate.tensors:
        return
    yield "| alive then | shape | dtype | count | GiB |"
    yield "|:--|:--|:--|--:|--:|"
    for tensor in sorted(estimate.tensors, key=lambda tensor: -tensor.bytes)[:_TENSORS]:
        shape = " × ".join(f"{side:,}" for side in tensor.shape)
        cells = (markdown(tensor.name), shape, tensor.dtype, f"{tensor.count:,}", gib(tensor.bytes))
        yield f"| {' | '.join(cells)} |"


def _assumptions(analysis: Analysis) -> Iterator[str]:
    rows = sorted(assumptions(analysis), key=lambda each: each.field)
    if not rows:
        return
    yield "| field | value | why |"
    yield "|:--|:--|:--|"
    for each in rows:
        yield f"| {each.field} | {markdown(shorten(value_text(each.value)))} | {markdown(each.origin)} |"
