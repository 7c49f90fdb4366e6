"""torchtune's keys that decide memory: what each does, and what holds when the file is silent."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Key
from vramlint.dialects.torchtune.models import builders

KEYS: tuple[Key, ...] = (
    Key(
        "model._component_",
        "model",
        "The builder: names the model, and by lora_, qlora_, dora_ or qdora_ the method. qlora_ stores the "
        "frozen linears in "
        "4 bits but leaves embedding and output projection in 16.",
        offered=builders(),
    ),
    Key(
        "model.lora_rank",
        "adapter.r",
        "Rank: an adapted linear of in × out features gains r × (in + out) weights.",
        8,
    ),
    Key("model.lora_alpha", "adapter.alpha", "Scale of the adapter. Costs no memory.", 16),
    Key(
        "model.lora_dropout",
        "adapter.dropout",
        "Above 0, every adapted linear saves a mask and a masked input.",
        0.0,
    ),
    Key("model.lora_attn_modules", "adapter.targets", "Which attention projections are adapted."),
    Key("model.apply_lora_to_mlp", "adapter.targets", "Adapts the three linears of each MLP too.", False),
    Key(
        "model.apply_lora_to_output",
        "adapter.targets",
        "Adapts the output projection too: r × vocabulary more weights, and its input stays saved.",
        False,
    ),
    Key(
        "model.use_dora", "method", "DoRA: a magnitude per output feature, and more saved activations.", False
    ),
    Key(
        "model.quantize_base",
        "quantization",
        "Stores the frozen linears in NF4, as the qlora_ builders do.",
        False,
    ),
    Key(
        "dtype",
        "precision.weights",
        "The one dtype of weights, gradients and moments: no master copy, no autocast. bf16 is 8 bytes a "
        "trained weight, "
        "fp32 16.",
        None,
        ("bf16", "fp32"),
    ),
    Key(
        "batch_size",
        "micro_batch_size",
        "Rows per GPU and forward pass. No default: a recipe fails without it.",
    ),
    Key("gradient_accumulation_steps", "gradient_accumulation_steps", "Micro-batches per step.", 1),
    Key(
        "tokenizer.max_seq_len",
        "sequence_length",
        "Tokens of a row at most. null, as shipped, cuts nothing: the longest sample of a batch decides its "
        "memory.",
        None,
    ),
    Key(
        "dataset.packed",
        "packing",
        "Fills every row up to tokenizer.max_seq_len, so that each step costs the full length.",
        False,
    ),
    Key(
        "enable_activation_checkpointing",
        "gradient_checkpointing",
        "Keeps only each layer's input and computes the rest again in the backward pass.",
        False,
    ),
    Key(
        "enable_activation_offloading",
        "activation_offload",
        "Saved activations wait in host memory; needs activation checkpointing.",
        False,
    ),
    Key(
        "ac_mode",
        "gradient_checkpointing",
        "selective: checkpoints some layers or operations only.",
        None,
        ("selective",),
    ),
    Key("ac_option", "gradient_checkpointing", "With ac_mode selective: every n-th layer, or `op`.", None),
    Key(
        "optimizer._component_",
        "optimizer",
        "AdamW keeps two moments a trained weight in `dtype`; bitsandbytes' 8-bit ones a quarter of fp32's, "
        "paged ones may "
        "leave the GPU.",
        "torch.optim.AdamW",
    ),
    Key(
        "optimizer.fused",
        "optimizer",
        "One kernel for the step, without the foreach version's temporaries.",
        False,
    ),
    Key(
        "optimizer.offload_gradients",
        "optimizer_in_backward",
        "Of CPUOffloadOptimizer: each gradient leaves the GPU as it arrives. Excludes accumulation.",
        False,
    ),
    Key(
        "optimizer_in_bwd",
        "optimizer_in_backward",
        "Steps each weight as its gradient arrives: about one layer's gradients exist. Excludes "
        "accumulation and clipping.",
        False,
    ),
    Key(
        "loss._component_",
        "loss",
        "The chunked losses spare the copies of the logits, not the fp32 log-softmax that backward keeps.",
    ),
    Key("loss.num_output_chunks", "loss", "Into how many pieces the loss splits the tokens.", 8),
    Key("clip_grad_norm", "gradient_clipping", "Clipping by norm.", None),
    Key(
        "compile",
        "compile",
        "Compiles layers and loss: fewer saved activations, and the loss recomputes its chunks.",
        False,
    ),
    Key(
        "fsdp_cpu_offload",
        "parallel.offload",
        "Distributed: keeps sharded weights, gradients and moments on the host.",
        False,
    ),
    Key(
        "fsdp_reshard_after_forward",
        "parallel.sharding",
        "Distributed: false keeps gathered weights from forward to backward.",
        True,
    ),
    Key(
        "data_parallel_shard_dim",
        "parallel.data",
        "GPUs that share weights and states; -1 takes all that are left.",
        -1,
    ),
    Key("data_parallel_replicate_dim", "parallel.replicate", "Copies of the sharding group.", 1),
    Key("tensor_parallel_dim", "parallel.tensor", "Splits each layer's weights over GPUs.", 1),
    Key("context_parallel_dim", "parallel.context", "Splits the sequence over GPUs.", 1),
    Key(
        "enable_fp8_training",
        "precision.fp8",
        "Linears compute in 8 bits; weights and states stay as they are.",
        False,
    ),
    Key(
        "ref_checkpointer",
        "reference_model",
        "DPO and GRPO: the frozen copy of the model, in `dtype` beside it.",
    ),
    Key("max_generated_tokens", "generation.completion_length", "GRPO: tokens of a completion at most."),
    Key("grpo_samples", "generation.completions", "GRPO: completions of each prompt."),
)
