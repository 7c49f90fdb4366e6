"""What `vramlint plan` proposes is written into the file, which is then read and estimated as planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_running import ROOT

from vramlint.analysis.layouts import PlannedLayout, cluster_of, layouts_for
from vramlint.cli.estimate import examine
from vramlint.cli.files import Reader
from vramlint.dialects.kit.edits import with_keys
from vramlint.document.edit import apply_edits
from vramlint.lint.editing import edits_of_keys
from vramlint.lint.result import Analysis
from vramlint.memory import estimate_job
from vramlint.project.overrides import Overrides

AXOLOTL = """base_model: Qwen/Qwen3-30B-A3B
datasets: [{path: tatsu-lab/alpaca, type: alpaca}]
sequence_len: 4096
micro_batch_size: 1
gradient_accumulation_steps: 8
bf16: true
flash_attention: true  # kept
"""
SWIFT = """model: Qwen/Qwen2.5-7B
tuner_type: full
torch_dtype: bfloat16
dataset: AI-ModelScope/alpaca-gpt4-data-en
max_length: 4096
micro_batch_size: 1
global_batch_size: 64
tensor_model_parallel_size: 2
sequence_parallel: true
"""
FACTORY = """model_name_or_path: meta-llama/Llama-3.1-8B
stage: sft
do_train: true
finetuning_type: full
dataset: alpaca_en_demo
template: llama3
cutoff_len: 8192
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
bf16: true
tensor_model_parallel_size: 4
pipeline_model_parallel_size: 2
sequence_parallel: true
use_distributed_optimizer: true
"""
FACTORY_V1 = """model: Qwen/Qwen3-4B
train_dataset: data/v1_sft_demo.yaml
dist_config:
  name: fsdp2
cutoff_len: 16384
micro_batch_size: 1
global_batch_size: 16
bf16: true
flash_attn: flash_attention_2
"""
NEOX = """{
  "pipe-parallel-size": 1,
  "model-parallel-size": 2,
  "num-layers": 32,
  "hidden-size": 4096,
  "num-attention-heads": 32,
  "seq-length": 2048,
  "max-position-embeddings": 2048,
  "attention-config": [[["flash"], 32]],
  "zero_optimization": {"stage": 1},
  "train_micro_batch_size_per_gpu": 4,
  "gradient_accumulation_steps": 32,
  "checkpoint-activations": true,
  "precision": "bfloat16",
  "optimizer": {"type": "Adam", "params": {"lr": 0.0001}},
  "gradient_clipping": 1.0
}
"""
NEMO = """sft: {max_num_steps: 60}
policy:
  model_name: meta-llama/Llama-3.1-8B
  train_global_batch_size: 64
  train_micro_batch_size: 1
  max_total_sequence_length: 4096
  precision: bfloat16
  dtensor_cfg: {enabled: true, tensor_parallel_size: 1, sequence_parallel: false}
  optimizer: {name: torch.optim.AdamW, kwargs: {lr: 0.00001}}
data: {max_input_seq_length: 4096}
cluster:
  gpus_per_node: 8
  num_nodes: 1
"""
NEMO_MEGATRON = NEMO.replace(
    "  dtensor_cfg: {enabled: true, tensor_parallel_size: 1, sequence_parallel: false}",
    "  dtensor_cfg: {enabled: false}\n"
    "  megatron_cfg: {enabled: true, tensor_model_parallel_size: 8, pipeline_model_parallel_size: 1}",
)
VERL = """defaults:
  - model@model: hf_model
  - engine@engine: fsdp
  - optim@optim: fsdp
  - _self_
model: {path: meta-llama/Llama-3.1-8B}
data:
  train_batch_size: 256
  micro_batch_size_per_gpu: 4
  max_token_len_per_gpu: 8192
  use_dynamic_bsz: false
  max_length: 8192
engine: {strategy: fsdp2}
trainer: {nnodes: 1, n_gpus_per_node: 8}
"""
VERL_MEGATRON = """hydra: {searchpath: [file://verl/trainer/config]}
defaults: [ppo_megatron_trainer, _self_]
data: {train_batch_size: 256, max_prompt_length: 512, max_response_length: 1024}
algorithm: {adv_estimator: grpo}
actor_rollout_ref:
  model: {path: meta-llama/Llama-3.1-8B}
  actor:
    strategy: megatron
    ppo_mini_batch_size: 64
    ppo_micro_batch_size_per_gpu: 4
    megatron: {tensor_model_parallel_size: 2, pipeline_model_parallel_size: 1}
  rollout: {name: vllm, n: 8, gpu_memory_utilization: 0.3, log_prob_micro_batch_size_per_gpu: 4}
trainer: {n_gpus_per_node: 8, nnodes: 1}
"""
TUNE = """model: {_component_: torchtune.models.llama3_1.llama3_1_8b}
tokenizer: {_component_: torchtune.models.llama3.llama3_tokenizer, max_seq_len: 8192}
tensor_parallel_dim: 1
tensor_parallel_plan: {_component_: torchtune.models.llama3.base_llama_tp_plan}
dataset: {_component_: torchtune.datasets.alpaca_dataset, packed: true}
batch_size: 1
gradient_accumulation_steps: 4
optimizer: {_component_: torch.optim.AdamW, lr: 2e-5}
loss: {_component_: torchtune.modules.loss.LinearCrossEntropyLoss}
checkpointer: {_component_: torchtune.training.FullModelHFCheckpointer, checkpoint_dir: /tmp/Llama}
enable_activation_checkpointing: true
device: cuda
dtype: bf16
epochs: 1
"""
WRITTEN = {
    "axolotl.yaml": AXOLOTL,
    "ms-swift.yaml": SWIFT,
    "llamafactory.yaml": FACTORY,
    "llamafactory-v1.yaml": FACTORY_V1,
    "gpt-neox.json": NEOX,
    "nemo-rl.yaml": NEMO,
    "nemo-rl-megatron.yaml": NEMO_MEGATRON,
    "verl.yaml": VERL,
    "verl-megatron.yaml": VERL_MEGATRON,
    "torchtune.yaml": TUNE,
}
EXAMPLES = (
    "axolotl-llama-3.1-8b-full.yaml",
    "gpt-neox-pythia-1.4b.yml",
    "litgpt-llama-3.2-1b-lora.yaml",
    "llm-foundry-mpt-7b.yaml",
    "ms-swift-qwen2.5-7b-full.yaml",
    "nanotron-llama-1b.yaml",
    "nemo-automodel-llama-3.1-8b-lora.yaml",
    "openrlhf-llama-3.1-8b-dpo.sh",
    "prime-rl-qwen3-1.7b-sft.toml",
    "torchtitan-llama3-8b.toml",
    "trl-sft-tight.yaml",
)
GPU = "H100-80GB x8"
SAID = {
    "tensor": "parallel.tensor",
    "pipeline": "parallel.pipeline",
    "context": "parallel.context",
    "expert": "parallel.expert",
    "micro_batch": "micro_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "virtual_stages": "parallel.virtual_pipeline",
}
"""Fields of a layout, and those of a run."""


def text_of(name: str) -> str:
    return WRITTEN.get(name) or (ROOT / "examples" / name).read_text(encoding="utf-8")


def analysed(file: Path) -> Analysis:
    found = examine(Reader(Overrides(gpu=GPU, named=True)), str(file)).analysis
    assert found is not None
    return found


def value_of(job: Any, name: str) -> Any:
    for part in name.split("."):
        job = getattr(job, part)
    return job


def planned(file: Path, text: str) -> tuple[Analysis, list[PlannedLayout], int]:
    file.write_text(text, encoding="utf-8")
    analysis = analysed(file)
    cluster = cluster_of(analysis, None)
    return analysis, layouts_for(cluster), cluster.global_batch


@pytest.mark.parametrize("name", [*WRITTEN, *EXAMPLES])
def test_a_written_layout_is_read_and_estimated_as_planned(name: str, tmp_path: Path) -> None:
    text, file = text_of(name), tmp_path / name
    analysis, layouts, rows = planned(file, text)
    assert layouts
    for layout in layouts:
        edits = edits_of_keys(analysis.document, layout.edits) if layout.edits else ()
        assert edits is not None
        file.write_text(apply_edits(text, edits), encoding="utf-8")
        again = analysed(file)
        assert again.values == with_keys(analysis.values, layout.edits)
        job = again.job
        assert job is not None
        assert layout.unsaid == ()
        for field, of_job in SAID.items():
            assert value_of(job, of_job) == getattr(layout, field), of_job
        parallel = job.parallel
        assert parallel.data * parallel.replicate == layout.data
        assert parallel.replicate == layout.replicas
        step = job.micro_batch_size * job.gradient_accumulation_steps * layout.data
        assert step == rows
        assert estimate_job(job).rough.device_bytes == layout.device_bytes
    degrees = {(each.tensor, each.pipeline, each.context, each.expert) for each in layouts}
    assert len(degrees) == len(layouts)


OF_THE_PAGE = {
    "Axolotl": "axolotl.yaml",
    "GPT-NeoX": "gpt-neox.json",
    "LitGPT": "litgpt-llama-3.2-1b-lora.yaml",
    "LLaMA-Factory with Megatron": "llamafactory.yaml",
    "LLaMA-Factory's second engine": "llamafactory-v1.yaml",
    "LLM Foundry": "llm-foundry-mpt-7b.yaml",
    "ms-swift": "ms-swift-qwen2.5-7b-full.yaml",
    "ms-swift with Megatron": "ms-swift.yaml",
    "nanotron": "nanotron-llama-1b.yaml",
    "NeMo Automodel": "nemo-automodel-llama-3.1-8b-lora.yaml",
    "NeMo RL with DTensor": "nemo-rl.yaml",
    "NeMo RL with Megatron": "nemo-rl-megatron.yaml",
    "OpenRLHF": "openrlhf-llama-3.1-8b-dpo.sh",
    "prime-rl": "prime-rl-qwen3-1.7b-sft.toml",
    "torchtitan": "torchtitan-llama3-8b.toml",
    "torchtune, full fine-tuning": "torchtune.yaml",
    "TRL, Hugging Face Trainer": "trl-sft-tight.yaml",
    "verl": "verl.yaml",
    "verl with Megatron": "verl-megatron.yaml",
}
"""A file of each row of the page."""


def rows_of_the_page() -> dict[str, list[bool]]:
    page = (ROOT / "docs" / "planning.md").read_text(encoding="utf-8")
    lines = page.partition("## Which degrees a file says")[2].partition("\nNot at one time")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0]: [cell == "yes" for cell in row[1:7]] for row in cells[2:]}


@pytest.mark.parametrize("title", OF_THE_PAGE)
def test_the_page_says_which_degrees_a_file_says(title: str, tmp_path: Path) -> None:
    file = tmp_path / OF_THE_PAGE[title]
    file.write_text(text_of(OF_THE_PAGE[title]), encoding="utf-8")
    means = cluster_of(analysed(file)).means
    names = ("tensor", "pipeline", "virtual", "context", "expert", "replicas")
    assert [getattr(means, name) for name in names] == rows_of_the_page()[title]


def test_every_row_of_the_page_has_a_file() -> None:
    assert set(rows_of_the_page()) == set(OF_THE_PAGE)
