"""What rules leave to others, or to nobody."""

from pathlib import Path

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

VERL = """\
data:
  train_batch_size: 256
  micro_batch_size_per_gpu: 4
  use_dynamic_bsz: true
  max_token_len_per_gpu: 8192
  max_length: 8192
  pad_mode: no_padding
  train_files: train.parquet
model:
  path: deepseek-ai/deepseek-llm-7b-chat
engine:
  strategy: fsdp
optim:
  lr: 1e-5
trainer:
  total_epochs: 1
  n_gpus_per_node: 8
"""
AXOLOTL = """\
base_model: {model}
sequence_len: 2048
micro_batch_size: 1
adapter: lora
lora_r: 8
lora_alpha: 16
lora_target_linear: true
gradient_checkpointing: true
activation_offloading: true
datasets: [{{path: x, type: alpaca}}]
"""


def judged(text: str, folder: Path, gpu: str | None = None) -> Analysis:
    return analyse(Document.parse(text, str(folder / "x.yaml")), Workspace(folder), Overrides(gpu=gpu))


def codes(analysis: Analysis) -> list[str]:
    return [finding.code for finding in analysis.findings]


def test_a_budget_of_tokens_is_no_length_of_a_row(tmp_path: Path) -> None:
    analysis = judged(VERL, tmp_path)
    assert analysis.key("sequence_length") == ("data", "max_token_len_per_gpu")
    assert "VL214" not in codes(analysis)


def test_host_memory_is_said_at_the_key_that_offloads(tmp_path: Path) -> None:
    analysis = judged(AXOLOTL.format(model="meta-llama/Llama-3.1-70B"), tmp_path, "H200 x8")
    (finding,) = [each for each in analysis.findings if each.code == "VL103"]
    assert finding.at.key == ("activation_offloading",)


def test_a_model_of_the_same_owner_is_not_alike_for_that(tmp_path: Path) -> None:
    analysis = judged(AXOLOTL.format(model="meta-llama/Quokka-11B-Exp"), tmp_path)
    (finding,) = [each for each in analysis.findings if each.code == "VL903"]
    assert "nearest" not in finding.message


def test_a_missing_parent_is_said_once(tmp_path: Path) -> None:
    analysis = judged("defaults: grpo_math_1B.yaml\npolicy:\n  model_name: Qwen/Qwen2.5-7B\n", tmp_path)
    assert codes(analysis).count("VL104") + codes(analysis).count("VL904") <= 1
