"""The job file reads as it is written, and every job can be written as one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dialect_reading import expect, job_of, reading

from vramlint.dialects import detect
from vramlint.dialects.job_file.keys import KEYS
from vramlint.dialects.job_file.read import write_job
from vramlint.job import Assumed, TrainingJob, Written
from vramlint_schemas import load_schema

TEXTBOOK = """
vramlint: 1
model: {parameters: 7.0e+9}
precision: {weights: bfloat16, optimizer_states: float32}
optimizer: adamw
"""
FULL = """
vramlint: 1
model: {model_type: llama, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, vocab_size: 1000}
objective: dpo
method: qlora
adapter:
  {r: 9, alpha: 17, dropout: 0.1, targets: [q_proj, v_proj], dtype: same-as-base, modules_to_save: [lm_head]}
quantization:
  {scheme: bnb-fp4, double_quant: false, compute: float16, kbit_prep: fp32-norms, experts: unpacked-whole}
precision:
  weights: float16
  autocast: float16
  master_weights: float32
  gradients: float32
  optimizer_states: bfloat16
  trainable: float32
  fp8: rowwise
  fp32_modules: [norms, router]
optimizer: paged_adamw_8bit
optimizer_args: {rank: 64}
optimizer_in_backward: true
trainable_layers: 2
trainable_parameters: [model.layers.1]
micro_batch_size: 3
gradient_accumulation_steps: 5
sequence_length: 777
packing: true
padded_batch: true
images: one
image_pixels: 262144
gradient_checkpointing: {every: 2}
activation_offload: true
attention: flash_attention_2
loss: {chunks: 8}
loop: freed
compile: true
allocator: expandable_segments:True
kernels: {liger: [rms_norm], tiled_mlp: true, tiled_mlp_pieces: 4, linear_attention: fla}
gradient_clipping: null
parallel:
  strategy: zero3
  data: {shard: 8, replicate: 4}
  sharding: grad-op
  wrap: size
  tensor: 2
  sequence: true
  context: 2
  pipeline: 2
  expert: 2
  offload: both
  param_dtype: float16
  reduce_dtype: float32
  buckets:
    reduce: 1.0e+6
    allgather: 2.0e+6
    prefetch: 3.0e+6
    live: 4.0e+6
    persistence: 5.0e+3
    overlap_comm: true
    sub_group: 6.0e+6
reference_model: resident
runtime: torchtune
generation: {engine: sglang, colocated: true, memory_fraction: 0.4, tensor: 2, sleep: offload, batch: 8,
  completion_length: 256, completions: 4}
roles: {critic: same-as-model, critic_steps: apart, reward_model: gpt2, teacher: none, dtype: float16,
  scores: false,
  reference: {parameters: 1.0e+9}}
evaluation: {batch: 4, sequence_length: 512, keep_logits: true}
loading: rank-0
saving: sharded
ram: 512GiB
versions: {transformers: "5.0", trl: 1.9}
gpu: {memory: 24GiB, count: 8}
nodes: 2
"""


def bare(job: TrainingJob) -> TrainingJob:
    return replace(job, origins={}, model=replace(job.model, source=""))


def test_the_textbook() -> None:
    job = job_of(TEXTBOOK)
    expect(
        job,
        {"model.parameters": 7_000_000_000, "precision.optimizer_states": "float32", "optimizer": "adamw"},
    )
    assert job.origin("optimizer") == Written(("optimizer",))
    assert isinstance(job.origin("micro_batch_size"), Assumed)


def test_every_key_is_read() -> None:
    job = job_of(FULL)
    default = job_of("vramlint: 1\nmodel: gpt2")
    same = {
        name
        for name in TrainingJob.__dataclass_fields__
        if name != "origins" and getattr(job, name) == getattr(default, name)
    }
    assert same == set()
    expect(
        job,
        {
            "parallel.data": 8,
            "parallel.replicate": 4,
            "gradient_checkpointing": 2,
            "loss": 8,
            "gradient_clipping": None,
            "gpu.memory_bytes": 24 * 2**30,
            "gpu_count": 8,
            "roles.reward_model.name": "gpt2",
            "roles.reference.parameters": 1_000_000_000,
            "generation.sleep": "offload",
            "ram": 512 * 2**30,
            "versions": {"transformers": "5.0", "trl": "1.9"},
        },
    )


@pytest.mark.parametrize(
    "config",
    [
        TEXTBOOK,
        FULL,
        "vramlint: 1\nmodel: meta-llama/Llama-3.2-1B",
        "base_model: NousResearch/Llama-3.2-1B\ndatasets: []\nadapter: lora\nlora_r: "
        "8\nlora_target_linear: true",
        "base_model: NousResearch/Llama-3.2-1B\ndatasets: []\ndeepspeed: deepspeed_configs/zero3.json",
        "base_model: NousResearch/Llama-3.2-1B\ndatasets: []\nrl: grpo",
        "model_name_or_path: meta-llama/Llama-3.2-1B\nuse_peft: true\nload_in_4bit: true",
        "model_name_or_path: meta-llama/Llama-3.2-1B\ndataset_name: a\naccelerate_config: fsdp1",
    ],
)
def test_a_written_job_reads_back(config: str) -> None:
    job = job_of(config, gpus=2)
    again = job_of(write_job(job), gpus=2)
    assert bare(again) == bare(job)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"vramlint": 1}, "no-model"),
        ({"vramlint": 1, "model": {}}, "no-model"),
        ({"vramlint": 1, "model": "nobody/nothing"}, "unknown-model"),
    ],
)
def test_why_there_is_no_job(values: dict[str, Any], code: str) -> None:
    obstacle = reading(values).obstacle
    assert obstacle is not None
    assert obstacle.code == code


def test_wrong_values_count_as_absent() -> None:
    job = job_of({"vramlint": 1, "model": "gpt2", "micro_batch_size": -3, "adapter": 7})
    expect(job, {"method": "full", "micro_batch_size": 1, "adapter": None})


def test_a_directive_is_stronger_than_the_file() -> None:
    job = job_of("vramlint: 1\nmodel: gpt2\nversions: {trl: 1.0, torch: 2.9}", versions={"trl": "1.16"})
    assert job.versions == {"trl": "1.16", "torch": "2.9"}


def test_the_schema_has_the_keys_of_the_table() -> None:
    schema = load_schema("job")

    def paths(section: dict[str, Any], prefix: str = "") -> set[str]:
        out = set()
        for name, inner in section["properties"].items():
            group = inner.get("x-unknown") == "refused" and "properties" in inner and name != "gpu"
            out |= paths(inner, f"{prefix}{name}.") if group else {prefix + name}
        return out

    assert paths(schema) == {row.path for row in KEYS}
    assert detect({"vramlint": 1}).dialect is not None


def test_the_page_names_every_key_and_choice() -> None:
    page = (Path(__file__).parents[2] / "docs" / "job-file.md").read_text()
    missing = [
        (row.path, word)
        for row in KEYS
        for word in (row.path.rpartition(".")[2], *map(str, row.choices))
        if word not in page
    ]
    assert not missing


@pytest.mark.parametrize("method", ["prefix", "LoRA", "[lora]", "3"])
def test_an_unknown_method_is_refused_and_not_read_as_full(method: str) -> None:
    outcome = reading(f"vramlint: 1\nmodel: gpt2\nmethod: {method}")
    assert outcome.job is None
    assert outcome.obstacle is not None
    assert outcome.obstacle.key == ("method",)
    assert "is not known; use one of full, lora" in outcome.obstacle.message


OWN_LOOP = "vramlint: 1\nmodel: meta-llama/Llama-3.1-8B\nloss: fused-linear\nloop: plain\n"


@pytest.mark.parametrize(
    ("text", "kernels"),
    [
        (OWN_LOOP, ("rms_norm", "swiglu", "rope")),
        (OWN_LOOP + "kernels: {liger: []}", ()),
        (OWN_LOOP.replace("plain", "trainer"), ()),
        (OWN_LOOP + "runtime: torchtitan", ()),
        (OWN_LOOP.replace("meta-llama/Llama-3.1-8B", "bigcode/starcoder2-3b"), ()),
    ],
)
def test_a_fused_head_in_an_own_loop_is_taken_for_ligers_patch(text: str, kernels: tuple[str, ...]) -> None:
    outcome = reading(text)
    assert outcome.job is not None
    assert outcome.job.kernels.liger == kernels
    again = reading(write_job(outcome.job)).job
    assert again is not None
    assert again.kernels.liger == kernels
