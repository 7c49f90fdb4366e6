"""Which implementation of a model a config file reaches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from dialect_reading import job_of

from vramlint.document.document import Document
from vramlint.job import Adapter, Quantization, Runtime, TrainingJob
from vramlint.memory import estimate_job
from vramlint.memory.architectures import network_of
from vramlint.memory.weights import Weights

EXAMPLES = Path(__file__).parents[2] / "examples"
LITGPT_FULL = """
checkpoint_dir: checkpoints/meta-llama/Llama-3.2-1B
precision: bf16-true
devices: 1
train: {global_batch_size: 16, micro_batch_size: 4, max_seq_length: 512}
"""
UNSLOTH = """
model: unsloth/Llama-3.2-1B
training: {training_type: lora, max_seq_length: 2048, batch_size: 2}
lora: {lora_r: 16}
"""
VERL = """
model: {partial_pretrain: Qwen/Qwen2.5-0.5B, lora_rank: 8}
data: {train_batch_size: 8, micro_batch_size_per_gpu: 2, max_length: 1024}
trainer: {n_gpus_per_node: 2, nnodes: 1}
"""
T5 = TrainingJob(
    job_of("vramlint: 1\nmodel: google-t5/t5-small").model,
    method="qlora",
    adapter=Adapter(targets=("q", "v")),
    quantization=Quantization(),
)


def parameters(job: TrainingJob) -> set[str]:
    """Names of all parameters of the model that is built for `job`."""
    weights = Weights(job)
    network_of(job, weights)
    return {parameter.name for parameter, _ in weights.all()}


@pytest.mark.parametrize(
    ("example", "runtime"),
    [
        ("axolotl-llama-3.1-8b-qlora.yaml", "transformers"),
        ("trl-sft-tight.yaml", "transformers"),
        ("llamafactory-qwen2.5-7b-lora.yaml", "transformers"),
        ("litgpt-llama-3.2-1b-lora.yaml", "litgpt"),
        ("torchtune-llama-3.1-8b-lora.yaml", "torchtune"),
        ("torchtitan-llama3-8b.toml", "torchtitan"),
    ],
)
def test_an_example_of_each_dialect(example: str, runtime: Runtime) -> None:
    job = job_of(Document.parse((EXAMPLES / example).read_text(), example).values())
    assert job.runtime == runtime
    # LitGPT alone has one projection for query, key and value of a Llama.
    assert ("attn.qkv_proj.weight" in parameters(job)) == (runtime == "litgpt")


@pytest.mark.parametrize("config", [UNSLOTH, VERL], ids=["unsloth", "verl"])
def test_layers_of_transformers_in_other_trainers(config: str) -> None:
    assert job_of(config).runtime == "transformers"


def test_litgpt_ties_no_head() -> None:
    job = job_of(LITGPT_FULL)
    assert job.model.config["tie_word_embeddings"] is True
    assert "lm_head.weight" in parameters(job)
    assert "lm_head.weight" not in parameters(replace(job, runtime="transformers"))


def test_litgpt_adapts_what_its_flags_say() -> None:
    job = job_of(LITGPT_FULL + "lora_key: true\nlora_projection: true\nlora_mlp: true\nlora_head: true\n")
    adapted = {
        name.removesuffix(".lora_A.weight") for name in parameters(job) if name.endswith("lora_A.weight")
    }
    assert adapted == {
        *("attn.qkv_proj", "attn.o_proj", "lm_head"),
        *("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
    }


def test_a_job_file_says_whose_layers_run() -> None:
    job = job_of("vramlint: 1\nmodel: meta-llama/Llama-3.2-1B\nruntime: litgpt")
    assert job.runtime == "litgpt"
    assert "attn.qkv_proj.weight" in parameters(job)


def test_targets_named_q_and_v_are_not_litgpt_elsewhere() -> None:
    adapted = {name for name in parameters(T5) if "lora_A" in name}
    assert adapted
    assert all(name.rsplit(".", 3)[-3] in ("q", "v") for name in adapted)
    # Only LitGPT asks for bitsandbytes 0.42, which holds the input of each quantized linear.
    newest = replace(T5, versions={"bitsandbytes": "0.50"})
    assert estimate_job(T5).peak_allocated_bytes == estimate_job(newest).peak_allocated_bytes
