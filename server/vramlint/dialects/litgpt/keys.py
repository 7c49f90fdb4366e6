"""LitGPT's keys that decide memory: what each does, and what holds when the file is silent."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Key

KEYS: tuple[Key, ...] = (
    Key("checkpoint_dir", "model", "Fine-tuning: the folder of the model, under checkpoints/ by its hub id."),
    Key("model_name", "model", "Pretraining: LitGPT's name of the architecture."),
    Key(
        "precision",
        "precision.weights",
        "bf16-mixed, the default, keeps weights, gradients and moments in fp32 (16 bytes a trained weight, "
        "4 a frozen one) "
        "and computes in bf16; bf16-true keeps everything in bf16 (8 and 2).",
        "bf16-mixed",
        ("bf16-mixed", "bf16-true", "32-true", "16-mixed", "16-true"),
    ),
    Key(
        "quantize",
        "quantization.scheme",
        "Stores the linears in 4 or 8 bits. One GPU and a *-true precision only; the optimizer becomes the "
        "paged AdamW.",
        None,
        ("bnb.nf4", "bnb.nf4-dq", "bnb.fp4", "bnb.fp4-dq", "bnb.int8-training"),
    ),
    Key(
        "devices",
        "parallel.data",
        "GPUs per machine. Several switch FSDP on, and with it checkpointing of each block when fine-tuning.",
        1,
    ),
    Key("num_nodes", "nodes", "Number of machines.", 1),
    Key(
        "lora_r", "adapter.r", "Rank: an adapted linear of in × out features gains r × (in + out) weights.", 8
    ),
    Key("lora_alpha", "adapter.alpha", "Scale of the adapter. Costs no memory.", 16),
    Key(
        "lora_dropout",
        "adapter.dropout",
        "Above 0, every adapted linear saves a mask and a masked input.",
        0.05,
    ),
    Key("lora_query", "adapter.targets", "Adapts the query projection.", True),
    Key("lora_key", "adapter.targets", "Adapts the key projection.", False),
    Key("lora_value", "adapter.targets", "Adapts the value projection.", True),
    Key("lora_projection", "adapter.targets", "Adapts the attention's output projection.", False),
    Key("lora_mlp", "adapter.targets", "Adapts the linears of each MLP.", False),
    Key("lora_head", "adapter.targets", "Adapts the output head.", False),
    Key(
        "train.micro_batch_size",
        "micro_batch_size",
        "Rows per GPU and forward pass: 1 when fine-tuning, 4 when pretraining.",
    ),
    Key(
        "train.global_batch_size",
        "gradient_accumulation_steps",
        "Rows per step over all GPUs: 16 when fine-tuning, 512 when pretraining. What exceeds a pass is "
        "accumulated.",
    ),
    Key(
        "train.max_seq_length",
        "sequence_length",
        "Tokens of a row at most. Unset, the longest sample of the data set decides.",
        None,
    ),
    Key("train.max_norm", "gradient_clipping", "Clipping by norm, when pretraining.", None),
    Key("optimizer", "optimizer", "AdamW keeps two moments a trained weight in the weights' dtype.", "AdamW"),
)
