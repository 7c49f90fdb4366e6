"""The registry: one line a dialect. Its code is imported when a file of that dialect is read."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal

from vramlint.dialects.kit.signs import (
    Signs,
    listing,
    mapping,
    matching,
    naming,
    not_text,
    number,
    one_of,
    refers,
    starting,
    text,
    texts,
)
from vramlint.lazy_dataclasses import dataclass

if TYPE_CHECKING:
    from vramlint.dialects.kit.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Entry:
    """One dialect: its name, the module below vramlint.dialects that holds its `DIALECT`, and its signs.

    `support`: "full" where all keys that decide memory are read, "recognised" where a file is estimated only
    if it says enough.
    """

    name: str
    module: str
    support: Literal["full", "recognised"]
    signs: Signs
    fallback: bool = False
    """Whether a file is taken for its only where it is no other's."""

    def load(self) -> Dialect:
        """The dialect itself."""
        dialect: Dialect = import_module(f"vramlint.dialects.{self.module}").DIALECT
        return dialect


_COMPOSED = ("defaults", "_target_")
"""Of a file that Hydra composes, whose names mean what the code of its project makes of them."""
_ENCODERS = matching(r"(?i)(^|[/_-])(\w*bert\w*|\w*electra|xlnet|xlm)(?![a-z])")
"""Families without a causal head, which TRL's trainers do not load."""
_TUNERS = ("full", "lora", "longlora", "adalora", "llamapro", "adapter", "vera", "boft", "fourierft", "reft")


def _batched(name: str) -> tuple[str, ...]:
    """A name at the top of a file, in a section, and in a section of a section."""
    return name, f"*.{name}", f"*.*.{name}"


def _ranked(name: str, section: str = "") -> tuple[str, ...]:
    """An adapter's rank, in a section or not, beside a batch under whatever name."""
    ranks = (f"{section}.{name}",) if section else (name, f"*.{name}")
    return tuple(f"{rank}+{batch}" for rank in ranks for batch in ("batch_size", "*.batch_size"))


REGISTRY = (
    Entry("job", "job_file.read", "full", Signs(decisive=("vramlint",))),
    Entry("axolotl", "axolotl.read", "full", Signs(
        decisive=(
            "base_model+sequence_len", "base_model+datasets+micro_batch_size",
            "base_model+pretraining_dataset", "base_model+test_datasets",
        ),
        likely=(("datasets+base_model", listing),),
        strong=(
            "sequence_len", "sample_packing", "lora_target_linear", ("micro_batch_size", number),
            "val_set_size", "dataset_prepared_path", "pad_to_sequence_len", ("plugins", naming("axolotl.")),
        ),
        hint=(
            ("base_model", text), "adapter", "rl", "lora_r", "bf16", "datasets", "gradient_checkpointing",
            "chat_template", "flash_attention", "num_epochs",
        ),
        foreign=(
            *_COMPOSED, "finetuning_type", "merge_method+models", "per_device_train_batch_size+!sequence_len",
            "vramlint",
        ),
        required=("base_model", "base_model_config"),
    )),
    Entry("trl", "trl.read", "full", Signs(
        decisive=(
            "model_name_or_path+dataset_name+per_device_train_batch_size", "model_name_or_path+use_peft",
            "model_name_or_path+dataset_train_split", "model_name_or_path+dataset_mixture",
            "model_name_or_path+num_generations",
            "model_name_or_path+accelerate_config",
        ),
        likely=(
            "model_name_or_path+dataset_name", "model_name_or_path+dataset_mixer",
            "model_name_or_path+dataset_id_or_path",
            "model_name_or_path+per_device_train_batch_size+!max_length",
        ),
        strong=(
            "use_peft", "dataset_train_split", "dataset_test_split", "dataset_mixture", "num_generations",
            "max_completion_length", "reward_funcs", "precompute_ref_log_probs", "desirable_weight",
            "assistant_only_loss", "completion_only_loss", "padding_free", "dataset_text_field", "vllm_mode",
            "use_bnb_nested_quant", "bnb_4bit_quant_storage", "lora_task_type", "lora_target_parameters",
            "lora_modules_to_save", "chat_template_path", "activation_offloading",
        ),
        hint=(
            "model_name_or_path", "per_device_train_batch_size", ("attn_implementation", text),
            "lora_target_modules", "max_length", "dataset_name", "output_dir", "learning_rate",
            "num_train_epochs", "optim", "bf16", "gradient_checkpointing",
        ),
        foreign=(
            *_COMPOSED, ("*", refers), ("model_name_or_path", _ENCODERS), "finetuning_type", "cutoff_len",
            ("template", text), "quantization_bit", "lora_target", "tuner_type", ("train_type", text),
            "attn_impl", "base_model", "vramlint", "actor_rollout_ref", "distributed_type",
            "zero_optimization", "lora_r+!use_peft+!dataset_train_split",
            "load_in_4bit+!use_peft+!dataset_train_split", "load_in_8bit+!use_peft+!dataset_train_split",
        ),
        sections=(
            "accelerator_config", "activation_checkpointing_kwargs", "chat_template_kwargs",
            "dataset_kwargs", "dataset_mixer", "dataset_mixture", "deepspeed", "env", "fsdp_config",
            "generation_kwargs", "gradient_checkpointing_kwargs", "liger_kernel_config",
            "lr_scheduler_kwargs", "model_init_kwargs", "optim_args", "parallelism_config",
            "ref_model_init_kwargs", "teacher_model_init_kwargs", "teacher_server_urls",
            "transformers_continuous_batching_config",
        ),
    )),
    Entry("llamafactory", "llamafactory.read", "full", Signs(
        decisive=(
            "finetuning_type", "cutoff_len+template", "cutoff_len+stage", "lora_target+template",
            "lora_target+stage", "lora_target+cutoff_len",
        ),
        strong=(
            "cutoff_len", "lora_target", "quantization_bit", "stage", "template", "dataset_dir",
            ("dataset", texts), "lora_rank", "quantization_method", "train_dataset",
            "dist_config.name", "peft_config.name",
        ),
        hint=(
            "model_name_or_path", "per_device_train_batch_size", "plot_loss", "overwrite_cache", "do_train",
        ),
        foreign=(*_COMPOSED, "base_model", "vramlint", "actor_rollout_ref", "datasets", "resources"),
        required=("model_name_or_path", ("model", text)),
    )),
    Entry("torchtune", "torchtune.read", "full", Signs(
        decisive=(("*model*._component_", starting("torchtune.models.")),),
        strong=(("*._component_", starting("torchtune.")),),
        foreign=("vramlint",),
    )),
    Entry("torchtitan", "torchtitan.read", "full", Signs(
        decisive=(
            "model.flavor+training", "parallelism.*_degree+job+training", "parallelism.*_degree+job+model",
            "parallelism.*_degree+training+model", "parallelism.*_degree+training+optimizer",
        ),
        foreign=("vramlint",),
    )),
    Entry("litgpt", "litgpt.read", "full", Signs(
        decisive=("checkpoint_dir+train.micro_batch_size", "initial_checkpoint_dir+train.micro_batch_size"),
        strong=(
            "train.lr_warmup_steps", "train.max_seq_length", "train.tie_embeddings", "data.class_path",
            "checkpoint_dir", "lora_query", "lora_mlp", "eval.initial_validation", "eval.final_validation",
        ),
        hint=(
            "train.micro_batch_size", "train.global_batch_size", "precision", "devices", "out_dir",
            "model_name", "logger_name", "num_nodes", "quantize",
        ),
        foreign=(
            *_COMPOSED, "base_model", "model_name_or_path", "vramlint", "actor_rollout_ref", "trainer",
        ),
        sections=("data", "eval", "log", "model_config", "optimizer", "train"),
    )),
    Entry("accelerate", "accelerate.read", "full", Signs(
        decisive=(
            "compute_environment", "distributed_type", "fsdp_transformer_layer_cls_to_wrap",
            "downcast_bf16",
        ),
        strong=(
            "machine_rank", "num_machines", "main_training_function", "num_processes", "backward_prefetch",
            "forward_prefetch", "xla_fsdp_settings", "limit_all_gathers", "rdzv_backend",
            "activation_checkpointing",
        ),
        hint=("mixed_precision", "use_cpu", "debug", "fsdp_config", "deepspeed_config"),
        foreign=(
            *_COMPOSED, "base_model", "model_name_or_path", "zero_optimization", "vramlint", "model",
            "resources", "trainer", "per_device_train_batch_size", "actor_rollout_ref",
        ),
    )),
    Entry("deepspeed", "deepspeed.read", "full", Signs(
        decisive=(("zero_optimization", mapping),),
        strong=(
            "train_micro_batch_size_per_gpu", "train_batch_size", "fp16.enabled", "bf16.enabled",
            "optimizer.type", "scheduler.type",
        ),
        hint=(
            "gradient_accumulation_steps", "gradient_clipping", "steps_per_print", "wall_clock_breakdown",
        ),
        foreign=(
            *_COMPOSED, "base_model", "compute_environment", "model", "resources", "pipe-parallel-size",
            "pipe_parallel_size", "num-layers", "num_layers",
        ),
    )),
    Entry("unsloth", "unsloth.read", "recognised", Signs(
        decisive=(
            "training.training_type", "training.max_seq_length+lora.lora_r+model",
            "model+data.format_type+training.max_seq_length",
        ),
        strong=(
            "lora.lora_r", "lora.vision_all_linear", "training.load_in_4bit", "training.batch_size",
            "data.format_type", "model+training.max_seq_length",
        ),
        foreign=(*_COMPOSED, "vramlint", "llm_backbone", "job", ("model", not_text)),
        sections=("data", "logging", "lora", "training"),
    )),
    Entry("oumi", "oumi.read", "recognised", Signs(
        decisive=(
            ("training.trainer_type+model.model_name", text), "data.train.datasets+training+model.model_name",
        ),
        foreign=("vramlint", "actor_rollout_ref"),
    )),
    Entry("verl", "verl.read", "recognised", Signs(
        decisive=(
            "actor_rollout_ref", "algorithm.adv_estimator+worker", "model.partial_pretrain",
            "trainer.n_gpus_per_node+data.train_batch_size", ("_target_", starting("verl.")),
            ("hydra.searchpath", naming("verl/trainer/config")), ("defaults", naming("../engine@")),
            ("defaults", naming("../optim@")),
        ),
        hint=(
            "trainer.n_gpus_per_node", "trainer.nnodes", "data.max_response_length",
            "data.micro_batch_size_per_gpu", "algorithm.adv_estimator",
        ),
        foreign=(
            "vramlint", "method+!actor_rollout_ref", "wandb+!actor_rollout_ref", "actor+!actor_rollout_ref",
        ),
    )),
    Entry("nemo", "nemo.read", "recognised", Signs(
        decisive=(
            "policy.model_name", "policy.dtensor_cfg", "policy.megatron_cfg", "policy.generation",
            "cluster.gpus_per_node", ("model._target_", starting("nemo_automodel")),
            ("recipe", starting("Train")), "defaults+data_plane.enabled", "defaults+*._override_",
        ),
        strong=(
            "defaults+grpo", "defaults+loss_fn", "defaults+policy", "defaults+cluster", "defaults+sft",
            "defaults+dpo",
            "step_scheduler",
        ),
        foreign=(
            "vramlint", "actor_rollout_ref", "base_model", "model_name_or_path", ("cluster", number),
        ),
    )),
    Entry("gpt-neox", "gpt_neox.read", "recognised", Signs(
        decisive=(
            "num_layers+hidden_size+num_attention_heads+seq_length+train_iters",
            "train_micro_batch_size_per_gpu+num_layers", "pipe_parallel_size+model_parallel_size",
            "gpt_j_residual",
        ),
        hint=("tokenizer_type", "train_iters", "pos_emb", "no_weight_tying", "data_impl", "lr_decay_iters"),
        foreign=("vramlint", "model", "base_model", "model_name_or_path"),
        dashes=True,
    )),
    Entry("llm-foundry", "llm_foundry.read", "recognised", Signs(
        decisive=(
            "model.name+train_loader", "max_seq_len+train_loader", "device_train_microbatch_size",
        ),
        hint=(
            "train_loader", "global_train_batch_size", "eval_interval", "max_duration", "fsdp_config",
            "callbacks",
        ),
        foreign=("vramlint", "base_model", "model_name_or_path"),
    )),
    Entry("ms-swift", "ms_swift.read", "full", Signs(
        decisive=(
            ("tuner_type", one_of(*_TUNERS)), ("train_type", one_of(*_TUNERS)), "rlhf_type+model",
        ),
        hint=("swift_version", "split_dataset_ratio", "dataset_num_proc", "attn_impl", "lora_rank"),
        foreign=("vramlint", "base_model", "model_name_or_path", "training"),
    )),
    Entry("prime-rl", "prime_rl.read", "recognised", Signs(
        decisive=(
            "model.name+data.seq_len+data.batch_size", "deployment.num_train_gpus",
            "orchestrator+inference",
            "orchestrator.train", "model.ac.freq",
        ),
        hint=("ckpt", "optim.lr", "data.micro_batch_size", "renderer"),
        foreign=(*_COMPOSED, "vramlint", "training", "job", "model.flavor", "train", "lora"),
    )),
    Entry("h2o-llm-studio", "h2o_llm_studio.read", "recognised", Signs(
        decisive=("llm_backbone",),
        hint=(
            "architecture.backbone_dtype", "problem_type", "environment.gpus", "training.grad_accumulation",
        ),
        foreign=("vramlint",),
    )),
    Entry("ludwig", "others.ludwig", "recognised", Signs(
        decisive=("base_model+input_features+output_features",),
        foreign=("vramlint",),
    )),
    Entry("megatron-bridge", "others.megatron_bridge", "recognised", Signs(
        decisive=(
            "train.train_iters+train.global_batch_size", "train.global_batch_size+ddp",
            "train.micro_batch_size+model.tensor_model_parallel_size",
        ),
        hint=("checkpoint", "logger", "scheduler", "rng", "dataset", "optimizer"),
        foreign=(*_COMPOSED, "vramlint", "base_model", "model_name_or_path", "actor_rollout_ref", "policy"),
    )),
    Entry("nanotron", "nanotron.read", "recognised", Signs(
        decisive=(
            "parallelism.tp+tokens.micro_batch_size", "optimizer.optimizer_factory+tokens",
            "model.model_config+tokens.sequence_length",
        ),
        foreign=("vramlint",),
    )),
    Entry("openrlhf", "openrlhf.read", "recognised", Signs(
        decisive=("ds.zero_stage+data.max_len",),
        foreign=("vramlint", "base_model"),
    )),
    Entry("slime", "others.slime", "recognised", Signs(
        decisive=("hf_checkpoint+actor_num_gpus_per_node", "hf_checkpoint+rollout_batch_size"),
        foreign=("vramlint",),
    )),
    Entry("skypilot", "others.skypilot", "recognised", Signs(
        decisive=("resources.accelerators",),
        foreign=("apiVersion", "vramlint", "base_model", "model_name_or_path"),
    )),
    Entry("own-script", "own_script.read", "recognised", Signs(
        likely=(
            *_batched("per_device_train_batch_size"), *_batched("per_device_batch_size"),
            *_ranked("lora_r"), *_ranked("lora_rank"), *_ranked("r", "lora"), *_ranked("rank", "lora"),
            *_ranked("r", "peft"), *_ranked("r", "qlora"), *_ranked("r", "model.lora"),
        ),
        foreign=(
            *_COMPOSED, ("*", refers), "vramlint", "actor_rollout_ref", "lora_parameters", "iters",
            "training.trainer_type", "trainer_type", "apiVersion", "pretrained_model_name_or_path", "jax_*",
        ),
        required=(
            ("model_name_or_path", text), ("base_model", text), ("model", text), ("model_name", text),
            ("model_id", text), ("model.*name*", text), ("model.*id", text), ("model.path", text),
            ("model.base*", text), ("model.*model*", text), ("base_model.*", text),
            ("config.model.*name*", text), ("*.model_name_or_path", text), ("*.base_model", text),
            ("*.model_name", text), ("recipe.model", text),
        ),
    ), fallback=True),
)  # fmt: skip
"""Of dialects with equal evidence the first is chosen."""
