"""nanotron's keys that decide memory (0.4; src/nanotron/config/)."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Key

KEYS: tuple[Key, ...] = (
    Key("model.model_config.hidden_size", "model", "Width; the other dimensions are next to it."),
    Key("model.model_config.num_hidden_layers", "model", "Number of layers; everything grows in proportion."),
    Key("model.model_config.vocab_size", "model", "Vocabulary: embedding and head have a row per token."),
    Key("model.dtype", "precision.weights", "Dtype of the weights.", "bfloat16", ("bfloat16", "float32")),
    Key("optimizer.accumulate_grad_in_fp32", "precision.gradients",
        "Adds gradients up in float32, and keeps the optimizer's weights in it."),
    Key("optimizer.zero_stage", "parallel.strategy", "1 shares the optimizer over data-parallel GPUs.", 0),
    Key("optimizer.clip_grad", "gradient_clipping", "Clips the norm of the gradients."),
    Key("optimizer.optimizer_factory.name", "optimizer", "adamW keeps two moments a weight.", "adamW"),
    Key("optimizer.optimizer_factory.torch_adam_is_fused", "optimizer", "One kernel for the step."),
    Key("parallelism.dp", "parallel.data", "Data-parallel GPUs."),
    Key("parallelism.tp", "parallel.tensor", "GPUs that share each layer."),
    Key("parallelism.pp", "parallel.pipeline", "Stages the layers are spread over."),
    Key("parallelism.context_parallel_size", "parallel.context", "GPUs that share one row.", 1),
    Key("parallelism.expert_parallel_size", "parallel.expert", "GPUs that share the experts.", 1),
    Key("parallelism.tp_mode", "parallel.sequence",
        "REDUCE_SCATTER also splits the activations between layers.", "ALL_REDUCE"),
    Key("parallelism.pp_engine", "parallel.schedule", "afab: all forward passes, then all backward.", "afab",
        ("1f1b", "afab")),
    Key("parallelism.recompute_layer", "gradient_checkpointing", "Recomputes layers in backward.", False),
    Key("tokens.micro_batch_size", "micro_batch_size", "Rows of one forward pass on each GPU."),
    Key("tokens.batch_accumulation_per_replica", "gradient_accumulation_steps", "Micro batches of a step."),
    Key("tokens.sequence_length", "sequence_length", "Tokens of a row."),
)  # fmt: skip
