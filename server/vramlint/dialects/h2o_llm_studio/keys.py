"""H2O LLM Studio's keys that decide memory (1.14, python_configs/)."""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.dialects.kit.dialect import Key
from vramlint.vocabulary import Dtype, Scheme

_BOOLEAN = (True, False)
DTYPES: Mapping[str, Dtype] = {"float32": "float32", "bfloat16": "bfloat16", "float16": "float16"}
SCHEMES: Mapping[str, Scheme] = {"int4": "bnb-nf4", "int8": "bnb-int8"}
OPTIMIZERS: Mapping[str, str] = {
    "Adam": "adamw_torch",
    "AdamW": "adamw_torch",
    "AdamW8bit": "adamw_8bit",
    "SGD": "sgd",
}

KEYS = (
    Key("llm_backbone", "model", "The model that is trained: hub id or folder."),
    Key(
        "problem_type",
        "objective",
        "What is trained for.",
        "text_causal_language_modeling",
        offered=(
            "text_causal_language_modeling",
            "text_dpo_modeling",
            "text_causal_classification_modeling",
            "text_causal_regression_modeling",
            "text_sequence_to_sequence_modeling",
        ),
    ),
    Key(
        "architecture.backbone_dtype",
        "precision.weights",
        "Dtype of the base. int4 and int8 quantize it; other parts of a quantized base are float32.",
        "int4",
        ("float32", "bfloat16", "float16", "int8", "int4"),
    ),
    Key(
        "architecture.gradient_checkpointing",
        "gradient_checkpointing",
        "Recomputes layers in backward.",
        True,
        _BOOLEAN,
    ),
    Key(
        "environment.mixed_precision",
        "precision.autocast",
        "Computes in 16 bits. Switched off where all weights are trained in another dtype than float32.",
        True,
        _BOOLEAN,
    ),
    Key(
        "environment.mixed_precision_dtype",
        "precision.autocast",
        "The dtype of mixed precision.",
        "bfloat16",
        ("bfloat16", "float16"),
    ),
    Key("environment.gpus", "gpu_count", "The GPUs of the run, by number."),
    Key("environment.compile_model", "compile", "Compiles the model.", False, _BOOLEAN),
    Key(
        "environment.use_deepspeed",
        "parallel.strategy",
        "DeepSpeed in place of DistributedDataParallel; it needs two GPUs.",
        False,
        _BOOLEAN,
    ),
    Key(
        "environment.deepspeed_method",
        "parallel.strategy",
        "What ZeRO shares between the GPUs.",
        "ZeRO2",
        ("ZeRO2", "ZeRO3"),
    ),
    Key(
        "environment.deepspeed_reduce_bucket_size",
        "parallel.buckets.reduce",
        "Elements of gradients that are reduced at once.",
        1_000_000,
    ),
    Key(
        "environment.deepspeed_allgather_bucket_size",
        "parallel.buckets.allgather",
        "Elements that are gathered at once after the step.",
        1_000_000,
    ),
    Key(
        "environment.deepspeed_stage3_prefetch_bucket_size",
        "parallel.buckets.prefetch",
        "Elements of weights that are gathered ahead.",
        1_000_000,
    ),
    Key(
        "environment.deepspeed_stage3_param_persistence_threshold",
        "parallel.buckets.persistence",
        "Weights with fewer elements stay whole on every GPU.",
        1_000_000,
    ),
    Key("tokenizer.max_length", "sequence_length", "The most tokens of a row.", 512),
    Key(
        "training.attention_implementation",
        "attention",
        "The attention kernel; auto leaves it to transformers.",
        "auto",
        ("auto", "eager", "sdpa", "flash_attention_2"),
    ),
    Key("training.batch_size", "micro_batch_size", "Rows of one forward pass on each GPU.", 2),
    Key("training.grad_accumulation", "gradient_accumulation_steps", "Micro-batches of a step.", 1),
    Key("training.gradient_clip", "gradient_clipping", "Largest norm of the gradients; 0 clips nothing.", 0),
    Key("training.lora", "method", "Trains an adapter over a frozen base.", True, _BOOLEAN),
    Key("training.lora_r", "adapter.r", "Rank: each adapted linear gains rank × (in + out) weights.", 4),
    Key("training.lora_alpha", "adapter.alpha", "Scale of the adapter; no memory.", 16),
    Key("training.lora_dropout", "adapter.dropout", "Dropout before the adapter: a mask and a copy.", 0.05),
    Key(
        "training.lora_target_modules",
        "adapter.targets",
        "Names with commas between them; every linear layer but the head if empty.",
        "",
    ),
    Key(
        "training.optimizer",
        "optimizer",
        "The optimizer and what it keeps for each trained weight.",
        "AdamW",
        ("Adam", "AdamW", "SGD", "RMSprop", "Adadelta", "AdamW8bit"),
    ),
    Key("training.use_dora", None, "Weight-decomposed adapters; not modelled.", False, _BOOLEAN),
    Key("training.freeze_layers", None, "Weights that are not trained; not modelled.", ()),
    Key("training.lora_unfreeze_layers", None, "Weights trained beside the adapter; not modelled.", ()),
    Key(
        "prediction.metric",
        "evaluation",
        "Perplexity is measured in a forward pass; other metrics generate answers.",
        "GPT",
    ),
    Key(
        "prediction.batch_size_inference",
        "evaluation.batch",
        "Rows of an evaluation; 0 for those of training.",
        0,
    ),
)
