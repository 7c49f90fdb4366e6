"""prime-rl: TOML for its trainers of fine-tuning and reinforcement learning, orchestrator and servers.

Semantics of 0.8, and what differs from 0.3 on (`trainer/model.py`, `trainer/sft/train.py`,
`trainer/rl/train.py`, `trainer/optim/`, and `trainer/config.py`, later `configs/trainer.py`):
float32 weights and moments shared out by FSDP2 and gathered in bfloat16, every layer compiled and recomputed,
its inputs on the host, and no whole logits. Completions are made on other GPUs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.reader import (
    Reader,
    boolean,
    choice,
    integer,
    mapping,
    names,
    number,
    positive,
    table,
    text,
)
from vramlint.dialects.kit.reading import find_model, finish, framework_reader, hardware, unmodelled
from vramlint.dialects.prime_rl.edits import edits
from vramlint.dialects.prime_rl.keys import KEYS
from vramlint.job import Adapter, Generation, Parallel, Precision, TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.vocabulary import Attention, Checkpointing, Dtype, Loss

VERSION = "0.8"
_DTYPES: Mapping[str, Dtype] = {"float32": "float32", "bfloat16": "bfloat16"}
_ATTENTION: Mapping[str, Attention] = {
    "flash_attention_2": "flash_attention_2",
    "flash_attention_3": "flash_attention_3",
    "flash_attention_4": "flash_attention_3",
    "auto": "flash_attention_2",
}
"""All of them keep the same for backward."""
_OPTIMIZERS: Mapping[str, str] = {
    "adamw": "adamw_torch",
    "sgd": "sgd_momentum",
    "muon": "muon",
    "sign_sgd": "sgd",
}
"""SignSGD keeps nothing (trainer/sign_sgd.py), SGD its momentum of 0.9 (configs/trainer.py)."""
_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Of the default targets those that every model has (configs/trainer.py, LoRAConfig)."""


@dataclass(frozen=True, slots=True)
class World:
    """GPUs that train: of a machine, and machines."""

    per_node: int
    nodes: int

    @property
    def size(self) -> int:
        """All of them."""
        return self.per_node * self.nodes


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The run of the trainer."""
    reader = framework_reader(_without_none(values), context, "prime-rl", VERSION, table(KEYS))
    alone = reader.has("data.fake")
    online = alone or any(reader.has(name) for name in ("trainer", "orchestrator", "inference"))
    trainer = (reader.section("trainer") if online and not alone else None) or reader
    named = "trainer.model.name" if reader.has("trainer.model.name") else "model.name"
    model = _obstacle(reader, trainer, online) or find_model(reader, context, named)
    if isinstance(model, Obstacle):
        return finish(DIALECT, reader, model)
    return finish(DIALECT, reader, _job(reader, trainer, context, model, online))


def _without_none(value: Any) -> Any:
    """TOML has no null: the word "None" stands for it (utils/config.py, BaseConfig)."""
    if isinstance(value, Mapping):
        return {key: _without_none(inner) for key, inner in value.items()}
    return None if value == "None" else value


def _obstacle(reader: Reader, trainer: Reader, online: bool) -> Obstacle | None:
    if online and not any(reader.has(path) for path in ("model.name", "trainer.model.name")):
        return Obstacle("not-a-training-file", "the file names no model: it serves or orchestrates")
    if not online and not reader.has("data"):
        return Obstacle("not-modelled", "the file does not say which trainer runs: neither data nor trainer")
    if trainer.get("model.quantization", mapping) is not None:
        return unmodelled(trainer, "model.quantization", "linears in 8 bits are not modelled here")
    if trainer.get("model.ac.mode", text) == "selective":
        return unmodelled(trainer, "model.ac.mode", "recomputation of single modules is not modelled here")
    optimizer = trainer.get("optim.type", text)
    if optimizer is not None and optimizer not in _OPTIMIZERS:
        return unmodelled(trainer, "optim.type", f"{optimizer} is not modelled")
    return None


def _job(reader: Reader, trainer: Reader, context: Context, model: Model, online: bool) -> TrainingJob:
    world = _world(reader, context)
    ring = trainer.read("model.cp", positive)
    replicate = trainer.read("model.dp_replicate", positive)
    adapter = _adapter(trainer)
    weights = _weights(trainer)
    micro = 1 if online else reader.read("data.micro_batch_size", positive)
    rows = _rows(reader, online, micro)
    loss = _loss(trainer, online)
    holds = not online and not reader.runs("prime-rl", "0.5")  # `out` outlives `del logits` (sft/train.py)
    trainer.default("loop", "holds the outputs" if holds else "drops a micro batch's outputs before backward")
    trainer.default("attention", "a kernel of the flash-attention family")
    return TrainingJob(
        model=model,
        objective="grpo" if online else "sft",
        method="full" if adapter is None else "lora",
        adapter=adapter,
        precision=Precision(weights=weights),
        optimizer=_optimizer(trainer),
        micro_batch_size=micro,
        gradient_accumulation_steps=max(rows * ring // (world.size * micro), 1),
        sequence_length=_length(reader, trainer, online),
        packing=True,
        gradient_checkpointing=_checkpointing(trainer),
        activation_offload=_switch(trainer, "model.ac_offloading"),
        attention=trainer.read("model.attn", choice(_ATTENTION), "flash_attention_2"),
        loss=loss,
        loop="plain" if holds else "freed",
        compile=_switch(trainer, "model.compile"),
        gradient_clipping=trainer.read("optim.max_norm", number) or None,
        parallel=Parallel(
            strategy="fsdp2",
            data=max(world.size // (ring * replicate), 1),
            replicate=replicate,
            sharding="full" if trainer.read("model.reshard_after_forward", boolean) else "grad-op",
            context=ring,
            expert=_experts(trainer, model, world.size // replicate),
            offload=_offload(trainer, adapter),
            param_dtype="bfloat16",
            reduce_dtype=trainer.read("model.reduce_dtype", choice(_DTYPES)),
        ),
        reference_model="none",
        generation=_generation(reader, trainer) if online else None,
        origins=reader.record.origins,
        **{**hardware(context), "gpu_count": world.per_node, "nodes": world.nodes},
    )


def _world(reader: Reader, context: Context) -> World:
    """The GPUs of the trainer: `deployment` says how many (configs/sft.py, configs/rl.py)."""
    if reader.get("deployment.type", text) == "multi_node":
        reader.written("parallel.data", "deployment.type")
        per_node = reader.read("deployment.gpus_per_node", positive)
        return World(per_node, reader.read("deployment.num_train_nodes", positive))
    if not reader.has("deployment.num_train_gpus") and context.gpu_declared:
        world = World(max(context.gpu_count, 1), max(context.nodes, 1))
        reader.assume("parallel.data", f"{world.size} GPU{'s' if world.size > 1 else ''} declared")
        return world
    return World(reader.read("deployment.num_train_gpus", positive), 1)


def _rows(reader: Reader, online: bool, micro: int) -> int:
    """Rows of a step over all GPUs: of completions, which are packed, at most as many as there are."""
    if not online:
        return reader.read("data.batch_size", positive)
    for path in ("orchestrator.batch_size", "data.fake.batch_size"):
        rows = reader.get(path, positive)
        if rows is not None:
            reader.written("gradient_accumulation_steps", path)
            return rows
    return micro


def _length(reader: Reader, trainer: Reader, online: bool) -> int:
    """Tokens of a packed row (configs/rl.py, auto_setup_seq_len; configs/sft.py)."""
    if not online:
        return reader.read("data.seq_len", positive)
    if not trainer.has("model.seq_len") and (length := reader.get("seq_len", positive)):
        reader.written("sequence_length", "seq_len")
        return length
    return trainer.read("model.seq_len", positive)


def _optimizer(reader: Reader) -> str:
    """AdamW steps in one kernel where its moments stay on the GPU (trainer/optim/__init__.py)."""
    found = _OPTIMIZERS[reader.read("optim.type", text)]
    moved = reader.get("model.optim_cpu_offload", boolean)
    if found == "adamw_torch" and not (_frugal(reader) if moved is None else moved):
        return "adamw_torch_fused"
    return "sgd" if found == "sgd_momentum" and reader.get("optim.momentum", number) == 0 else found


def _switch(reader: Reader, path: str) -> bool:
    """A section that is on by default, and off where it says None or false."""
    if reader.has(path):
        on = reader.raw(path) not in (None, False)
        reader.written(_FIELDS[path], path)
        return on
    reader.default(_FIELDS[path])
    return _frugal(reader)


def _frugal(reader: Reader) -> bool:
    """Whether what saves memory is on by default, as it is from 0.7 (configs/trainer.py)."""
    return reader.runs("prime-rl", "0.7")


_FIELDS: Mapping[str, str] = {"model.ac_offloading": "activation_offload", "model.compile": "compile"}


def _checkpointing(reader: Reader) -> Checkpointing:
    """On by default, and wherever activations are sent to the host (configs/trainer.py,
    ac_offloading_requires_ac).
    """
    off = reader.has("model.ac") and reader.raw("model.ac") is None
    if off and reader.has("model.ac_offloading") and reader.raw("model.ac_offloading") is None:
        reader.written("gradient_checkpointing", "model.ac")
        return "none"
    if not reader.has("model.ac") and not _frugal(reader) and not _switch(reader, "model.ac_offloading"):
        reader.default("gradient_checkpointing")
        return "none"
    every = reader.read("model.ac.freq", positive)
    return "full" if every == 1 else every


def _adapter(reader: Reader) -> Adapter | None:
    if reader.get("model.lora", mapping) is None:
        return None
    reader.written("method", "model.lora")
    reader.default("adapter.dtype", "the dtype of the layer that is adapted")
    targets = reader.get("model.lora.target_modules", names)
    if targets:
        reader.written("adapter.targets", "model.lora.target_modules")
    else:
        reader.default("adapter.targets")
    alpha: float = reader.read("model.lora.alpha", number)
    return Adapter(
        r=reader.read("model.lora.rank", positive),
        alpha=alpha,
        dropout=reader.read("model.lora.dropout", number),
        targets=targets or _TARGETS,
        modules_to_save=reader.get("model.lora.modules_to_save", names) or (),
        dtype="same-as-base",
    )


def _steps_on_host(reader: Reader) -> bool:
    """`true`, or a section, which may be empty."""
    return reader.has("model.full_offload") and reader.raw("model.full_offload") not in (None, False)


def _weights(reader: Reader) -> Dtype:
    """Dtype of the shards: with the optimizer on the host only what is computed with stays on the GPU
    (trainer/model.py, get_full_offload_dtype_policy).
    """
    dtype: Dtype = reader.read("model.optimization_dtype", choice(_DTYPES))
    if not _steps_on_host(reader):
        return dtype
    reader.written("precision.weights", "model.full_offload")
    return "bfloat16"


def _experts(reader: Reader, model: Model, island: int) -> int:
    """GPUs that share the experts (trainer/parallel_dims.py, resolve_ep)."""
    given = reader.get("model.ep", integer)
    if given is not None:
        reader.written("parallel.expert", "model.ep")
        return max(given, 1)
    reader.default("parallel.expert")
    if not _frugal(reader):
        return 1
    counts = ("num_experts", "n_routed_experts", "num_local_experts")
    inner = model.config.get("text_config")
    configs = (model.config, inner if isinstance(inner, Mapping) else {})
    mixed = any(isinstance(config.get(key), int) for config in configs for key in counts)
    hf = reader.get("model.impl", text) == "hf"
    return min(max(island, 1), 8) if mixed and not hf else 1


def _offload(reader: Reader, adapter: Adapter | None) -> Any:
    """Moments on the host between two steps come back for the step (trainer/optim/state_offload.py), which is
    not counted but where only an adapter has them.
    """
    if reader.flag("model.fsdp_cpu_offload"):
        reader.written("parallel.offload", "model.fsdp_cpu_offload")
        return "both"
    if _steps_on_host(reader):
        reader.written("parallel.offload", "model.full_offload")
        return "optimizer"
    if not reader.read("model.optim_cpu_offload", boolean, _frugal(reader)):
        return "none"
    if adapter is None:
        reader.leave_open(
            "parallel.offload",
            "model.optim_cpu_offload brings the moments back for the optimizer's step, which is not counted",
            at_least=True,
        )
    return "optimizer"


def _loss(reader: Reader, online: bool) -> Loss:
    """The head makes no whole logits: tiles of tokens and words, made again in backward
    (trainer/models/layers/lm_head.py, FusedOutputLinear). By default for fine-tuning from 0.8, for
    reinforcement learning until 0.4 and from 0.7.
    """
    path = "model.fused_lm_head_token_chunk_size"
    tiles = reader.runs("prime-rl", "0.7") or not reader.runs("prime-rl", "0.5")
    if not reader.has(path) and not (tiles if online else reader.runs("prime-rl", "0.8")):
        reader.default("loss", "the whole logits")
        return "full-logits"
    if reader.get(path, text) == "disabled":
        reader.written("loss", path)
        return "full-logits"
    reader.read(path, integer, field="loss")
    return "trl-fused-head"


def _generation(reader: Reader, trainer: Reader) -> Generation:
    """vLLM on GPUs of its own. All tokens of a packed row are scored."""
    reader.default("generation.colocated", "the trainer has its GPUs for itself")
    return Generation(
        engine="vllm", colocated=False, completion_length=_length(reader, trainer, online=True), completions=1
    )


DIALECT = Dialect("prime-rl", "prime-rl", VERSION, KEYS, read, edits, "unchecked")
