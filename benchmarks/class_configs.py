"""The model classes that classes.py compares: a catalogued model each, cut to six layers and 8,192 words;
windows cut to 512 tokens so that they act.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.job import Adapter, Precision, TrainingJob

CATALOG = Path(__file__).resolve().parent.parent / "schemas" / "vramlint_schemas" / "catalog" / "models.jsonl"
LAYERS, WORDS, WINDOW = 6, 8192, 512
MODELS = {
    "llama": "meta-llama/Llama-3.2-1B",
    "mistral": "mistralai/Mistral-7B-v0.1",
    "qwen2": "Qwen/Qwen2.5-1.5B",
    "qwen3": "Qwen/Qwen3-1.7B",
    "phi": "microsoft/phi-2",
    "phi3": "microsoft/Phi-3-mini-4k-instruct",
    "gemma": "google/gemma-2b",
    "gemma2": "google/gemma-2-2b",
    "gemma3_text": "google/gemma-3-1b-pt",
    "opt": "facebook/opt-1.3b",
    "gptj": "EleutherAI/gpt-j-6b",
    "gpt2": "openai-community/gpt2-medium",
    "gpt_neox": "EleutherAI/pythia-1.4b",
    "bloom": "bigscience/bloom-1b1",
    "falcon": "tiiuae/falcon-7b",
    "falcon-rw": "tiiuae/falcon-rw-1b",
    "mpt": "mosaicml/mpt-7b",
    "gpt_bigcode": "bigcode/starcoderbase-1b",
    "starcoder2": "bigcode/starcoder2-3b",
    "gpt_neo": "EleutherAI/gpt-neo-1.3B",
    "codegen": "Salesforce/codegen-350M-mono",
    "arcee": "arcee-ai/AFM-4.5B",
    "stablelm": "stabilityai/stablelm-2-1_6b",
    "cohere": "CohereLabs/aya-23-8B",
    "cohere2": "CohereLabs/c4ai-command-r7b-12-2024",
    "olmo": "allenai/OLMo-1B-hf",
    "olmo2": "allenai/OLMo-2-0425-1B",
    "olmo3": "allenai/Olmo-3-1025-7B",
    "granite": "ibm-granite/granite-3.0-2b-base",
    "glm": "zai-org/glm-4-9b-chat-hf",
    "glm4": "zai-org/GLM-4-9B-0414",
    "smollm3": "HuggingFaceTB/SmolLM3-3B",
    "seed_oss": "ByteDance-Seed/Seed-OSS-36B-Base",
    "nemotron": "nvidia/Minitron-4B-Base",
    "exaone4": "LGAI-EXAONE/EXAONE-4.0-1.2B",
    "ernie4_5": "baidu/ERNIE-4.5-0.3B-PT",
    "hunyuan_v1_dense": "tencent/Hunyuan-1.8B-Instruct",
    "mixtral": "mistralai/Mixtral-8x7B-v0.1",
    "phimoe": "microsoft/Phi-3.5-MoE-instruct",
    "qwen2_moe": "Qwen/Qwen1.5-MoE-A2.7B",
    "qwen3_moe": "Qwen/Qwen3-30B-A3B",
    "olmoe": "allenai/OLMoE-1B-7B-0924",
    "granitemoe": "ibm-granite/granite-3.0-1b-a400m-base",
    "deepseek_v2": "deepseek-ai/DeepSeek-V2-Lite",
    "deepseek_v3": "moonshotai/Moonlight-16B-A3B",
    "glm4_moe": "zai-org/GLM-4.5-Air",
    "dots1": "rednote-hilab/dots.llm1.inst",
    "ernie4_5_moe": "baidu/ERNIE-4.5-21B-A3B-PT",
    "minimax_m2": "MiniMaxAI/MiniMax-M2",
    "hunyuan_v1_moe": "tencent/Hunyuan-A13B-Instruct",
    "gpt_oss": "openai/gpt-oss-20b",
    "lfm2": "LiquidAI/LFM2-1.2B",
    "lfm2_moe": "LiquidAI/LFM2-8B-A1B",
    "qwen3_next": "Qwen/Qwen3-Next-80B-A3B-Instruct",
    "qwen3_5_text": "Qwen/Qwen3.5-0.8B",
    "qwen3_5_moe_text": "Qwen/Qwen3.5-35B-A3B",
    "granitemoehybrid": "ibm-granite/granite-4.0-h-tiny",
    "falcon_h1": "tiiuae/Falcon-H1-1.5B-Base",
    "nemotron_h": "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    "bert": "google-bert/bert-base-uncased",
    "roberta": "FacebookAI/roberta-base",
    "deberta-v2": "microsoft/deberta-v3-base",
    "modernbert": "answerdotai/ModernBERT-base",
    "distilbert": "distilbert/distilbert-base-uncased",
    "t5": "google-t5/t5-base",
    "bart": "facebook/bart-base",
}
LAYER_KEYS = (
    "num_hidden_layers",
    "n_layer",
    "n_layers",
    "num_layers",
    "num_decoder_layers",
    "encoder_layers",
    "decoder_layers",
)
EAGER_ONLY = frozenset({"gemma2", "gptj", "gpt_neo", "codegen", "bloom", "mpt", "deberta-v2", "gpt_oss"})
"""Classes without another attention in transformers 5.23."""
EXPERTS = frozenset(
    {
        "mixtral",
        "deepseek_v2",
        "deepseek_v3",
        "qwen3_moe",
        "olmoe",
        "glm4_moe",
        "dots1",
        "ernie4_5_moe",
        "minimax_m2",
        "hunyuan_v1_moe",
        "lfm2_moe",
        "qwen3_next",
        "qwen3_5_moe_text",
        "nemotron_h",
    }
)
"""Classes whose experts' parameters PEFT adapts, which it refuses to do with dropout."""
LAYER_LISTS = (
    "layer_types",
    "mlp_layer_types",
    "num_experts",
    "moe_topk",
    "num_shared_expert",
    "moe_intermediate_size",
)
"""Keys that list one value a layer."""
MIXERS = frozenset({"falcon_h1", "nemotron_h"})
"""Classes whose mixer's `out_proj` PEFT refuses to adapt (0.21.2, tuners/tuners_utils.py,
_check_lora_target_modules_mamba).
"""
MIXER_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "in_proj")
SHORT = frozenset({"bert", "roberta", "distilbert", "deberta-v2"})
"""Classes with 512 positions."""
OVERRIDES: dict[str, dict[str, Any]] = {
    "gpt_neo": {"attention_types": [[["global", "local"], LAYERS // 2]]},
    "gpt_oss": {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
    "deberta-v2": {"architectures": ["DebertaV2ForMaskedLM"]},
    "modernbert": {
        "pad_token_id": 0,
        "cls_token_id": 1,
        "sep_token_id": 2,
        "bos_token_id": 1,
        "eos_token_id": 2,
    },
    "granitemoehybrid": {"layer_types": ["mamba", "mamba", "attention", "mamba", "mamba", "attention"]},
    "nemotron_h": {"hybrid_override_pattern": "ME*M-M"},
    "qwen3_5_text": {"model_type": "qwen3_5_text", "architectures": ["Qwen3_5ForCausalLM"]},
    "qwen3_5_moe_text": {"model_type": "qwen3_5_moe_text", "architectures": ["Qwen3_5MoeForCausalLM"]},
    "smollm3": {"pad_token_id": 0},
    "t5": {"decoder_start_token_id": 0, "pad_token_id": 0},
}


def cut(values: dict[str, Any]) -> dict[str, Any]:
    """The config with fewer layers and words."""
    made = dict(values)
    for key in LAYER_KEYS:
        if key in made:
            made[key] = LAYERS
    for key in LAYER_LISTS:
        if isinstance(made.get(key), list):
            made[key] = made[key][:LAYERS]
    for key, small in (("vocab_size", WORDS), ("sliding_window", WINDOW)):
        if isinstance(made.get(key), int):
            made[key] = min(small, made[key])
    return made


def read() -> dict[str, dict[str, Any]]:
    """Every class's config."""
    wanted = {model.lower(): name for name, model in MODELS.items()}
    found: dict[str, dict[str, Any]] = {}
    for line in CATALOG.read_text().splitlines():
        record = json.loads(line)
        for name in (wanted.get(identifier.lower()) for identifier in record["ids"]):
            if name is not None:
                values = {
                    "model_type": record["type"],
                    "architectures": [record["class"]],
                    **record["config"],
                    **record["config"].get("text_config", {}),
                }
                values.pop("text_config", None)
                values.pop("vision_config", None)
                found[name] = {**cut(values), **OVERRIDES.get(name, {})}
    return {name: found[name] for name in MODELS}


CLASSES = read()

LABELS = (
    "full bf16",
    "full fp32 + autocast, checkpointing",
    "LoRA bf16 + autocast",
    "LoRA bf16 + autocast, checkpointing",
    "full bf16, eager, checkpointing",
)
"""How each class is trained; classes.py has the settings."""


def job_of(values: Mapping[str, Any], setting: Mapping[str, Any]) -> TrainingJob:
    """A config and a tracker's setting as a job."""
    adapter = None
    if setting["method"] == "lora":
        targets = setting["lora_targets"]
        adapter = Adapter(
            r=setting["rank"],
            dropout=setting["lora_dropout"],
            targets=targets if isinstance(targets, str) else tuple(targets),
            dtype="float32" if setting["lora_dtype"] == "float32" else "same-as-base",
        )
    return TrainingJob(
        model=Model(values["model_type"], values["model_type"], values),
        method=setting["method"],
        adapter=adapter,
        precision=Precision(weights=setting["weights"], autocast=setting["autocast"] or "none"),
        optimizer=setting["optimizer"],
        micro_batch_size=setting["batch"],
        sequence_length=setting["length"],
        gradient_checkpointing=setting["checkpointing"],
        attention=setting["attention"],
        loop=setting["loop"],
    )
