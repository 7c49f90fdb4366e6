"""What a step of each kind of model holds, to the byte, as text that a reader can review.

One model of each `model_type`, the smallest of the catalog, in two runs between which most layers differ.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.catalog.models import Models
from vramlint.dialects import load
from vramlint.dialects.kit.dialect import Context
from vramlint.memory.estimate import CannotEstimate
from vramlint.memory.model import estimate_job

RUNS: Mapping[str, Mapping[str, Any]] = {
    "all trained": {
        "precision": {"weights": "float32", "autocast": "bfloat16"},
        "images": "one",
        "micro_batch_size": 3,
        "sequence_length": 1024,
        "attention": "eager",
    },
    "adapter": {
        "method": "qlora",
        "micro_batch_size": 2,
        "sequence_length": 4096,
        "attention": "flash_attention_2",
        "gradient_checkpointing": "full",
        "kernels": {"liger": ["rms_norm", "swiglu", "geglu", "rope"]},
        "loss": "fused-linear",
    },
}
SHOWN = ("weights", "gradients", "optimizer_states", "activations")
JOB, MODELS = load("job"), Models()


def smallest() -> Iterator[Model]:
    """The smallest model of each type that the catalog has."""
    found: dict[str, Model] = {}
    for model in MODELS.search(""):
        known = found.get(model.model_type)
        if known is None or (model.parameters or 0) < (known.parameters or 0):
            found[model.model_type] = model
    yield from (found[name] for name in sorted(found))


def sizes(model: Model, run: Mapping[str, Any]) -> str:
    """Bytes by component at the worst moment."""
    job = JOB.read({"vramlint": 1, "model": model.name, **run}, Context(MODELS)).job
    assert job is not None
    try:
        estimate = estimate_job(job)
    except CannotEstimate as cannot:
        return cannot.code
    parts = [
        f"{name} {estimate.worst.components[name]:,}" for name in SHOWN if estimate.worst.components[name]
    ]
    return f"{', '.join(parts)}, in {estimate.worst.name}{'' if estimate.modelled else ', a bound'}"


def test_what_a_step_holds(snapshot: Callable[[str, str], None]) -> None:
    lines = []
    for model in smallest():
        lines.append(f"{model.model_type}: {model.name}")
        lines += [f"    {name}: {sizes(model, run)}" for name, run in RUNS.items()]
    snapshot("families.txt", "\n".join(lines) + "\n")
