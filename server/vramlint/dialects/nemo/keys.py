"""Keys of NeMo RL that decide memory (repository of August 2026, examples/configs/)."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Key

DTENSOR = "policy.dtensor_cfg."
LORA = DTENSOR + "lora_cfg."
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
        "Also splits the activations between layers.",
        False,
    ),
    Key("policy.dtensor_cfg.activation_checkpointing", "gradient_checkpointing", "Recomputes layers.", False),
    Key("policy.dtensor_cfg.cpu_offload", "parallel.offload", "Keeps the shards on the host.", False),
    Key("policy.dtensor_cfg.lora_cfg.enabled", "method", "Trains an adapter over a frozen base.", False),
    Key("policy.dtensor_cfg.lora_cfg.dim", "adapter.r", "Rank of the adapter.", 8),
    Key("policy.dtensor_cfg.lora_cfg.alpha", "adapter.alpha", "Scale of the adapter. Costs no memory.", 32),
    Key("policy.megatron_cfg.enabled", "parallel.strategy", "Trains with Megatron-Core.", False),
    Key(
        "policy.megatron_cfg.activation_checkpointing",
        "gradient_checkpointing",
        "Megatron: recomputes layers in backward, whole ones unless recompute_granularity says selective.",
        False,
    ),
    Key(
        "policy.megatron_cfg.tensor_model_parallel_size", "parallel.tensor", "GPUs that share each layer.", 1
    ),
    Key(
        "policy.megatron_cfg.pipeline_model_parallel_size",
        "parallel.pipeline",
        "Stages the layers are spread over.",
        1,
    ),
    Key(
        "policy.megatron_cfg.expert_model_parallel_size", "parallel.expert", "GPUs that share the experts.", 1
    ),
    Key(
        "policy.megatron_cfg.distributed_data_parallel_config.grad_reduce_in_fp32",
        "precision.gradients",
        "Megatron: keeps the buffer of gradients in float32 instead of 16 bits.",
        False,
    ),
    Key("policy.logprob_batch_size", "generation.scored_tokens", "Rows scored at once before training."),
    Key(
        "policy.sequence_packing.enabled",
        "packing",
        "Fills each batch to train_mb_tokens tokens with several samples.",
        False,
    ),
    Key("policy.sequence_packing.train_mb_tokens", "sequence_length", "Tokens of a filled batch."),
    Key(
        "policy.dynamic_batching.enabled", "packing", "Fills each batch up to train_mb_tokens tokens.", False
    ),
    Key("policy.generation.max_new_tokens", "generation.completion_length", "Tokens of a completion."),
    Key(
        "policy.generation.vllm_cfg.gpu_memory_utilization",
        "generation.memory_fraction",
        "vLLM's share of the GPU while it generates; it sleeps while the policy trains.",
        0.6,
    ),
    Key(
        "policy.generation.vllm_cfg.tensor_parallel_size",
        "generation.tensor",
        "GPUs that share one engine.",
        1,
    ),
    Key(
        "policy.generation.colocated.enabled",
        "generation.colocated",
        "Completions are made on the GPUs of the training; else on others of the cluster.",
        True,
    ),
    Key("grpo.num_generations_per_prompt", "generation.completions", "Completions of each prompt."),
    Key("cluster.gpus_per_node", "gpu_count", "GPUs of each machine.", 1),
    Key("cluster.num_nodes", "nodes", "Number of machines.", 1),
)
