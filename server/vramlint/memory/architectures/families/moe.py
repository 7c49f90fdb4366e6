"""Families with experts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.experts import Mixture
from vramlint.memory.architectures.families.common import Config, alternating, fraction, llama_kind, size
from vramlint.memory.architectures.families.expert_keys import sparse_layers
from vramlint.memory.architectures.feed_forward import gated
from vramlint.memory.architectures.llama4 import DenseMixture, turned_attention
from vramlint.memory.architectures.sink_attention import attention_with_sinks


def mixed(decoder: Decoder, mixture: Mixture, sparse: Sequence[bool]) -> Decoder:
    """The declaration with experts on the layers marked sparse and a dense MLP on the others."""
    made = {False: replace(decoder.pattern[0], feed=gated), True: replace(decoder.pattern[0], feed=mixture)}
    return replace(decoder, pattern=tuple(made[has] for has in sparse))


def mixtral(config: Config) -> Decoder:
    """Mistral with eight experts, two for each token (the class's defaults)."""
    mixture = Mixture(
        config.get("num_local_experts") or 8,
        config.get("num_experts_per_tok") or 2,
        size(config, "intermediate_size"),
        modules=("w1", "w3", "w2"),
    )
    return llama_kind(config, feed=mixture, window=config.get("sliding_window"))


def phimoe(config: Config) -> Decoder:
    """Mixtral's experts under LayerNorm, with biases in attention and head."""
    mixture = Mixture(
        size(config, "num_local_experts"),
        size(config, "num_experts_per_tok"),
        size(config, "intermediate_size"),
        router="sparse-mixer",
        modules=("w1", "w3", "w2"),
        router_name="mlp.router",
    )
    head_bias = bool(config.get("lm_head_bias", False))
    return llama_kind(
        config,
        feed=mixture,
        window=config.get("sliding_window"),
        norm="layer",
        norm_bias=True,
        head_bias=head_bias,
    )


def qwen_mixture(config: Config) -> Mixture:
    """The experts of the Qwen families and of OLMoE."""
    return Mixture(
        size(config, "num_experts", "num_local_experts"),
        size(config, "num_experts_per_tok"),
        size(config, "moe_intermediate_size", "intermediate_size"),
        router="softmax-cast",
        shared=config.get("shared_expert_intermediate_size") or 0,
        shared_gate=bool(config.get("shared_expert_intermediate_size")),
        order="first",
        shared_name="mlp.shared_expert",
    )


def qwen_layers(config: Config, count: int) -> list[bool]:
    """Which layers have experts: every `decoder_sparse_step`-th but those listed as dense."""
    step, dense = config.get("decoder_sparse_step") or 1, config.get("mlp_only_layers") or ()
    return [index not in dense and (index + 1) % step == 0 for index in range(count)]


def qwen2_moe(config: Config) -> Decoder:
    """Qwen 2 with many small experts and a gated shared one."""
    window = config.get("sliding_window") if config.get("use_sliding_window") else None
    declared = llama_kind(
        config, qkv_bias=bool(config.get("qkv_bias", True)), output_bias=False, window=window
    )
    return mixed(declared, qwen_mixture(config), qwen_layers(config, len(declared.pattern)))


def qwen3_moe(config: Config) -> Decoder:
    """Qwen 3 with experts and no shared one."""
    window = config.get("sliding_window") if config.get("use_sliding_window") else None
    declared = llama_kind(config, qk_norm="head", window=window)
    return mixed(
        declared,
        replace(qwen_mixture(config), shared=0, shared_gate=False),
        qwen_layers(config, len(declared.pattern)),
    )


def olmoe(config: Config) -> Decoder:
    """Norms over all heads' query and key, 64 experts, eight for each token."""
    return llama_kind(config, feed=qwen_mixture(config), qk_norm="width")


def gpt_oss(config: Config) -> Decoder:
    """Biases everywhere, sinks in attention, windows on every other layer, experts with a clamped gate."""
    mixture = Mixture(
        size(config, "num_local_experts", "num_experts"),
        size(config, "num_experts_per_tok", "experts_per_token"),
        size(config, "intermediate_size"),
        router="top-first",
        activation="clamped",
        bias=True,
        router_bias=True,
        modules=(),
        router_name="mlp.router",
    )
    biased = bool(config.get("attention_bias", True))
    declared = llama_kind(
        config,
        attend=attention_with_sinks,
        feed=mixture,
        head_size=config.get("head_dim") or 64,
        norm="rms-fp32",
        qkv_bias=biased,
        output_bias=biased,
        no_sdpa=True,
    )
    types = config.get("layer_types") or [
        "sliding_attention" if index % 2 == 0 else "full_attention" for index in range(len(declared.pattern))
    ]
    return alternating(declared, {**config, "layer_types": types}, config.get("sliding_window") or 128, 2)


def granitemoe(config: Config) -> Decoder:
    """Granite with experts: scaled embeddings, residuals and logits."""
    mixture = Mixture(
        size(config, "num_local_experts"),
        size(config, "num_experts_per_tok"),
        size(config, "intermediate_size"),
        router="top-first-fp32",
        modules=(),
        prefix="block_sparse_moe",
        router_name="block_sparse_moe.router",
    )
    tied = bool(config.get("tie_word_embeddings", False))
    return llama_kind(config, feed=mixture, tied=tied, embedding_scale=True, residual_scale=True)


def deepseek_mixture(config: Config, router: str) -> Mixture:
    """Routed experts beside shared ones that every token takes."""
    width = size(config, "moe_intermediate_size")
    return Mixture(
        size(config, "n_routed_experts", "num_experts", "num_local_experts"),
        size(config, "num_experts_per_tok"),
        width,
        router=router,
        shared=width * (config.get("n_shared_experts") or config.get("num_shared_experts") or 0),
    )


def glm4_moe(config: Config) -> Decoder:
    """DeepSeek's experts under ordinary attention; positions on half of each head."""
    head = config.get("head_dim") or size(config, "hidden_size") // size(config, "num_attention_heads")
    partial = (
        config.get("partial_rotary_factor")
        or (config.get("rope_parameters") or {}).get("partial_rotary_factor")
        or 0.5
    )
    declared = llama_kind(
        config,
        head_size=head,
        output_bias=False,
        qk_norm="head" if config.get("use_qk_norm") else "",
        rotary_size=int(head * fraction({"p": partial}, "p")),
    )
    return mixed(
        declared, deepseek_mixture(config, "sigmoid"), sparse_layers(config, len(declared.pattern), first=1)
    )


def dots1(config: Config) -> Decoder:
    """Qwen 3's attention, DeepSeek's experts."""
    declared = llama_kind(config, qk_norm="head")
    return mixed(declared, deepseek_mixture(config, "sigmoid"), sparse_layers(config, len(declared.pattern)))


def ernie4_5_moe(config: Config) -> Decoder:
    """Softmax routing in float32 with a correction; rotary positions in pairs, in float32."""
    count, width = size(config, "moe_num_experts", "num_experts"), size(config, "moe_intermediate_size")
    shared = width * (config.get("moe_num_shared_experts") or 0)
    mixture = Mixture(
        count,
        size(config, "moe_k", "num_experts_per_tok"),
        width,
        router="softmax-outside",
        correction=True,
        shared=shared,
        order="first",
    )
    declared = llama_kind(
        config,
        qkv_bias=bool(config.get("use_bias")),
        output_bias=bool(config.get("use_bias")),
        rotary="pairs-fp32",
    )
    layers = len(declared.pattern)
    start, every = config.get("moe_layer_start_index", 1), config.get("moe_layer_interval") or 1
    last = config.get("moe_layer_end_index", -1)
    last = layers - 1 if last in (None, -1) else last
    return mixed(
        declared, mixture, [start <= index <= last and (index + 1) % every == 0 for index in range(layers)]
    )


def minimax_m2(config: Config) -> Decoder:
    """Sigmoid routing, norms over all heads' query and key, positions on part of each head."""
    head = config.get("head_dim") or size(config, "hidden_size") // size(config, "num_attention_heads")
    mixture = Mixture(
        size(config, "num_local_experts"),
        size(config, "num_experts_per_tok"),
        size(config, "intermediate_size"),
        router="sigmoid-fp32",
        modules=("w1", "w3", "w2"),
    )
    turned = (config.get("rope_parameters") or {}).get("partial_rotary_factor")
    rotary_size = int(head * turned) if turned else config.get("rotary_dim")
    return llama_kind(config, feed=mixture, head_size=head, qk_norm="width", rotary_size=rotary_size)


def first_of(value: Any) -> Any:
    """A number, or the first of one for each layer."""
    return value[0] if isinstance(value, (list, tuple)) else value


def hunyuan_v1_moe(config: Config) -> Decoder:
    """A shared MLP beside the experts; norms on query and key after their positions."""
    plain = {key: first_of(value) for key, value in config.items()}
    width = size(plain, "moe_intermediate_size", "intermediate_size")
    shared = size(plain, "intermediate_size") * int(plain.get("num_shared_expert") or 1)
    mixture = Mixture(
        size(plain, "num_experts"),
        size(plain, "moe_topk"),
        width,
        router="softmax-fp32",
        shared=shared,
        order="first",
        shared_name="mlp.shared_mlp",
        router_name="mlp.gate.wg",
    )
    return llama_kind(config, feed=mixture, qk_norm="turned")


def llama4_text(config: Config) -> Decoder:
    """Experts that all see every token, on every or every other layer; three layers in four with positions,
    in chunks.
    """
    layers = size(config, "num_hidden_layers")
    step = config.get("interleave_moe_layer_step") or 1
    sparse = config.get("moe_layers") or range(step - 1, layers, step)
    turned = config.get("no_rope_layers") or [int((index + 1) % 4 != 0) for index in range(layers)]
    mixture = DenseMixture(size(config, "num_local_experts"), size(config, "intermediate_size"))
    declared = llama_kind(
        config,
        attend=turned_attention,
        intermediate=config.get("intermediate_size_mlp") or size(config, "intermediate_size"),
        qk_norm="turned" if config.get("use_qk_norm", True) else "",
        query_scale=bool(config.get("attn_temperature_tuning", True)),
    )
    kind, window = declared.pattern[0], config.get("attention_chunk_size") or 8192
    made = {
        (has, local): replace(
            kind,
            feed=mixture if has else gated,
            window=window if local else None,
            positions="rotary" if local else "",
        )
        for has in (False, True)
        for local in (False, True)
    }
    return replace(
        declared, pattern=tuple(made[index in sparse, bool(turned[index])] for index in range(layers))
    )
