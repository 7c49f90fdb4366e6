"""Families with Mamba 2 mixers: beside attention, instead of it, or alone in their layer."""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.decoder_spec import Decoder, FeedBuilder, LayerKind
from vramlint.memory.architectures.experts import Mixture
from vramlint.memory.architectures.families.common import Config, llama_kind, size
from vramlint.memory.architectures.feed_forward import gated_fused, plain, scaled_gated
from vramlint.memory.architectures.mamba import (
    PLAIN_PATH,
    FeedOnly,
    Gating,
    Mamba2,
    SideBySide,
    one_part,
)
from vramlint.memory.architectures.network import FeedForward
from vramlint.memory.architectures.self_attention import self_attention
from vramlint.memory.ops.basic import add
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights

RECURRENT = frozenset({"linear_attention", "mamba", "mamba2", "recurrent"})
"""How `layer_types`, or `layers_block_type` before transformers 5, names a layer with a state space."""
NEMOTRON_PATTERN = {"M": "linear_attention", "E": "moe", "*": "full_attention", "-": "mlp"}
"""Letters of `hybrid_override_pattern` (transformers 5.24, configuration_nemotron_h.py, _pattern_to_list)."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Two feed-forward blocks on one input, their outputs summed."""

    first: FeedBuilder
    second: FeedBuilder

    def __call__(self, decoder: Decoder, weights: Weights) -> FeedForward:
        """Build both."""
        first, second = self.first(decoder, weights), self.second(decoder, weights)

        def run(t: Tape, x: Tensor) -> Tensor:
            return add(t, first(t, x), second(t, x), "feed-forward blocks, summed")

        return run


def mamba_of(config: Config, inner: int) -> Mamba2:
    """The mixer that keys named mamba_… describe, `inner` wide; sizes are the classes' defaults."""
    heads = size(config, "mamba_n_heads", default=128)
    return Mamba2(
        heads,
        inner // heads,
        size(config, "mamba_n_groups", default=1),
        size(config, "mamba_d_state", default=256),
        size(config, "mamba_d_conv", default=4),
        size(config, "mamba_chunk_size", default=256),
        bool(config.get("mamba_conv_bias", True)),
        bool(config.get("mamba_proj_bias", False)),
        bool(config.get("mamba_proj_bias", False)),
    )


def expanded(config: Config) -> int:
    """Width inside a mixer."""
    return int((config.get("mamba_expand") or 2) * size(config, "hidden_size"))


def granitemoehybrid(config: Config) -> Decoder:
    """Granite 4: mixers or attention without positions, then a shared MLP, with experts before it in some."""
    experts = config.get("num_local_experts", 8) or 0
    feed: FeedBuilder = gated_fused
    if experts:
        mixture = Mixture(
            experts,
            size(config, "num_experts_per_tok", default=2),
            size(config, "intermediate_size"),
            router="top-first-fp32",
            modules=(),
            prefix="block_sparse_moe",
            router_name="block_sparse_moe.router",
        )
        feed = Beside(mixture, gated_fused)
    declared = llama_kind(
        config,
        feed=feed,
        intermediate=size(config, "shared_intermediate_size", default=1024),
        positions="rotary" if config.get("position_embedding_type") == "rope" else "",
        embedding_scale=True,
        residual_scale=True,
        names={"mlp.gate_up_proj": "shared_mlp.input_linear", "mlp.down_proj": "shared_mlp.output_linear"},
    )
    return with_mixers(config, declared, mamba_of(config, expanded(config)))


def with_mixers(config: Config, declared: Decoder, mixer: Mamba2) -> Decoder:
    """The declaration with `mixer` on the layers that the config calls recurrent; on all where it says
    nothing.
    """
    count = len(declared.pattern)
    types = config.get("layer_types") or config.get("layers_block_type") or ["mamba"] * count
    attends = declared.pattern[0]
    mixes = replace(attends, attend=mixer, positions="")
    recurrent = any(kind in RECURRENT for kind in types[:count])
    return replace(
        declared,
        pattern=tuple(mixes if kind in RECURRENT else attends for kind in types[:count]),
        notes_on_plain_mixers=(PLAIN_PATH,) if recurrent else (),
    )


def bamba(config: Config) -> Decoder:
    """Mixers, and attention on the layers of `attn_layer_indices`; positions on half of each head."""
    declared = llama_kind(config, names={f"mlp.{name}": f"feed_forward.{name}" for name in MLP_NAMES})
    turned = config.get("attn_rotary_emb") or declared.head_size // 2
    declared = replace(declared, rotary_size=int(turned), norm_names=("input_layernorm", "pre_ff_layernorm"))
    listed = config.get("attn_layer_indices") or ()
    types = config.get("layer_types") or [
        "full_attention" if index in listed else "mamba" for index in range(len(declared.pattern))
    ]
    known = {"mamba_expand": 2, **config, "layer_types": types}
    return with_mixers(known, declared, mamba_of(known, expanded(known)))


MLP_NAMES = ("gate_proj", "up_proj", "down_proj")


def falcon_h1(config: Config) -> Decoder:
    """A mixer and attention side by side on every layer, everything scaled."""
    inner = config.get("mamba_d_ssm", 1024) or expanded(config)
    before = config.get("mamba_norm_before_gate", True)
    gating: Gating = "norm before" if before else "norm after"
    mixer = replace(
        mamba_of(config, int(inner)),
        gating=gating if config.get("mamba_rms_norm", False) else "no norm",
        scales=True,
        out_bias=bool(config.get("projectors_bias", False)),
    )
    return llama_kind(
        config,
        attend=SideBySide(mixer, self_attention),
        feed=scaled_gated,
        key_scale=True,
        embedding_scale=True,
        names={f"mlp.{name}": f"feed_forward.{name}" for name in MLP_NAMES},
        norm_names=("input_layernorm", "pre_ff_layernorm"),
        notes_on_plain_mixers=(PLAIN_PATH,),
    )


def nemotron_h(config: Config) -> Decoder:
    """One part a layer: a mixer, attention without positions, an MLP, or experts beside a shared MLP."""
    pattern = config.get("hybrid_override_pattern")
    types = config.get("layer_types") or config.get("layers_block_type")
    if not types and isinstance(pattern, str):
        types = [NEMOTRON_PATTERN.get(letter, "") for letter in pattern]
    types = types or list(NEMOTRON_PATTERN.values())
    heads = size(config, "mamba_num_heads", default=128)
    mixer = Mamba2(
        heads,
        size(config, "mamba_head_dim", default=64),
        size(config, "mamba_n_groups", "n_groups", default=8),
        size(config, "ssm_state_size", default=128),
        size(config, "mamba_d_conv", "conv_kernel", default=4),
        size(config, "mamba_chunk_size", "chunk_size", default=128),
        bool(config.get("use_conv_bias", config.get("mamba_conv_bias", True))),
        bool(config.get("use_bias", False)),
        bool(config.get("use_bias", False)),
        prefix="mixer",
    )
    mixture = Mixture(
        size(config, "n_routed_experts", default=8),
        size(config, "num_experts_per_tok", default=2),
        size(config, "moe_intermediate_size", default=7688),
        router="sigmoid",
        activation=config.get("mlp_hidden_act") or "relu2",
        gates=False,
        shared=size(config, "moe_shared_expert_intermediate_size", default=7688),
        latent=config.get("moe_latent_size") or 0,
        prefix="mixer",
        router_name="mixer.gate",
        shared_name="mixer.shared_experts",
        modules=(),
    )
    declared = llama_kind(
        {**config, "num_hidden_layers": len(types)},
        arrange=one_part,
        intermediate=size(config, "intermediate_size", default=21504),
        head_size=size(config, "head_dim", "attention_head_dim", default=128),
        positions="",
        norm="rms-fp32",
        norm_names=("norm",),
        activation=config.get("mlp_hidden_act") or "relu2",
        names={f"{part}.{name}": f"mixer.{name}" for part, names in NEMOTRON_PARTS.items() for name in names},
        notes_on_plain_mixers=(PLAIN_PATH,),
    )
    attends = declared.pattern[0]
    kinds: dict[str, LayerKind] = {
        "moe": replace(attends, attend=FeedOnly(mixture)),
        "mlp": replace(attends, attend=FeedOnly(plain)),
    }
    recurrent = replace(attends, attend=mixer)
    return replace(
        declared,
        pattern=tuple(recurrent if kind in RECURRENT else kinds.get(kind, attends) for kind in types),
    )


NEMOTRON_PARTS = {"self_attn": ("q_proj", "k_proj", "v_proj", "o_proj"), "mlp": MLP_NAMES}
