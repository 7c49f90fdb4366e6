"""The job file: vramlint's own dialect, and the written form of every TrainingJob."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from vramlint.catalog.amounts import memory_bytes
from vramlint.catalog.facts import GIB, MIB, Gpu, Model
from vramlint.dialects.job_file.kernels import is_implied, read_kernels
from vramlint.dialects.job_file.keys import KEYS
from vramlint.dialects.kit.dialect import (
    UNSET,
    Changes,
    Context,
    Dialect,
    Key,
    Obstacle,
    ReadResult,
    SetKey,
)
from vramlint.dialects.kit.edits import Editor, edit, key
from vramlint.dialects.kit.reader import (
    Kind,
    Reader,
    boolean,
    integers,
    mapping,
    memory_budget,
    names,
    number,
    positive,
    table,
    text,
)
from vramlint.dialects.kit.reading import find_model, finish
from vramlint.job import (
    Adapter,
    Assumed,
    Buckets,
    Evaluation,
    Generation,
    Parallel,
    Precision,
    Quantization,
    RoleModel,
    Roles,
    TrainingJob,
    Written,
)
from vramlint.job_fields import FIELDS
from vramlint.job_fields.types import alternatives, choices
from vramlint.lazy_dataclasses import replace
from vramlint.versions import refusal
from vramlint.vocabulary import ADAPTER_METHODS, Checkpointing, Recomputed, Runtime

VERSION = "1"


def _one_of(choices: tuple[str, ...]) -> Kind[str]:
    return lambda value: value if isinstance(value, str) and value in choices else None


def _checkpointing(value: Any) -> Checkpointing | None:
    if isinstance(value, Mapping):
        every, modules = positive(value.get("every")), _recomputed(value.get("modules"))
        return every or modules or memory_budget(value.get("budget"))
    if isinstance(value, bool):
        return "full" if value else "none"
    return value if value in choices("gradient_checkpointing") else positive(value)


_MODULES: Mapping[Any, Recomputed] = {
    **{word: word for word in get_args(Recomputed)},
    "rms_norm": "norm",
    "layernorm": "block_norm",
    "feed_forward": "mlp",
    "core_attn": "core_attention",
    "moe_act": "expert_activation",
    "mla_up_proj": "latent_up",
}
"""Modules of a layer, by the names that frameworks have for them."""


def _recomputed(given: Any) -> tuple[Recomputed, ...] | None:
    """The modules of a list of names; None for anything else, and where one is not known."""
    if not isinstance(given, list) or not given or any(word not in _MODULES for word in given):
        return None
    return tuple(dict.fromkeys(_MODULES[word] for word in given))


def _loss(value: Any) -> str | int | None:
    if isinstance(value, Mapping):
        return positive(value.get("chunks"))
    return value if value in choices("loss") else positive(value)


def _targets(value: Any) -> str | tuple[str, ...] | None:
    return () if value == [] else text(value) or names(value)


_KINDS: dict[str, Kind[Any]] = {
    "adapter.targets": _targets,
    "gradient_checkpointing": _checkpointing,
    "loss": _loss,
    "kernels.liger": names,
}
"""Coercions of the fields that a file may write in several forms."""
_BY_TYPE: dict[Any, Kind[Any]] = {
    bool: boolean,
    int: positive,
    float: number,
    str: text,
    tuple[str, ...]: names,
    tuple[int, ...]: integers,
}
ROLES = ("critic", "reward_model", "teacher", "reference")
_ROLE_WORDS = ("auto", "none", "same-as-model", "unknown")
_READ_APART = frozenset(
    {
        *("vramlint", "model", "optimizer_args", "versions", "gpu", "ram", "parallel.data"),
        *(f"roles.{role}" for role in ROLES),
    }
)
_GROUPS = (
    *("adapter", "quantization", "precision", "parallel", "parallel.buckets", "generation", "roles"),
    *("evaluation", "kernels"),
)


def _kind(row: Key) -> Kind[Any]:
    if row.path in _KINDS:
        return _KINDS[row.path]
    return _one_of(row.choices) if row.choices else _BY_TYPE[alternatives(row.path)[0]]


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The job that a job file states; what it leaves out has the defaults of `TrainingJob`."""
    reader = Reader(values, "the job file", VERSION, table(KEYS))
    model = _model(reader, context)
    if isinstance(model, Obstacle):
        return finish(DIALECT, reader, model)
    method = reader.raw("method")
    if method not in (UNSET, None, *choices("method")):
        message = f"method: {method!r} is not known; use one of {', '.join(choices('method'))}"
        return finish(DIALECT, reader, Obstacle("not-modelled", message, ("method",)))
    found = {row.path: reader.read(row.path, _kind(row)) for row in KEYS if row.path not in _READ_APART}
    if reader.has("gradient_clipping") and reader.get("gradient_clipping", number) in (None, 0):
        found["gradient_clipping"] = None
    group = {name: _members(found, name) for name in ("", *_GROUPS)}
    parallel = {**group["parallel"], **_data(reader), "buckets": Buckets(**group["parallel.buckets"])}
    top = group[""]
    top.update(
        adapter=Adapter(**group["adapter"]) if top["method"] in ADAPTER_METHODS else None,
        quantization=_quantization(reader, top["method"], group["quantization"]),
        precision=Precision(**group["precision"]),
        parallel=Parallel(**parallel),
        generation=Generation(**group["generation"]) if reader.has("generation") else None,
        roles=Roles(**{**group["roles"], **{role: _role(reader, context, role) for role in ROLES}}),
        evaluation=Evaluation(**group["evaluation"]) if reader.has("evaluation") else None,
        optimizer_args=dict(reader.get("optimizer_args", mapping) or {}),
        versions={**_versions(reader), **context.versions},
    )
    if isinstance(top["gradient_checkpointing"], float) and not top["compile"]:
        message = "gradient_checkpointing.budget is of compiled layers alone; write compile: true"
        reader.problem("not-compiled", "gradient_checkpointing", message, "error", ("compile",))
    top["runtime"] = _runtime(reader, top["runtime"], top["parallel"])
    if top["runtime"] == "megatron" and top["adapter"] is not None and not reader.has("adapter.dtype"):
        reader.assume("adapter.dtype", "Megatron's adapters have the dtype of the base")
        top["adapter"] = replace(top["adapter"], dtype="same-as-base")
    top["kernels"] = read_kernels(reader, model, top, group["kernels"])
    top.update(_hardware(reader, context, top["nodes"]))
    said = (Written, Assumed)
    origins = {name: origin for name, origin in reader.record.origins.items() if isinstance(origin, said)}
    return finish(DIALECT, reader, TrainingJob(model=model, **top, origins=origins))


def _runtime(reader: Reader, written: Runtime, parallel: Parallel) -> Runtime:
    """Whose layers run. Sequence parallelism beside an engine other than FSDP is Megatron's."""
    sharded = parallel.strategy.startswith("fsdp") or parallel.strategy == "zero3"
    if reader.has("runtime") or not parallel.sequence or parallel.tensor == 1 or sharded:
        return written
    reader.assume("runtime", "parallel.sequence is Megatron's")
    return "megatron"


def _members(found: Mapping[str, Any], group: str) -> dict[str, Any]:
    """The values right under `group`, by their last name."""
    return {
        path.rpartition(".")[2]: value for path, value in found.items() if path.rpartition(".")[0] == group
    }


def _model(reader: Reader, context: Context) -> Model | Obstacle:
    inline = reader.get("model", mapping)
    if inline is None:
        return find_model(reader, context, "model")
    reader.written("model", "model")
    name = text(inline.get("name")) or text(inline.get("model_type")) or "the model"
    config = {key: value for key, value in inline.items() if key != "name"}
    return context.catalog.from_config(config, name) or Obstacle(
        "no-model", "model: an inline model needs model_type, or parameters alone", ("model",)
    )


def _role(reader: Reader, context: Context, role: str) -> RoleModel:
    """A model beside the trained one: a word, or a model as under `model`."""
    path = f"roles.{role}"
    inline, name = reader.get(path, mapping), reader.get(path, text)
    if inline is None and name is None:
        return "auto"
    reader.written(path, path)
    if inline is not None:
        named = text(inline.get("name")) or text(inline.get("model_type")) or role
        config = {key: value for key, value in inline.items() if key != "name"}
        return context.catalog.from_config(config, named) or "unknown"
    word = next((word for word in _ROLE_WORDS if word == name), None)
    return word or context.catalog.model(str(name), context.folder) or "unknown"  # type: ignore[return-value]


def _data(reader: Reader) -> dict[str, int]:
    """`parallel.data`: a number, or {shard, replicate} for a hybrid."""
    if reader.get("parallel.data", _hybrid) is None:
        return {"data": reader.read("parallel.data", positive, 1)}
    names = {"data": "parallel.data.shard", "replicate": "parallel.data.replicate"}
    return {name: reader.read(path, positive, 1, field=f"parallel.{name}") for name, path in names.items()}


def _hybrid(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) and not {"shard", "replicate"}.isdisjoint(value) else None


def _versions(reader: Reader) -> dict[str, str]:
    versions = {}
    for library, written in (reader.get("versions", mapping) or {}).items():
        path, version = f"versions.{library}", str(written)
        if (refused := refusal(path, version)) is None:
            versions[library] = version
        else:
            reader.problem("not-a-version", path, refused)
    return versions


def _quantization(reader: Reader, method: str, given: Mapping[str, Any]) -> Quantization | None:
    return Quantization(**given) if method == "qlora" or reader.has("quantization.scheme") else None


def _hardware(reader: Reader, context: Context, nodes: int) -> dict[str, Any]:
    """The declared hardware; what the file says itself counts where nothing stronger does."""
    gpu, count = context.gpu, context.gpu_count
    own = mapping(reader.raw("gpu")) or {}  # its name is read before the file is
    size = memory_bytes(own.get("memory"))
    if gpu is None and size:
        gpu = Gpu(f"{size / GIB:.3g} GiB GPU", size, size, confidence="stated")
        count = positive(own.get("count")) or 1
    if reader.has("gpu"):
        reader.written("gpu", "gpu")
    ram = reader.get("ram", memory_bytes)
    if ram is not None:
        reader.written("ram", "ram")
    return {"gpu": gpu, "gpu_count": count, "nodes": max(nodes, context.nodes), "ram": ram or context.ram}


def write_job(job: TrainingJob) -> dict[str, Any]:
    """`job` as the mapping of a job file that reads back as the same job: the settings that everyone asks
    for, and all that differ from defaults.
    """
    out: dict[str, Any] = {"vramlint": 1, "model": _written_model(job.model)}
    for row in KEYS:
        if row.path in _READ_APART:
            continue
        value = _value(job, row.path)
        said = FIELDS[row.path].always or is_implied(job, row.path)
        if value is UNSET or (value == row.default and not said):
            continue
        _put(out, row.path, _plain(row.path, value))
    for role in ROLES:
        model = getattr(job.roles, role)
        if model != "auto":
            _put(out, f"roles.{role}", _written_model(model) if isinstance(model, Model) else model)
    _put_data(out, job.parallel)
    if job.optimizer_args:
        out["optimizer_args"] = dict(job.optimizer_args)
    if job.versions:
        out["versions"] = dict(job.versions)
    if job.gpu is not None:
        out["gpu"] = _written_gpu(job.gpu, job.gpu_count)
    if job.ram is not None:
        out["ram"] = job.ram
    return out


def _written_model(model: Model) -> Any:
    if not model.config and model.parameters:
        return {"parameters": model.parameters}
    if model.source in ("config.json", "the file itself"):
        counted = {"parameters": model.parameters} if model.parameters else {}
        return {"name": model.name, **model.config, **counted}
    return model.name


def _written_gpu(gpu: Gpu, count: int) -> Any:
    if gpu.confidence == "stated":
        return {"memory": f"{gpu.memory_bytes / MIB:g}MiB", "count": count}
    return f"{gpu.name} x{count}"


def _value(job: TrainingJob, path: str) -> Any:
    value: Any = job
    for name in path.split("."):
        if value is None:
            return UNSET
        value = getattr(value, name)
    return value


def _plain(path: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return {"modules": list(value)} if path == "gradient_checkpointing" else list(value)
    if isinstance(value, float) and path == "gradient_checkpointing":
        return {"budget": value}
    if isinstance(value, int) and not isinstance(value, bool) and path in ("loss", "gradient_checkpointing"):
        return {"chunks" if path == "loss" else "every": value}
    return value


def _put(out: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for name in above:
        out = out.setdefault(name, {})
    out[last] = value


def _put_data(out: dict[str, Any], parallel: Parallel) -> None:
    if parallel.data != 1:
        _put(out, "parallel.data", parallel.data)


def _checkpointing_edit(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...]:
    return (SetKey(("gradient_checkpointing",), _plain("gradient_checkpointing", value)),)


def _method_edit(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...]:
    edits = [SetKey(("method",), value)]
    if value in ADAPTER_METHODS and job.adapter is None:
        edits += [SetKey(("adapter", "r"), 16), SetKey(("adapter", "targets"), "all-linear")]
    if value == "qlora" and job.quantization is None:
        edits.append(SetKey(("quantization", "scheme"), "bnb-nf4"))
    return tuple(edits)


_EDITORS: dict[str, Editor] = {
    "method": _method_edit,
    "gradient_checkpointing": _checkpointing_edit,
    **{
        row.path: key(row.path)
        for row in KEYS
        if row.field and row.path not in ("model", "method", "gradient_checkpointing")
    },
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """Fields are keys here, so every change can be written."""
    return edit(_EDITORS, values, job, changes)


DIALECT = Dialect(
    name="job",
    title="vramlint job file",
    version=VERSION,
    keys=KEYS,
    read=read,
    edits=edits,
    unknown_keys="refused",
    own=True,
    schema="job",
    gpu_key="gpu",
)
