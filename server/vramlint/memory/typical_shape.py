"""A model of which only the parameter count is known: its shape is that of the catalog's models of
that size.

Weights, gradients and states follow from the count; what activations take is a range over those shapes, and
the estimate's band holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log
from statistics import median

from vramlint.catalog.expert_counts import EXPERTS
from vramlint.catalog.facts import GIB, Model
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures import family_of
from vramlint.memory.estimate import CannotEstimate, Estimate


def shapes_for(model: Model) -> list[Model]:
    """Models whose shapes stand for `model`'s: a typical one, and those with the most and the least of what
    activations grow with. Empty where its shape is known, or no dense decoder has its size.
    """
    measured = [(_measures(alike), alike) for alike in model.alike if _dense(alike)]
    if not measured:
        return []
    middle = [median(sizes[place] for sizes, _ in measured) for place in range(3)]
    typical = min(
        measured, key=lambda item: sum(abs(log(a / b)) for a, b in zip(item[0], middle, strict=True))
    )
    found = {typical[1].name: typical[1]}
    for place in range(3):
        for end in (min, max):
            shape = end(measured, key=lambda item: item[0][place])[1]
            found[shape.name] = shape
    return list(found.values())


def _dense(model: Model) -> bool:
    return family_of(model.model_type) is not None and not any(key in model.config for key in EXPERTS)


def _measures(model: Model) -> tuple[int, int, int]:
    """What activations grow with, in elements a token: inputs and outputs of all linear layers, the inputs of
    all layers, the vocabulary.
    """
    modules = model.linear_modules
    inner = sum((module.in_features + module.out_features) * module.count for module in modules)
    layers = max(module.count for module in modules)
    return inner, layers * min(module.in_features for module in modules), int(model.config["vocab_size"])


def of_typical_shape(
    job: TrainingJob, parameters: int, estimate: Callable[[TrainingJob], Estimate]
) -> Estimate | None:
    """The estimate of `job`, whose model has so many `parameters` and is known by nothing else; None where no
    model of its size is known. `estimate` is that of a job whose shape is known.
    """
    made: list[tuple[Model, Estimate]] = []
    for shape in shapes_for(job.model):
        assert shape.parameters is not None
        stand_in = replace(shape, parameters=parameters, scale=parameters / shape.parameters)
        try:
            made.append((shape, estimate(replace(job, model=stand_in))))
        except CannotEstimate as cannot:
            if cannot.field != "model":
                raise
    return _joined(made) if made else None


def _joined(made: Sequence[tuple[Model, Estimate]]) -> Estimate:
    """The estimate in the middle, with a band that holds the others."""
    sizes = sorted((each.worst.device_bytes, place) for place, (_, each) in enumerate(made))
    least, most = sizes[0][0], sizes[-1][0]
    size, place = min(sizes, key=lambda item: abs(2 * item[0] - least - most))
    shape, middle = made[place]
    low, high = least * (1 - middle.error_band), most * (1 + middle.error_band)
    activations = [each.sizes["activations"] / GIB for _, each in made]
    said = (
        f"only a parameter count is known: the shape is that of {shape.name}; models of that size hold "
        f"{min(activations):.1f} to {max(activations):.1f} GiB of activations"
    )
    return replace(
        middle,
        error_band=max(1 - low / size, high / size - 1),
        architecture="",
        shape=shape.name,
        notes=(said, *middle.notes),
    )
