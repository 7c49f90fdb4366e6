"""Keys of verl that decide memory, of its old and its new fine-tuning and of reinforcement learning."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Key, before

ACTOR, ROLLOUT, CRITIC = "actor_rollout_ref.actor", "actor_rollout_ref.rollout", "critic"
_BOOLEAN = (True, False)
_SHARDED = "Dtype of the sharded weights, their gradients and moments: 16 bytes a weight in fp32."
_BETWEEN = "waits on the host while other work has the GPU; it comes back to train."

FINE_TUNING: tuple[Key, ...] = (
    Key("model.partial_pretrain", "model", "Before 0.7, the model that is trained: hub id or folder."),
    Key("model.path", "model", "The model that is trained: hub id or folder."),
    Key("engine.model_dtype", "precision.weights", _SHARDED, "fp32", ("fp32", "bf16", "fp16")),
    Key("engine.strategy", "parallel.strategy", "fsdp (version 1) or fsdp2.", "fsdp", ("fsdp", "fsdp2")),
    Key("engine.offload_policy", "parallel.offload", "fsdp2: the shards stay on the host.", False, _BOOLEAN),
    Key("engine.ulysses_sequence_parallel_size", "parallel.context", "GPUs that share one row.", 1),
    Key(
        "engine.reshard_after_forward",
        "parallel.sharding",
        "false keeps gathered weights until backward.",
        True,
    ),
    Key(
        "engine.use_no_sync_for_gradient_accumulation",
        "parallel.sync_each_batch",
        "true keeps whole gradients on every GPU while they accumulate.",
        False,
        _BOOLEAN,
    ),
    Key("model.fsdp_config.model_dtype", "precision.weights", _SHARDED, "fp32", ("fp32", "bf16", "fp16")),
    Key("model.fsdp_config.offload_params", "parallel.offload", "Keeps the shards on the host.", False),
    Key(
        "model.enable_gradient_checkpointing",
        "gradient_checkpointing",
        "Recomputes layers in backward.",
        True,
        by_release=(before(False, verl="0.5"),),
    ),
    Key(
        "model.enable_activation_offload",
        "activation_offload",
        "Keeps layer inputs on the host.",
        False,
        _BOOLEAN,
    ),
    Key("model.lora_rank", "adapter.r", "Above 0, trains an adapter of this rank over a frozen base.", 0),
    Key("model.lora_alpha", "adapter.alpha", "Scale of the adapter. Costs no memory.", 16),
    Key("model.target_modules", "adapter.targets", "Linears that get an adapter.", "all-linear"),
    Key(
        "model.strategy",
        "parallel.strategy",
        "fsdp (version 1) or fsdp2.",
        "fsdp2",
        ("fsdp", "fsdp2"),
        by_release=(before("fsdp", verl="0.4"),),
    ),
    Key("model.use_liger", "loss", "Liger's kernels: no logits in float32.", False),
    Key(
        "model.use_fused_kernels", "loss", "Log-probabilities in chunks: no logits of the whole batch.", False
    ),
    Key("data.micro_batch_size_per_gpu", "micro_batch_size", "Rows of one forward pass on each GPU."),
    Key(
        "data.use_dynamic_bsz", "micro_batch_size", "Fills each batch to max_token_len_per_gpu tokens.", True
    ),
    Key("data.max_token_len_per_gpu", "sequence_length", "Tokens of a filled batch on each GPU.", 8192),
    Key("data.train_batch_size", "gradient_accumulation_steps", "Rows of a step over all GPUs.", 256),
    Key(
        "data.max_length",
        "sequence_length",
        "Tokens of a row; activations and logits grow in proportion.",
        1024,
    ),
    Key("ulysses_sequence_parallel_size", "parallel.context", "GPUs that share one row.", 1),
    Key("trainer.n_gpus_per_node", "gpu_count", "GPUs of each machine.", 8),
    Key("trainer.nnodes", "nodes", "Number of machines.", 1),
)
REINFORCEMENT: tuple[Key, ...] = (
    Key("actor_rollout_ref.model.path", "model", "The model that is trained."),
    Key(
        "actor_rollout_ref.model.lora_rank", "adapter.r", "Above 0, trains an adapter over a frozen base.", 0
    ),
    Key("actor_rollout_ref.model.lora_alpha", "adapter.alpha", "Scale of the adapter.", 16),
    Key(
        "actor_rollout_ref.model.target_modules",
        "adapter.targets",
        "Linears that get an adapter.",
        "all-linear",
    ),
    Key(
        "actor_rollout_ref.model.enable_gradient_checkpointing",
        "gradient_checkpointing",
        "Recomputes layers in backward.",
        True,
        _BOOLEAN,
    ),
    Key(
        "actor_rollout_ref.model.enable_activation_offload",
        "activation_offload",
        "Keeps layer inputs on the host.",
        False,
        _BOOLEAN,
    ),
    Key(
        "actor_rollout_ref.model.use_fused_kernels",
        "loss",
        "Log-probabilities in chunks: no logits of the whole batch.",
        False,
        _BOOLEAN,
    ),
    Key("data.max_prompt_length", "sequence_length", "Tokens of a prompt; the completion follows it.", 512),
    Key("data.max_response_length", "generation.completion_length", "Tokens of a completion.", 512),
    Key(f"{ACTOR}.strategy", "parallel.strategy", "fsdp (version 1), fsdp2 or megatron.", "fsdp"),
    Key(f"{ACTOR}.ppo_mini_batch_size", "gradient_accumulation_steps", "Prompts of an optimizer step.", 256),
    Key(
        f"{ACTOR}.ppo_micro_batch_size_per_gpu",
        "micro_batch_size",
        "Rows that the actor learns from at once, each of prompt and completion: logits grow in proportion.",
    ),
    Key(
        f"{ACTOR}.use_dynamic_bsz",
        "micro_batch_size",
        "Fills each batch to ppo_max_token_len_per_gpu tokens instead.",
        False,
        _BOOLEAN,
    ),
    Key(f"{ACTOR}.ppo_max_token_len_per_gpu", "sequence_length", "Tokens of a filled batch.", 16384),
    Key(f"{ACTOR}.ulysses_sequence_parallel_size", "parallel.context", "GPUs that share one row.", 1),
    Key(
        f"{ACTOR}.entropy_coeff", "loss", "Other than 0, entropy is trained on: more copies of the logits.", 0
    ),
    Key(f"{ACTOR}.fsdp_config.model_dtype", "precision.weights", _SHARDED, "fp32", ("fp32", "bf16", "fp16")),
    Key(f"{ACTOR}.fsdp_config.param_offload", "generation.away", f"The actor's weights: {_BETWEEN}", False),
    Key(f"{ACTOR}.fsdp_config.optimizer_offload", "generation.away", f"Its states: {_BETWEEN}", False),
    Key(f"{ACTOR}.fsdp_config.offload_policy", "parallel.offload", "fsdp2: all stays on the host.", False),
    Key(f"{ACTOR}.fsdp_config.fsdp_size", "parallel.data", "GPUs that share the sharding; -1: all.", -1),
    Key(
        f"{ACTOR}.fsdp_config.reshard_after_forward",
        "parallel.sharding",
        "false keeps gathered weights.",
        True,
    ),
    Key(
        f"{ACTOR}.fsdp_config.use_no_sync_for_gradient_accumulation",
        "parallel.sync_each_batch",
        "true keeps whole gradients on every GPU while they accumulate.",
        False,
        _BOOLEAN,
    ),
    Key(
        f"{ROLLOUT}.name",
        "generation.engine",
        "What makes the completions.",
        "vllm",
        ("vllm", "sglang", "hf", "sglang_async"),
    ),
    Key(
        f"{ROLLOUT}.gpu_memory_utilization",
        "generation.memory_fraction",
        "The share of the GPU that the rollout engine takes while it generates.",
        0.5,
    ),
    Key(
        f"{ROLLOUT}.free_cache_engine",
        "generation.sleep",
        "The engine gives its memory back while the actor trains.",
        True,
        _BOOLEAN,
    ),
    Key(f"{ROLLOUT}.tensor_model_parallel_size", "generation.tensor", "GPUs that share one engine.", 2),
    Key(f"{ROLLOUT}.n", "generation.completions", "Completions sampled for each prompt.", 1),
    Key(
        f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu",
        "generation.scored_tokens",
        "Rows whose log-probabilities are taken at once, before training.",
    ),
    Key(f"{CRITIC}.model.path", "roles.critic", "PPO's value model, trained beside the actor."),
    Key(
        f"{CRITIC}.ppo_micro_batch_size_per_gpu",
        "roles.critic_tokens",
        "Rows that the critic learns at once.",
    ),
    Key(f"{CRITIC}.ppo_max_token_len_per_gpu", "roles.critic_tokens", "Tokens of a filled batch.", 32768),
    Key("algorithm.adv_estimator", "objective", "gae trains a critic; grpo and the others need none.", "gae"),
)
KEYS = FINE_TUNING + REINFORCEMENT
