"""NeMo RL and NeMo Automodel: YAML that inherits from parents. Fine-tuning over DTensor is estimated.

Semantics of NeMo RL (`nemo_rl/models/policy/dtensor_policy_worker*.py`): float32 weights, gradients and
moments sharded by FSDP2, gathered in `precision` and reduced in float32; a loss over whole logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Context, Dialect, Key, Obstacle, ReadResult
from vramlint.dialects.kit.hydra_defaults import inherit
from vramlint.dialects.kit.reader import Reader, boolean, choice, names, number, positive, text
from vramlint.dialects.kit.reading import find_model, finish, hardware
from vramlint.dialects.kit.recognised_only import no_edits, reader_of
from vramlint.job import Adapter, Parallel, Precision, TrainingJob
from vramlint.vocabulary import Autocast

_DTENSOR = "policy.dtensor_cfg."
_LORA = _DTENSOR + "lora_cfg."
KEYS = (
    Key("policy.model_name", "model", "The model that is trained: hub id or folder."),
    Key(
        "policy.precision",
        "parallel.param_dtype",
        "Dtype in which shards are gathered; they are kept in float32.",
        "bfloat16",
        ("bfloat16", "float16", "float32"),
    ),
    Key("policy.train_micro_batch_size", "micro_batch_size", "Rows of one forward pass on each GPU."),
    Key("policy.train_global_batch_size", "gradient_accumulation_steps", "Rows of a step over all GPUs."),
    Key(
        "policy.max_total_sequence_length",
        "sequence_length",
        "Tokens of a row; activations grow in proportion.",
    ),
    Key(
        "policy.optimizer.name",
        "optimizer",
        "The optimizer: torch's AdamW keeps two float32 moments a weight.",
    ),
    Key("policy.dtensor_cfg.enabled", "parallel.strategy", "Trains with FSDP2 over DTensors.", False),
    Key("policy.dtensor_cfg.tensor_parallel_size", "parallel.tensor", "GPUs that share each layer.", 1),
    Key("policy.dtensor_cfg.context_parallel_size", "parallel.context", "GPUs that share one row.", 1),
    Key("policy.dtensor_cfg.dp_replicate_size", "parallel.replicate", "Copies of the sharding group.", 1),
    Key(
        "policy.dtensor_cfg.sequence_parallel",
        "parallel.sequence",
        "Splits what lies between layers too.",
        False,
    ),
    Key("policy.dtensor_cfg.activation_checkpointing", "gradient_checkpointing", "Recomputes layers.", False),
    Key("policy.dtensor_cfg.cpu_offload", "parallel.offload", "Keeps the shards on the host.", False),
    Key("policy.dtensor_cfg.lora_cfg.enabled", "method", "Trains an adapter over a frozen base.", False),
    Key("policy.dtensor_cfg.lora_cfg.dim", "adapter.r", "Rank of the adapter.", 8),
    Key("policy.dtensor_cfg.lora_cfg.alpha", "adapter.alpha", "Scale of the adapter. Costs no memory.", 32),
    Key("policy.megatron_cfg.enabled", "parallel.strategy", "Trains with Megatron; not modelled.", False),
    Key("cluster.gpus_per_node", "gpu_count", "GPUs of each machine.", 1),
    Key("cluster.num_nodes", "nodes", "Machines that take part.", 1),
)
_COMPUTE: Mapping[str, Autocast] = {"bfloat16": "bfloat16", "float16": "float16", "float32": "none"}
_OPTIMIZERS: Mapping[str, str] = {"torch.optim.AdamW": "adamw_torch"}


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The job of a fine-tuning file; of others the reason why there is none."""
    found = inherit(values, context.open)
    reader = reader_of(DIALECT, found.values, context)
    stated = _unmodelled(reader)
    found.report(reader, missing=stated is None)
    outcome: TrainingJob | Obstacle | Model | None = stated or found.obstacle or _obstacle(reader)
    outcome = outcome or find_model(reader, context, "policy.model_name")
    if isinstance(outcome, Model):
        outcome = _job(reader, context, outcome)
    found.place(reader)
    return finish(DIALECT, reader, outcome)


def _unmodelled(reader: Reader) -> Obstacle | None:
    """The kind of run that the file states, where it is one that is not modelled."""
    for path, why in (
        ("model._target_", "NeMo Automodel's recipes are not modelled"),
        ("recipe", "NeMo Automodel's recipes are not modelled"),
        ("grpo", "the policy and its generation workers take turns on the GPU, which is not modelled"),
        ("ppo", "the policy and its generation workers take turns on the GPU, which is not modelled"),
        ("distillation", "a teacher beside the student is not modelled"),
        ("dpo", "the reference policy's turns between GPU and host are not modelled"),
        ("rm", "NeMo RL's reward models are not modelled"),
    ):
        if reader.has(path):
            return Obstacle("not-modelled", f"{path}: {why}")
    if reader.flag("policy.megatron_cfg.enabled"):
        return Obstacle("not-modelled", "policy.megatron_cfg: Megatron's engine is not modelled")
    return None


def _obstacle(reader: Reader) -> Obstacle | None:
    """What keeps a file whose parents are all there from being estimated."""
    if not reader.flag(_DTENSOR + "enabled") or not reader.has("sft"):
        return Obstacle(
            "not-modelled", "the file does not say how it trains: sft and policy.dtensor_cfg.enabled"
        )
    for path in ("policy.dynamic_batching.enabled", "policy.sequence_packing.enabled"):
        if reader.flag(path):
            return Obstacle("not-modelled", f"{path}: rows of tokens instead of samples are not modelled")
    if reader.get("policy.optimizer.name", text) not in _OPTIMIZERS:
        return Obstacle("not-modelled", "policy.optimizer.name: only torch.optim.AdamW is modelled here")
    return None


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob | Obstacle:
    micro = reader.get("policy.train_micro_batch_size", positive)
    length = reader.get("policy.max_total_sequence_length", positive)
    if micro is None or length is None:
        return Obstacle(
            "not-modelled", "policy.train_micro_batch_size or max_total_sequence_length is not set"
        )
    per_node = reader.read("cluster.gpus_per_node", positive)
    nodes = reader.read("cluster.num_nodes", positive)
    tensor = reader.read(_DTENSOR + "tensor_parallel_size", positive)
    ring = reader.read(_DTENSOR + "context_parallel_size", positive)
    replicate = reader.read(_DTENSOR + "dp_replicate_size", positive)
    data = max(per_node * nodes // (tensor * ring * replicate), 1)
    rows = reader.get("policy.train_global_batch_size", positive) or micro
    lora = reader.flag(_LORA + "enabled")
    compute: Autocast = reader.read("policy.precision", choice(_COMPUTE))
    for field, path in (
        ("micro_batch_size", "policy.train_micro_batch_size"),
        ("sequence_length", "policy.max_total_sequence_length"),
        ("optimizer", "policy.optimizer.name"),
        ("parallel.data", "cluster.gpus_per_node"),
    ):
        reader.written(field, path)
    reader.default("precision.weights", "kept in float32 whatever precision says")
    return TrainingJob(
        model=model,
        method="lora" if lora else "full",
        adapter=_adapter(reader) if lora else None,
        precision=Precision(weights="float32"),
        optimizer="adamw_torch",
        micro_batch_size=micro,
        gradient_accumulation_steps=max(rows // (micro * data * replicate), 1),
        sequence_length=length,
        gradient_checkpointing="full"
        if reader.read(_DTENSOR + "activation_checkpointing", boolean)
        else "none",
        loss="full-logits",
        loop="plain",
        parallel=Parallel(
            strategy="fsdp2",
            data=data,
            replicate=replicate,
            tensor=tensor,
            sequence=reader.read(_DTENSOR + "sequence_parallel", boolean),
            context=ring,
            offload="both" if reader.read(_DTENSOR + "cpu_offload", boolean) else "none",
            param_dtype=compute,
            reduce_dtype="float32",
        ),
        origins=reader.record.origins,
        **{**hardware(context), "gpu_count": per_node, "nodes": nodes},
    )


def _adapter(reader: Reader) -> Adapter:
    reader.written("method", _LORA + "enabled")
    every = reader.get(_LORA + "match_all_linear", boolean) is not False
    return Adapter(
        r=reader.read(_LORA + "dim", positive),
        alpha=reader.read(_LORA + "alpha", number),
        dropout=reader.get(_LORA + "dropout", number) or 0.0,
        targets="all-linear" if every else reader.get(_LORA + "target_modules", names) or "all-linear",
    )


DIALECT = Dialect("nemo", "NeMo RL and Automodel", "0.5", KEYS, read, no_edits, "unchecked")
