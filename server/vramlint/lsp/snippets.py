"""Whole configs to begin with, in a file that says nothing yet."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from vramlint.document.language import Language
from vramlint.lsp.cursor import Cursor
from vramlint.lsp.view import View

_AXOLOTL = """\
base_model: meta-llama/Llama-3.1-8B
load_in_4bit: true
adapter: qlora
lora_r: 16
lora_alpha: 32
lora_target_linear: true
datasets:
  - path: tatsu-lab/alpaca
    type: alpaca
output_dir: ./outputs/llama-3.1-8b-qlora
sequence_len: 2048
sample_packing: true
micro_batch_size: 1
gradient_accumulation_steps: 8
num_epochs: 1
optimizer: adamw_torch_fused
learning_rate: 2.0e-4
bf16: auto
gradient_checkpointing: true
attn_implementation: flash_attention_2
"""
_LLAMAFACTORY = """\
model_name_or_path: Qwen/Qwen2.5-7B-Instruct
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: all
dataset: identity,alpaca_en_demo
template: qwen
cutoff_len: 2048
output_dir: ./saves/qwen2.5-7b-lora
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 3.0
bf16: true
"""
_TRL = """\
model_name_or_path: Qwen/Qwen2.5-1.5B
dataset_name: trl-lib/Capybara
output_dir: ./outputs/qwen2.5-1.5b-sft
max_length: 2048
packing: true
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
gradient_checkpointing: true
num_train_epochs: 1
learning_rate: 2.0e-5
bf16: true
"""
_TORCHTUNE = """\
output_dir: ./outputs/llama-3.1-8b-lora
model:
  _component_: torchtune.models.llama3_1.lora_llama3_1_8b
  lora_attn_modules: [q_proj, v_proj, output_proj]
  apply_lora_to_mlp: true
  lora_rank: 8
  lora_alpha: 16
tokenizer:
  _component_: torchtune.models.llama3.llama3_tokenizer
  path: ./Llama-3.1-8B/original/tokenizer.model
  max_seq_len: 2048
checkpointer:
  _component_: torchtune.training.FullModelHFCheckpointer
  checkpoint_dir: ./Llama-3.1-8B
  checkpoint_files: {filename_format: "model-{}-of-{}.safetensors", max_filename: "00004"}
  output_dir: ${output_dir}
  model_type: LLAMA3
dataset:
  _component_: torchtune.datasets.alpaca_cleaned_dataset
  packed: true
optimizer:
  _component_: torch.optim.AdamW
  fused: true
  lr: 3.0e-4
loss:
  _component_: torchtune.modules.loss.LinearCrossEntropyLoss
batch_size: 2
epochs: 1
gradient_accumulation_steps: 8
enable_activation_checkpointing: true
device: cuda
dtype: bf16
"""
_JOB = """\
vramlint: 1
model: meta-llama/Llama-3.1-8B
method: lora
micro_batch_size: 1
sequence_length: 2048
gradient_checkpointing: full
"""
_TORCHTITAN = """\
[job]
dump_folder = "./outputs"

[model]
name = "llama3"
flavor = "8B"
hf_assets_path = "./assets/hf/Llama-3.1-8B"

[optimizer]
name = "AdamW"
lr = 3e-4

[training]
local_batch_size = 1
seq_len = 8192
steps = 1000
dataset = "c4"

[parallelism]
data_parallel_shard_degree = -1

[activation_checkpoint]
mode = "selective"
selective_ac_option = "op"
"""
SNIPPETS: dict[Language, dict[str, tuple[str, str]]] = {
    "yaml": {
        "axolotl": ("Axolotl: QLoRA of an 8 B model", _AXOLOTL),
        "llamafactory": ("LLaMA-Factory: LoRA of a 7 B model", _LLAMAFACTORY),
        "trl": ("TRL: full fine-tuning of a 1.5 B model", _TRL),
        "torchtune": ("torchtune: LoRA of an 8 B model", _TORCHTUNE),
        "vramlint": ("a run in vramlint's own words", _JOB),
    },
    "toml": {"torchtitan": ("torchtitan: pretraining of an 8 B model on several GPUs", _TORCHTITAN)},
}
"""By language and word; what it is, and the config."""


def snippets(view: View, cursor: Cursor) -> Iterator[types.CompletionItem]:
    """The configs for a file that has only comments and the word being typed."""
    document = view.document
    said = document.text[: cursor.span.start] + document.text[cursor.span.end :]
    if cursor.part != "key" or any(
        line.strip() and not line.lstrip().startswith("#") for line in said.splitlines()
    ):
        return
    for word, (title, config) in SNIPPETS.get(document.language, {}).items():
        yield types.CompletionItem(
            label=word,
            kind=types.CompletionItemKind.Snippet,
            detail=title,
            documentation=config,
            insert_text_format=types.InsertTextFormat.PlainText,
            text_edit=types.TextEdit(view.range(cursor.span), config),
        )
