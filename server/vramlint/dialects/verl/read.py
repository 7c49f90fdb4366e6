"""verl: Hydra YAML. Supervised fine-tuning is estimated; runs with rollouts are recognised only.

Semantics of 0.9.1 (`verl/trainer/fsdp_sft_trainer.py`, `verl/trainer/config/sft_trainer.yaml`): float32
weights, gradients and moments sharded by FSDP, gathered and reduced as its mixed precision says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.engines.liger import read_liger
from vramlint.dialects.kit.dialect import Context, Dialect, Key, Obstacle, ReadResult
from vramlint.dialects.kit.hydra_defaults import inherit
from vramlint.dialects.kit.reader import Reader, boolean, choice, integer, names, number, positive, text
from vramlint.dialects.kit.reading import find_model, finish, hardware
from vramlint.dialects.kit.recognised_only import no_edits, reader_of, silent
from vramlint.job import Adapter, Kernels, Parallel, Precision, TrainingJob

KEYS = (
    Key("model.partial_pretrain", "model", "Fine-tuning: the model that is trained: hub id or folder."),
    Key("actor_rollout_ref.model.path", "model", "Reinforcement learning: the model that is trained."),
    Key(
        "model.fsdp_config.model_dtype",
        "precision.weights",
        "Dtype of the sharded weights, their gradients and moments: 16 bytes a weight in fp32, divided by "
        "the GPUs.",
        "fp32",
        ("fp32", "bf16", "fp16"),
    ),
    Key("model.fsdp_config.offload_params", "parallel.offload", "Keeps the shards on the host.", False),
    Key(
        "model.enable_gradient_checkpointing",
        "gradient_checkpointing",
        "Recomputes layers in backward.",
        True,
    ),
    Key("model.lora_rank", "adapter.r", "Above 0, trains an adapter of this rank over a frozen base.", 0),
    Key("model.lora_alpha", "adapter.alpha", "Scale of the adapter. Costs no memory.", 16),
    Key("model.target_modules", "adapter.targets", "Linears that get an adapter.", "all-linear"),
    Key("model.strategy", "parallel.strategy", "fsdp (version 1) or fsdp2.", "fsdp2", ("fsdp", "fsdp2")),
    Key("model.use_liger", "loss", "Liger's kernels: no logits in float32.", False),
    Key("data.micro_batch_size_per_gpu", "micro_batch_size", "Rows of one forward pass on each GPU."),
    Key("data.train_batch_size", "gradient_accumulation_steps", "Rows of a step over all GPUs.", 256),
    Key(
        "data.max_length",
        "sequence_length",
        "Tokens of a row; activations and logits grow in proportion.",
        1024,
    ),
    Key("data.max_prompt_length", "sequence_length", "Reinforcement learning: tokens of a prompt.", 512),
    Key("data.max_response_length", "generation.completion_length", "Tokens of a completion.", 512),
    Key("ulysses_sequence_parallel_size", "parallel.context", "GPUs that share one row.", 1),
    Key("trainer.n_gpus_per_node", "gpu_count", "GPUs of each machine.", 8),
    Key("trainer.nnodes", "nodes", "Machines that take part.", 1),
    Key(
        "actor_rollout_ref.rollout.gpu_memory_utilization",
        "generation.memory_fraction",
        "The share of the GPU that the rollout engine takes.",
        0.5,
    ),
    Key("actor_rollout_ref.rollout.n", "generation.completions", "Completions sampled for each prompt.", 1),
    Key(
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu",
        "micro_batch_size",
        "Rows the actor learns at once.",
    ),
)
_WHY = "verl's actor and its rollout engine take turns on the GPU, which is not modelled"
_DTYPES: Mapping[Any, Any] = {
    "fp32": "float32",
    "float32": "float32",
    "bf16": "bfloat16",
    "bfloat16": "bfloat16",
}


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The job of a fine-tuning file; of others the reason why there is none."""
    found = inherit(values, context.open)
    reader = reader_of(DIALECT, found.values, context)
    if not reader.has("model.partial_pretrain") or reader.has("actor_rollout_ref"):
        return silent(DIALECT, values, context, _WHY)
    found.report(reader)
    outcome: TrainingJob | Obstacle | Model = found.obstacle or find_model(
        reader, context, "model.partial_pretrain"
    )
    if isinstance(outcome, Model):
        outcome = _job(reader, context, outcome)
    found.place(reader)
    return finish(DIALECT, reader, outcome)


def _job(reader: Reader, context: Context, model: Model) -> TrainingJob | Obstacle:
    micro = reader.get("data.micro_batch_size_per_gpu", positive)
    if micro is None:
        return Obstacle("not-modelled", "data.micro_batch_size_per_gpu is not set; verl asks for it")
    reader.written("micro_batch_size", "data.micro_batch_size_per_gpu")
    per_node = reader.read("trainer.n_gpus_per_node", positive, context.gpu_count)
    nodes = reader.read("trainer.nnodes", positive, context.nodes)
    reader.same_origin_as("parallel.data", "gpu_count")
    rank = reader.read("model.lora_rank", integer)
    weights = reader.read("model.fsdp_config.model_dtype", choice(_DTYPES), "float32")
    world = per_node * nodes
    rows = reader.read("data.train_batch_size", positive)
    ring = reader.read("ulysses_sequence_parallel_size", positive)
    version_2 = reader.read("model.strategy", text) != "fsdp"
    reader.default("parallel.param_dtype", "FSDP gathers in bf16")
    reader.default("parallel.reduce_dtype", "and adds gradients up in float32")
    return TrainingJob(
        model=model,
        method="lora" if rank > 0 else "full",
        adapter=None
        if rank <= 0
        else Adapter(
            r=rank,
            alpha=reader.read("model.lora_alpha", number),
            targets=_targets(reader),
        ),
        precision=Precision(weights=weights),
        optimizer="adamw_torch_fused",
        micro_batch_size=micro,
        gradient_accumulation_steps=max(rows * ring // (micro * world), 1),
        sequence_length=reader.read("data.max_length", positive),
        gradient_checkpointing="full"
        if reader.read("model.enable_gradient_checkpointing", boolean)
        else "none",
        attention="flash_attention_2",
        loss="fused-cross-entropy" if reader.read("model.use_liger", boolean) else "full-logits",
        kernels=Kernels(read_liger(reader, model, "model.use_liger")),
        loop="plain",
        parallel=Parallel(
            strategy="fsdp2" if version_2 else "fsdp1",
            data=max(world // ring, 1),
            context=ring,
            offload="both" if reader.read("model.fsdp_config.offload_params", boolean) else "none",
            param_dtype="bfloat16",
            reduce_dtype="float32",
        ),
        origins=reader.record.origins,
        **{**hardware(context), "gpu_count": per_node, "nodes": nodes},
    )


def _targets(reader: Reader) -> str | tuple[str, ...]:
    written = reader.read("model.target_modules", names, ("all-linear",))
    return "all-linear" if written == ("all-linear",) else written


DIALECT = Dialect("verl", "verl", "0.9.1", KEYS, read, no_edits, "unchecked")
