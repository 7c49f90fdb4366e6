"""The verdict in words: one text for the terminal, the editor and the rules."""

from __future__ import annotations

from vramlint.catalog.facts import Gpu
from vramlint.explain.format import MARKS, WORDS, size
from vramlint.lint.escape import markdown
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Estimate

DECLARE = "declare the GPU with a comment, `# vramlint: gpu=A100-80GB x8`"


def needs(estimate: Estimate, gpu: Gpu | None = None, *, band: bool = False) -> str:
    """ "needs 125 GiB per GPU, RTX 4090 has 23.5"; with `band`, "needs 125 GiB ± 3 % per GPU, …"."""
    used = size(estimate.device_bytes)
    margin = f" ± {100 * estimate.error_band:.0f} %" if band else ""
    limit = f", {gpu_name(gpu)} has {gib(gpu.usable_bytes)}" if gpu else ""
    return f"needs {estimate.bound}{used}{margin} per GPU{limit}"


def margin(estimate: Estimate, capacity: int) -> str:
    """What is missing or left on the GPU: "101 GiB over", "4.2 GiB left", "at least 4.2 GiB left"."""
    used = estimate.device_bytes
    if used > capacity:
        return f"{size(used - capacity)} over"
    return f"{'at least ' if estimate.bound == 'at most ' else ''}{size(capacity - used)} left"


def verdict_line(analysis: Analysis) -> str:
    """ "✗ **does not fit**: needs 98.5 GiB per GPU, RTX 4090 has 23.5 (75.0 GiB over)"."""
    estimate, gpu, verdict = analysis.estimate, analysis.gpu, analysis.verdict
    if estimate is None:
        return f"no estimate: {markdown(analysis.cannot.message)}" if analysis.cannot else "no estimate"
    if gpu is None:
        return f"**{needs(estimate, band=True)}**; no GPU is declared: {DECLARE}"
    if verdict == "unknown":
        return f"**unknown**: {needs(estimate, gpu)}; {'; '.join(map(markdown, estimate.why_unknown))}"
    said = f"{MARKS[verdict]} **{WORDS[verdict]}**: {needs(estimate, gpu, band=verdict == 'tight')}"
    return said if verdict == "tight" else f"{said} ({margin(estimate, gpu.usable_bytes)})"
