"""LLM Foundry's keys that decide memory (0.22.0, `utils/config_utils.py`; Composer 0.32.1)."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Key

FSDP = "fsdp_config"
KEYS: tuple[Key, ...] = (
    Key("model.name", "model", "The kind of model: mpt_causal_lm is built here, hf_causal_lm is loaded."),
    Key("model.pretrained_model_name_or_path", "model", "The model that is loaded: hub id or folder."),
    Key("model.d_model", "model", "MPT: width of the model; weights grow with its square.", 2048),
    Key("model.n_heads", "model", "MPT: heads that share the width.", 16),
    Key("model.n_layers", "model", "MPT: how many layers there are.", 24),
    Key("model.expansion_ratio", "model", "MPT: width of the feed-forward, in widths of the model.", 4),
    Key("model.vocab_size", "model", "MPT: rows of the embedding, which is the output head too.", 50368),
    Key("model.no_bias", "model", "MPT: linears and norms without biases.", False),
    Key(
        "model.attn_config.attn_impl",
        "attention",
        "MPT: flash holds no scores; torch holds heads × length² in every layer.",
        "flash",
        ("flash", "torch"),
    ),
    Key("model.use_flash_attention_2", "attention", "The flash kernel in a model of the hub.", False),
    Key(
        "model.attn_implementation",
        "attention",
        "Attention of a model of the hub. Eager, the default, keeps heads × length² scores.",
        "eager",
    ),
    Key(
        "model.loss_fn",
        "loss",
        "MPT: flash-attention's loss keeps logits in 16 bits; torch's turns them to float32.",
        "fused_crossentropy",
        ("fused_crossentropy", "torch_crossentropy"),
    ),
    Key("model.peft_config", "method", "LoRA over a frozen base, as PEFT takes it.", None),
    Key("model.peft_config.r", "adapter.r", "Rank: each adapted linear gains r × (in + out) weights.", 8),
    Key("max_seq_len", "sequence_length", "Tokens of a row; activations and logits grow in proportion."),
    Key(
        "device_train_microbatch_size",
        "micro_batch_size",
        "Rows of one forward pass on each GPU; auto lowers it at run time until the step fits.",
        "auto",
    ),
    Key("global_train_batch_size", "gradient_accumulation_steps", "Rows of a step over all GPUs."),
    Key("device_eval_batch_size", "evaluation.batch", "Rows of an evaluation on each GPU."),
    Key(
        "precision",
        "parallel.param_dtype",
        "amp_bf16 keeps weights, gradients and moments in float32 and computes in bf16.",
        "amp_bf16",
        ("amp_bf16", "amp_fp16", "amp_fp8", "fp32"),
    ),
    Key("optimizer.name", "optimizer", "decoupled_adamw keeps two float32 moments a trained weight."),
    Key(
        "algorithms.gradient_clipping.clipping_threshold",
        "gradient_clipping",
        "Clips the gradients' norm before the step.",
        None,
    ),
    Key(
        f"{FSDP}.sharding_strategy",
        "parallel.sharding",
        "What FSDP shares between the GPUs.",
        "FULL_SHARD",
        ("FULL_SHARD", "SHARD_GRAD_OP", "NO_SHARD", "HYBRID_SHARD", "_HYBRID_SHARD_ZERO2"),
    ),
    Key(
        f"{FSDP}.mixed_precision",
        "parallel.reduce_dtype",
        "PURE gathers and reduces in 16 bits; DEFAULT reduces in float32; FULL does both in float32.",
        "DEFAULT",
    ),
    Key(
        f"{FSDP}.backward_prefetch",
        "parallel.backward_prefetch",
        "When backward gathers the next layer; NONE holds one layer less.",
        "BACKWARD_POST",
        ("BACKWARD_PRE", "BACKWARD_POST", "NONE"),
    ),
    Key(
        f"{FSDP}.activation_checkpointing", "gradient_checkpointing", "Recomputes layers in backward.", False
    ),
    Key(
        f"{FSDP}.activation_checkpointing_reentrant",
        "gradient_checkpointing",
        "Which of torch's two checkpointing implementations runs.",
        True,
    ),
    Key(f"{FSDP}.activation_cpu_offload", "activation_offload", "Keeps layer inputs on the host.", False),
    Key(f"{FSDP}.cpu_offload", "parallel.offload", "Keeps shards, gradients and states on the host.", False),
    Key("tp_config.tensor_parallel_degree", "parallel.tensor", "GPUs that share each layer.", 1),
    Key(
        "expandable_segments",
        "allocator",
        "PyTorch's allocator with segments that grow.",
        True,
        (True, False),
    ),
)
