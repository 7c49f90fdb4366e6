"""Long documents of the kinds that an editor opens: a config that does not fit, with entries after it."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of document. `{number}` in `entry` is that of the entry; `key` is before the edited number."""

    language: str
    suffix: str
    head: str
    entry: str
    key: str
    between: str = ""
    tail: str = ""

    def text(self, lines: int) -> str:
        """A document of about so many lines."""
        left = lines - self.head.count("\n") - self.tail.count("\n")
        entries = range(max(1, left // self.entry.count("\n")))
        return (
            self.head + self.between.join(self.entry.replace("{number}", str(n)) for n in entries) + self.tail
        )


KINDS = {
    "YAML": Kind(
        "yaml",
        "yaml",
        """\
# vramlint: gpu=RTX-4090
base_model: meta-llama/Llama-3.1-8B
sequence_len: 4096
micro_batch_size: 2
gradient_accumulation_steps: 4
optimizer: adamw_torch_fused
bf16: auto
gradient_checkpointing: false
attn_implementation: flash_attention_2
learning_rate: 2.0e-5
lr_scheduler: cosine
num_epochs: 1
output_dir: ./out
datasets:
""",
        """\
  - path: org/data-{number}
    type: alpaca
    split: train
    name: part-{number}
    shards: 4
    trust_remote_code: false
""",
        "micro_batch_size: ",
    ),
    "JSON": Kind(
        "json",
        "json",
        """\
{
  "base_model": "meta-llama/Llama-3.1-8B",
  "sequence_len": 4096,
  "micro_batch_size": 2,
  "optimizer": "adamw_torch_fused",
  "bf16": "auto",
  "datasets": [
""",
        """\
    {
      "path": "org/data-{number}",
      "type": "alpaca",
      "split": "train",
      "name": "part-{number}",
      "shards": 4,
      "trust_remote_code": false
    }
""",
        '"micro_batch_size": ',
        "    ,\n",
        "  ]\n}\n",
    ),
    "TOML": Kind(
        "toml",
        "toml",
        """\
# vramlint: gpu=RTX-4090
base_model = "meta-llama/Llama-3.1-8B"
sequence_len = 4096
micro_batch_size = 2
optimizer = "adamw_torch_fused"
bf16 = "auto"
""",
        """\

[[datasets]]
path = "org/data-{number}"
type = "alpaca"
split = "train"
name = "part-{number}"
shards = 4
trust_remote_code = false
""",
        "micro_batch_size = ",
    ),
    "shell": Kind(
        "shellscript",
        "sh",
        """\
#!/bin/bash
# vramlint: gpu=RTX-4090
set -e
export OUT=out
trl sft --model_name_or_path Qwen/Qwen2.5-7B --use_peft --dtype bfloat16 --max_length 4096 \\
    --dataset_name org/data --per_device_train_batch_size 8
""",
        """\
# part {number}
mkdir -p "$OUT/part-{number}"
cp "data/part-{number}.jsonl" "$OUT/part-{number}/train.jsonl"
echo "part {number} is ready" >> "$OUT/log.txt"
""",
        "--per_device_train_batch_size ",
    ),
}
