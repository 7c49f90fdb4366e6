"""What weights, gradients and optimizer states are sums of: elements of one kind, and the bytes of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.estimate import Estimate
from vramlint.memory.ledger import DTYPE_BYTES, rounded
from vramlint.memory.persistent import state_sizes
from vramlint.memory.quantization import stored_bytes
from vramlint.memory.replay import Late
from vramlint.memory.replay.run import Run
from vramlint.memory.tensors import Parameter

Kept: TypeAlias = Literal["weights", "gradients", "optimizer_states"]
TEXTBOOK: dict[Kept, int] = {"weights": 2, "gradients": 2, "optimizer_states": 8}
"""Bytes a parameter in mixed precision with Adam, as books count them (Rajbhandari et al., ZeRO, section 3.1,
without the float32 master copy).
"""


@dataclass(frozen=True, slots=True)
class Term:
    """Elements of one kind on the fullest GPU.

    `elements` are those of the whole model (of the pipeline stage, of the tensor-parallel part), of which the
    GPU keeps `bytes`.
    """

    what: str
    elements: int
    kept: int
    """Elements that this GPU keeps."""
    bytes: int

    @property
    def bytes_each(self) -> float:
        """Bytes of one element that is kept."""
        return self.bytes / self.kept if self.kept else 0.0


def terms(estimate: Estimate, component: Kept) -> tuple[Term, ...]:
    """The terms of a component when whole, largest first; () where nothing is known of its tensors."""
    late = estimate.replay
    if not isinstance(late, Late):
        return ()
    run = late.run
    made = {"weights": _weights, "gradients": _gradients, "optimizer_states": _states}[component](run)
    joined: dict[str, Term] = {}
    for term in made:
        known = joined.get(term.what)
        joined[term.what] = term if known is None else _added(known, term)
    found = [term for term in joined.values() if term.bytes]
    rest = estimate.sizes[component] - sum(term.bytes for term in found)
    if rest < 0:
        return ()  # kept on the host, or freed while backward runs
    if rest:
        found.append(Term("beside them", 0, 0, rest))
    return tuple(sorted(found, key=lambda term: -term.bytes))


def _added(one: Term, other: Term) -> Term:
    return Term(one.what, one.elements + other.elements, one.kept + other.kept, one.bytes + other.bytes)


def _weights(run: Run) -> Iterator[Term]:
    quantization = run.job.quantization
    for parameter, count in run.weights.all():
        kept = run.plan.weight_elements(parameter)
        if parameter.scheme is not None and quantization is not None:
            size = stored_bytes(kept, parameter.shape, quantization)
        else:
            size = rounded(kept * DTYPE_BYTES[parameter.stored])
        state = "trained" if parameter.trainable else "frozen"
        scheme = quantization.scheme if parameter.scheme is not None and quantization is not None else None
        what = f"{state} weights in {scheme or parameter.stored}"
        yield Term(what, count * parameter.numel, count * kept, count * size)


def _gradients(run: Run) -> Iterator[Term]:
    plan = run.plan
    whole = plan.accumulates_whole and run.job.gradient_accumulation_steps > 1
    for parameter, count in _trained(run):
        dtype = plan.gradient_dtype(parameter)
        if whole:
            yield Term(
                "gradients kept whole while they accumulate",
                count * parameter.numel,
                count * parameter.numel,
                count * plan.whole_gradient_bytes(parameter),
            )
            continue
        kept = plan.gradient_elements(parameter)
        size = plan.gradient_bytes(parameter)
        yield Term(f"gradients in {dtype}", count * parameter.numel, count * kept, count * size)


def _states(run: Run) -> Iterator[Term]:
    """State sizes come in the order of the trained weights."""
    sizes = state_sizes(run.job, run.weights, run.plan, run.optimizer)
    for (parameter, count), state in zip(_trained(run), sizes, strict=True):
        kept = run.plan.state_elements(parameter)
        own = state.bytes + state.paged - state.master
        if state.master:
            yield Term("float32 master weights", count * parameter.numel, count * kept, count * state.master)
        yield Term(f"states of {run.job.optimizer}", count * parameter.numel, count * kept, count * own)


def _trained(run: Run) -> Sequence[tuple[Parameter, int]]:
    return run.weights.updated()
