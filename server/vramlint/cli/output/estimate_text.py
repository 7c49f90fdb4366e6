"""An estimate for people.

The verdict first in the eye, then the arithmetic, then what to do. Fits 80 columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from vramlint.catalog.facts import Model
from vramlint.cli.console import Paint, Style
from vramlint.cli.output.bars import staircase
from vramlint.explain.assumptions import assumptions
from vramlint.explain.format import LABELS, WORDS, reserved_text, size, value_text
from vramlint.explain.model import checkpoint
from vramlint.explain.summary import PHASES
from vramlint.explain.verdict import margin, needs
from vramlint.explain.worked import textbook_sum
from vramlint.job import TrainingJob
from vramlint.lint.format import count, gib, gpu_name, model_name
from vramlint.lint.inert import inert_path
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Estimate, HostMemory, Verdict

WIDTH = 80
NO_BREAK = "\u00a0"
BAR_WIDTH = 38
LARGEST = 5
"""How many of the tensors at the peak are shown."""
STYLES: dict[Verdict, Style] = {"fits": "green", "tight": "yellow", "does_not_fit": "red", "unknown": "bold"}
METHODS = {
    "full": "full fine-tuning",
    "freeze": "some layers trained",
    "lora": "LoRA",
    "qlora": "QLoRA",
    "dora": "DoRA",
    "ia3": "IA³",
    "vera": "VeRA",
    "loha": "LoHa",
    "lokr": "LoKr",
    "layernorm": "LayerNorm tuning",
}


def estimate_text(path: str, analysis: Analysis, estimate: Estimate, paint: Paint) -> str:
    """The whole report of one file."""
    blocks = (
        (*head(path, analysis), verdict(analysis, estimate, paint)),
        _components(analysis, estimate, paint),
        _peak(estimate),
        _largest(estimate),
        _assumed(analysis, estimate),
        _next(path, analysis),
    )
    texts = ("\n".join(lines) for lines in blocks)
    return "\n\n".join(text for text in texts if text)


def head(path: str, analysis: Analysis) -> Iterator[str]:
    """Path, framework, model, method and GPU; of several runs, which one it is."""
    yield inert_path(path)
    if (several := analysis.run_count) > 1:
        yield f"of {several} runs the one that fits least; vramlint runs prints each"
    job, dialect, declared = analysis.job, analysis.dialect, analysis.declared
    if job is None or dialect is None:
        return
    parts = [f"{dialect.title} {analysis.reading.version}" if analysis.reading else dialect.title]
    parts += [_model(job.model), _method(job)]
    if analysis.gpu is not None and declared is not None:
        parts.append(gpu_name(analysis.gpu) + (f" × {declared.count}" if declared.count > 1 else ""))
    unbroken = " · ".join(part.replace(" ", NO_BREAK) for part in parts)
    yield from (line.replace(NO_BREAK, " ") for line in wrap(unbroken, WIDTH))


def _model(model: Model) -> str:
    return model_name(model) if model.model_type else f"{count(model.parameters or 0)} parameters"


def _method(job: TrainingJob) -> str:
    method = METHODS.get(job.method, job.method)
    if job.objective == "pretrain":
        return "pretraining" if job.method == "full" else f"pretraining, {method}"
    return method if job.objective == "sft" else f"{method}, {job.objective.upper()}"


def _components(analysis: Analysis, estimate: Estimate, paint: Paint) -> Iterator[str]:
    parts = [estimate.components.get(name, 0) for name in estimate.parts]
    bars, mark = staircase(parts, analysis.capacity, BAR_WIDTH)
    yield f"  {'GiB per GPU':<17} {'whole':>7} {'at peak':>8}"
    for name, part, bar in zip(estimate.parts, parts, bars, strict=True):
        whole = estimate.component_sizes.get(name, 0)
        drawn = ""
        if bar is not None:
            solid = " " * bar.offset + ("█" * bar.within if bar.within or bar.beyond else "▏")
            drawn = "  " + solid + paint("red", "▒" * bar.beyond)
        elif whole:
            drawn = "  " + "not present at the peak"
        elif name == "activations" and not estimate.modelled:
            drawn = "  " + "unknown"
        yield f"  {LABELS[name]:<17} {gib(whole):>7} {gib(part):>8}{drawn}".rstrip()
    total = f"  {'total':<17} {'':>7} {gib(estimate.device_bytes):>8}"
    if mark is None or analysis.capacity is None:
        yield total
        return
    limit = f"{gib(analysis.capacity)} usable"
    fits_right = mark + 2 + len(limit) <= BAR_WIDTH
    ruler = " " * mark + f"┆ {limit}" if fits_right else " " * max(0, mark - len(limit) - 1) + f"{limit} ┆"
    yield f"{total}  {ruler}"


def verdict(analysis: Analysis, estimate: Estimate, paint: Paint) -> str:
    """Whether it fits, what it needs and what the GPU has."""
    gpu, answer = analysis.gpu, analysis.verdict
    said = needs(estimate, gpu, band=True)
    if gpu is None:
        return f"{paint('bold', said)}; no GPU is declared"
    if answer == "unknown":
        return f"{paint('bold', 'UNKNOWN')}: {needs(estimate, gpu)}"
    word = WORDS[answer].upper()
    if answer != "tight":
        word += f", {margin(estimate, gpu.usable_bytes)}"
    return f"{paint(STYLES[answer], word)}: {said}"


def _peak(estimate: Estimate) -> Iterator[str]:
    if said := textbook_sum(estimate):
        yield f"  {said}"
    allocated, reserved = size(estimate.peak_allocated_bytes), reserved_text(estimate)
    phase = PHASES.get(estimate.peak_phase, estimate.peak_phase)
    yield f"  the peak is {phase}; allocated {allocated}, reserved {reserved}"
    if estimate.host is not None:
        yield f"  host memory on each node: {_host(estimate.host)}"
    if on_disk := checkpoint(estimate.checkpoint_bytes):
        yield f"  {on_disk}"


def _largest(estimate: Estimate) -> Iterator[str]:
    tensors = sorted(estimate.tensors, key=lambda tensor: -tensor.bytes)[:LARGEST]
    if tensors:
        yield "  largest at the peak"
    width = max((len(tensor.name) for tensor in tensors), default=0)
    for tensor in tensors:
        times = f" × {tensor.count}" if tensor.count > 1 else ""
        shape = ", ".join(map(str, tensor.shape))
        yield f"    {size(tensor.bytes):>9}  {tensor.name:<{width}}  [{shape}] {tensor.dtype}{times}"


def _assumed(analysis: Analysis, estimate: Estimate) -> Iterator[str]:
    by_origin: dict[str, list[str]] = {}
    for each in assumptions(analysis):
        by_origin.setdefault(each.origin, []).append(f"{each.field} {value_text(each.value)}")
    if by_origin or estimate.notes:
        yield "  assumed"
    for origin, fields in by_origin.items():
        yield from _paragraph(f"{origin}: {' · '.join(fields)}")
    for note in estimate.notes:
        yield from _paragraph(note)


def _paragraph(text: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False)


def _next(path: str, analysis: Analysis) -> Iterator[str]:
    if analysis.gpu is None:
        yield "  next: --gpu RTX-4090, or a comment in the file: # vramlint: gpu=RTX-4090"
    elif analysis.verdict in ("tight", "does_not_fit"):
        yield f"  next: vramlint fit {inert_path(path)}"


def _host(host: HostMemory) -> str:
    texts = [f"{size(host.bytes_per_node)} offloaded"] if host.bytes_per_node else []
    texts += [f"{size(host.loading_bytes_per_node)} read at once"] if host.loading_bytes_per_node else []
    return ", ".join(texts)
