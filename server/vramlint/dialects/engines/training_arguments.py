"""The keys of transformers' TrainingArguments that decide memory: shared by every front end built on its
Trainer.

Defaults are those of transformers 5.23.
"""

from __future__ import annotations

from vramlint.dialects.engines import evaluation
from vramlint.dialects.engines.loading import EFFICIENT_LOADING
from vramlint.dialects.kit.dialect import UNSET, Key, Renamed, before

OPTIMIZERS: tuple[str, ...] = (
    "adamw_torch",
    "adamw_torch_fused",
    "adamw_8bit",
    "adamw_bnb_8bit",
    "paged_adamw_32bit",
    "paged_adamw_8bit",
    "adamw_torch_8bit",
    "adamw_torch_4bit",
    "adafactor",
    "lion_32bit",
    "lion_8bit",
    "paged_lion_8bit",
    "sgd",
    "galore_adamw",
    "galore_adamw_layerwise",
    "apollo_adamw",
    "lomo",
    "adalomo",
)
"""The optimizers people choose among; any other name of the trainer's list is taken as written."""

OPTIMIZER_BEFORE = (before("adamw_torch", transformers="4.54"), before("adamw_torch", torch="2.8"))
"""training_args.py, default_optim: 4.44.2 to 4.53.3 whatever torch there is, 4.54.0 to 5.24.0 by torch's
release.
"""

BATCH = Key(
    "per_device_train_batch_size",
    "micro_batch_size",
    "Sequences per GPU and forward pass. Activations and logits grow in proportion; weights and "
    "states do not.",
    8,
)
ACCUMULATION = Key(
    "gradient_accumulation_steps",
    "gradient_accumulation_steps",
    "Micro-batches per optimizer step. Costs no activations, but above 1 the gradients stay "
    "through the next forward pass.",
    1,
)
CHECKPOINTING = Key(
    "gradient_checkpointing",
    "gradient_checkpointing",
    "Keeps only the input of each layer and computes the layer again in the backward pass: "
    "activations shrink from tens "
    "of tensors a layer to one, for about a third more time.",
    False,
    (True, False),
)
SYNC_EACH_BATCH = Key(
    "accelerator_config.gradient_accumulation_kwargs.sync_each_batch",
    "parallel.sync_each_batch",
    "Under FSDP with gradient accumulation, true reduces gradients after each micro-batch. False keeps them "
    "whole on every GPU until the last one: 2 to 4 bytes a trained weight, however many GPUs.",
    False,
    (True, False),
)
KEYS: tuple[Key, ...] = (
    BATCH,
    ACCUMULATION,
    *evaluation.KEYS,
    CHECKPOINTING,
    Key(
        "activation_checkpointing",
        "gradient_checkpointing",
        "The newer name of gradient_checkpointing: keeps only each layer's input and computes the rest "
        "again.",
        UNSET,
        (True, False),
        since="5.20",
    ),
    Key(
        "gradient_checkpointing_kwargs.use_reentrant",
        "gradient_checkpointing",
        "Which of torch's two checkpointing implementations runs; the reentrant one detaches the whole "
        "layer and keeps "
        "its outputs a little longer.",
        False,
        (True, False),
        by_release=(before(True, transformers="5.0", trl="0.27"),),
    ),
    Key(
        "gradient_checkpointing_kwargs.every_n_layers",
        "gradient_checkpointing",
        "Checkpoints only every n-th layer: the others keep all their activations.",
        1,
        since="5.20",
    ),
    Key(
        "gradient_checkpointing_kwargs.offload",
        "activation_offload",
        "Moves the kept layer inputs to pinned host memory.",
        False,
        (True, False),
        since="5.20",
    ),
    Key(
        "bf16",
        "precision.autocast",
        "Mixed precision by autocast. It leaves the weights in the dtype they were loaded in; over "
        "float32 weights it "
        "adds a 16-bit copy of every trained weight during the forward pass.",
        False,
        (True, False),
    ),
    Key(
        "fp16",
        "precision.autocast",
        "Mixed precision in float16 with a loss scaler; needs float32 weights. Memory as with bf16.",
        False,
        (True, False),
    ),
    Key("tf32", None, "Faster float32 multiplications. Changes no memory.", None, (True, False)),
    Key(
        "optim",
        "optimizer",
        "AdamW keeps two states a trained weight, in the weight's dtype; 8-bit ones about 2 bytes a "
        "weight, Adafactor rows "
        "and columns, SGD none. Paged states may leave the GPU.",
        "adamw_torch_fused",
        OPTIMIZERS,
        by_release=OPTIMIZER_BEFORE,
    ),
    Key(
        "optim_args",
        "optimizer_args",
        "Arguments of the optimizer; rank decides the size of GaLore's and APOLLO's states.",
        None,
    ),
    Key(
        "optim_target_modules",
        "optimizer_args",
        "Which linears get GaLore's or APOLLO's low-rank states.",
        None,
    ),
    Key(
        "max_grad_norm",
        "gradient_clipping",
        "Clips the gradients' norm before the step, with short-lived lists of norms and, for some "
        "optimizers, scaled copies. "
        "0 turns it off.",
        1.0,
    ),
    Key(
        "use_liger_kernel",
        "loss",
        "Fused kernels of Liger: the loss runs without keeping logits of tokens × vocabulary, norms "
        "and activations save less. Nothing where Liger does not know the model's family.",
        False,
        (True, False),
    ),
    Key(
        "liger_kernel_config",
        "kernels.liger",
        "Turns single kernels of Liger off: rms_norm, swiglu or geglu, rope, fused_linear_cross_entropy.",
        None,
        since="4.56",
    ),
    Key(
        "torch_compile",
        "compile",
        "Fuses elementwise operations, which saves activations.",
        False,
        (True, False),
    ),
    Key(
        "deepspeed",
        "parallel.strategy",
        "A DeepSpeed JSON: 16-bit weights with a float32 master and moments, shared by its ZeRO stage. "
        "On one GPU it "
        "shares nothing and costs 16 bytes a trained weight.",
        None,
    ),
    Key(
        "fsdp",
        "parallel.strategy",
        "Shards weights, gradients and states over the GPUs.",
        None,
    ),
    Key(
        "fsdp_config",
        "parallel.strategy",
        "Options of FSDP. Under mixed precision the trained shards are float32: 16 bytes a weight, "
        "divided by the GPUs.",
        None,
    ),
    Key(
        "fsdp_config.version",
        "parallel.strategy",
        "1 or 2; which weights become float32 differs between them.",
        2,
        (1, 2),
    ),
    Key(
        "fsdp_config.reshard_after_forward",
        "parallel.sharding",
        "false keeps the gathered 16-bit weights from the forward to the backward pass: faster, 2 "
        "bytes a weight more.",
        True,
        (True, False),
    ),
    EFFICIENT_LOADING,
    SYNC_EACH_BATCH,
    Key(
        "fsdp_config.cpu_offload",
        "parallel.offload",
        "Keeps weights, gradients and states on the host.",
        False,
        (True, False),
    ),
    Key(
        "fsdp_config.backward_prefetch",
        "parallel.backward_prefetch",
        "FSDP 1: when backward gathers the next layer; BACKWARD_PRE holds two at once.",
        "NO_PREFETCH",
        ("BACKWARD_PRE", "BACKWARD_POST", "NO_PREFETCH"),
    ),
    Key(
        "fsdp_config.activation_checkpointing",
        "gradient_checkpointing",
        "FSDP's own checkpointing, to be used in place of the trainer's.",
        False,
        (True, False),
    ),
    Key(
        "fsdp_config.auto_wrap_policy",
        "parallel.wrap",
        "What is gathered at once: a layer with TRANSFORMER_BASED_WRAP, the whole model with NO_WRAP.",
        "TRANSFORMER_BASED_WRAP",
        ("TRANSFORMER_BASED_WRAP", "SIZE_BASED_WRAP", "NO_WRAP"),
    ),
    Key(
        "label_smoothing_factor",
        None,
        "Above 0, the trainer computes the loss itself from another full set of logits.",
        0.0,
    ),
    Key(
        "auto_find_batch_size",
        None,
        "Halves the batch whenever memory runs out, so that the written batch size may not be the one "
        "that trains.",
        False,
        (True, False),
    ),
    Key("torch_empty_cache_steps", None, "Returns cached memory every n steps: less reserved, slower.", None),
    Key(
        "save_only_model",
        None,
        "Leaves the optimizer's states out of checkpoints on disk.",
        False,
        (True, False),
    ),
)

RENAMED: tuple[Renamed, ...] = (
    Renamed("warmup_ratio", "transformers 5.7", "warmup_steps"),
    Renamed("logging_dir", "transformers 5.7"),
    Renamed("group_by_length", "transformers 5.0", "train_sampling_strategy"),
    Renamed("overwrite_output_dir", "transformers 5.0"),
    Renamed("no_cuda", "transformers 5.0", "use_cpu"),
    Renamed("half_precision_backend", "transformers 5.0"),
    Renamed("fp16_backend", "transformers 5.0"),
    Renamed("fp16_opt_level", "transformers 5.0"),
    Renamed("save_safetensors", "transformers 5.0"),
    Renamed("per_gpu_train_batch_size", "transformers 5.0", "per_device_train_batch_size"),
    Renamed("per_gpu_eval_batch_size", "transformers 5.0", "per_device_eval_batch_size"),
    Renamed("adafactor", "transformers 5.0", "optim"),
    Renamed("evaluation_strategy", "transformers 4.51", "eval_strategy"),
    Renamed("push_to_hub_token", "transformers 5.0", "hub_token"),
    Renamed("tpu_num_cores", "transformers 5.0"),
    Renamed("torchdynamo", "transformers 5.0", "torch_compile_backend"),
    Renamed("include_inputs_for_metrics", "transformers 5.0", "include_for_metrics"),
    Renamed("include_tokens_per_second", "transformers 5.0"),
    Renamed("use_mps_device", "transformers 5.0"),
    Renamed("fsdp_min_num_params", "transformers 5.0", "fsdp_config"),
    Renamed("fsdp_transformer_layer_cls_to_wrap", "transformers 5.0", "fsdp_config"),
    Renamed("use_legacy_prediction_loop", "transformers 5.0"),
    Renamed("past_index", "transformers 5.0"),
    Renamed("ray_scope", "transformers 5.0"),
    Renamed("jit_mode_eval", "transformers 5.0"),
)
"""Keys that transformers has removed, with the first release known to lack them."""
