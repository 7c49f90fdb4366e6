"""What a dialect's page says beside its table: what changed between releases, and what is not modelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One default or behaviour that a release changed. `key` is the row it belongs to."""

    release: str
    key: str
    before: str
    since: str


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of one dialect."""

    changes: tuple[Change, ...] = ()
    not_modelled: tuple[str, ...] = ()


NOTES: Mapping[str, Notes] = {
    "axolotl": Notes(
        changes=(
            Change(
                "0.9", "lora_qkv_kernel", "fused LoRA kernels only where written", "on wherever they can run"
            ),
            Change(
                "0.14",
                "lora_qkv_kernel",
                "off beside `lora_dropout` above 0 and beside `rl`",
                "on there too; off on several GPUs with FSDP1, in 8 bits and with `trust_remote_code`",
            ),
        ),
        not_modelled=(
            "`unfrozen_parameters`: counted as if every weight were trained (said among the assumptions)",
            "samples shorter than `sequence_len` without padding: every row is taken as full",
            "images, audio and the encoders' own activations of multimodal models",
            "ReLoRA's merges, LISA's sampling of layers, quantization-aware training, teachers",
            "vLLM servers on GPUs of their own, and what plugins of third parties hold",
        ),
    ),
    "trl": Notes(
        changes=(
            Change("0.19", "beta", "GRPO: 0.04, so a reference model is loaded", "0.0: none"),
            Change("0.20", "gradient_checkpointing", "off", "on"),
            Change("0.20", "bf16", "off: no autocast", "on where `fp16` is not"),
            Change(
                "0.25", "dtype", "transformers' own: float32, from transformers 5 the checkpoint's", "float32"
            ),
            Change("1.0", "vllm_mode", "server", "colocate"),
            Change("1.9", "loss_type", "SFT: the whole logits", "SFT: 256 tokens of logits at a time"),
            Change("1.16", "loss_type", "logits, whole or in chunks", "the head and the loss in one kernel"),
            Change("1.16", "max_completion_length", "256", "512"),
        ),
        not_modelled=(
            "rows longer than the default where `max_length: null` cuts nothing (2048 tokens are assumed)",
            "teachers of distillation that have another shape than the student",
            "vLLM servers on GPUs of their own",
            "arguments of one's own script that change the model or the loss",
        ),
    ),
    "llamafactory": Notes(
        not_modelled=(
            "`use_kt` (experts on the host), `use_badam` (one block at a time) and OFT: no estimate",
            "files that export, evaluate or predict: no estimate",
            "images, audio and video of multimodal models",
        ),
    ),
    "torchtune": Notes(
        not_modelled=(
            "`teacher_model` (distillation) and `orchestration` (asynchronous GRPO): no estimate",
            "the recipe stands in the command, not in the file; builder, loss and checkpointers tell it",
            "builders of one's own package",
            "samples shorter than the tokenizer's `max_seq_len`: every row is taken as full",
        ),
    ),
    "torchtitan": Notes(
        not_modelled=(
            "flavours of image models (flux): no estimate",
            "releases from 0.3, which read Python functions instead of TOML",
            "float8 communication and the buffers of pipeline schedules with several stages a rank",
        ),
    ),
    "deepspeed": Notes(
        not_modelled=(
            "NVMe buffers, activation partitioning over model-parallel GPUs, sparse attention",
            "the optimizer of 1-bit Adam and of compressed communication",
            "the file alone: it names no model, and is estimated with the config that names it",
        ),
    ),
    "accelerate": Notes(
        not_modelled=(
            "`megatron_lm_config`: Megatron's own sharding and recomputation",
            "TPU, XLA and SageMaker settings",
            "the file alone: it names no model, and is estimated with the config that it launches",
        ),
    ),
    "litgpt": Notes(
        not_modelled=(
            "the scripts for adapters v1 and v2: their files are read as full fine-tuning's",
            "validation at the start and the end of a run, which holds less than a step",
            "samples longer than the 2048 tokens assumed where `max_seq_length` cuts nothing",
        ),
    ),
    "job": Notes(),
}
"""By the dialect's name."""
