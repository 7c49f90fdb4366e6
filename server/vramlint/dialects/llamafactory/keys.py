"""LLaMA-Factory's keys that decide memory: what each does, and what holds when the file is silent."""

from __future__ import annotations

from vramlint.dialects.engines import evaluation
from vramlint.dialects.engines.loading import EFFICIENT_LOADING
from vramlint.dialects.engines.training_arguments import OPTIMIZER_BEFORE, SYNC_EACH_BATCH
from vramlint.dialects.kit.dialect import Key, Renamed
from vramlint.dialects.llamafactory.megatron import MEGATRON_KEYS

OPTIMIZER_EFFECT = (
    "Which states the optimizer keeps: AdamW two a trained weight, 8-bit ones a quarter of that, Adafactor "
    "rows and "
    "columns."
)
KEYS: tuple[Key, ...] = (
    Key(
        "model_name_or_path",
        "model",
        "The model: fixes every tensor shape. Its weights load in the checkpoint's own dtype.",
    ),
    Key(
        "stage",
        "objective",
        "What is trained for. dpo, rm and kto put pairs into each batch; dpo, kto and ppo may keep a frozen "
        "second model.",
        "sft",
        ("pt", "sft", "rm", "ppo", "dpo", "kto"),
    ),
    Key(
        "finetuning_type",
        "method",
        "Which weights are trained; frozen ones need neither gradients nor optimizer states. The "
        "default is lora.",
        "lora",
        ("lora", "oft", "freeze", "full"),
    ),
    Key(
        "lora_rank",
        "adapter.r",
        "Rank: an adapted linear of in × out features gains r × (in + out) fp32 weights.",
        8,
    ),
    Key("lora_alpha", "adapter.alpha", "Scale of the adapter, 2 × rank by default. Costs no memory."),
    Key(
        "lora_dropout",
        "adapter.dropout",
        "Above 0, every adapted linear saves a mask and a masked copy of its input.",
        0.0,
    ),
    Key(
        "lora_target",
        "adapter.targets",
        "Which linears are adapted; `all` is every one but the output head.",
        "all",
    ),
    Key(
        "additional_target",
        "adapter.modules_to_save",
        "Modules trained whole beside the adapter: an fp32 copy with gradients and moments, 16 bytes a "
        "weight.",
    ),
    Key(
        "resize_vocab",
        "adapter.modules_to_save",
        "With LoRA and no additional_target, embeddings and output head become trained whole.",
        False,
    ),
    Key(
        "use_dora",
        "method",
        "DoRA: a magnitude per output feature, and more saved activations than LoRA.",
        False,
    ),
    Key(
        "freeze_trainable_layers",
        "trainable_layers",
        "finetuning_type freeze: how many of the last layers are trained (negative: the first ones).",
        2,
    ),
    Key(
        "quantization_bit",
        "quantization.scheme",
        "The only switch of quantization: 4 stores the frozen linears in about half a byte a weight, 8 in "
        "one. "
        "Without it the other quantization_* keys do nothing.",
        None,
        (8, 4),
    ),
    Key(
        "quantization_method",
        "quantization.scheme",
        "Who quantizes: bnb, hqq or eetq; any other word quantizes nothing. Needs quantization_bit.",
        "bnb",
        offered=("bnb", "hqq", "eetq"),
    ),
    Key(
        "quantization_type",
        "quantization.scheme",
        "4-bit data type; needs quantization_bit.",
        "nf4",
        ("fp4", "nf4"),
    ),
    Key(
        "double_quantization",
        "quantization.double_quant",
        "Quantizes the 4-bit scales too, 0.04 bytes a weight less.",
        True,
    ),
    Key(
        "bf16",
        "precision.autocast",
        "Mixed precision: trained weights, gradients and moments are fp32 all the same (16 bytes a weight), "
        "and autocast "
        "keeps a 16-bit copy of each. Off by default.",
        False,
    ),
    Key("fp16", "precision.autocast", "As bf16, with float16 and a loss scaler.", False),
    Key(
        "pure_bf16",
        "precision.trainable",
        "No fp32 copy of base weights: weights, gradients and moments in bf16, 8 bytes a trained weight. "
        "LoRA stays fp32.",
        False,
    ),
    Key("upcast_layernorm", "precision.fp32_modules", "Norm weights in fp32.", False),
    Key(
        "cutoff_len",
        "sequence_length",
        "Tokens of a row; longer samples are cut. Pairs count each side.",
        2048,
    ),
    Key(
        "image_max_pixels",
        "image_pixels",
        "Scales larger images down to so many pixels. Rows are taken to hold an image where this, "
        "image_min_pixels or media_dir is written; micro batches of text get one tiny image.",
        589_824,
    ),
    Key("media_dir", "images", "Where the images of the rows lie.", None),
    Key("image_min_pixels", "images", "Scales smaller images up."),
    Key(
        "packing",
        "packing",
        "Fills every row up to cutoff_len, so that each step costs the full length. On for pretraining.",
    ),
    Key("neat_packing", "packing", "Packing whose samples do not attend to one another.", False),
    Key(
        "per_device_train_batch_size",
        "micro_batch_size",
        "Rows per GPU and forward pass. 8 unless written.",
        8,
    ),
    *evaluation.KEYS,
    Key(
        "gradient_accumulation_steps",
        "gradient_accumulation_steps",
        "Micro-batches per step; costs no activations.",
        1,
    ),
    Key(
        "disable_gradient_checkpointing",
        "gradient_checkpointing",
        "Checkpointing is on unless this is true, whatever gradient_checkpointing says: only each layer's "
        "input is kept.",
        False,
    ),
    Key("use_reentrant_gc", "gradient_checkpointing", "Which implementation of checkpointing.", True),
    Key(
        "use_unsloth",
        "adapter.fused_kernels",
        "Unsloth's layers, loss and checkpoints: layer inputs wait on the host, logits are never whole.",
        False,
    ),
    Key(
        "use_unsloth_gc",
        "activation_offload",
        "Layer inputs wait in host memory between forward and backward.",
        False,
    ),
    Key(
        "flash_attn",
        "attention",
        "Attention kernel; `disabled` keeps heads × length² scores.",
        "auto",
        ("auto", "disabled", "sdpa", "fa2", "fa3"),
    ),
    Key(
        "enable_liger_kernel",
        "loss",
        "In stages pt and sft the loss is computed with the output head, so that full logits never exist.",
        False,
    ),
    Key("optim", "optimizer", OPTIMIZER_EFFECT, "adamw_torch_fused", by_release=OPTIMIZER_BEFORE),
    Key("use_galore", "optimizer", "GaLore: moments of rank galore_rank. Saves only with pure_bf16.", False),
    Key("galore_rank", "optimizer_args", "Rank of GaLore's projected moments.", 16),
    Key(
        "galore_layerwise",
        "optimizer_in_backward",
        "Steps each weight as its gradient arrives, one GPU only.",
        False,
    ),
    Key("use_apollo", "optimizer", "APOLLO: moments of rank apollo_rank. Saves only with pure_bf16.", False),
    Key("apollo_rank", "optimizer_args", "Rank of APOLLO's projected moments.", 16),
    Key(
        "apollo_layerwise",
        "optimizer_in_backward",
        "Steps each weight as its gradient arrives, one GPU only.",
        False,
    ),
    Key("use_adam_mini", "optimizer", "Adam-mini: one moment a weight, the second one per block.", False),
    Key("use_muon", "optimizer", "Muon: one moment for matrices, AdamW's two for the rest.", False),
    Key("max_grad_norm", "gradient_clipping", "Clipping by norm; 0 turns it off.", 1.0),
    Key("deepspeed", "parallel.strategy", "ZeRO, by a DeepSpeed JSON: what is shared among the GPUs."),
    Key("fsdp", "parallel.strategy", "FSDP through the Trainer's own keys."),
    Key("fsdp_config", "parallel.strategy", "FSDP options: sharding, wrapping, offload."),
    EFFICIENT_LOADING,
    SYNC_EACH_BATCH,
    Key("pref_loss", "objective", "orpo and simpo need no reference model.", "sigmoid"),
    Key("ref_model", "roles.reference", "A reference model of its own, kept beside the policy."),
    Key(
        "reward_model",
        "roles.reward_model",
        "PPO: the model that scores completions; its weights stay on the GPU where its type is full.",
    ),
    Key(
        "reward_model_type",
        "roles.reward_model",
        "PPO: lora shares the policy's base, full is a whole model more, api is elsewhere.",
        "lora",
        ("lora", "full", "api"),
    ),
    Key("reward_model_quantization_bit", "roles.reward_model", "PPO: quantizes a full reward model."),
    Key(
        "max_new_tokens",
        "generation.completion_length",
        "PPO: the most tokens of a completion; prompt and completion together make the row.",
        1024,
    ),
    Key(
        "ppo_buffer_size",
        "generation.batch",
        "PPO: batches whose completions are generated at once.",
        1,
    ),
    Key("ref_model_quantization_bit", "reference_model", "Quantizes the reference model."),
    Key("ray_num_workers", "parallel.data", "GPUs, when the run is started through Ray."),
    # the second engine (USE_V1)
    Key("model", "model", "v1: the model. Full fine-tuning casts all of it to fp32."),
    Key("micro_batch_size", "micro_batch_size", "v1: rows per GPU and forward pass.", 1),
    Key(
        "global_batch_size",
        "gradient_accumulation_steps",
        "v1: rows per step over all GPUs; the rest is accumulation.",
    ),
    Key(
        "enable_activation_checkpointing",
        "gradient_checkpointing",
        "v1: keeps only each layer's input and computes the rest again.",
        True,
    ),
    Key("batching_strategy", "packing", "v1: padding_free and dynamic_batching fill each batch.", "normal"),
    Key(
        "peft_config",
        "method",
        "v1: {name: lora, r, …} or {name: freeze, …}; none is full fine-tuning in fp32.",
    ),
    Key("peft_config.r", "adapter.r", "v1: rank of the adapter.", 8),
    Key("peft_config.lora_alpha", "adapter.alpha", "v1: scale of the adapter.", 16),
    Key("peft_config.lora_dropout", "adapter.dropout", "v1: dropout before the adapter.", 0.05),
    Key("peft_config.target_modules", "adapter.targets", "v1: adapted linears.", "all"),
    Key("quant_config", "quantization.scheme", "v1: {name: bnb, quantization_bit: 4}."),
    Key(
        "dist_config",
        "parallel.strategy",
        "v1: {name: fsdp2} or {name: deepspeed, config_file: …}; none is DDP.",
    ),
    *MEGATRON_KEYS,
)
RENAMED: tuple[Renamed, ...] = (Renamed("evaluation_strategy", "transformers 4.46", "eval_strategy"),)
