"""Small models, batches and recipes for TRL's trainers, each as one `Setting` says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

LLAMA = {
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 688,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "vocab_size": 33000,
    "tie_word_embeddings": False,
}
"""Wide in words and narrow elsewhere, so that the loss makes the peak; more than one tile of TRL's head."""
TARGETS = ("q_proj", "v_proj", "down_proj")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Setting:
    """One run."""

    trainer: str = "sft"
    """sft | dpo | kto | orpo | gkd | grpo | reward."""
    method: str = "full"
    """full | lora | any of PEFT's tuners."""
    weights: str = "float32"
    autocast: bool = True
    micro_batch_size: int = 2
    sequence_length: int = 256
    completion_length: int = 128
    checkpointing: bool = True
    optimizer: str = "adamw_torch_fused"
    arguments: dict[str, Any] = field(default_factory=dict)
    """More arguments of the trainer's config."""
    adapter: dict[str, Any] = field(default_factory=dict)
    """More arguments of the adapter's config."""
    model: dict[str, Any] = field(default_factory=dict)
    """Changes of LLAMA."""


def tokenizer(vocabulary: int) -> Any:
    """A tokenizer that knows some words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": 0, "<eos>": 1, **{f"w{number}": number for number in range(2, min(vocabulary, 100))}}
    made = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="<eos>", chat_template="x"
    )


def config_of(setting: Setting) -> Any:
    """The model's config."""
    from transformers import AutoConfig

    values = {**LLAMA, **setting.model}
    return AutoConfig.for_model(values.pop("model_type"), **values, pad_token_id=0, eos_token_id=1)


def made_model(setting: Setting, scores: bool = False) -> Any:
    """The model class with random weights."""
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    config = config_of(setting)
    if scores:
        config.num_labels = 1
    kind = AutoModelForSequenceClassification if scores else AutoModelForCausalLM
    return kind.from_config(config, dtype=DTYPES[setting.weights])


def arguments(setting: Setting, folder: str) -> dict[str, Any]:
    """Arguments that all of TRL's configs take."""
    return {
        "output_dir": folder,
        "use_cpu": True,
        "bf16": setting.autocast,
        "per_device_train_batch_size": setting.micro_batch_size,
        "gradient_checkpointing": setting.checkpointing,
        "optim": setting.optimizer,
        "report_to": [],
        "remove_unused_columns": False,
        **setting.arguments,
    }


def adapter_of(setting: Setting) -> Any:
    """PEFT's config, None where all weights are trained."""
    if setting.method == "full":
        return None
    import peft

    kinds = {
        "lora": peft.LoraConfig,
        "dora": peft.LoraConfig,
        "loha": peft.LoHaConfig,
        "lokr": peft.LoKrConfig,
    }
    chosen = {"target_modules": list(TARGETS), "task_type": "CAUSAL_LM", **setting.adapter}
    if setting.method == "dora":
        chosen["use_dora"] = True
    return kinds[setting.method](**chosen)


def ids(rows: int, length: int) -> torch.Tensor:
    """Token ids, none of them padding."""
    return torch.full((rows, length), 5)


def sft(setting: Setting, common: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """SFTTrainer on rows of full length."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    trainer = SFTTrainer(
        model=made_model(setting),
        args=SFTConfig(**common, max_length=setting.sequence_length),
        train_dataset=Dataset.from_list([{"input_ids": [5, 6, 7], "labels": [5, 6, 7]}]),
        processing_class=tokenizer(100),
        peft_config=adapter_of(setting),
    )
    rows = ids(setting.micro_batch_size, setting.sequence_length)
    return trainer, {"input_ids": rows, "labels": rows.clone(), "attention_mask": torch.ones_like(rows)}


def gkd(setting: Setting, common: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """GKDTrainer with a teacher like the student, on given completions."""
    from datasets import Dataset
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    trainer = GKDTrainer(
        model=made_model(setting),
        teacher_model=made_model(setting),
        args=GKDConfig(**{"lmbda": 0.0, **common}, max_length=setting.sequence_length),
        train_dataset=Dataset.from_list([{"messages": [{"role": "user", "content": "w5"}]}]),
        processing_class=tokenizer(100),
        peft_config=adapter_of(setting),
    )
    rows = ids(setting.micro_batch_size, setting.sequence_length)
    batch = {"input_ids": rows, "labels": rows.clone(), "attention_mask": torch.ones_like(rows)}
    return trainer, {**batch, "prompts": rows[:, :8], "prompt_attention_mask": torch.ones_like(rows[:, :8])}


def pairs() -> Any:
    """One preference."""
    from datasets import Dataset

    return Dataset.from_list([{"prompt": "w5", "chosen": "w6 w7", "rejected": "w8"}])


def orpo(setting: Setting, common: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """ORPOTrainer on pairs of full length."""
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    trainer = ORPOTrainer(
        model=made_model(setting),
        args=ORPOConfig(**common, max_length=setting.sequence_length),
        train_dataset=pairs(),
        processing_class=tokenizer(100),
        peft_config=adapter_of(setting),
    )
    rows = ids(setting.micro_batch_size, setting.sequence_length)
    return trainer, {
        f"{side}_{name}": torch.ones_like(rows) if name == "attention_mask" else rows.clone()
        for side in ("chosen", "rejected")
        for name in ("input_ids", "attention_mask", "labels")
    } | {"prompt_input_ids": rows[:, :1]}


def dpo(setting: Setting, common: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """DPOTrainer on pairs of full length; its second model is a copy, or the model without its adapter."""
    from trl import DPOConfig, DPOTrainer

    trainer = DPOTrainer(
        model=made_model(setting),
        ref_model=made_model(setting) if setting.method == "full" else None,
        args=DPOConfig(**common, max_length=setting.sequence_length),
        train_dataset=pairs(),
        processing_class=tokenizer(100),
        peft_config=adapter_of(setting),
    )
    rows = ids(2 * setting.micro_batch_size, setting.sequence_length)
    ones = torch.ones_like(rows)
    return trainer, {"input_ids": rows, "attention_mask": ones, "completion_mask": ones.clone()}


def kto(setting: Setting, common: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """KTOTrainer on rows of full length, with its mismatched ones."""
    from datasets import Dataset
    from trl import KTOConfig, KTOTrainer

    trainer = KTOTrainer(
        model=made_model(setting),
        ref_model=made_model(setting) if setting.method == "full" else None,
        args=KTOConfig(**common, max_length=setting.sequence_length),
        train_dataset=Dataset.from_list(
            [{"prompt": "w5", "completion": "w6 w7", "label": number % 2 == 0} for number in range(4)]
        ),
        processing_class=tokenizer(100),
        peft_config=adapter_of(setting),
    )
    rows = ids(setting.micro_batch_size, setting.sequence_length)
    ones = torch.ones_like(rows)
    one = {"input_ids": rows, "attention_mask": ones, "completion_mask": ones.clone()}
    other = {f"KL_{name}": value.clone() for name, value in one.items()}
    return trainer, {**one, **other, "label": torch.arange(setting.micro_batch_size) % 2 == 0}


def grpo(setting: Setting, common: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """GRPOTrainer on completions that are there already."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    trainer = GRPOTrainer(
        model=made_model(setting),
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=GRPOConfig(**{"num_generations": setting.micro_batch_size, **common}),
        train_dataset=Dataset.from_list([{"prompt": "w5"}]),
        processing_class=tokenizer(100),
        peft_config=adapter_of(setting),
    )
    rows, new = setting.micro_batch_size, setting.completion_length
    prompt, completion = ids(rows, setting.sequence_length - new), ids(rows, new)
    batch = {
        "prompt_ids": prompt,
        "prompt_mask": torch.ones_like(prompt),
        "completion_ids": completion,
        "completion_mask": torch.ones_like(completion),
        "advantages": torch.zeros(rows),
        "num_items_in_batch": torch.tensor(rows * new),
    }
    trainer._prepare_inputs = lambda inputs: inputs
    return trainer, batch


def reward(setting: Setting, common: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """RewardTrainer on pairs of full length."""
    from trl import RewardConfig, RewardTrainer

    trainer = RewardTrainer(
        model=made_model(setting, scores=True),
        args=RewardConfig(**common, max_length=setting.sequence_length),
        train_dataset=pairs(),
        processing_class=tokenizer(100),
        peft_config=adapter_of(setting),
    )
    rows = ids(2 * setting.micro_batch_size, setting.sequence_length)
    return trainer, {"input_ids": rows, "attention_mask": torch.ones_like(rows)}


TRAINERS = {"sft": sft, "gkd": gkd, "orpo": orpo, "dpo": dpo, "kto": kto, "grpo": grpo, "reward": reward}


def recipe(setting: Setting) -> dict[str, Any]:
    """The run as the file that people would write for it."""
    keys = {
        "model_name_or_path": "model",
        "dtype": setting.weights,
        "bf16": setting.autocast,
        "per_device_train_batch_size": setting.micro_batch_size,
        "gradient_checkpointing": setting.checkpointing,
        "optim": setting.optimizer,
        **RECIPES[setting.trainer],
        **setting.arguments,
    }
    if setting.trainer == "grpo":
        keys["max_completion_length"] = setting.completion_length
        keys["max_prompt_length"] = setting.sequence_length - setting.completion_length
    else:
        keys["max_length"] = setting.sequence_length
    if setting.method in ("lora", "dora"):
        keys |= {"use_peft": True, "use_dora": setting.method == "dora", "lora_r": 8, "lora_dropout": 0.0}
        chosen = {"target_modules": list(TARGETS), **setting.adapter}
        keys |= {NAMES.get(name, f"lora_{name}"): value for name, value in chosen.items()}
    return keys


NAMES = {"r": "lora_r"}
RECIPES: dict[str, dict[str, Any]] = {
    "sft": {"dataset_name": "data"},
    "dpo": {"dataset_name": "data", "loss_type": "sigmoid"},
    "kto": {"dataset_name": "data", "desirable_weight": 1.0},
    "orpo": {"dataset_name": "data", "beta": 0.1, "output_dir": "llama-orpo"},
    "gkd": {"dataset_name": "data", "lmbda": 0.0, "teacher_model_name_or_path": "model"},
    "grpo": {"dataset_name": "data", "num_generations": 2},
    "reward": {"dataset_name": "data", "center_rewards_coefficient": 0.01},
}
"""What in a recipe tells the trainer, which is in the command."""
