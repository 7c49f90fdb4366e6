"""The steps that every dialect's reader shares: finding the model, opening companions, and closing the
reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.catalog.releases import together
from vramlint.dialects.kit.dialect import Companion, Context, Dialect, Key, Obstacle, ReadResult
from vramlint.dialects.kit.environment import in_environment
from vramlint.dialects.kit.nonsense import nonsense
from vramlint.dialects.kit.plausible import implausible
from vramlint.dialects.kit.reader import Reader, text
from vramlint.job import RoleModel, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Dtype


def framework_reader(
    values: Mapping[str, Any], context: Context, framework: str, known: str, keys: Mapping[str, Key]
) -> Reader:
    """A reader of a file of `framework`, in the release that is declared, else in `known`, which `keys` were
    read from.
    """
    version = context.versions.get(framework, known)
    releases = together({**context.versions, framework: version}, framework)
    return Reader(
        values,
        framework,
        version,
        keys,
        known=known,
        releases=releases,
        environment=context.environment,
        unsettled=context.unsettled,
    )


def find_model(reader: Reader, context: Context, path: str) -> Model | Obstacle:
    """The model named at the key `path`, recorded as the origin of `model`; or why there is none."""
    name = reader.get(path, text)
    if name is None:
        return Obstacle(
            "no-model", f"no model: {path} is not set", reader.at(path) if reader.has(path) else ()
        )
    model = context.catalog.model(name, context.folder)
    if model is None:
        return Obstacle(
            "unknown-model",
            f"{path}: nothing is known about the model {name!r}; name the folder of its config.json instead",
            reader.at(path),
        )
    reader.written("model", path)
    return model


_DTYPES: Mapping[str, Dtype] = {
    "float32": "float32",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "torch.float32": "float32",
    "torch.float16": "float16",
    "torch.bfloat16": "bfloat16",
}


def checkpoint_dtype(model: Model) -> Dtype:
    """The dtype of a model's checkpoint; bfloat16 where none is known, or one that no layer runs in."""
    return _DTYPES.get(model.dtype or "", "bfloat16")


def unmodelled(reader: Reader, path: str, why: str) -> Obstacle:
    """Why nothing is estimated, at the key that says so."""
    return Obstacle("not-modelled", f"{path}: {why}", reader.at(path) if reader.has(path) else ())


def role_model(reader: Reader, context: Context, path: str, field: str) -> RoleModel:
    """The model named at the key `path` for a role beside the trained one; "unknown" where nothing is known
    of it, "auto" where the key is not written.
    """
    name = reader.get(path, text)
    if name is None:
        return "auto"
    reader.written(field, path)
    return context.catalog.model(name, context.folder) or "unknown"


def open_companion(reader: Reader, context: Context, path: str) -> Companion | None:
    """The file named at the key `path`; a file that cannot be opened is recorded as missing."""
    name = reader.get(path, text)
    if name is None:
        return None
    companion = context.open(name)
    if companion is None:
        reader.record.missing.append((reader.at(path), name))
    return companion


def world_size(reader: Reader, context: Context) -> int:
    """GPUs that take part as far as the declared hardware says, with the origin of `parallel.data`
    recorded.
    """
    world = max(context.gpu_count, 1) * max(context.nodes, 1)
    if context.gpu_declared:
        reader.assume("parallel.data", f"{world} GPU{'s' if world > 1 else ''} declared")
    else:
        reader.assume("parallel.data", "one GPU: neither the file nor a declaration says how many")
    return world


def hardware(context: Context) -> dict[str, Any]:
    """The fields of TrainingJob that the declared hardware fills."""
    return {
        "gpu": context.gpu,
        "gpu_count": context.gpu_count,
        "nodes": context.nodes,
        "ram": context.ram,
        "versions": dict(context.versions),
    }


_OF_IMAGES = frozenset(("images", "image_pixels"))
"""Fields that say nothing of a model without a tower for images."""


def finish(
    dialect: Dialect,
    reader: Reader,
    outcome: TrainingJob | Obstacle,
    values: Mapping[str, Any] | None = None,
) -> ReadResult:
    """The reading that a dialect returns. `values`: those of the document, where the reader has others."""
    outcome = in_environment(dialect.name, reader, outcome)
    if isinstance(outcome, TrainingJob) and not outcome.model.reads_images:
        told = {field: origin for field, origin in outcome.origins.items() if field not in _OF_IMAGES}
        outcome = replace(outcome, origins=told)
    job = outcome if isinstance(outcome, TrainingJob) else None
    beyond = tuple(implausible(job)) if job else ()
    no_choice, unread = nonsense(
        dialect, reader, reader.values if values is None else values, frozenset(each.key for each in beyond)
    )
    return ReadResult(
        dialect=dialect,
        version=reader.version,
        job=job,
        obstacle=None if isinstance(outcome, TrainingJob) else outcome,
        problems=(*reader.record.problems, *unread),
        companions=tuple(reader.record.companions),
        missing_companions=tuple(reader.record.missing),
        unusable=(
            *(each for each in reader.record.unusable.values() if each is not None),
            *beyond,
            *no_choice,
        ),
    )
