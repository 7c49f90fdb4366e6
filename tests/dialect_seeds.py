"""A file of each dialect, and the same with other values at its keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vramlint.dialects.kit.dialect import Dialect
from vramlint.document import Document

MODEL = "HuggingFaceTB/SmolLM2-360M"
EXAMPLES = Path(__file__).parents[1] / "examples"
SEEDS: dict[str, dict[str, Any]] = {
    "job": {"vramlint": 1, "model": MODEL},
    "axolotl": {"base_model": MODEL, "datasets": [{"path": "x", "type": "alpaca"}], "micro_batch_size": 1},
    "trl": {
        "model_name_or_path": MODEL,
        "per_device_train_batch_size": 1,
        "output_dir": "x",
        "dataset_name": "x",
    },
    "llamafactory": {"model_name_or_path": MODEL, "stage": "sft", "finetuning_type": "lora", "template": "x"},
    "torchtune": {
        "model": {"_component_": "torchtune.models.llama3_1.llama3_1_8b"},
        "tokenizer": {"_component_": "torchtune.models.llama3.llama3_tokenizer", "max_seq_len": 512},
        "batch_size": 1,
        "dtype": "bf16",
        "optimizer": {"_component_": "torch.optim.AdamW"},
    },
    "torchtitan": {"model": {"name": "llama3", "flavor": "8B"}, "training": {"local_batch_size": 1}},
    "deepspeed": {"zero_optimization": {"stage": 3}, "train_micro_batch_size_per_gpu": 1},
    "accelerate": {"compute_environment": "LOCAL_MACHINE", "distributed_type": "FSDP", "num_processes": 2},
    "unsloth": {"model": MODEL, "training": {"training_type": "lora", "max_seq_length": 512}},
    "verl": {
        "model": {"partial_pretrain": MODEL},
        "data": {"micro_batch_size_per_gpu": 1},
        "trainer": {"n_gpus_per_node": 2, "nnodes": 1},
    },
    "nemo": {
        "sft": {},
        "policy": {
            "model_name": MODEL,
            "train_micro_batch_size": 1,
            "max_total_sequence_length": 512,
            "dtensor_cfg": {"enabled": True},
            "optimizer": {"name": "torch.optim.AdamW"},
        },
        "cluster": {"gpus_per_node": 2},
    },
    "gpt-neox": {
        "num_layers": 2,
        "hidden_size": 8,
        "num_attention_heads": 2,
        "seq_length": 8,
        "pipe_parallel_size": 1,
        "model_parallel_size": 1,
        "train_micro_batch_size_per_gpu": 1,
    },
    "llm-foundry": {
        "model": {"name": "mpt_causal_lm", "d_model": 64, "n_heads": 2, "n_layers": 2, "vocab_size": 512},
        "max_seq_len": 8,
        "device_train_microbatch_size": 1,
        "global_train_batch_size": 1,
        "optimizer": {"name": "decoupled_adamw"},
    },
    "ms-swift": {"model": MODEL, "tuner_type": "lora"},
    "prime-rl": {"model": {"name": MODEL}, "deployment": {"num_train_gpus": 2}},
    "h2o-llm-studio": {"llm_backbone": MODEL},
    "openrlhf": {
        "model": {"model_name_or_path": MODEL},
        "train": {"micro_batch_size": 1, "batch_size": 8},
        "data": {"max_len": 512, "dataset": "x"},
        "ds": {"zero_stage": 3},
    },
    "ludwig": {"base_model": MODEL, "input_features": [], "output_features": []},
    "megatron-bridge": {"train": {"train_iters": 1, "global_batch_size": 8}, "model": {"seq_length": 8}},
    "slime": {"hf_checkpoint": MODEL, "rollout_batch_size": 8},
    "own-script": {"model": {"name": MODEL}, "max_length": 8, "per_device_train_batch_size": 1},
    "skypilot": {"resources": {"accelerators": "A100:8"}, "run": "axolotl train x.yaml"},
    "litgpt": {"checkpoint_dir": f"checkpoints/{MODEL}", "train": {"micro_batch_size": 1}, "lora_r": 8},
}


def with_values(seed: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The seed with other values at dotted keys."""
    made: dict[str, Any] = json.loads(json.dumps(seed))
    for path, value in changes.items():
        *above, last = path.split(".")
        place = made
        for name in above:
            inner = place.get(name)
            if not isinstance(inner, dict):
                inner = place[name] = {}
            place = inner
        place[last] = value
    return made


def seed_of(dialect: Dialect) -> dict[str, Any]:
    """A file that the dialect reads: a seed, or its example."""
    if dialect.name in SEEDS:
        return SEEDS[dialect.name]
    (example, *_) = sorted(EXAMPLES.glob(f"{dialect.name}-*"))
    values: dict[str, Any] = Document.parse(example.read_text(), example.name).root.value  # type: ignore[union-attr]
    return values
