"""The GPU of a run, explained: what it holds, what PyTorch can have of it, and which others would do."""

from __future__ import annotations

from collections.abc import Iterable

from vramlint.catalog.facts import Gpu
from vramlint.explain.format import MARKS, size
from vramlint.explain.summary import component_table, fit_bar
from vramlint.explain.verdict import verdict_line
from vramlint.lint.escape import markdown
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Estimate

_FEATURES = {
    "bf16": "bf16",
    "tf32": "TF32",
    "fp8": "FP8",
    "flash_attention_2": "FlashAttention-2",
}


def explain_gpu(analysis: Analysis, known: Iterable[Gpu] = ()) -> str:
    """The hover of the declared GPU, as Markdown. `known` are the GPUs to compare with."""
    declared = analysis.declared
    gpu = analysis.gpu
    if declared is None:
        return verdict_line(analysis)
    if gpu is None:
        near = ", ".join(f"`{name}`" for name in declared.nearest)
        return f"**{markdown(declared.text)}** is not a known GPU" + (f"; nearest: {near}" if near else "")
    blocks = [identity(gpu, declared.count), features(gpu), verdict_line(analysis)]
    if analysis.estimate is not None:
        blocks += [component_table(analysis), fit_bar(analysis), others(analysis.estimate, gpu, known)]
    return "\n\n".join(block for block in blocks if block)


def identity(gpu: Gpu, count: int) -> str:
    """Name, total and usable memory."""
    times = f" × {count}" if count > 1 else ""
    usable = f"{size(gpu.memory_bytes)} total, **{gib(gpu.usable_bytes)} usable** by PyTorch"
    return f"**{gpu.name}**{times} · {usable}"


def features(gpu: Gpu) -> str:
    """Architecture and what it can do of what configs ask for."""
    said = [
        text
        for text in (
            gpu.architecture,
            f"compute {gpu.compute_capability}" if gpu.compute_capability else None,
            str(gpu.year) if gpu.year else None,
        )
        if text
    ]
    said += [
        f"{'✓' if gpu.supports[name] else '✗'} {label}"
        for name, label in _FEATURES.items()
        if name in gpu.supports
    ]
    return " · ".join(said)


def others(estimate: Estimate, gpu: Gpu, known: Iterable[Gpu]) -> str:
    """The smallest GPUs that this run would fit, and the largest that it would not, of the same vendor."""
    alike = (each for each in known if each.vendor == gpu.vendor and each.name != gpu.name)
    rivals = {each.usable_bytes: each for each in alike if each.worth_proposing}
    others_by_size = [rivals[usable] for usable in sorted(rivals)]
    fitting = [each for each in others_by_size if estimate.verdict(each.usable_bytes) == "fits"]
    failing = [each for each in others_by_size if estimate.verdict(each.usable_bytes) != "fits"]
    shown = failing[-1:] + fitting[:3]
    if not fitting:
        return f"no known GPU of this vendor holds {size(estimate.device_bytes)}: use several"
    texts = [
        f"{gpu_name(each)} ({gib(each.usable_bytes)}) {MARKS[estimate.verdict(each.usable_bytes)]}"
        for each in shown
    ]
    return "alternatives: " + " · ".join(texts)
