"""prime-rl's keys that decide memory (0.8; packages/prime-rl-configs/src/prime_rl/configs/).

In a file of `sft` they are at the top level, in one of `rl` below `trainer`; MODEL lists those of both.
"""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Key
from vramlint.lazy_dataclasses import replace

MODEL = (
    Key("model.seq_len", "sequence_length", "Reinforcement learning: tokens of a packed row.", 2048),
    Key("model.optimization_dtype", "precision.weights", "Dtype of the sharded weights and their moments.",
        "float32", ("float32", "bfloat16")),
    Key("model.reduce_dtype", "parallel.reduce_dtype", "Dtype in which gradients are added up.", "float32",
        ("float32", "bfloat16")),
    Key("model.ac.freq", "gradient_checkpointing", "Recomputes every n-th layer in backward.", 1),
    Key("model.ac.mode", "gradient_checkpointing", "selective: recomputes modules of a layer only.", "full",
        ("full", "selective")),
    Key("model.ac_offloading", "activation_offload", "Keeps saved activations in host memory.", True),
    Key("model.optim_cpu_offload", "parallel.offload", "Keeps the moments on the host between two steps.",
        True),
    Key("model.fsdp_cpu_offload", "parallel.offload", "Keeps shards of weights and moments on the host.",
        False),
    Key("model.full_offload", "parallel.offload", "The optimizer runs on the host.", None),
    Key("model.reshard_after_forward", "parallel.sharding", "false keeps gathered weights until backward.",
        True),
    Key("model.dp_replicate", "parallel.replicate", "Copies of the sharding group.", 1),
    Key("model.cp", "parallel.context", "GPUs that share one row.", 1),
    Key("model.ep", "parallel.expert", "GPUs that share the experts; auto: 8 at most.", "auto"),
    Key("model.compile", "compile", "Compiles each layer.", True),
    Key("model.attn", "attention", "Attention kernel; auto takes the newest that the GPU has.", "auto"),
    Key("model.lora.rank", "adapter.r", "Rank: each adapted linear gains rank × (in + out) weights.", 16),
    Key("model.lora.alpha", "adapter.alpha", "Scale of the adapter. Costs no memory.", 32.0),
    Key("model.lora.dropout", "adapter.dropout", "Above 0, every adapted linear saves a mask.", 0.0),
    Key("model.lora.target_modules", "adapter.targets", "Which linears are adapted."),
    Key("model.fused_lm_head_token_chunk_size", "loss", "Tokens whose logits exist at a time.", 8192),
    Key("model.quantization", "precision.fp8", "Linears compute in 8 bits.", None),
    Key("optim.type", "optimizer", "adamw keeps two moments a weight.", "adamw",
        ("adamw", "sgd", "muon", "sign_sgd")),
    Key("optim.max_norm", "gradient_clipping", "Clips the norm of the gradients.", 1.0),
)  # fmt: skip
KEYS: tuple[Key, ...] = (
    Key("model.name", "model", "The model that is trained: hub id or folder."),
    *MODEL,
    *(replace(key, path=f"trainer.{key.path}") for key in MODEL),
    Key("trainer.model.name", "model", "The model of a run of reinforcement learning."),
    Key("seq_len", "sequence_length", "Reinforcement learning: tokens of a packed row."),
    Key("data.seq_len", "sequence_length", "Tokens of a packed row; activations grow in proportion.", 128),
    Key("data.micro_batch_size", "micro_batch_size", "Rows of one forward pass on each GPU.", 1),
    Key("data.batch_size", "gradient_accumulation_steps", "Rows of a step over all GPUs.", 128),
    Key("deployment.num_train_gpus", "parallel.data", "GPUs that train.", 1),
    Key("deployment.num_train_nodes", "nodes", "Machines that train.", 2),
    Key("deployment.gpus_per_node", "gpu_count", "GPUs of each machine.", 8),
)
