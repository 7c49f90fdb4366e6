"""Launch lines, scripts and configs that several cases of launch_cases.py have in their workspace."""

from __future__ import annotations

TRL = "trl sft --model_name_or_path gpt2 --dataset_name a/b --max_length 256"
LAUNCHER = "distributed_type: FSDP\nfsdp_config: {fsdp_version: 2}\nnum_machines: 1\nnum_processes: 8\n"
SCRIPT = """\
import transformers
from dataclasses import dataclass, field
from transformers import Trainer
@dataclass
class Model:
    model_name_or_path: str = field(default="facebook/opt-125m")
@dataclass
class Arguments(transformers.TrainingArguments):
    model_max_length: int = field(default=512)
parser = transformers.HfArgumentParser((Model, Arguments))
model, args = parser.parse_args_into_dataclasses()
Trainer(model=transformers.AutoModelForCausalLM.from_pretrained(model.model_name_or_path), args=args).train()
"""
AXOLOTL = """\
base_model: meta-llama/Llama-3.1-8B
adapter: lora
lora_r: 16
lora_target_linear: true
sequence_len: 2048
micro_batch_size: 2
datasets: [{path: a/b, type: alpaca}]
"""
WORKFLOW = f"""\
on: push
env:
  LENGTH: 128
jobs:
  one:
    env:
      MODEL: Qwen/Qwen2.5-0.5B
    steps:
      - name: go
        env: {{}}
        run: |
          {TRL.replace("gpt2", "$MODEL").replace("256", "$LENGTH")}
      - run: {TRL}
  two:
    steps:
      - run: {TRL.replace("gpt2", "$MODEL")}
      - env:
          SIZE: ${{{{ inputs.size }}}}
        run: {TRL} --per_device_train_batch_size $SIZE
"""
WORLD = """\
import os
import argparse
from trl import SFTConfig, SFTTrainer
parser = argparse.ArgumentParser()
parser.add_argument("--model", default="")
args = parser.parse_args()
size = int(os.environ.get("SIZE", 1))
steps = 64 // size // int(os.environ.get("WORLD_SIZE", "1"))
settings = SFTConfig("out", per_device_train_batch_size=size, gradient_accumulation_steps=steps)
SFTTrainer(args.model, args=settings).train()
"""
OMEGA = """\
from omegaconf import OmegaConf
from trl import SFTConfig, SFTTrainer
config = OmegaConf.merge(OmegaConf.load("c.yaml"), OmegaConf.from_cli())
SFTTrainer(config.model, args=SFTConfig("out", per_device_train_batch_size=config.train.size)).train()
"""
MPT = """\
max_seq_len: 2048
model: {name: mpt_causal_lm, d_model: 768, n_heads: 12, n_layers: 12, vocab_size: 50368}
train_loader: {name: text}
global_train_batch_size: 64
device_train_microbatch_size: 2
optimizer: {name: decoupled_adamw}
"""
NEOX = (
    '{"num-layers": 12, "hidden-size": 768, "num-attention-heads": 12, "seq-length": 2048, "train-iters": 9, '
    '"train_micro_batch_size_per_gpu": 4, "pipe-parallel-size": 1, "model-parallel-size": 1, '
    '"max-position-embeddings": 2048, "optimizer": {"type": "Adam"}}'
)
PRIME = '[model]\nname = "Qwen/Qwen3-0.6B"\n[data]\nseq_len = 2048\nbatch_size = 64\n'
OUMI = """\
model: {model_name: meta-llama/Llama-3.2-1B, model_max_length: 512}
data: {train: {datasets: [{dataset_name: yahma/alpaca-cleaned}]}}
training: {trainer_type: TRL_SFT, per_device_train_batch_size: 2}
"""
