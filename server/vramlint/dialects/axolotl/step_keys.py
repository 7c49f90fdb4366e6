"""The keys of an axolotl config that decide the step: batch, activations, optimizer, loss, engine, method
(axolotl 0.21).
"""

from __future__ import annotations

from vramlint.dialects.engines.loading import EFFICIENT_LOADING
from vramlint.dialects.engines.training_arguments import SYNC_EACH_BATCH
from vramlint.dialects.kit.dialect import UNSET, Key, before, since

ATTENTIONS = ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention", "xformers", "sage")
OPTIMIZERS = (
    "adamw_torch_fused",
    "adamw_torch",
    "adamw_bnb_8bit",
    "adamw_8bit",
    "adamw_torch_8bit",
    "paged_adamw_8bit",
    "paged_adamw_32bit",
    "adafactor",
    "lion_8bit",
    "muon",
    "galore_adamw",
    "q_galore_adamw8bit",
    "sgd",
)
BOOLEAN = (True, False)

STEP_KEYS: tuple[Key, ...] = (
    Key(
        "micro_batch_size",
        "micro_batch_size",
        "Sequences per GPU and forward pass. Activations and logits grow in proportion; weights and "
        "states do not.",
        1,
    ),
    Key(
        "gradient_accumulation_steps",
        "gradient_accumulation_steps",
        "Micro-batches per optimizer step. Costs no activations, but above 1 the gradients stay "
        "through the next forward pass.",
        1,
    ),
    Key(
        "batch_size",
        "gradient_accumulation_steps",
        "The whole batch of one GPU; divided by micro_batch_size it gives the accumulation.",
        None,
    ),
    Key(
        "eval_batch_size",
        "evaluation.batch",
        "Sequences per GPU in evaluation; micro_batch_size if not set. A larger one runs out "
        "of memory only when evaluation starts.",
    ),
    Key(
        "sequence_len",
        "sequence_length",
        "The most tokens of a row. Activations and logits grow in proportion, eager attention by the "
        "square. The default is only 512.",
        512,
    ),
    Key(
        "sample_packing",
        "packing",
        "Fills every row up to sequence_len with several samples: each batch then costs what the "
        "longest would.",
        None,
        BOOLEAN,
    ),
    Key(
        "val_set_size",
        "evaluation",
        "The share of the data that is evaluated while training; 0 evaluates nothing.",
        0.0,
    ),
    Key("test_datasets", "evaluation", "Data that are evaluated while training.", None),
    Key(
        "eval_sample_packing",
        None,
        "Packing in evaluation; follows sample_packing if not set.",
        UNSET,
        BOOLEAN,
    ),
    Key(
        "pad_to_sequence_len",
        None,
        "Pads every row to sequence_len, so that memory is the same in every step. On with packing.",
        UNSET,
        BOOLEAN,
    ),
    Key(
        "gradient_checkpointing",
        "gradient_checkpointing",
        "Keeps only the input of each layer and computes the layer again in the backward pass: "
        "activations shrink to about one tensor "
        "a layer for a third more time. Off by default.",
        False,
        (True, False),
    ),
    Key(
        "gradient_checkpointing_kwargs.use_reentrant",
        "gradient_checkpointing",
        "Which of torch's two checkpointing implementations runs. Reentrant by default.",
        True,
        BOOLEAN,
    ),
    Key(
        "selective_checkpointing",
        "gradient_checkpointing",
        "Recomputes cheap operations only and keeps the results of expensive ones.",
        None,
    ),
    Key(
        "activation_offloading",
        "activation_offload",
        "Saved activations wait in host memory. With an adapter it takes the place of recomputation; "
        "without one, layers are still "
        "checkpointed and only their inputs move. legacy keeps less on the GPU than true.",
        False,
        (True, False, "legacy", "disk", "hidden_states"),
    ),
    Key(
        "optimizer",
        "optimizer",
        "AdamW keeps two states a trained weight, in the weight's dtype; 8-bit ones about 2 bytes a "
        "weight (embeddings stay at 32 bits), "
        "Adafactor rows and columns, SGD none.",
        "adamw_torch_fused",
        OPTIMIZERS,
        by_release=(before("adamw_hf", axolotl="0.8"),),
    ),
    Key(
        "optim_args",
        "optimizer_args",
        "Arguments of the optimizer; rank decides the size of GaLore's states.",
        None,
    ),
    Key(
        "max_grad_norm",
        "gradient_clipping",
        "Clips the norm of the gradients before the step. 0 turns it off.",
        1.0,
    ),
    Key(
        "attn_implementation",
        "attention",
        "Which attention kernel runs. Eager keeps heads × length² scores; flash kernels keep none. "
        "Full fine-tuning with sdpa, eager or no "
        "choice also keeps embeddings, head and norms in float32.",
        None,
        ATTENTIONS,
        since="0.16",
    ),
    Key(
        "flash_attention",
        "attention",
        "FlashAttention 2: no scores are kept, and embeddings stay in the load dtype.",
        None,
        BOOLEAN,
    ),
    Key(
        "sdp_attention",
        "attention",
        "PyTorch's attention. Full fine-tuning then keeps embeddings, head and norms in float32.",
        None,
        BOOLEAN,
    ),
    Key(
        "eager_attention",
        "attention",
        "Plain attention: heads × length² scores are kept for every layer.",
        None,
        BOOLEAN,
    ),
    Key("flex_attention", "attention", "FlexAttention: block masks instead of scores.", None, BOOLEAN),
    Key("xformers_attention", "attention", "The memory-efficient kernel of xFormers.", None, BOOLEAN),
    Key(
        "plugins",
        "loss",
        "Integrations. Liger and cut cross entropy act only when listed here; their own keys are "
        "silently dropped otherwise.",
        None,
    ),
    Key(
        "liger_fused_linear_cross_entropy",
        "loss",
        "Computes output head and loss in one piece: the logits of tokens × vocabulary never exist. "
        "Needs the Liger plugin.",
        None,
        BOOLEAN,
    ),
    Key(
        "liger_cross_entropy",
        "loss",
        "A fused loss over logits that still exist, without their float32 copies. Needs the Liger plugin.",
        None,
        BOOLEAN,
    ),
    Key(
        "liger_rms_norm",
        "kernels.liger",
        "Liger's norm: keeps its input as it came instead of a float32 copy and the normalised value. Needs "
        "the Liger plugin.",
        None,
        BOOLEAN,
    ),
    Key(
        "liger_glu_activation",
        "kernels.liger",
        "Liger's gated activation: keeps gate and up alone, and writes their gradients over them. Needs the "
        "Liger plugin.",
        None,
        BOOLEAN,
        since="0.4",
    ),
    Key(
        "liger_rope",
        "kernels.liger",
        "Liger's rotary positions: query and key are rotated in place. Needs the Liger plugin.",
        None,
        BOOLEAN,
    ),
    Key(
        "cut_cross_entropy",
        "loss",
        "Computes output head and loss in one piece, so that the logits never exist. On once its "
        "plugin is listed; needs bf16 or fp16.",
        True,
        BOOLEAN,
    ),
    Key(
        "chunked_cross_entropy",
        "loss",
        "Computes the loss in pieces (chunked_cross_entropy_num_chunks).",
        None,
        BOOLEAN,
    ),
    Key("chunked_cross_entropy_num_chunks", "loss", "In how many pieces the loss is computed.", 8),
    Key(
        "torch_compile",
        "compile",
        "Fuses elementwise operations, which saves activations.",
        None,
        (True, False, "auto"),
    ),
    Key(
        "tiled_mlp",
        "kernels.tiled_mlp",
        "Runs the feed-forward block in slices of the sequence: bounds its activations for long sequences.",
        None,
        BOOLEAN,
    ),
    Key(
        "tiled_mlp_num_shards",
        "kernels.tiled_mlp_pieces",
        "Number of slices of tiled_mlp; by default one per 32768 tokens.",
        None,
    ),
    Key(
        "deepspeed",
        "parallel.strategy",
        "A DeepSpeed JSON or mapping: 16-bit weights with a float32 master and moments, shared by its "
        "ZeRO stage. On one GPU it shares "
        "nothing and costs 16 bytes a trained weight instead of 8.",
        None,
    ),
    Key(
        "fsdp",
        "parallel.strategy",
        "The old list form of FSDP's options; use fsdp_version and fsdp_config.",
        None,
    ),
    Key(
        "fsdp_version",
        "parallel.strategy",
        "1 keeps trained shards in float32: 16 bytes a weight divided by the GPUs. 2 leaves them in "
        "the load dtype: 8 bytes. The default is 2; before 0.20, 1.",
        2,
        (1, 2),
        by_release=(before(1, axolotl="0.20"),),
    ),
    Key("fsdp_config", "parallel.strategy", "Shards weights, gradients and states over the GPUs.", None),
    Key(
        "fsdp_config.offload_params",
        "parallel.offload",
        "Keeps weights, gradients and states on the host.",
        False,
        BOOLEAN,
    ),
    Key(
        "fsdp_config.reshard_after_forward",
        "parallel.sharding",
        "false keeps the gathered weights until the backward pass.",
        True,
        BOOLEAN,
    ),
    Key(
        "fsdp_config.activation_checkpointing",
        "gradient_checkpointing",
        "FSDP's own checkpointing of each wrapped layer.",
        False,
        BOOLEAN,
    ),
    EFFICIENT_LOADING,
    Key(
        "experimental_skip_move_to_device",
        "loading",
        "FSDP without efficient loading: false puts the whole model on every GPU before it is sharded.",
        True,
        BOOLEAN,
        by_release=(before(False, axolotl="0.13"),),
    ),
    SYNC_EACH_BATCH,
    Key("dp_shard_size", "parallel.data", "GPUs that share the sharding.", None),
    Key("dp_replicate_size", "parallel.replicate", "Copies of the sharding group.", None),
    Key("tensor_parallel_size", "parallel.tensor", "Splits each layer's weights over this many GPUs.", None),
    Key(
        "context_parallel_size",
        "parallel.context",
        "Splits every sequence over this many GPUs; needs FlashAttention 2.",
        None,
    ),
    Key("expert_parallel_size", "parallel.expert", "Splits the experts of a mixture over this many GPUs.", 1),
    Key("ray_num_workers", "parallel.data", "With use_ray: number of GPUs.", 1),
    Key(
        "rl",
        "objective",
        "Preference or online method. Pairs double the rows of a batch; without an adapter a whole "
        "second model is loaded as reference "
        "(not for orpo).",
        None,
        ("dpo", "ipo", "gdpo", "simpo", "kto", "orpo", "grpo", "ebft"),
    ),
    Key(
        "reward_model",
        "objective",
        "Trains a reward model: one score a sequence instead of logits, and pairs of sequences.",
        None,
        BOOLEAN,
    ),
    Key("pretraining_dataset", "objective", "Streams plain text instead of a prepared dataset.", None),
    Key(
        "precompute_ref_log_probs",
        "reference_model",
        "Scores the reference before training, so that it need not stay on the GPU.",
        None,
        BOOLEAN,
    ),
    Key("trl.beta", "reference_model", "GRPO: above 0 a reference model stays on the GPU.", None),
    Key("trl.num_generations", "generation.completions", "GRPO: completions sampled for each prompt.", 8),
    Key(
        "trl.max_completion_length",
        "generation.completion_length",
        "GRPO: the most tokens of a completion.",
        256,
    ),
    Key(
        "trl.use_vllm",
        "generation.colocated",
        "GRPO: completions come from vLLM, by default from a server of its own.",
        False,
        BOOLEAN,
    ),
    Key(
        "trl.vllm_mode",
        "generation.colocated",
        "colocate puts vLLM, with its own copy of the weights, on the training GPUs.",
        "server",
        ("server", "colocate"),
    ),
    Key(
        "trl.vllm_enable_sleep_mode",
        "generation.sleep",
        "vLLM gives its weights and its cache back after each generation, so that the training step has the "
        "GPU to itself.",
        False,
        BOOLEAN,
    ),
    Key(
        "vllm.gpu_memory_utilization",
        "generation.memory_fraction",
        "The share of the GPU's total memory that a colocated vLLM takes, its weights included. Up to 0.20 "
        "the server's default reaches a colocated engine too; from 0.21 TRL's own holds.",
        0.9,
        by_release=(since(0.3, axolotl="0.21"),),
    ),
    Key(
        "vllm.tensor_parallel_size",
        "generation.tensor",
        "Over how many GPUs vLLM splits its copy of the weights.",
        UNSET,
    ),
    Key(
        "gpu_memory_limit",
        None,
        "Caps what the model may take of each GPU when it is loaded; the rest goes to the host.",
        None,
    ),
)
