"""GPT-NeoX's keys that decide memory (repository of May 2026, megatron/neox_arguments/neox_args.py)."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Key

KEYS: tuple[Key, ...] = (
    Key("num_layers", "model", "Transformer layers."),
    Key("hidden_size", "model", "Width of the model; weights grow with its square."),
    Key("num_attention_heads", "model", "Heads that share the width."),
    Key("num_kv_heads", "model", "Heads of keys and values, which groups of queries share.", None),
    Key(
        "intermediate_size",
        "model",
        "Width of the feed-forward; 4 × the model's width if not set.",
        None,
    ),
    Key("no_weight_tying", "model", "True gives the output head weights of its own.", False),
    Key(
        "make_vocab_size_divisible_by",
        "model",
        "Rows of the embedding are rounded up to a multiple of it, times model_parallel_size.",
        128,
    ),
    Key(
        "tokenizer_type", "model", "Decides the vocabulary, and so embedding and logits.", "GPT2BPETokenizer"
    ),
    Key("seq_length", "sequence_length", "Tokens of a row; activations grow in proportion."),
    Key("train_micro_batch_size_per_gpu", "micro_batch_size", "Rows of one forward pass on each GPU."),
    Key("train_batch_size", "gradient_accumulation_steps", "Rows of a step over all GPUs.", None),
    Key("gradient_accumulation_steps", "gradient_accumulation_steps", "Micro-batches of a step.", None),
    Key("checkpoint_activations", "gradient_checkpointing", "Recomputes layers in backward.", False),
    Key("checkpoint_num_layers", "gradient_checkpointing", "Layers between two checkpoints.", 1),
    Key(
        "attention_config",
        "attention",
        "Which attention each layer has: flash holds no scores, global heads × length² of them.",
        None,
    ),
    Key("pipe_parallel_size", "parallel.pipeline", "Stages the layers are spread over.", 0),
    Key("model_parallel_size", "parallel.tensor", "GPUs that share each layer.", 1),
    Key("sequence_parallel", "parallel.sequence", "Also splits the activations between the matrices.", False),
    Key("precision", "precision.weights", "fp16, bfloat16 or fp32; a float32 copy is kept beside 16 bits."),
    Key("gradient_clipping", "gradient_clipping", "Clips the gradients' norm before the step.", None),
    Key(
        "train_impl",
        "objective",
        "What is trained for.",
        "normal",
        ("normal", "dpo", "rm", "kto", "reinforce"),
    ),
    Key("optimizer.type", "optimizer", "The optimizer; Adam keeps two moments a weight in float32.", "Adam"),
    Key("use_bnb_optimizer", "optimizer", "Moments in 8 bits, by bitsandbytes.", False),
    Key("zero_optimization.stage", "parallel.strategy", "What DeepSpeed shares between the GPUs.", 0),
)
