"""Training scripts of the rarer kinds, for `test_script_lines`."""

from __future__ import annotations

COMMANDS = """\
import json
import os
import subprocess
import yaml
from pathlib import Path

MODEL = "Qwen/Qwen2.5-1.5B"
os.environ["CUDA_VISIBLE_DEVICES"] = "0,1"
os.environ.setdefault("NPROC_PER_NODE", "2")
zero = {"zero_optimization": {"stage": 3}, "train_micro_batch_size_per_gpu": 2}
with open("ds.json", "w") as f:
    json.dump(zero, f)
with open("a.yaml", "w") as out:
    tuned = {"model_name_or_path": MODEL, "stage": "sft", "template": "qwen", "deepspeed": "ds.json"}
    yaml.safe_dump(tuned, out)
Path("b.yaml").write_text("base_model: gpt2\\nmicro_batch_size: 3\\ndatasets: [{path: x}]\\n")
subprocess.run(["llamafactory-cli", "train", "a.yaml", "cutoff_len=512"], check=True)
os.system(f"accelerate launch --num_processes 2 -m axolotl.cli.train b.yaml")
subprocess.check_call("trl sft --model_name_or_path gpt2 --dataset_name x --max_length 64", shell=True)
subprocess.Popen(args=["torchrun", "--nproc_per_node", 2, "train.py", "--model", MODEL])
"""
CHANGED_MODEL = """\
import torch
from peft import AutoPeftModelForCausalLM, LoraConfig, PeftModel, TaskType, get_peft_model
from peft import prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, GPTQConfig, Trainer, TrainingArguments

large = input() == "yes"
name = "Qwen/Qwen2.5-7B" if large else "Qwen/Qwen2.5-3B"
half = torch.bfloat16
quantized = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=half)
base = AutoModelForCausalLM.from_pretrained(
    "meta-llama/Llama-3.2-1B", quantization_config=quantized, device_map={"": 0}, torch_dtype=torch.float16
)
base.gradient_checkpointing_enable()
base.enable_input_require_grads()
base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=True)
first = PeftModel.from_pretrained(base, "acme/adapter", is_trainable=True)
config = LoraConfig(
    r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], exclude_modules=None, use_dora=False,
    modules_to_save=["lm_head"], task_type=TaskType.CAUSAL_LM,
)
model = get_peft_model(base, config)
arguments = TrainingArguments(
    "out", per_device_train_batch_size=2, gradient_accumulation_steps=4, bf16=True, optim="paged_adamw_8bit",
    gradient_checkpointing_kwargs={"use_reentrant": False}, fsdp="full_shard auto_wrap", max_grad_norm=0.3,
)
Trainer(model=model, args=arguments, train_dataset=[]).train()
"""
PREFERENCES = """\
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, ModelConfig, get_kbit_device_map, get_quantization_config

options = ModelConfig(load_in_4bit=True, use_peft=True, lora_r=32)
model = AutoModelForCausalLM.from_pretrained(
    "Qwen/Qwen2.5-0.5B", torch_dtype="auto", attn_implementation="sdpa"
)
reference = AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-1.5B")
args = DPOConfig(
    output_dir="x", beta=0.1, loss_type="sigmoid", max_length=1024, max_prompt_length=512,
    per_device_train_batch_size=2, per_device_eval_batch_size=4, precompute_ref_log_probs=False,
)
DPOTrainer(model, ref_model=reference, args=args, train_dataset=load_dataset("x")).train()
"""
GENERATION = """\
from trl import GRPOConfig, GRPOTrainer, PPOConfig, PPOTrainer
args = GRPOConfig(
    output_dir="x", num_generations=8, max_completion_length=256, max_prompt_length=128, use_vllm=True,
    vllm_mode="colocate", vllm_gpu_memory_utilization=0.3, per_device_train_batch_size=8, beta=0.0, bf16=True,
    model_init_kwargs={"torch_dtype": "bfloat16", "attn_implementation": "flash_attention_2"},
)
GRPOTrainer(model="Qwen/Qwen2.5-0.5B-Instruct", reward_funcs=[len], args=args, train_dataset=[]).train()
"""
SHARDED_LOOP = """\
import functools
import bitsandbytes as bnb
import torch
import torch.distributed as dist
from torch.distributed.fsdp import CPUOffload, MixedPrecision, ShardingStrategy
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP
from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

dist.init_process_group("nccl")
tokenizer = AutoTokenizer.from_pretrained("meta-llama/Llama-3.2-1B")
full = torch.float32
model = AutoModelForCausalLM.from_pretrained("meta-llama/Llama-3.2-1B", torch_dtype=full, use_cache=False)
model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
policy = functools.partial(transformer_auto_wrap_policy, transformer_layer_cls={LlamaDecoderLayer})
halves = MixedPrecision(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
model = FSDP(
    model, auto_wrap_policy=policy, mixed_precision=halves, sharding_strategy=ShardingStrategy.FULL_SHARD,
    cpu_offload=CPUOffload(offload_params=False), device_id=0,
)
optimizer = bnb.optim.AdamW8bit(model.parameters(), lr=1e-5)
rows = tokenizer(["x"], max_length=512, padding="max_length", truncation=True)
loader = DataLoader(rows, batch_size=4)
for step, batch in enumerate(loader):
    with torch.autocast("cuda", dtype=torch.bfloat16):
        loss = model(**batch, labels=batch["input_ids"]).loss / 8
    loss.backward()
    if (step + 1) % 8 == 0:
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
"""
FROZEN_LOOP = """\
import torch
from accelerate import Accelerator
from accelerate.utils import FullyShardedDataParallelPlugin
from torch.nn.parallel import DistributedDataParallel
from transformers import AutoConfig, AutoModelForCausalLM

config = AutoConfig.from_pretrained("gpt2", n_layer=4, n_embd=128, n_head=4)
reward = AutoModelForCausalLM.from_config(config)
model = DistributedDataParallel(AutoModelForCausalLM.from_pretrained("gpt2"))
for name, weight in model.named_parameters():
    weight.requires_grad = name.startswith("transformer.h.11")
optimizer = torch.optim.SGD(filter(lambda each: each.requires_grad, model.parameters()), lr=0.1, momentum=0.9)
for batch in range(10):
    outputs = model(input_ids=torch.ones(2, 128), labels=torch.ones(2, 128))
    outputs.loss.backward()
    optimizer.step()
    optimizer.zero_grad()
"""
SAGEMAKER = """\
import sagemaker
from sagemaker.huggingface import HuggingFace
settings = {"model_name_or_path": "gpt2", "per_device_train_batch_size": 4, "max_length": 512, "bf16": True}
estimator = HuggingFace(
    entry_point="train.py", source_dir="scripts", instance_type="ml.p4d.24xlarge", instance_count=2,
    hyperparameters=settings, distribution={"torch_distributed": {"enabled": True}},
    environment={"HF_TOKEN": "x"},
)
estimator.fit()
"""
UNSLOTH = """\
from unsloth import FastLanguageModel, is_bfloat16_supported
from trl import SFTConfig, SFTTrainer
model, tokenizer = FastLanguageModel.from_pretrained(
    model_name="unsloth/Llama-3.2-1B-Instruct", max_seq_length=2048, dtype=None, load_in_4bit=False,
    load_in_8bit=False, full_finetuning=False, fast_inference=False, max_lora_rank=32,
)
model = FastLanguageModel.get_peft_model(
    model, r=32, lora_alpha=64, lora_dropout=0.1, bias="none", use_gradient_checkpointing="unsloth",
    target_modules=["q_proj", "k_proj"], use_rslora=False, random_state=3407,
)
FastLanguageModel.for_training(model)
args = SFTConfig(
    per_device_train_batch_size=2, gradient_accumulation_steps=4, fp16=not is_bfloat16_supported(),
    bf16=is_bfloat16_supported(), optim="adamw_8bit", packing=True, max_steps=60, output_dir="outputs",
)
trainer = SFTTrainer(model=model, tokenizer=tokenizer, train_dataset=[], dataset_text_field="text", args=args)
trainer.train()
"""
ENGINE = """\
import deepspeed
from transformers import AutoModelForCausalLM

config = {
    "train_micro_batch_size_per_gpu": 2,
    "gradient_accumulation_steps": 4,
    "optimizer": {"type": "AdamW", "params": {"lr": 1e-5, "torch_adam": True}},
    "zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}},
    "bf16": {"enabled": True},
}
model = AutoModelForCausalLM.from_pretrained("gpt2")
engine, optimizer, _, _ = deepspeed.initialize(
    model=model, model_parameters=model.parameters(), config=config
)
for batch in []:
    loss = engine(batch["input_ids"], labels=batch["input_ids"]).loss
    engine.backward(loss)
    engine.step()
"""
SCRIPTS = {
    "engine and its optimizer": ENGINE,
    "commands": COMMANDS,
    "changed model": CHANGED_MODEL,
    "preferences": PREFERENCES,
    "generation": GENERATION,
    "sharded loop": SHARDED_LOOP,
    "frozen loop": FROZEN_LOOP,
    "sagemaker": SAGEMAKER,
    "unsloth adapter": UNSLOTH,
}
