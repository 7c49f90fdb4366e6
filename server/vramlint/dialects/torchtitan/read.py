"""torchtitan: up to 0.2 TOML with sections for job, model, training, parallelism; from 0.3 Python functions.

Semantics of 0.2.2 (`torchtitan/train.py`, `distributed/parallel_dims.py`, `distributed/utils.py`,
`models/llama3/infra/parallelize.py`).
What the functions of 0.3 return is brought under the same keys by `scripting.torchtitan` and
`launching.registered`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import (
    UNSET,
    Context,
    Dialect,
    Obstacle,
    ReadResult,
    Renamed,
)
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    choice,
    integer,
    look_up,
    memory_budget,
    names,
    number,
    positive,
    table,
    text,
)
from vramlint.dialects.kit.reading import finish, framework_reader, hardware, world_size
from vramlint.dialects.torchtitan.edits import edits
from vramlint.dialects.torchtitan.keys import KEYS, RENAMED
from vramlint.dialects.torchtitan.models import torchtitan_model
from vramlint.job import Parallel, Precision, TrainingJob
from vramlint.versions import at_least, older, release
from vramlint.vocabulary import Attention, Autocast, Checkpointing, Fp8, Loss, Schedule, Strategy

VERSION = "0.2.2"
OF_FUNCTIONS = "0.3.0"
"""The release whose functions are read, which name an attention kernel beside the flavor."""

_Width = Literal["float32", "bfloat16"]
_DTYPES: Mapping[str, _Width] = {"float32": "float32", "bfloat16": "bfloat16"}
_IMPLEMENTATIONS = {"fused": "adamw_torch_fused", "foreach": "adamw_torch", "for-loop": "adamw_torch"}
_DEGREES = {
    "replicate": "parallelism.data_parallel_replicate_degree",
    "shard": "parallelism.data_parallel_shard_degree",
    "tensor": "parallelism.tensor_parallel_degree",
    "context": "parallelism.context_parallel_degree",
    "pipeline": "parallelism.pipeline_parallel_degree",
}
_SEVERAL = 2
"""Keys of older releases from which on the file is for an older release; a single one is a mistake."""
_SCHEDULES: Mapping[str, tuple[Schedule, int]] = {
    "1f1b": ("1f1b", 1),
    "gpipe": ("gpipe", 1),
    "loopedbfs": ("gpipe", 2),
    "interleaved1f1b": ("interleaved", 2),
    "interleavedzerobubble": ("interleaved", 2),
    "zbvzerobubble": ("zero-bubble", 2),
    "dualpipev": ("zero-bubble", 2),
}
"""Names of torch's schedules in lower case (2.13, distributed/pipelining/schedules.py)."""


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run that a job config describes."""
    version = VERSION if look_up(values, "model.attn_backend") is UNSET else OF_FUNCTIONS
    reader = framework_reader(values, context, "torchtitan", version, table(KEYS))
    _date(reader, context)
    model = _model(reader, context)
    return finish(DIALECT, reader, model if isinstance(model, Obstacle) else _job(reader, context, model))


def _date(reader: Reader, context: Context) -> None:
    """Take a file with several keys of older releases for one of such a release."""
    old = _of_older(reader)
    if "torchtitan" in context.versions or not old:
        return
    newest = _newest(old)
    named = ", ".join(row.path for row in old)
    message = f"torchtitan {VERSION} does not know {named}: read as a release before {newest.removed_in}"
    related = tuple(row.path for row in old if row is not newest)
    reader.problem("older-release", newest.path, message, "information", related)


def _of_older(reader: Reader) -> list[Renamed]:
    """The keys that only older releases know, where the file has several."""
    old = [row for row in RENAMED if reader.has(row.path)]
    return old if len(old) >= _SEVERAL else []


def _newest(old: Sequence[Renamed]) -> Renamed:
    """The key that dates the file: the first of them that was dropped."""
    return min(old, key=lambda row: release(row.removed_in) or ())


def _is_older(reader: Reader, context: Context, than: str) -> bool:
    """Whether the file is for a release before `than`, as the declared version says, else its keys."""
    if "torchtitan" in context.versions:
        return older(context.versions["torchtitan"], than)
    old = _of_older(reader)
    return bool(old) and at_least(than, _newest(old).removed_in)


def _spelt(reader: Reader, path: str) -> str:
    """The key as the file has it: under its name, else under one that an older release had for it."""
    old = (row.path for row in RENAMED if row.replacement == path)
    return path if reader.has(path) else next((name for name in old if reader.has(name)), path)


def _model(reader: Reader, context: Context) -> Model | Obstacle:
    name, flavor = reader.get("model.name", text) or "llama3", reader.get("model.flavor", text)
    if flavor is None:
        return Obstacle(
            "no-model", "no model: model.flavor is not set", ("model",) if reader.has("model") else ()
        )
    known = torchtitan_model(name, flavor)
    found = (
        context.catalog.model(known, context.folder)
        if isinstance(known, str)
        else context.catalog.from_config(known, f"{name} {flavor}")
        if known
        else None
    )
    if found is None:
        message = f"model.flavor: nothing is known of the flavor {flavor!r} of {name}"
        return Obstacle("unknown-model", message, reader.at("model.flavor"))
    reader.written("model", "model.flavor")
    return found


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob:
    layers = model.config.get("num_hidden_layers")
    parallel = _parallel(reader, context, layers if isinstance(layers, int) else None)
    sharded = parallel.strategy == "fsdp2"
    weights: _Width = reader.read("training.dtype", choice(_DTYPES))
    rows = reader.read(("training.local_batch_size", "training.batch_size"), positive)
    micro, accumulation = _batch(reader, context, rows, parallel)
    length = reader.read("training.seq_len", positive)
    job = TrainingJob(
        model=model,
        runtime="torchtitan",
        objective="pretrain",
        method="full",
        precision=Precision(weights=weights, autocast=_autocast(reader, parallel, weights), fp8=_fp8(reader)),
        optimizer=_optimizer(reader),
        optimizer_in_backward=reader.read("optimizer.early_step_in_backward", boolean),
        micro_batch_size=micro,
        gradient_accumulation_steps=accumulation,
        sequence_length=length,
        packing=True,
        gradient_checkpointing=_checkpointing(reader),
        attention=_attention(reader),
        loss=_loss(reader, context),
        loop="freed",
        compile=_compiled(reader),
        gradient_clipping=reader.read("training.max_norm", number) or None,
        parallel=parallel,
        origins=reader.record.origins,
        **hardware(context),
    )
    reader.default("objective", "it pretrains")
    reader.default("packing", "every row is full")
    _check(reader, job, rows, sharded)
    return job


def _parallel(reader: Reader, context: Context, layers: int | None) -> Parallel:
    """The mesh. A shard degree of -1 takes what the other degrees leave of the declared GPUs."""
    world = world_size(reader, context)
    paths = {name: _spelt(reader, path) for name, path in _DEGREES.items()}
    # distributed/parallel_dims.py: every degree is at least 1, but -1 shards over what is left.
    sizes = {
        name: reader.get(path, integer if name == "shard" and reader.raw(path) == -1 else positive)
        for name, path in paths.items()
    }
    for name, path in paths.items():
        if reader.has(path) and not (name == "shard" and sizes[name] == -1):
            reader.written(f"parallel.{'data' if name == 'shard' else name}", path)
    fixed = {name: size if size and size > 0 else 1 for name, size in sizes.items()}
    product = fixed["replicate"] * fixed["tensor"] * fixed["context"] * fixed["pipeline"]
    shard = fixed["shard"]
    if sizes["shard"] in (None, -1):
        shard = max(world // product, 1)
        if not context.gpu_declared and product > 1:
            reader.assume(
                "parallel.data", f"no GPUs are declared, so the {product} of the other degrees are taken"
            )
    _check_degrees(reader, context, world, product * shard)
    expert = reader.read("parallelism.expert_parallel_degree", positive)
    sharding = shard > 1 or fixed["context"] > 1
    if sharding:
        reader.default("parallel.strategy", "FSDP2 over the shard and context degrees")
    strategy: Strategy = "fsdp2" if sharding else "ddp" if fixed["replicate"] > 1 else "none"
    reduce: _Width = reader.read("training.mixed_precision_reduce", choice(_DTYPES))
    param: _Width = reader.read("training.mixed_precision_param", choice(_DTYPES))
    schedule, chunks = _schedule(reader, fixed["pipeline"], layers)
    return Parallel(
        strategy=strategy,
        data=shard if sharding else fixed["replicate"],
        replicate=fixed["replicate"] if sharding else 1,
        sharding="grad-op" if sharding and _keeps_gathered(reader, fixed["pipeline"]) else "full",
        tensor=fixed["tensor"],
        sequence=fixed["tensor"] > 1 and _splits_sequence(reader),
        context=fixed["context"],
        pipeline=fixed["pipeline"],
        schedule=schedule,
        virtual_pipeline=chunks,
        expert=expert,
        offload="both" if sharding and reader.read("training.enable_cpu_offload", boolean) else "none",
        param_dtype="none" if not sharding or param == "float32" else param,
        reduce_dtype=reduce if sharding else "none",
    )


def _schedule(reader: Reader, stages: int, layers: int | None) -> tuple[Schedule, int]:
    """The pipeline's order, and chunks of layers on each stage: two under the looped schedules, where no
    number of layers says otherwise (torchtitan 0.3, distributed/pipeline_parallel.py).
    """
    if stages == 1:
        return "1f1b", 1
    name = reader.read("parallelism.pipeline_parallel_schedule", text).lower()
    schedule, chunks = _SCHEDULES.get(name, ("1f1b", 1))
    each = reader.get("parallelism.pipeline_parallel_layers_per_stage", positive)
    if each is not None and layers is not None and chunks > 1:
        reader.written("parallel.virtual_pipeline", "parallelism.pipeline_parallel_layers_per_stage")
        chunks = max(-(-(layers + 2) // each) // stages, 1)
    return schedule, chunks


def _splits_sequence(reader: Reader) -> bool:
    """From 0.3 it can be switched off (config/configs.py, enable_sequence_parallel)."""
    return reader.get("parallelism.enable_sequence_parallel", boolean) is not False


def _keeps_gathered(reader: Reader, pipeline: int) -> bool:
    policy = reader.read("parallelism.fsdp_reshard_after_forward", text, field="parallel.sharding")
    return policy == "never" or (policy == "default" and pipeline > 1)


def _check_degrees(reader: Reader, context: Context, world: int, product: int) -> None:
    if not context.gpu_declared or product == world:
        return
    paths = [_spelt(reader, path) for path in reversed(_DEGREES.values())]
    named = next((path for path in paths if (reader.get(path, integer) or 1) > 1), "parallelism")
    message = (
        f"the parallel degrees multiply to {product}, but {world} GPUs are declared; torchtitan refuses that"
    )
    reader.problem("degrees-exceed-world", named, message, "error")


def _autocast(reader: Reader, parallel: Parallel, weights: str) -> Autocast:
    """Autocast serves only where neither FSDP nor tensor nor pipeline parallelism does."""
    plain = parallel.strategy in ("none", "ddp") and parallel.tensor == parallel.pipeline == 1
    param: _Width = reader.get("training.mixed_precision_param", choice(_DTYPES)) or "bfloat16"
    reader.same_origin_as("precision.autocast", "parallel.param_dtype")
    return param if plain and param != "float32" and weights == "float32" else "none"


def _batch(reader: Reader, context: Context, rows: int, parallel: Parallel) -> tuple[int, int]:
    """Rows of one forward pass, and how many passes a step has."""
    whole = reader.get("training.global_batch_size", positive)
    steps = 1
    if whole is not None:
        reader.written("gradient_accumulation_steps", "training.global_batch_size")
        steps = max(whole // (rows * parallel.data * parallel.replicate), 1)
    else:
        reader.default("gradient_accumulation_steps")
    if parallel.pipeline > 1 and _is_older(reader, context, "0.1"):
        # 0.0.2, parallelisms/pipelining_utils.py
        batches = reader.get("experimental.pipeline_parallel_microbatches", positive) or parallel.pipeline
        reader.default("micro_batch_size", "before 0.1 as many micro batches as stages")
        return max(rows // batches, 1), min(rows, batches) * steps
    if parallel.pipeline > 1:
        micro = reader.read("parallelism.pipeline_parallel_microbatch_size", positive)
        return micro, max(rows // micro, 1) * steps
    return rows, steps


def _checkpointing(reader: Reader) -> Checkpointing:
    mode = reader.read("activation_checkpoint.mode", text)
    if mode != "selective":
        if mode == "memory_budget":
            return _budget(reader)
        return "none" if mode == "none" else "full" if mode == "full" else "selective-op"
    option = reader.raw("activation_checkpoint.selective_ac_option")
    reader.read("activation_checkpoint.selective_ac_option", lambda value: value, "2")
    return "selective-op" if option == "op" else positive(option) or 2


def _budget(reader: Reader) -> Checkpointing:
    """The share that compiled layers keep (distributed/activation_checkpoint.py), which asserts that they are
    compiled.
    """
    if not _compiled(reader):
        message = "activation_checkpoint.mode: memory_budget is refused without compile.enable: true"
        reader.problem("not-compiled", "activation_checkpoint.mode", message, "error", ("compile.enable",))
    found: Checkpointing = reader.read("activation_checkpoint.memory_budget", memory_budget, 0.5)
    return found


def _compiled(reader: Reader, component: str = "model") -> bool:
    enabled: bool = reader.read(("compile.enable", "training.compile"), boolean, False, field="compile")
    components = reader.get("compile.components", names)
    return enabled and (components is None or component in components)


def _attention(reader: Reader) -> Attention:
    """The kernel that the flavor's name has, or from 0.3 an argument beside it."""
    backend = reader.get("model.attn_backend", text) or reader.get("model.flavor", text) or ""
    if "varlen" in backend:
        return "flash_attention_2"
    return "flex" if "flex" in backend else "sdpa"


def _loss(reader: Reader, context: Context) -> Loss | int:
    """Whole logits, or from 0.3 those of one chunk at a time (components/loss.py, ChunkedLossWrapper). From
    0.1 the loss is compiled with the layers (build_cross_entropy_loss); before, compiling it was turned off.
    """
    chunks = reader.get("loss.num_chunks", positive)
    if chunks is None:
        compiled = _compiled(reader, "loss") and not _is_older(reader, context, "0.1")
        return "compiled" if compiled else "full-logits"
    reader.written("loss", "loss.num_chunks")
    return chunks


def _optimizer(reader: Reader) -> str:
    name = reader.read("optimizer.name", text)
    if name not in ("Adam", "AdamW"):
        return name.lower()
    implementation = reader.get("optimizer.implementation", text)
    return _IMPLEMENTATIONS.get(implementation or "fused", "adamw_torch_fused")


_FLOAT8 = frozenset({"quantize.linear.float8", "float8"})
"""The converter of linears; the second is its name up to 0.1."""


def _fp8(reader: Reader) -> Fp8:
    """Float8 linears, when the converter is switched on."""
    if not _FLOAT8 & set(reader.get("model.converters", names) or ()):
        return "none"
    reader.written("precision.fp8", "model.converters")
    recipe = reader.get(_spelt(reader, "quantize.linear.float8.recipe_name"), text) or "tensorwise"
    return "rowwise" if recipe.startswith("rowwise") else "tensorwise"


def _check(reader: Reader, job: TrainingJob, rows: int, sharded: bool) -> None:
    """What torchtitan refuses."""
    parallel = job.parallel
    divisor = (parallel.tensor if parallel.sequence else 1) * (
        2 * parallel.context if parallel.context > 1 else 1
    )
    if job.sequence_length % divisor:
        message = (
            f"training.seq_len: {job.sequence_length} must divide by {divisor} "
            "(tensor degree × 2 × context degree); take a multiple of it"
        )
        reader.problem("indivisible-length", "training.seq_len", message, "error")
    if parallel.pipeline > 1 and job.optimizer_in_backward:
        message = "optimizer.early_step_in_backward is refused with pipeline parallelism"
        related = (_DEGREES["pipeline"],)
        reader.problem("in-backward-conflict", "optimizer.early_step_in_backward", message, "error", related)
    if parallel.pipeline > 1 and rows % job.micro_batch_size:
        message = (
            f"training.local_batch_size: {rows} must divide by the pipeline microbatch of "
            f"{job.micro_batch_size}"
        )
        reader.problem("indivisible-batch", "training.local_batch_size", message, "error")
    whole = reader.get("training.global_batch_size", positive)
    if whole is not None and sharded and whole % (rows * parallel.data * parallel.replicate):
        each = rows * parallel.data * parallel.replicate
        message = (
            f"training.global_batch_size: {whole} must divide by {each}, the rows of one pass over all GPUs"
        )
        reader.problem("indivisible-batch", "training.global_batch_size", message, "error")


DIALECT = Dialect(
    name="torchtitan",
    title="torchtitan",
    version=VERSION,
    keys=KEYS,
    read=read,
    edits=edits,
    unknown_keys="refused",
    extended="refused",
    renamed=RENAMED,
    schema="torchtitan",
    model_keys=("model.name", "model.flavor"),
)
