"""Every storage of a step of each kind of model, as sums that a reader can compare.

Peaks hide what is made and freed below them. So each line tells how many storages a step makes, how many
bytes, and how many there are on average between two events; then what the moments beside it need.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from test_family_sizes import JOB, MODELS, smallest

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Context
from vramlint.job import TrainingJob
from vramlint.memory.estimate import CannotEstimate
from vramlint.memory.model import estimate_job
from vramlint.memory.shared_walk import walked

SHAPE = {"vramlint": 1, "micro_batch_size": 2, "sequence_length": 512}
RUNS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"precision": {"weights": "bfloat16"}, "attention": "sdpa", "images": "one"},
    "mixed": {
        "precision": {"weights": "float32", "autocast": "bfloat16"},
        "attention": "flash_attention_2",
        "gradient_checkpointing": "full",
        "gradient_accumulation_steps": 2,
        "parallel": {"strategy": "fsdp2", "data": 4},
    },
    "dora": {
        "method": "dora",
        "adapter": {"targets": "all-linear", "dropout": 0.1},
        "attention": "eager",
        "parallel": {"strategy": "zero3", "data": 4},
    },
    "preferences": {
        "method": "lora",
        "objective": "dpo",
        "compile": True,
        "quantization": {"scheme": "bnb-int8"},
        "attention": "flex",
        "evaluation": {"batch": 8},
    },
    "divided": {
        "runtime": "megatron",
        "precision": {"weights": "bfloat16", "fp8": "rowwise"},
        "parallel": {"strategy": "zero1", "data": 2, "tensor": 2, "sequence": True, "expert": 2},
    },
    "fused": {
        "method": "qlora",
        "adapter": {"fused_kernels": True},
        "quantization": {"kbit_prep": "fp32-norms-embeddings-head"},
        "precision": {"autocast": "bfloat16"},
        "gradient_checkpointing": "reentrant",
        "kernels": {
            "liger": ["rms_norm", "swiglu", "geglu", "rope"],
            "linear_attention": "fla",
            "sparse_attention": "fused",
            "tiled_mlp": True,
        },
        "loss": "fused-linear",
        "images": "tiny",
    },
    "frozen": {
        "method": "freeze",
        "trainable_layers": 2,
        "precision": {"weights": "float32", "autocast": "float16"},
        "parallel": {"strategy": "fsdp1", "data": 2, "replicate": 2, "sharding": "grad-op"},
        "attention": "sdpa-math",
        "packing": True,
        "kernels": {"linear_attention": "fla-packed"},
        "loss": "fused-cross-entropy",
        "loop": "plain",
    },
    "selective": {
        "runtime": "torchtitan",
        "precision": {"weights": "float32", "fp8": "tensorwise"},
        "gradient_checkpointing": "selective-op",
        "compile": True,
        "parallel": {
            "strategy": "fsdp2",
            "data": 2,
            "tensor": 2,
            "sequence": True,
            "param_dtype": "bfloat16",
        },
        "attention": "sdpa-flash",
        "loss": "trl-chunked",
    },
    "scored": {
        "method": "ia3",
        "objective": "reward",
        "padded_batch": True,
        "attention": "sdpa-efficient",
        "optimizer": "adafactor",
    },
    "taught": {
        "method": "lokr",
        "objective": "distillation",
        "roles": {"teacher": "auto", "dtype": "bfloat16"},
        "loss": "forward-kl",
        "gradient_checkpointing": "full",
        "activation_offload": True,
    },
    "early 2024": {
        "versions": {"transformers": "4.38", "torch": "2.1", "bitsandbytes": "0.42", "peft": "0.9"},
        "method": "qlora",
        "attention": "eager",
        "gradient_checkpointing": "full",
    },
    "end of 2024": {
        "versions": {"transformers": "4.47", "torch": "2.5", "bitsandbytes": "0.44", "accelerate": "1.2"},
        "precision": {"weights": "float32", "autocast": "bfloat16"},
        "parallel": {"strategy": "fsdp1", "data": 2},
    },
    "2025": {
        "versions": {"transformers": "4.53", "torch": "2.7", "deepspeed": "0.16"},
        "parallel": {"strategy": "zero2", "data": 2},
        "gradient_accumulation_steps": 2,
    },
    "offloaded": {
        "precision": {"weights": "bfloat16", "gradients": "float32"},
        "parallel": {"strategy": "zero3", "data": 2, "offload": "both"},
        "gradient_accumulation_steps": 3,
        "gradient_checkpointing": "reentrant",
        "evaluation": {"batch": 1},
        "attention": "flash_attention_2",
        "neftune": True,
    },
    "half": {
        "precision": {"weights": "float16", "autocast": "float16"},
        "parallel": {"strategy": "ddp", "data": 2},
        "optimizer": "sgd_momentum",
        "optimizer_in_backward": True,
        "gradient_checkpointing": "selective-op",
        "attention": "eager",
        "compile": True,
    },
    "wide": {
        "method": "lora",
        "adapter": {"targets": "all-linear", "r": 64, "dropout": 0.0, "modules_to_save": ["lm_head"]},
        "quantization": {"scheme": "gptq-int4"},
        "parallel": {"strategy": "fsdp2", "data": 2, "context": 2, "sharding": "grad-op"},
        "objective": "kto",
        "gradient_checkpointing": "full",
        "loss": "chunked",
    },
    "cast": {
        "method": "qlora",
        "precision": {"weights": "float32", "autocast": "none"},
        "quantization": {"scheme": "bnb-nf4", "compute": "float16"},
        "attention": "sdpa",
        "optimizer": "paged_adamw_8bit",
        "padded_batch": True,
    },
    "staged": {
        "runtime": "megatron",
        "parallel": {"strategy": "zero1", "data": 2, "pipeline": 2, "context": 2, "expert": 2},
        "gradient_accumulation_steps": 4,
        "gradient_checkpointing": "full",
        "optimizer": "adamw_bnb_8bit",
    },
}


def told(job: TrainingJob) -> str:
    """One line."""
    try:
        estimate = estimate_job(job)
    except CannotEstimate as cannot:
        return cannot.code
    said = f"{estimate.trainable_parameters:,} of {estimate.parameters:,} trained" + "".join(
        f", {moment.name} {sum(moment.components.values()):,}" for moment in estimate.counted
    )
    made = step(job)
    return f"{made}; {said}" if estimate.modelled else f"at most: {made}; {said}"


def step(job: TrainingJob) -> str:
    """What the walk of the step has made."""
    try:
        ledger = walked(job, frees_gradients=False).profile.tape.ledger
    except CannotEstimate as cannot:
        return cannot.code
    sizes = [record.bytes for record in ledger.records]
    current = summed = 0
    for event in ledger.events:
        current += sizes[event] if event >= 0 else -sizes[~event]
        summed += current
    held = summed // max(len(ledger.events), 1)
    return f"{len(sizes)} storages, {sum(sizes):,} bytes, {held:,} on average"


def job_of(model: Model, run: Mapping[str, Any]) -> TrainingJob | None:
    """The run with that model."""
    return JOB.read({**SHAPE, "model": model.name, **run}, Context(MODELS)).job


@pytest.mark.parametrize("name", RUNS)
def test_what_a_step_makes(name: str, snapshot: Callable[[str, str], None]) -> None:
    lines = []
    for model in smallest():
        job = job_of(model, RUNS[name])
        assert job is not None
        lines.append(f"{model.model_type}: {told(job)}")
    snapshot(f"walks-{name.replace(' ', '-')}.txt", "\n".join(lines) + "\n")
