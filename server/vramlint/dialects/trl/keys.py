"""The keys of a TRL recipe that decide memory, beside those of TrainingArguments (trl 1.16)."""

from __future__ import annotations

from vramlint.dialects.engines import training_arguments
from vramlint.dialects.kit.dialect import UNSET, Key, Renamed, before
from vramlint.lazy_dataclasses import replace

NO_TRAINER = ("use_slow_tokenizer", "with_tracking", "checkpointing_steps", "hf_metadata_dataset")
"""Arguments of scripts with a loop of their own over accelerate (transformers' run_clm_no_trainer.py,
open-instruct's finetune.py), which take their engine from the launcher alone.
"""

BOOLEAN = (True, False)
DTYPES = ("auto", "bfloat16", "float16", "float32")

OWN: tuple[Key, ...] = (
    Key(
        "model_name_or_path",
        "model",
        "The model that is trained: hub id or folder. Its shape fixes every weight and activation.",
    ),
    Key(
        "dtype",
        "precision.weights",
        "Dtype in which the weights are loaded. TRL's own default is float32: 4 bytes a frozen weight "
        "and 16 a trained one. bfloat16 "
        "halves both.",
        "float32",
        DTYPES,
        since="0.25",
    ),
    Key("torch_dtype", "precision.weights", "The older name of dtype; TRL 1 does not know it.", None, DTYPES),
    Key(
        "model_init_kwargs",
        "precision.weights",
        "Arguments of from_pretrained, among them dtype and attn_implementation.",
        None,
    ),
    Key(
        "attn_implementation",
        "attention",
        "Which attention kernel runs. Eager keeps heads × length² scores in every layer; flash kernels "
        "and sdpa keep none.",
        None,
        (
            "sdpa",
            "flash_attention_2",
            "flash_attention_3",
            "eager",
            "flex_attention",
            "kernels-community/flash-attn2",
        ),
    ),
    Key(
        "use_peft",
        "method",
        "Trains a LoRA adapter over a frozen base: only the adapter needs gradients and optimizer "
        "states. The lora_ keys act only with it.",
        False,
        BOOLEAN,
    ),
    Key(
        "lora_r",
        "adapter.r",
        "Rank: each adapted linear of in × out features gains r × (in + out) trained weights.",
        16,
    ),
    Key("lora_alpha", "adapter.alpha", "Scale of the adapter. Costs no memory.", 32),
    Key(
        "lora_dropout",
        "adapter.dropout",
        "Above 0, every adapted linear saves a dropout mask and a masked copy of its input.",
        0.05,
    ),
    Key(
        "lora_target_modules",
        "adapter.targets",
        "Linears that get an adapter, or all-linear. If not set, PEFT's table by architecture decides: "
        "for Llama, Qwen and Mistral only "
        "q_proj and v_proj; for an architecture not in it the run stops.",
        None,
    ),
    Key(
        "lora_target_parameters",
        "adapter.target_parameters",
        "Parameters that get an adapter of their own, as experts held in one parameter do: each forward "
        "pass makes an updated copy of all of them. Needs lora_dropout: 0.",
        None,
    ),
    Key(
        "lora_modules_to_save",
        "adapter.modules_to_save",
        "Modules trained whole: a copy with gradients and states beside the frozen original.",
        None,
    ),
    Key(
        "use_dora",
        "method",
        "DoRA: adds a magnitude vector and, in each forward pass, the norm of the whole adapted weight.",
        False,
        BOOLEAN,
    ),
    Key(
        "load_in_4bit",
        "quantization.scheme",
        "Stores the frozen linears in 4 bits, about 0.5 bytes a weight. Embeddings, head and norms "
        "stay in dtype, which is float32 unless set.",
        False,
        BOOLEAN,
    ),
    Key(
        "load_in_8bit",
        "quantization.scheme",
        "Stores the frozen linears in 8 bits: 1 byte a weight.",
        False,
        BOOLEAN,
    ),
    Key(
        "bnb_4bit_quant_type",
        "quantization.scheme",
        "The 4-bit code; both take the same memory.",
        "nf4",
        ("nf4", "fp4"),
    ),
    Key(
        "use_bnb_nested_quant",
        "quantization.double_quant",
        "Stores the 4-bit scales in 8 bits: 0.52 instead of 0.56 bytes a weight.",
        False,
        BOOLEAN,
    ),
    Key(
        "bnb_4bit_quant_storage",
        None,
        "Container dtype of packed weights. FSDP shards them only if it is a float dtype equal to the "
        "others.",
        None,
    ),
    Key(
        "max_length",
        "sequence_length",
        "The most tokens of a row, prompt and completion together. Activations and logits grow in "
        "proportion. null cuts nothing: then the "
        "longest sample decides.",
        1024,
    ),
    Key(
        "max_seq_length",
        "sequence_length",
        "The older name of max_length; newer releases do not know it.",
        1024,
    ),
    Key("max_prompt_length", None, "The most tokens of a prompt; newer releases do not cut prompts.", None),
    Key(
        "packing",
        "packing",
        "Fills rows up to max_length with several samples: every batch then has batch size × "
        "max_length tokens.",
        False,
        BOOLEAN,
    ),
    Key(
        "padding_free",
        "packing",
        "Joins the batch to one long row without padding; needs a kernel for varying lengths.",
        False,
        BOOLEAN,
    ),
    Key("eval_packing", None, "Packing in evaluation; follows packing if not set.", UNSET, BOOLEAN),
    Key(
        "activation_offloading",
        "activation_offload",
        "Saved activations wait in host memory, a few at a time on the GPU.",
        False,
        BOOLEAN,
    ),
    Key(
        "loss_type",
        "loss",
        "For SFT: chunked_nll computes 256 tokens of logits at a time, nll all of them at once (2 + 4 "
        "+ 4 bytes × tokens × vocabulary). "
        "From 1.16 a fused head takes the place of both. For preference methods it names the loss, "
        "which costs no memory.",
        UNSET,
    ),
    Key(
        "gradient_checkpointing_kwargs.selective",
        "gradient_checkpointing",
        "Recomputes cheap operations only and keeps the results of expensive ones.",
        False,
        BOOLEAN,
    ),
    Key(
        "beta",
        "reference_model",
        "Strength of the pull to the reference. GRPO loads a reference model only if it is not 0.",
        UNSET,
    ),
    Key(
        "precompute_ref_log_probs",
        "reference_model",
        "Scores the reference before training, so that it need not stay on the GPU.",
        False,
        BOOLEAN,
    ),
    Key(
        "sync_ref_model",
        "reference_model",
        "Moves the reference towards the policy, for which it must stay on the GPU.",
        False,
        BOOLEAN,
    ),
    Key("desirable_weight", "objective", "Says that the method is KTO.", 1.0),
    Key(
        "num_generations",
        "generation.completions",
        "GRPO: completions sampled for each prompt; the batch counts completions, not prompts.",
        8,
    ),
    Key(
        "max_completion_length",
        "generation.completion_length",
        "The most tokens of a completion; prompt and completion together make the row.",
        512,
        by_release=(before(256, trl="1.16"),),
    ),
    Key(
        "generation_batch_size",
        None,
        "Completions generated at a time over all GPUs; a multiple of num_generations.",
        UNSET,
    ),
    Key(
        "steps_per_generation",
        "generation.batch",
        "Micro batches that are generated at once; by default those of a step. Without vLLM their keys and "
        "values are on the GPU together.",
        UNSET,
    ),
    Key("use_vllm", "generation.colocated", "Completions come from vLLM.", False, BOOLEAN),
    Key(
        "vllm_mode",
        "generation.colocated",
        "colocate puts vLLM, with its own copy of the weights, on the training GPUs; server needs GPUs "
        "of its own.",
        "colocate",
        ("colocate", "server"),
        by_release=(before("server", trl="1.0"),),
    ),
    Key(
        "vllm_gpu_memory_utilization",
        "generation.memory_fraction",
        "The share of the GPU's total memory that colocated vLLM takes, its weights included.",
        0.3,
    ),
    Key(
        "vllm_enable_sleep_mode",
        "generation.sleep",
        "vLLM gives its weights and its cache back after each generation, so that the training step has the "
        "GPU to itself.",
        False,
        BOOLEAN,
    ),
    Key(
        "vllm_tensor_parallel_size",
        "generation.tensor",
        "Over how many GPUs vLLM splits its copy of the weights. Its share of each GPU stays the same.",
        1,
    ),
    Key("vllm_max_model_length", None, "The longest row vLLM keeps a cache for.", None),
    Key(
        "reward_model_name_or_path",
        "roles.reward_model",
        "A reward model that is loaded beside the policy.",
        None,
    ),
    Key(
        "response_length",
        "generation.completion_length",
        "PPO: tokens of a completion; prompt and completion together make the row.",
        UNSET,
    ),
    Key(
        "reward_model_path",
        "roles.reward_model",
        "PPO: the model that scores completions, and the one that the critic starts from: its weights twice, "
        "gradients and states once.",
        None,
    ),
    Key("teacher_model_name_or_path", "roles.teacher", "A teacher that is loaded beside the student.", None),
    Key(
        "accelerate_config",
        "parallel.strategy",
        "The launcher's settings: zero1, zero2, zero3, fsdp1, fsdp2, multi_gpu, or a file.",
        None,
    ),
    Key("num_processes", "parallel.data", "GPUs over all machines.", UNSET),
)

_ON_IN_TRL = ("gradient_checkpointing", "bf16")
"""Off in TrainingArguments, on in TRL's from 0.20 (trainer/base_config.py)."""


def _with_default(row: Key) -> Key:
    if row.path not in _ON_IN_TRL:
        return row
    return replace(row, default=True, by_release=(before(row.default, trl="0.20"),))


KEYS: tuple[Key, ...] = (*OWN, *(_with_default(row) for row in training_arguments.KEYS))

RENAMED: tuple[Renamed, ...] = (
    Renamed("max_seq_length", "trl 0.20", "max_length"),
    Renamed("torch_dtype", "trl 0.25", "dtype"),
    Renamed("use_liger", "trl 0.18", "use_liger_kernel"),
    Renamed("use_flash_attention_2", "trl 0.9", "attn_implementation"),
    Renamed("max_prompt_length", "trl 1.0"),
    Renamed("use_liger_loss", "trl 1.0", "use_liger_kernel"),
    Renamed("label_pad_token_id", "trl 1.0"),
    Renamed("reference_free", "trl 1.0"),
    Renamed("rpo_alpha", "trl 1.0"),
    Renamed("ref_model_init_kwargs", "trl 1.0"),
    Renamed("force_use_ref_model", "trl 1.0"),
    Renamed("use_logits_to_keep", "trl 1.0"),
    Renamed("base_model_attribute_name", "trl 1.0"),
    Renamed("dataset_mixer", "trl 0.20", "dataset_mixture"),
    Renamed("vllm_guided_decoding_regex", "trl 1.0", "vllm_structured_outputs_regex"),
    Renamed("reward_model_path", "trl 0.20", "reward_model_name_or_path"),
    *training_arguments.RENAMED,
)

LAST_KNOWN: dict[str, str] = {
    "max_seq_length": "0.18",
    "use_liger": "0.15",
    "vllm_device": "0.17",
    "vllm_dtype": "0.17",
    "vllm_max_model_len": "0.17",
    "vllm_enable_prefix_caching": "0.17",
    "use_flash_attention_2": "0.8",
    "torch_dtype": "0.24",
    "max_prompt_length": "0.24",
    "use_liger_loss": "0.24",
    "ref_model_init_kwargs": "0.24",
    "rpo_alpha": "0.24",
    "label_pad_token_id": "0.24",
}
"""The last release seen that knew a key which decides memory: a file that uses it was written for that
release.
"""
