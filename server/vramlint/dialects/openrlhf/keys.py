"""OpenRLHF's arguments that decide memory, and how releases before 0.10.1 spelt them.

Semantics of 0.11.2 (`openrlhf/cli/train_sft.py`, `train_dpo.py`, `train_rm.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.dialects.kit.dialect import Key

SCRIPT = "script"
"""The program itself, `openrlhf.cli.train_dpo`, where a launch line names it."""
OLD: Mapping[str, str] = {
    "model.model_name_or_path": "pretrain",
    "ref.model_name_or_path": "ref_pretrain",
    "ref.offload": "ref_offload",
    "train.micro_batch_size": "micro_train_batch_size",
    "train.batch_size": "train_batch_size",
    "data.max_len": "max_len",
    "model.gradient_checkpointing_enable": "gradient_checkpointing",
    "model.gradient_checkpointing_reentrant": "gradient_checkpointing_use_reentrant",
    "ds.zero_stage": "zero_stage",
    "ds.zpg": "zpg",
    "ds.param_dtype": "param_dtype",
    "ds.adam_offload": "adam_offload",
    "ds.overlap_comm": "overlap_comm",
    "ds.grad_accum_dtype": "grad_accum_dtype",
    "ds.attn_implementation": "attn_implementation",
    "ds.use_liger_kernel": "use_liger_kernel",
    "ds.packing_samples": "packing_samples",
    "ds.load_in_4bit": "load_in_4bit",
    "ds.lora.rank": "lora_rank",
    "ds.lora.alpha": "lora_alpha",
    "ds.lora.target_modules": "target_modules",
    "ds.lora.dropout": "lora_dropout",
    "ds.tensor_parallel_size": "ds_tensor_parallel_size",
    "ds.ring_attn_size": "ring_attn_size",
    "model.beta": "beta",
    "data.chosen_key": "chosen_key",
}
"""Spellings before 0.10.1, whose arguments were in no sections."""

KEYS: tuple[Key, ...] = (
    Key("model.model_name_or_path", "model", "The model that is trained: hub id or folder."),
    Key("ref.model_name_or_path", "roles.reference", "DPO: the frozen reference; by default the model."),
    Key("ref.offload", "reference_model", "DPO: keeps the reference on the host, under ZeRO-3.", False),
    Key("train.micro_batch_size", "micro_batch_size", "Rows, or pairs of rows, of one GPU's forward pass."),
    Key("train.batch_size", "gradient_accumulation_steps", "Rows of a step over all GPUs.", 128),
    Key("data.max_len", "sequence_length", "Tokens of a row at most."),
    Key(
        "model.gradient_checkpointing_enable",
        "gradient_checkpointing",
        "Keeps only each layer's input and computes the rest again in backward.",
        False,
    ),
    Key(
        "model.gradient_checkpointing_reentrant",
        "gradient_checkpointing",
        "The older way to recompute layers.",
        False,
    ),
    Key(
        "ds.zero_stage",
        "parallel.strategy",
        "What DeepSpeed shares out: 1 the optimizer, 2 gradients too, 3 weights too.",
        2,
        (0, 1, 2, 3),
    ),
    Key("ds.zpg", "parallel.sharding", "GPUs that keep a second copy of ZeRO-3's shards.", 1),
    Key("ds.param_dtype", "precision.weights", "Dtype of the weights.", "bf16", ("bf16", "fp16")),
    Key("ds.adam_offload", "parallel.offload", "Keeps the optimizer, and its step, on the host.", False),
    Key("ds.overlap_comm", "parallel.buckets.overlap_comm", "Overlaps reduction with backward.", False),
    Key("ds.grad_accum_dtype", "precision.gradients", "Dtype in which gradients add up.", None),
    Key("ds.attn_implementation", "attention", "Attention kernel.", "flash_attention_2"),
    Key("ds.use_liger_kernel", "kernels.liger", "Liger's kernels in the layers; logits stay whole.", False),
    Key("ds.packing_samples", "packing", "Runs the rows of a batch one after the other, unpadded.", False),
    Key("ds.load_in_4bit", "quantization", "Stores the frozen base in NF4, doubly quantised.", False),
    Key("ds.lora.rank", "adapter.r", "Rank of the adapter; 0 trains all weights.", 0),
    Key("ds.lora.alpha", "adapter.alpha", "Scale of the adapter. Costs no memory.", 16),
    Key("ds.lora.target_modules", "adapter.targets", "Which linears are adapted.", "all-linear"),
    Key("ds.lora.dropout", "adapter.dropout", "Above 0, every adapted linear saves a mask.", 0),
    Key("ds.tensor_parallel_size", "parallel.tensor", "GPUs that share each layer.", 1),
    Key("ds.ring_attn_size", "parallel.context", "GPUs that share one row.", 1),
    Key("optim", "optimizer", "adam: two float32 moments a weight; muon: one of matrices.", "adam"),
    Key("max_norm", "gradient_clipping", "Clipping by norm.", 1.0),
)
