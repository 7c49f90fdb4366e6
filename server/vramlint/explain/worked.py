"""An estimate as a worked solution: every figure with the factors that it is the product or the sum of."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.catalog.facts import GIB, MIB, Gpu
from vramlint.catalog.optimizers import optimizer_named
from vramlint.explain.format import LABELS
from vramlint.explain.stages import stage_table
from vramlint.explain.summary import PHASES
from vramlint.job import Assumed, TrainingJob
from vramlint.lint.format import gpu_name
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import Estimate
from vramlint.memory.sums import TEXTBOOK, Kept, Term, terms

KEPT: tuple[Kept, ...] = ("weights", "gradients", "optimizer_states")
_GB = 10**9


def worked(analysis: Analysis) -> Iterator[str]:
    """The lines of the solution: what stays for the whole step, what a token adds, the sum at the peak, that
    of each stage of a pipeline, what the GPU offers, what goes to disk.
    """
    estimate, job = analysis.estimate, analysis.job
    if estimate is None or job is None:
        return
    for component in KEPT:
        yield from _kept(job, estimate, component)
    yield before_the_first_token(estimate)
    yield from _activations(job, estimate)
    yield from _peak(estimate)
    if estimate.stages:
        yield f"the {len(estimate.stages)} kinds of stages of the pipeline, each at its worst moment"
        yield from (f"  {line}" for line in stage_table(estimate.stages))
    if analysis.gpu is not None:
        yield from _offered(analysis.gpu, estimate)
    for what, size in estimate.checkpoint_bytes.items():
        yield f"on disk, {what.replace('_', ' ')}: {_both(size)}"


def before_the_first_token(estimate: Estimate) -> str:
    """Weights, gradients and optimizer states in the unit of books:
    "before the first token: 14 + 14 + 56 = 84 GB = 78.23 GiB".
    """
    sizes = [estimate.sizes[component] for component in KEPT]
    figures = [f"{size / _GB:.2f}" for size in (*sizes, sum(sizes))]
    if all(figure.endswith(".00") for figure in figures):
        figures = [figure.removesuffix(".00") for figure in figures]
    *parts, whole = figures
    return f"before the first token: {' + '.join(parts)} = {whole} GB = {sum(sizes) / GIB:.2f} GiB"


def textbook_sum(estimate: Estimate) -> str:
    """The same where every weight is trained; an adapter's sizes would be lost in the sum."""
    return before_the_first_token(estimate) if estimate.trainable_parameters >= estimate.parameters else ""


def _both(size: int) -> str:
    """The same in the units of books and of tools: "14.00 GB = 13.04 GiB", and small ones in MB and MiB."""
    if size and size < _GB // 10:
        return f"{size / 10**6:.3g} MB = {size / MIB:.3g} MiB"
    return f"{size / _GB:.2f} GB = {size / GIB:.2f} GiB"


def _kept(job: TrainingJob, estimate: Estimate, component: Kept) -> Iterator[str]:
    found = terms(estimate, component)
    size = estimate.sizes[component]
    yield f"{LABELS[component]}: {_both(size)}"
    for term in found:
        yield "  " + _term(term)
    if size and not found:
        yield "  no tensor of it is known by itself"
    if not size:
        yield "  none on the GPU"
        return
    for term in found:
        why = _departure(job, component, term)
        if why:
            yield f"  the textbook counts {TEXTBOOK[component]} bytes; {why}"


def _term(term: Term) -> str:
    if not term.kept:
        return f"{term.what}: {_both(term.bytes)}"
    number = f"{term.kept:,}"
    if term.kept != term.elements:
        number += f" (of {term.elements:,})"
    return f"{term.what}: {number} × {term.bytes_each:.4g} bytes = {_both(term.bytes)}"


def _departure(job: TrainingJob, component: Kept, term: Term) -> str:
    """Why a term is not what the textbook counts."""
    each = term.bytes_each
    if not term.kept or abs(each - TEXTBOOK[component]) < 0.01 * TEXTBOOK[component]:
        return ""
    if component != "optimizer_states":
        return f"{term.what} take {each:.4g}{_because(job, f'precision.{component}')}"
    if term.what.startswith("float32 master"):
        return f"float32 master weights add {each:.4g}{_because(job, 'precision.master_weights')}"
    optimizer = optimizer_named(job.optimizer)
    if optimizer is not None and (optimizer.bits or optimizer.states != "dense" or optimizer.buffers != 2):
        return f"{job.optimizer} keeps {each:.4g}{_because(job, 'optimizer')}"
    dtype = job.precision.optimizer_states
    kept = f"{job.precision.weights}, as the weights are" if dtype == "same-as-weights" else dtype
    why = _because(job, "precision.optimizer_states")
    return f"{job.optimizer} keeps its two states in {kept}: {each:.4g}{why}"


def _because(job: TrainingJob, field: str) -> str:
    origin = job.origins.get(field)
    return f" ({origin.reason})" if isinstance(origin, Assumed) else ""


def _activations(job: TrainingJob, estimate: Estimate) -> Iterator[str]:
    size = estimate.components["activations"]
    rows, length = job.micro_batch_size, job.sequence_length
    tokens = rows * length
    yield f"activations at the peak: {_both(size)}, {size // max(1, tokens):,} bytes a token"
    yield f"  {rows} × {length:,} = {tokens:,} tokens in a micro batch"
    rest = size
    for tensor in estimate.tensors:
        if tensor.component != "activations":
            continue
        rest -= tensor.bytes
        shape = " × ".join(f"{side:,}" for side in tensor.shape)
        times = f"{tensor.count:,} × " if tensor.count > 1 else ""
        yield f"  {tensor.name}: {times}[{shape}] {tensor.dtype} = {_both(tensor.bytes)}"
    if rest > 0:
        yield f"  smaller tensors and workspaces: {_both(rest)}"


def _peak(estimate: Estimate) -> Iterator[str]:
    phase = PHASES.get(estimate.peak_phase, estimate.peak_phase)
    parts = {LABELS[name]: size for name, size in estimate.components.items() if size}
    said = " + ".join(f"{name} {size / GIB:.2f}" for name, size in parts.items())
    yield f"the peak is {phase}: {said} = {estimate.device_bytes / GIB:.2f} GiB"
    slack = estimate.components["overhead"] - estimate.outside_bytes
    yield (
        f"  overhead: CUDA context and communicators {estimate.outside_bytes / GIB:.2f} "
        f"+ gaps between blocks {slack / GIB:.2f} GiB"
    )


def _offered(gpu: Gpu, estimate: Estimate) -> Iterator[str]:
    usable = gpu.usable_bytes
    left = usable - estimate.device_bytes
    yield f"{gpu_name(gpu)} has {_both(gpu.memory_bytes)}; PyTorch can have {_both(usable)} of it"
    yield f"  {usable / GIB:.2f} - {estimate.device_bytes / GIB:.2f} = {left / GIB:.2f} GiB"
