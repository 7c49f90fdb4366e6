"""The classes and functions of training libraries that a script calls, and the key that each argument is.

Keys are those of a TRL recipe. Sources: trl 1.16, transformers 5.24, peft 0.21.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from vramlint.dialects.kit.run import Trainer
from vramlint.vocabulary import Objective

_METHODS: Mapping[str, Objective] = {
    "SFTTrainer": "sft",
    "DPOTrainer": "dpo",
    "KTOTrainer": "kto",
    "ORPOTrainer": "orpo",
    "CPOTrainer": "orpo",
    "GRPOTrainer": "grpo",
    "RLOOTrainer": "grpo",
    "RewardTrainer": "reward",
    "GKDTrainer": "distillation",
    "UnslothTrainer": "sft",
}
_PLAIN = frozenset(("Trainer", "Seq2SeqTrainer"))
_LIBRARIES = frozenset(("trl", "transformers", "unsloth"))


def trainer_of(name: str) -> Trainer | None:
    """The trainer that a dotted name is; None where it is another class."""
    package, _, _ = name.partition(".")
    kind = name.rpartition(".")[2]
    if package not in _LIBRARIES:
        return None
    if kind in _PLAIN:
        return Trainer("transformers", "sft") if package == "transformers" else None
    return Trainer("trl", _METHODS[kind]) if kind in _METHODS else None


def is_arguments(name: str) -> bool:
    """Whether a dotted name is a class of training arguments whose defaults are known."""
    return name.partition(".")[0] in _LIBRARIES and name.endswith(("Config", "Arguments"))


ARGUMENTS_OF_TRAINER = (
    "max_seq_length", "max_length", "max_prompt_length", "max_completion_length", "packing", "beta",
    "loss_type", "label_smoothing", "is_encoder_decoder", "precompute_ref_log_probs",
)  # fmt: skip
"""Arguments that older releases of TRL gave to the trainer and that Unsloth still takes there."""

CAUSAL = re.compile(
    r"(?:AutoModelForCausalLM|AutoPeftModelForCausalLM|AutoModelForCausalLMWithValueHead|AutoModelForSeq2SeqLM"
    r"|AutoModelForImageTextToText|AutoModelForVision2Seq|AutoModelForMultimodalLM"
    r"|\w+ForCausalLM|\w+LMHeadModel|\w+ForConditionalGeneration)\Z"
)
"""Classes that hold a language model with its head."""
IMAGES = re.compile(r"(?:\w*Processor\.from_pretrained|\w*Vision\w*Collator|\w*CollatorForVision\w*)\Z")
"""What makes batches with images."""
CLASSIFIER = re.compile(r"(?:AutoModel|\w+)ForSequenceClassification\Z")
UNSLOTH = frozenset(("FastLanguageModel", "FastModel", "FastVisionModel", "FastTextModel", "FastLlamaModel"))
UNSLOTH_PARTS = (
    *("finetune_vision_layers", "finetune_language_layers"),
    *("finetune_attention_modules", "finetune_mlp_modules"),
)
"""Arguments of `get_peft_model` (unsloth 2026.10.9, models/vision.py) that say what is adapted."""
WRAPPERS: Mapping[str, str] = {
    "torch.compile": "model",
    "torch.nn.parallel.DistributedDataParallel": "module",
    "torch.distributed.fsdp.FullyShardedDataParallel": "module",
    "deepspeed.initialize": "model",
    "accelerate.Accelerator.prepare": "model",
    "accelerate.Accelerator.prepare_model": "model",
}
"""Functions that return the model that they are given, and the name of that argument."""


class Argument(NamedTuple):
    """An argument of a class: the key that it is, and the class's own default where that is another."""

    key: str
    default: object = None


LORA: Mapping[str, Argument] = {
    "r": Argument("lora_r", 8),
    "lora_alpha": Argument("lora_alpha", 8),
    "lora_dropout": Argument("lora_dropout", 0.0),
    "target_modules": Argument("lora_target_modules"),
    "target_parameters": Argument("lora_target_parameters"),
    "modules_to_save": Argument("lora_modules_to_save"),
    "use_dora": Argument("use_dora"),
}
"""LoraConfig (tuners/lora/config.py of peft 0.21.2)."""
BITS: Mapping[str, Argument] = {
    "load_in_4bit": Argument("load_in_4bit", False),
    "load_in_8bit": Argument("load_in_8bit", False),
    "bnb_4bit_quant_type": Argument("bnb_4bit_quant_type", "fp4"),
    "bnb_4bit_use_double_quant": Argument("use_bnb_nested_quant", False),
}
"""BitsAndBytesConfig (utils/quantization_config.py of transformers 5.24)."""
LOADING: Mapping[str, Argument] = {
    "dtype": Argument("dtype"),
    "torch_dtype": Argument("dtype"),
    "attn_implementation": Argument("attn_implementation"),
    "use_flash_attention_2": Argument("use_flash_attention_2"),
}
"""`from_pretrained` (modeling_utils.py of transformers 5.24)."""
