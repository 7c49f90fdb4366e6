"""config.json of each family → the declaration of its architecture: a row a family."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from vramlint.memory.architectures.decoder_spec import Decoder
    from vramlint.memory.architectures.encoder import Encoder
    from vramlint.memory.architectures.encoder_decoder import EncoderDecoder
    from vramlint.memory.architectures.families.common import Config

Family: TypeAlias = "Callable[[Config], Decoder | Encoder | EncoderDecoder]"

FAMILIES: dict[str, str] = {
    "llama": "llama_relatives.llama",
    "mistral": "llama_relatives.mistral",
    "qwen2": "llama_relatives.qwen2",
    "qwen3": "llama_relatives.qwen3",
    "gemma2": "llama_relatives.gemma2",
    "phi3": "llama_relatives.phi3",
    "gemma": "llama_relatives.gemma",
    "gemma3_text": "llama_relatives.gemma3_text",
    "stablelm": "llama_relatives.stablelm",
    "cohere": "llama_relatives.cohere",
    "cohere2": "llama_relatives.cohere2",
    "olmo": "llama_relatives.olmo",
    "olmo2": "llama_relatives.olmo2",
    "olmo3": "llama_relatives.olmo3",
    "granite": "llama_relatives.granite",
    "glm": "llama_relatives.glm",
    "glm4": "llama_relatives.glm4",
    "smollm3": "llama_relatives.smollm3",
    "seed_oss": "llama_relatives.seed_oss",
    "exaone4": "llama_relatives.exaone4",
    "ernie4_5": "llama_relatives.ernie4_5",
    "hunyuan_v1_dense": "llama_relatives.hunyuan_v1_dense",
    "internlm2": "llama_relatives.internlm2",
    "baichuan": "llama_relatives.baichuan",
    "qwen": "llama_relatives.qwen",
    "ministral": "llama_relatives.mistral",
    "internlm": "llama_relatives.llama",
    "internlm3": "llama_relatives.llama",
    "arcee": "llama_relatives.arcee",
    "minicpm": "llama_relatives.minicpm",
    "exaone": "llama_relatives.exaone",
    "mimo": "llama_relatives.mimo",
    "chatglm": "llama_relatives.chatglm",
    "gpt_neo": "classic.gpt_neo",
    "codegen": "classic.codegen",
    "camembert": "encoders.roberta",
    "phi": "classic.phi",
    "opt": "classic.opt",
    "starcoder2": "classic.starcoder2",
    "nemotron": "classic.nemotron",
    "gpt2": "classic.gpt2",
    "gpt_neox_megatron": "neox.gpt_neox_megatron",
    "gpt_neox": "classic.gpt_neox",
    "gpt_bigcode": "classic.gpt_bigcode",
    "gptj": "classic.gptj",
    "bloom": "classic.bloom",
    "falcon": "classic.falcon",
    "mpt": "classic.mpt",
    "mpt_foundry": "mosaic.mpt_foundry",
    "bert": "encoders.bert",
    "roberta": "encoders.roberta",
    "xlm-roberta": "encoders.roberta",
    "distilbert": "encoders.distilbert",
    "modernbert": "encoders.modernbert",
    "deberta-v2": "encoders.deberta_v2",
    "t5": "encoder_decoders.t5",
    "mt5": "encoder_decoders.t5",
    "bart": "encoder_decoders.bart",
    "mixtral": "moe.mixtral",
    "phimoe": "moe.phimoe",
    "qwen2_moe": "moe.qwen2_moe",
    "qwen3_moe": "moe.qwen3_moe",
    "olmoe": "moe.olmoe",
    "gpt_oss": "moe.gpt_oss",
    "granitemoe": "moe.granitemoe",
    "deepseek_v2": "latent.deepseek_v2",
    "deepseek_v3": "latent.deepseek_v3",
    "glm4_moe_lite": "latent.deepseek_v3",
    "deepseek_v32": "latent.deepseek_v32",
    "glm_moe_dsa": "latent.glm_moe_dsa",
    "mistral4": "latent.mistral4",
    "kimi_k2": "latent.deepseek_v3",
    "ministral3": "llama_relatives.ministral3",
    "glm4_moe": "moe.glm4_moe",
    "dots1": "moe.dots1",
    "ernie4_5_moe": "moe.ernie4_5_moe",
    "minimax_m2": "moe.minimax_m2",
    "hunyuan_v1_moe": "moe.hunyuan_v1_moe",
    "llama4_text": "moe.llama4_text",
    "qwen3_next": "delta.qwen3_next",
    "qwen3_5_text": "delta.qwen3_5_text",
    "qwen3_5_moe_text": "delta.qwen3_5_moe_text",
    "granitemoehybrid": "state_space.granitemoehybrid",
    "bamba": "state_space.bamba",
    "falcon_h1": "state_space.falcon_h1",
    "nemotron_h": "state_space.nemotron_h",
    "gemma4_text": "gemma4.gemma4_text",
    "lfm2": "hybrids.lfm2",
    "lfm2_moe": "hybrids.lfm2_moe",
}
"""model_type → the module below this one and the function in it, loaded when a model of the family is asked
for.
"""


@cache
def family_of(model_type: str) -> Family | None:
    """The function that reads a family's config, None for a family that is not modelled."""
    place = FAMILIES.get(model_type)
    if place is None:
        return None
    module, _, function = place.partition(".")
    family: Family = getattr(import_module(f"{__name__}.{module}"), function)
    return family
