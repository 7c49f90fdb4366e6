"""TRL recipes (SFT, DPO, KTO, reward, GRPO, RLOO …) and scripts that take plain TrainingArguments.

Semantics of trl 0.18 … 1.16 and transformers 5.23. What a recipe holds in memory depends on the release
more than in any other dialect: the load dtype, checkpointing, mixed precision and the loss all changed
their defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.catalog.optimizers import steps_in_backward
from vramlint.dialects.engines.accelerate import LAUNCHERS
from vramlint.dialects.engines.distribution import ParallelPlan, WorldSize
from vramlint.dialects.engines.evaluation import read_evaluation
from vramlint.dialects.engines.hf_trainer import (
    Batch,
    offloads_activations,
    optimizer_args,
    read_batch,
    read_checkpointing,
    read_clipping,
    read_engine,
)
from vramlint.dialects.engines.liger import read_liger
from vramlint.dialects.engines.loading import loading_of
from vramlint.dialects.engines.trainer_checks import TRAINER
from vramlint.dialects.kit.conflicts import report
from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.reader import Reader, boolean, integer, mapping, positive, table, text
from vramlint.dialects.kit.reading import (
    find_model,
    finish,
    framework_reader,
    hardware,
    open_companion,
    world_size,
)
from vramlint.dialects.trl.checks import TRL, float32_compute
from vramlint.dialects.trl.dated import Dated, dated
from vramlint.dialects.trl.edits import edits
from vramlint.dialects.trl.keys import KEYS, NO_TRAINER, RENAMED
from vramlint.dialects.trl.method import (
    check_precomputing,
    read_generation,
    read_loss,
    read_objective,
    read_reference,
    read_roles,
)
from vramlint.dialects.trl.own_arguments import decided_by_program
from vramlint.dialects.trl.refusals import REFUSALS
from vramlint.dialects.trl.weights import (
    prepared,
    raised,
    read_adapter,
    read_attention,
    read_method,
    read_precision,
    read_quantization,
)
from vramlint.job import Kernels, Precision, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Loop

VERSION = "1.16"
TRANSFORMERS = "5.24"
_TABLE = table(KEYS)

_OWN_SCRIPT = (
    *NO_TRAINER,
    "use_lora",
    "use_qlora",
    "train_file",
    "block_size",
    "do_train",
    "dataset_config_name",
    "max_source_length",
    "task_name",
)
"""Arguments of transformers' example scripts and of people's own, over TrainingArguments' names."""
_ONLY_TRL = (
    "dataset_name",
    "datasets",
    "use_peft",
    "dtype",
    "torch_dtype",
    "attn_implementation",
    "max_length",
    "max_prompt_length",
    "max_completion_length",
    "dataset_train_split",
    "dataset_test_split",
    "dataset_mixture",
    "dataset_mixer",
    "dataset_text_field",
    "dataset_config",
    "assistant_only_loss",
    "completion_only_loss",
    "num_generations",
    "reward_funcs",
    "reward_model_name_or_path",
    "precompute_ref_log_probs",
    "beta",
    "loss_type",
    "packing",
    "padding_free",
    "use_bnb_nested_quant",
    "activation_offloading",
    "desirable_weight",
    "chat_template_path",
    "lora_task_type",
    "load_in_4bit",
    "load_in_8bit",
    "model_init_kwargs",
    "accelerate_config",
    "teacher_model_name_or_path",
)
"""Arguments that say TRL where none of `_OWN_SCRIPT` speaks against it."""
LENGTHS = (
    "max_length",
    "max_seq_length",
    "max_seq_len",
    "model_max_length",
    "block_size",
    "max_source_length",
)
"""Arguments of scripts over a Trainer that cut or pad rows."""
_DEFAULT_LENGTH = 1024


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The job that a recipe describes."""
    reader, context = _reader(values, context)
    report(reader, TRAINER)
    if reader.framework == "trl":
        report(reader, TRL)
        report(reader, REFUSALS)
        report(reader, [found for found in (float32_compute(reader),) if found])
    named = "sft_model_path" if reader.has("sft_model_path") else "model_name_or_path"
    model = find_model(reader, context, named)
    unknown = decided_by_program(reader) if context.trainer is None else None
    outcome = model if isinstance(model, Obstacle) else unknown or job_of(reader, context, model)
    if isinstance(outcome, TrainingJob) and context.trainer is not None and context.trainer.prepared:
        outcome = raised(outcome)
    return finish(DIALECT, reader, outcome)


def _reader(values: Mapping[str, Any], context: Context) -> tuple[Reader, Context]:
    """A reader that knows which framework, and which release of it, the file is for; and the context with
    that release, where the file tells it.
    """
    plain = any(name in values for name in _OWN_SCRIPT) or not any(name in values for name in _ONLY_TRL)
    if context.trainer is not None:
        plain = context.trainer.library == "transformers"
    declared = "trl" in context.versions or (plain and "transformers" in context.versions)
    old = None if declared else dated(values, context, plain=plain)
    if old is not None:
        context = replace(context, versions={**context.versions, old.library: old.last})
    if plain and "trl" not in context.versions:
        reader = framework_reader(values, context, "transformers", TRANSFORMERS, _TABLE)
        # TRL does not run: its rows are as before its first release.
        reader = replace(reader, releases={**reader.releases, "trl": "0"})
    else:
        reader = framework_reader(values, context, "trl", VERSION, _TABLE)
    if old is not None:
        _say(reader, context, old)
    return reader, context


def _say(reader: Reader, context: Context, old: Dated) -> None:
    """Tell of the release that a name gives away."""
    gone = "transformers" if old.beside else old.library
    newest = f"{gone} {VERSION if gone == 'trl' else TRANSFORMERS}"
    fate = "refuses" if context.trainer is not None and context.trainer.called else "drops"
    beside = f", which ran beside transformers {old.beside}" if old.beside else ""
    read_as = f"{old.library} {old.last}{beside}, the last release seen that knew it"
    message = f"{old.name} is unknown to {newest}, which {fate} it; read as {read_as}"
    reader.problem("older-release", old.name, message, "information")


def job_of(reader: Reader, context: Context, model: Model) -> TrainingJob:
    """The job that a reader of TRL's and TrainingArguments' keys describes."""
    objective = read_objective(reader, context)
    given = context.trainer is not None and context.trainer.given_model
    quantization = read_quantization(reader, model, given=given)
    method = read_method(reader, quantization)
    precision = read_precision(reader, model, given=given)
    batch = read_batch(reader)
    engine = _engine(reader, context, model, precision, method, batch)
    quantization = prepared(reader, quantization, engine, precision.autocast)
    generation = read_generation(reader, objective, batch.micro, batch.accumulation)
    offload = reader.read("activation_offloading", boolean) or offloads_activations(reader)
    checkpointing = read_checkpointing(reader)
    optimizer = reader.read("optim", text)
    check_precomputing(reader, objective, engine.parallel.strategy)
    return TrainingJob(
        model=model,
        objective=objective,
        method=method,
        adapter=None if method == "full" else read_adapter(reader, model, engine, quantization),
        quantization=quantization if method != "full" else None,
        precision=engine.precision,
        optimizer=optimizer,
        optimizer_args=optimizer_args(reader),
        optimizer_in_backward=steps_in_backward(optimizer),
        micro_batch_size=batch.micro,
        gradient_accumulation_steps=batch.accumulation,
        sequence_length=_length(reader, generation.completion_length if generation else None),
        packing=reader.read("packing", boolean) or reader.flag("padding_free"),
        images="one" if context.trainer is not None and context.trainer.images else "none",
        gradient_checkpointing=engine.checkpointing or checkpointing,
        activation_offload=offload,
        attention=read_attention(reader),
        loss=read_loss(reader, model, objective),
        kernels=Kernels(read_liger(reader, model, "use_liger_kernel", "use_liger")),
        loop=_loop(reader),
        compile=reader.read("torch_compile", boolean),
        gradient_clipping=read_clipping(reader),
        parallel=engine.parallel,
        reference_model=read_reference(reader, objective, method),
        generation=generation,
        saving=engine.saving,
        evaluation=read_evaluation(reader),
        loading=loading_of(reader, engine, quantization),
        roles=read_roles(reader, context, objective),
        origins=reader.record.origins,
        **hardware(context),
    )


def _length(reader: Reader, completion: int | None) -> int:
    """Tokens of the longest row."""
    if completion is not None:
        prompt = reader.get("max_prompt_length", integer) or None  # 0 cuts nothing either: row[-0:]
        if prompt is None:
            reader.assume(
                "sequence_length", f"prompts are not cut: 512 tokens and {completion} of a completion"
            )
        else:
            given = reader.has("max_completion_length")
            reader.written("sequence_length", "max_completion_length" if given else "max_prompt_length")
        return (prompt or 512) + completion
    for path in LENGTHS:
        length = reader.get(path, positive)
        if length is not None:
            reader.written("sequence_length", path)
            return length
    if reader.has("max_length"):
        reader.assume(
            "sequence_length", "max_length: null cuts nothing; 2048 tokens assumed for the longest sample"
        )
        return 2048
    if reader.framework == "trl":
        reader.default("sequence_length")
    else:
        reader.assume("sequence_length", f"no key says how long a row is; {_DEFAULT_LENGTH} tokens assumed")
    return _DEFAULT_LENGTH


def _loop(reader: Reader) -> Loop:
    reader.default("loop")
    if not reader.runs("trl", "0.16"):
        return "trainer"
    return "trl@1.16" if reader.runs("trl", "1.16") else "trl@1.10"


def _engine(
    reader: Reader, context: Context, model: Model, precision: Precision, method: str, batch: Batch
) -> ParallelPlan:
    world = WorldSize(world_size(reader, context), context.nodes)
    processes = reader.get("num_processes", positive)
    if processes is not None:
        reader.written("parallel.data", "num_processes")
        world = WorldSize(processes, context.nodes)
    spread = _spread(reader, context)
    found = read_engine(
        reader,
        context,
        WorldSize(1, 1) if spread > 1 else world,
        model,
        precision,
        full=method == "full",
        batch=batch,
        launcher=_launcher(reader, context, processes),
    )
    if spread == 1 or found.parallel.strategy != "none":
        return found
    reader.default("parallel.pipeline", "one process, whose model is loaded with a device_map")
    return replace(found, parallel=replace(found.parallel, pipeline=spread, schedule="device-map"))


def _spread(reader: Reader, context: Context) -> int:
    """GPUs over which one process spreads the layers: all, where python alone starts a script whose model is
    loaded with a `device_map`, as TRL's trainers do from 0.26 with one that they load themselves
    (trl/trainer/utils.py, create_model_from_path).
    """
    trainer, launch = context.trainer, context.launch
    if trainer is None or launch is None or launch.by != ("python",) or launch.per_node or launch.processes:
        return 1
    by_trl = trainer.by_name and trainer.library == "trl" and reader.runs("trl", "0.26")
    return context.gpu_count if trainer.spread or by_trl else 1


def _launcher(reader: Reader, context: Context, processes: int | None) -> Reader | None:
    """The launcher's settings named by `accelerate_config`: one of those that come with trl, or a file."""
    name = reader.get("accelerate_config", text)
    if name is None:
        return None
    given = {} if processes is None else {"num_processes": processes}
    if name in LAUNCHERS:
        return reader.virtual({**LAUNCHERS[name], **given}, "accelerate_config")
    companion = open_companion(reader, context, "accelerate_config")
    if companion is None or mapping(companion.values) is None:
        return None
    inner = reader.companion_reader(companion)
    inner.values = {**inner.values, **given}
    return inner


DIALECT = Dialect(
    name="trl",
    title="TRL and Hugging Face Trainer",
    version=VERSION,
    keys=KEYS,
    read=read,
    edits=edits,
    unknown_keys="dropped",
    extended="dropped",
    training_arguments=True,
    renamed=RENAMED,
    schema="trl",
)
