"""torchtitan's keys that decide memory: what each does, and what holds when the file is silent."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Key, Renamed

KEYS: tuple[Key, ...] = (
    Key(
        "model.name",
        "model",
        "The family of the model; with model.flavor it fixes every tensor shape.",
        "llama3",
    ),
    Key("model.flavor", "model", "The size of the model.", "debugmodel"),
    Key(
        "training.local_batch_size",
        "micro_batch_size",
        "Rows per data-parallel GPU and forward pass. 8 unless written.",
        8,
    ),
    Key(
        "training.global_batch_size",
        "gradient_accumulation_steps",
        "Rows per step over all GPUs; what exceeds local batch × data-parallel GPUs is accumulated. -1: "
        "nothing is.",
        -1,
    ),
    Key("training.seq_len", "sequence_length", "Tokens of a row. Every row is full.", 2048),
    Key(
        "training.dtype",
        "precision.weights",
        "Dtype of weights, gradients and moments: float32 costs 16 bytes a weight over the shards, bfloat16 "
        "8 and keeps no "
        "master copy.",
        "float32",
        ("float32", "bfloat16"),
    ),
    Key(
        "training.mixed_precision_param",
        "parallel.param_dtype",
        "Dtype in which FSDP gathers weights and layers compute; without FSDP the dtype of autocast.",
        "bfloat16",
        ("bfloat16", "float32"),
    ),
    Key(
        "training.mixed_precision_reduce",
        "parallel.reduce_dtype",
        "Dtype in which gradients are reduced.",
        "float32",
    ),
    Key("training.max_norm", "gradient_clipping", "Clipping by norm.", 1.0),
    Key(
        "training.enable_cpu_offload",
        "parallel.offload",
        "Keeps sharded weights, gradients and moments on the host.",
        False,
    ),
    Key(
        "activation_checkpoint.mode",
        "gradient_checkpointing",
        "full keeps only each layer's input; selective, the default, keeps much more: see "
        "selective_ac_option. memory_budget lets the compiler choose what goes into a share.",
        "selective",
        ("none", "full", "selective", "memory_budget"),
    ),
    Key(
        "activation_checkpoint.selective_ac_option",
        "gradient_checkpointing",
        "A number n checkpoints every n-th layer (2 by default: half of the layers keep all); op keeps the "
        "results of "
        "expensive operations.",
        "2",
    ),
    Key(
        "activation_checkpoint.memory_budget",
        "gradient_checkpointing",
        "Of what a compiled layer would keep, the share that it may: what takes most operations to compute "
        "again.",
        0.5,
    ),
    Key(
        "optimizer.name",
        "optimizer",
        "AdamW keeps two moments a weight in training.dtype.",
        "AdamW",
        ("Adam", "AdamW"),
    ),
    Key(
        "optimizer.implementation",
        "optimizer",
        "fused steps in one kernel; foreach needs temporaries as large as the weights.",
        "fused",
        ("for-loop", "foreach", "fused"),
    ),
    Key(
        "optimizer.early_step_in_backward",
        "optimizer_in_backward",
        "Steps each weight as its gradient arrives, so that all gradients never coexist. Not with pipeline "
        "parallelism.",
        False,
    ),
    Key("compile.enable", "compile", "Compiles what compile.components lists.", False),
    Key(
        "compile.components",
        "compile",
        "model fuses each layer's operations; loss spares copies of the logits.",
    ),
    Key(
        "parallelism.data_parallel_shard_degree",
        "parallel.data",
        "GPUs that share weights, gradients and moments; -1 takes all that are left.",
        -1,
    ),
    Key(
        "parallelism.data_parallel_replicate_degree", "parallel.replicate", "Copies of the sharding group.", 1
    ),
    Key(
        "parallelism.tensor_parallel_degree",
        "parallel.tensor",
        "Splits each layer's weights, and with sequence parallelism its activations.",
        1,
    ),
    Key(
        "parallelism.context_parallel_degree",
        "parallel.context",
        "Splits the sequence; also shards weights.",
        1,
    ),
    Key(
        "parallelism.pipeline_parallel_degree",
        "parallel.pipeline",
        "Splits the layers; the first stages hold several microbatches in flight.",
        1,
    ),
    Key(
        "parallelism.pipeline_parallel_schedule",
        "parallel.schedule",
        "In which order a stage runs its microbatches: GPipe keeps all of them in flight, interleaved "
        "schedules more than 1F1B.",
        "1F1B",
        ("1F1B", "Interleaved1F1B", "GPipe", "LoopedBFS", "InterleavedZeroBubble", "ZBVZeroBubble"),
    ),
    Key(
        "parallelism.pipeline_parallel_layers_per_stage",
        "parallel.virtual_pipeline",
        "Layers of one chunk; a stage runs as many chunks as it takes.",
        None,
    ),
    Key(
        "parallelism.pipeline_parallel_microbatch_size",
        "micro_batch_size",
        "Rows of one pipeline microbatch, when pipeline parallelism is on.",
        1,
    ),
    Key(
        "parallelism.expert_parallel_degree",
        "parallel.expert",
        "Splits the experts, not the dense weights.",
        1,
    ),
    Key(
        "parallelism.fsdp_reshard_after_forward",
        "parallel.sharding",
        "never keeps gathered weights from forward to backward, as default does under pipeline parallelism.",
        "default",
        ("default", "always", "never"),
    ),
    Key(
        "quantize.linear.float8",
        "precision.fp8",
        "Linears compute in 8 bits; weights and states stay as they are.",
    ),
)
RENAMED: tuple[Renamed, ...] = (
    Renamed("training.batch_size", "0.1", "training.local_batch_size"),
    Renamed("training.data_parallel_degree", "0.1", "parallelism.data_parallel_shard_degree"),
    Renamed("training.data_parallel_shard_degree", "0.1", "parallelism.data_parallel_shard_degree"),
    Renamed("training.data_parallel_replicate_degree", "0.1", "parallelism.data_parallel_replicate_degree"),
    Renamed("training.tensor_parallel_degree", "0.1", "parallelism.tensor_parallel_degree"),
    Renamed("experimental.context_parallel_degree", "0.1", "parallelism.context_parallel_degree"),
    Renamed("experimental.pipeline_parallel_degree", "0.1", "parallelism.pipeline_parallel_degree"),
    Renamed("training.compile", "0.2", "compile.enable"),
    Renamed("checkpoint.enable_checkpoint", "0.2", "checkpoint.enable"),
    Renamed("float8.recipe_name", "0.2", "quantize.linear.float8.recipe_name"),
)
