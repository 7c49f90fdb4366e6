"""ms-swift's arguments that decide memory: what each does, and what holds when the file is silent.

Read from 4.6.0: `arguments/*.py`, `arguments/base_args/*.py`, `trainers/arguments.py` and, for reinforcement
learning, `rlhf_trainers/args_mixin.py`.
"""

from __future__ import annotations

from vramlint.dialects.engines import training_arguments
from vramlint.dialects.kit.dialect import Key, Renamed
from vramlint.dialects.ms_swift.megatron import MEGATRON_KEYS
from vramlint.lazy_dataclasses import replace

VERSION = "4.6"
OLDER = "3.12"
"""The last release before arguments were renamed; its defaults are the same."""
TUNERS = (
    *("full", "lora", "longlora", "adalora", "llamapro", "adapter", "vera", "boft", "fourierft", "reft"),
    "bone",
)
OBJECTIVES = ("dpo", "orpo", "simpo", "kto", "cpo", "rm", "ppo", "grpo", "gkd")
BOOLEAN = (True, False)
DTYPES = ("bfloat16", "float16", "float32")
PRESETS = ("zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload")
_TRAINER = {key.path: key for key in training_arguments.KEYS}

MODEL: tuple[Key, ...] = (
    Key("model", "model", "The model that is trained: ModelScope or hub id, or a folder."),
    Key(
        "tuner_type",
        "method",
        "full trains every weight; lora and similar methods freeze the base. The default is lora.",
        "lora",
        offered=TUNERS,
    ),
    Key("train_type", "method", "The name of tuner_type before 4.0.", "lora", offered=TUNERS),
    Key(
        "torch_dtype",
        "precision.weights",
        "Dtype in which the weights are loaded: the checkpoint's own if not set. Autocast follows it.",
        None,
        DTYPES,
    ),
    Key(
        "quant_method",
        "quantization.scheme",
        "Quantizes the frozen base while loading; needs quant_bits too.",
        None,
        offered=("bnb", "hqq", "eetq", "quanto", "fp8"),
    ),
    Key("quant_bits", "quantization.scheme", "Stores the frozen linears in this many bits.", None),
    Key("bnb_4bit_quant_type", "quantization.scheme", "The 4-bit number format.", "nf4", ("nf4", "fp4")),
    Key(
        "bnb_4bit_use_double_quant",
        "quantization.double_quant",
        "Quantizes the scales too, which saves 0.37 bits a weight.",
        True,
        BOOLEAN,
    ),
    Key(
        "attn_impl",
        "attention",
        "Which attention kernel runs. Packing and padding_free need a flash kernel.",
        None,
        offered=("flash_attn", "flash_attention_2", "flash_attention_3", "sdpa", "eager"),
    ),
    Key(
        "freeze_vit",
        "trainable_parameters",
        "Leaves the tower of a model that takes images as it is: no gradients and no states for it.",
        True,
        BOOLEAN,
    ),
    Key("freeze_llm", "trainable_parameters", "Leaves the language model as it is.", False, BOOLEAN),
)
ADAPTER: tuple[Key, ...] = (
    Key("lora_rank", "adapter.r", "Rank: each adapted linear gains rank × (in + out) weights.", 8),
    Key("lora_alpha", "adapter.alpha", "Scale of the adapter. Costs no memory.", 32.0),
    Key(
        "lora_dropout",
        "adapter.dropout",
        "Above 0, every adapted linear saves a mask and a masked copy of its input.",
        0.05,
    ),
    Key("target_modules", "adapter.targets", "Linears that get an adapter.", "all-linear"),
    Key("target_regex", "adapter.targets", "One expression over the full names of modules instead.", None),
    Key(
        "target_parameters",
        "adapter.target_parameters",
        "Parameters that get an adapter of their own, as experts held in one parameter do.",
        None,
    ),
    Key("modules_to_save", "adapter.modules_to_save", "Modules trained whole beside the adapter."),
    Key("lora_dtype", "adapter.dtype", "Dtype of the adapter; float32 if not set.", None, DTYPES),
    Key("use_dora", "method", "DoRA adds a magnitude vector to each adapted linear.", False, BOOLEAN),
    Key("vera_rank", "adapter.r", "Rank of VeRA's shared random matrices.", 256),
)
STEP: tuple[Key, ...] = (
    replace(_TRAINER["per_device_train_batch_size"], default=1),
    replace(
        _TRAINER["gradient_accumulation_steps"],
        default=None,
        effect="Micro-batches per optimizer step; unset, as many as make 16 rows over all GPUs. Above 1, "
        "gradients stay through the next forward pass.",
    ),
    Key(
        "max_length",
        "sequence_length",
        "The most tokens of a row; unset, the model's own limit. In GRPO and PPO, of a prompt.",
        None,
    ),
    Key("max_completion_length", "generation.completion_length", "The most tokens of a completion.", 512),
    Key("packing", "packing", "Fills every row up to packing_length with several samples.", False, BOOLEAN),
    Key("packing_length", "sequence_length", "Tokens of a packed row; max_length if not set.", None),
    Key("padding_free", "packing", "Runs the samples of a batch as one row without padding.", False, BOOLEAN),
    replace(_TRAINER["gradient_checkpointing"], default=True),
    Key(
        "gradient_checkpointing_kwargs",
        "gradient_checkpointing",
        "use_reentrant: true unless plain DDP runs.",
        None,
    ),
    replace(_TRAINER["optim"], choices=(), offered=training_arguments.OPTIMIZERS),
    Key(
        "optimizer",
        "optimizer",
        "An optimizer of ms-swift's own, which takes precedence over optim.",
        None,
        offered=("galore", "lorap", "muon", "muonclip", "multimodal"),
    ),
    Key("use_galore", "optimizer", "GaLore: low-rank moments of the linears.", False, BOOLEAN),
    Key("galore_rank", "optimizer_args", "Rank of GaLore's moments.", 128),
    _TRAINER["max_grad_norm"],
    replace(_TRAINER["use_liger_kernel"]),
    _TRAINER["torch_compile"],
    *(_TRAINER[name] for name in ("eval_strategy",)),
    replace(_TRAINER["per_device_eval_batch_size"], default=1),
)
SPREAD: tuple[Key, ...] = (
    Key(
        "deepspeed",
        "parallel.strategy",
        "zero0 … zero3, with or without offload, or a file.",
        None,
        offered=PRESETS,
    ),
    Key("fsdp", "parallel.strategy", "fsdp2, or a file with fsdp and fsdp_config.", None, offered=("fsdp2",)),
    Key(
        "sequence_parallel_size",
        "parallel.context",
        "GPUs that share one row: each has a part of its tokens.",
        1,
    ),
    Key(
        "deepspeed_autotp_size", "parallel.tensor", "GPUs that share each layer, by DeepSpeed's AutoTP.", None
    ),
    Key(
        "ENV",
        None,
        "Variables that the command sets first. NPROC_PER_NODE and NNODES give the number of GPUs.",
    ),
)
ONLINE: tuple[Key, ...] = (
    Key("rlhf_type", "objective", "The method of `swift rlhf`.", "dpo", offered=OBJECTIVES),
    Key("ref_model", "reference_model", "A reference that is another model than the trained one.", None),
    Key("beta", "reference_model", "0 leaves GRPO without a reference; 0.04 if not set.", None),
    Key("reward_model", "roles.reward_model", "Models that score completions, each on the GPU.", None),
    Key("teacher_model", "roles.teacher", "The model that is imitated; unset, the student itself.", None),
    Key("num_generations", "generation.completions", "Completions of each prompt.", 8),
    Key("use_vllm", "generation.engine", "vLLM makes the completions.", False, BOOLEAN),
    Key(
        "vllm_mode",
        "generation.colocated",
        "colocate puts vLLM on the GPUs of the training, server elsewhere.",
        None,
        ("server", "colocate"),
    ),
    Key(
        "num_infer_workers",
        "generation.colocated",
        "Engines of a machine, before vllm_mode: as many as GPUs puts one on each GPU of the training.",
        None,
    ),
    Key(
        "vllm_gpu_memory_utilization",
        "generation.memory_fraction",
        "vLLM's share of the GPU's memory where it is colocated.",
        0.9,
    ),
    Key("vllm_tensor_parallel_size", "generation.tensor", "GPUs that share one engine.", 1),
    Key(
        "sleep_level",
        "generation.sleep",
        "What vLLM gives back while the training runs: nothing, cache and weights to the host (1), or both "
        "for good (2).",
        0,
        (0, 1, 2),
    ),
    Key(
        "move_model_batches",
        "generation.handed_over_in",
        "Groups of layers in which sharded weights are made whole for vLLM; all at once where not set.",
        None,
    ),
    Key("offload_optimizer", "generation.away", "Keeps states on the host meanwhile.", False, BOOLEAN),
    Key("offload_model", "generation.away", "Keeps weights on the host meanwhile.", False, BOOLEAN),
    Key("steps_per_generation", "generation.batch", "Micro-batches made of one round of completions.", None),
)
KEYS: tuple[Key, ...] = (*MODEL, *ADAPTER, *STEP, *SPREAD, *ONLINE, *MEGATRON_KEYS)
RENAMED = (
    Renamed("train_type", "ms-swift 4.0", "tuner_type"),
    Renamed("num_infer_workers", "ms-swift 3.6", "vllm_mode"),
)
OLD = ("sft_type", "model_id_or_path")
"""Arguments that 3.0 renamed; their defaults were others."""
