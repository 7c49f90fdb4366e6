"""Families with gated delta-rule attention on most layers."""

from __future__ import annotations

from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.families.common import Config, llama_kind, rotary_share, size
from vramlint.memory.architectures.families.moe import mixed, qwen_layers, qwen_mixture
from vramlint.memory.architectures.gated_attention import gated_attention
from vramlint.memory.architectures.gated_delta import GatedDelta

PLAIN_PATH = (
    "linear attention is taken to run on transformers' plain PyTorch path, as where flash-linear-attention "
    "and causal-conv1d are not installed; their kernels hold less"
)


def delta_layers(config: Config, decoder: Decoder, fused: bool) -> Decoder:
    """Delta-rule mixers on the layers that `layer_types` calls linear, or on all but every fourth (the sizes
    are the classes' defaults).
    """
    mixer = GatedDelta(
        size(config, "linear_num_key_heads", default=16),
        size(config, "linear_num_value_heads", default=32),
        size(config, "linear_key_head_dim", default=128),
        size(config, "linear_value_head_dim", default=128),
        size(config, "linear_conv_kernel_dim", default=4),
        fused,
    )
    every = config.get("full_attention_interval") or 4
    types = config.get("layer_types") or [
        "full_attention" if (index + 1) % every == 0 else "linear_attention"
        for index in range(len(decoder.pattern))
    ]
    pattern = [
        replace(kind, attend=mixer, positions="") if name == "linear_attention" else kind
        for kind, name in zip(decoder.pattern, types, strict=False)
    ]
    return replace(decoder, pattern=tuple(pattern), notes_on_torch=(PLAIN_PATH,))


def qwen3_5_text(config: Config) -> Decoder:
    """Three layers of linear attention to one of gated attention; positions on a quarter of each head."""
    head = size(config, "head_dim", default=256)
    return delta_layers(config, gated_kind(config, head), fused=False)


def gated_kind(config: Config, head: int) -> Decoder:
    """Gated attention with normed heads on every layer."""
    return llama_kind(
        config,
        attend=gated_attention,
        intermediate=size(config, "intermediate_size", "moe_intermediate_size", default=512),
        head_size=head,
        qk_norm="head",
        norm="rms-fp32",
        rotary_size=int(head * rotary_share(config, 0.25)),
    )


def qwen3_5_moe_text(config: Config) -> Decoder:
    """Qwen3.5 with experts on every layer and a gated shared one."""
    declared = gated_kind(config, size(config, "head_dim", default=256))
    mixture = qwen_mixture({**MOE_DEFAULTS, **config})
    return delta_layers(config, mixed(declared, mixture, [True] * len(declared.pattern)), fused=False)


MOE_DEFAULTS = {"num_experts": 256, "num_experts_per_tok": 8, "moe_intermediate_size": 512} | {
    "shared_expert_intermediate_size": 512
}


def qwen3_next(config: Config) -> Decoder:
    """Qwen3-Next: the projections of linear attention fused in two; 512 experts and a gated shared one."""
    known = {**MOE_DEFAULTS, "num_experts": 512, "num_experts_per_tok": 10, **config}
    declared = gated_kind(known, size(config, "head_dim", default=256))
    sparse = qwen_layers(known, len(declared.pattern))
    return delta_layers(known, mixed(declared, qwen_mixture(known), sparse), fused=True)
