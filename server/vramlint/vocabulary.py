"""The words of a training job: what each may be."""

from __future__ import annotations

from typing import Literal, TypeAlias

Dtype: TypeAlias = Literal["float32", "bfloat16", "float16"]
Autocast: TypeAlias = Literal["none", "bfloat16", "float16"]
AdapterDtype: TypeAlias = Literal["float32", "bfloat16", "float16", "same-as-base"]
Fp8: TypeAlias = Literal["none", "tensorwise", "rowwise"]
KbitPrep: TypeAlias = Literal["none", "fp32-norms-embeddings-head", "fp32-norms", "fp32-rest"]
Strategy: TypeAlias = Literal["none", "ddp", "zero1", "zero2", "zero3", "fsdp1", "fsdp2"]
Prefetch: TypeAlias = Literal["pre", "post", "none"]
"""When backward gathers the next unit: before this one's gradients are computed, after, or when it runs."""
Schedule: TypeAlias = Literal["1f1b", "interleaved", "gpipe", "zero-bubble", "device-map"]
"""Of a pipeline; "device-map": one process runs a micro batch through layers on several GPUs."""
Reference: TypeAlias = Literal["auto", "none", "resident", "quantized"]
GenerationEngine: TypeAlias = Literal["in-process", "vllm", "sglang"]
Sleep: TypeAlias = Literal["none", "cache", "weights", "offload"]
Runtime: TypeAlias = Literal[
    "transformers", "litgpt", "torchtune", "torchtitan", "megatron", "composer", "own"
]
"""Whose layers run, and whose training script around them."""
Objective: TypeAlias = Literal[
    "pretrain", "sft", "classification", "reward", "dpo", "kto", "orpo", "grpo", "ppo", "distillation"
]
Method: TypeAlias = Literal[
    "full", "lora", "qlora", "dora", "freeze", "ia3", "vera", "loha", "lokr", "layernorm"
]
ADAPTER_METHODS: frozenset[Method] = frozenset({"lora", "qlora", "dora", "ia3", "vera", "loha", "lokr"})
"""Methods that train an adapter beside the base."""
Scheme: TypeAlias = Literal[
    "bnb-nf4",
    "bnb-fp4",
    "bnb-int8",
    "gptq-int4",
    "gptq-int8",
    "awq-int4",
    "hqq-int4",
    "torchao-nf4",
    "fp8",
]
"""How the weights of a frozen base are stored."""
IN_BUFFERS: frozenset[str] = frozenset({"gptq-int4", "gptq-int8", "awq-int4"})
"""Schemes of released models whose packed weights are a module's buffers as transformers loads them: engines
share out and offload parameters only (gptqmodel, nn_modules/qlinear/__init__.py, and autoawq,
awq/modules/linear/gemm.py: `register_buffer("qweight", …)`; torch 2.13, distributed/fsdp/_init_utils.py
flattens parameters). Own loaders make parameters of them: fms-acceleration views them as float16 for FSDP
(plugins/accelerated-peft/src/fms_acceleration_peft/autogptq_utils.py).
"""
Attention: TypeAlias = Literal[
    "sdpa",
    "eager",
    "sdpa-flash",
    "sdpa-efficient",
    "sdpa-math",
    "flash_attention_2",
    "flash_attention_3",
    "flex",
]
Loss: TypeAlias = Literal[
    "full-logits",
    "fused-cross-entropy",
    "compiled",
    "fused-linear",
    "trl-chunked",
    "trl-fused-head",
    "forward-kl",
    "reverse-kl",
]
LigerKernel: TypeAlias = Literal["rms_norm", "swiglu", "rope"]
"""Liger's kernels in a layer, by the names of its own parameters; "swiglu" is any gated activation."""
SparseAttention: TypeAlias = Literal["whole", "fused"]
"""How the keys that a query sees are chosen, where a model chooses: by scores of all queries at one time, or
by kernels that score a block of queries and attend to the chosen keys alone.
"""
Loop: TypeAlias = Literal["plain", "freed", "trainer", "trl@1.10", "trl@1.16"]
"""How long the training loop keeps the logits alive."""
Component: TypeAlias = Literal[
    "weights", "gradients", "optimizer_states", "activations", "generation", "overhead"
]
"""The parts of an estimate."""
Recomputed: TypeAlias = Literal[
    "norm", "attention", "core_attention", "mlp",
    "block_norm", "dense_mlp", "moe", "shared_experts", "expert_activation", "latent_up",
]  # fmt: skip
"""Modules of a layer that may be checkpointed each by itself; "mlp" is a dense block or a mixture of experts,
"latent_up" what makes query, key and value of latents, "block_norm" the norms of a layer that are kernels of
their own in Megatron.
"""
EACH_MODULE: tuple[Recomputed, ...] = ("norm", "attention", "mlp")
Checkpointing: TypeAlias = (
    Literal["none", "full", "reentrant", "selective-op"] | int | float | tuple[Recomputed, ...]
)
"""Every layer, every n-th, a choice of operations, modules of each layer, or what a compiled layer may keep:
that share, between 0 and 1, of what it keeps otherwise.
"""
Loading: TypeAlias = Literal["auto", "host", "rank-0", "device"]
"""Where the released weights are read before they are sharded: host memory of every rank, of the first rank
of a node, or the GPU of every rank. "auto": as the framework does for such a run.
"""
Saving: TypeAlias = Literal["auto", "full", "sharded", "device"]
"""A checkpoint of a sharded run: as shards, whole in the host memory of one rank, or made whole on every GPU
first. "auto": as the framework does.
"""
LinearAttention: TypeAlias = Literal["torch", "fla", "fla-packed"]
"""What runs linear attention: plain PyTorch, flash-linear-attention's chunks, or also its convolution."""
Images: TypeAlias = Literal["none", "one", "tiny"]
"""In the rows of a model that reads images: none; one in each; one tiny image in each micro batch of text."""
Away: TypeAlias = Literal["none", "optimizer", "parameters", "both"]
"""What of a model's training waits on the host while other work has the GPU."""
WITHOUT_PARAMETERS: frozenset[Away] = frozenset({"parameters", "both"})
WITHOUT_OPTIMIZER: frozenset[Away] = frozenset({"optimizer", "both"})
"""Values that leave no weights, and no optimizer states, on the GPU."""
