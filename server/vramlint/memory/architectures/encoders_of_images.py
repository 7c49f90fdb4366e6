"""Encoders of images, by the `model_type` of `vision_config`: their linear layers, and how many elements all
else has, as transformers 5.24 builds them.

A key that fixes a shape and is missing makes the encoder unknown: None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vramlint.catalog.facts import LinearModule
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.families.common import Config


@dataclass(frozen=True, slots=True)
class Encoder:
    """Layers over patches. `width` is that of what comes out of the last one."""

    width: int
    layers: int
    modules: tuple[LinearModule, ...]
    """Linear layers of each layer."""
    patches: int
    """Weights of the convolution over the pixels."""
    others: int
    """Elements of norms, positions and what else is no linear layer of a layer."""
    joined: tuple[LinearModule, ...] = ()
    """Linear layers that make tokens of the patches, where they belong to the encoder."""


def whole(config: Config, key: str, default: int | None = None) -> int:
    """A positive integer, or the first of a list; raises KeyError where there is none."""
    value: Any = config.get(key)
    value = value[0] if isinstance(value, (list, tuple)) and value else value
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if default is None:
        raise KeyError(key)
    return default


def linears(
    count: int, part: str, shapes: Mapping[str, tuple[int, int]], bias: bool = True
) -> list[LinearModule]:
    """Linear layers of (in, out)."""
    return [LinearModule(name, wide, out, count, bias, part) for name, (wide, out) in shapes.items()]


def squares(width: int, *names: str) -> dict[str, tuple[int, int]]:
    """Linear layers from a width to the same."""
    return dict.fromkeys(names, (width, width))


def gated(width: int, inner: int) -> dict[str, tuple[int, int]]:
    """A gated MLP."""
    return {"gate_proj": (width, inner), "up_proj": (width, inner), "down_proj": (inner, width)}


def plain(width: int, inner: int, first: str = "fc1", second: str = "fc2") -> dict[str, tuple[int, int]]:
    """An MLP of two."""
    return {first: (width, inner), second: (inner, width)}


def pixels(vision: Config, channels: str = "num_channels") -> int:
    """Numbers in one patch."""
    return whole(vision, channels, 3) * whole(vision, "patch_size") ** 2


def places(vision: Config) -> int:
    """Patches of the picture that positions are learned for."""
    return (whole(vision, "image_size") // whole(vision, "patch_size")) ** 2


QKVO = ("q_proj", "k_proj", "v_proj", "out_proj")


def _vit(vision: Config, positions: int, others: int, patch_bias: bool) -> Encoder:
    """A ViT with biases, LayerNorms and learned positions."""
    width, inner = whole(vision, "hidden_size"), whole(vision, "intermediate_size")
    count = whole(vision, "num_hidden_layers")
    shapes = squares(width, *QKVO) | plain(width, inner)
    beside = (4 * count + positions + others + patch_bias) * width
    return Encoder(width, count, tuple(linears(count, "vision", shapes)), pixels(vision) * width, beside)


def clip(vision: Config) -> Encoder:
    """modeling_clip.py, CLIPVisionTransformer: a class token, a norm before the layers and one after."""
    return _vit(vision, places(vision) + 1, 1 + 4, patch_bias=False)


def idefics(vision: Config) -> Encoder:
    """modeling_idefics2.py and modeling_idefics3.py: SigLIP's without a pooling head."""
    return _vit(vision, places(vision), 2, patch_bias=True)


def siglip(vision: Config) -> Encoder:
    """modeling_siglip.py, SiglipVisionTransformer; its head pools with a probe."""
    return _with_head(vision, idefics(vision))


def siglip2(vision: Config) -> Encoder:
    """modeling_siglip2.py: positions for so many patches, whatever the picture's form."""
    return _with_head(vision, _vit(vision, whole(vision, "num_patches"), 2, patch_bias=True))


def _with_head(vision: Config, made: Encoder) -> Encoder:
    if vision.get("vision_use_head", True) is False:
        return made
    width, inner = made.width, whole(vision, "intermediate_size")
    head = width + 4 * width * (width + 1) + 2 * width + 2 * width * inner + inner + width
    return replace(made, others=made.others + head)


def pixtral(vision: Config) -> Encoder:
    """modeling_pixtral.py: RMSNorms, rotary positions, no biases."""
    width, count = whole(vision, "hidden_size"), whole(vision, "num_hidden_layers")
    shapes = squares(width, "q_proj", "k_proj", "v_proj", "o_proj") | gated(
        width, whole(vision, "intermediate_size")
    )
    modules = tuple(linears(count, "vision", shapes, bias=False))
    return Encoder(width, count, modules, pixels(vision) * width, (2 * count + 1) * width)


def _volume(vision: Config) -> int:
    """Numbers in a patch of two frames."""
    return pixels(vision, "in_channels") * whole(vision, "temporal_patch_size", 2)


def _merged(vision: Config, width: int) -> int:
    return width * whole(vision, "spatial_merge_size", 2) ** 2


def qwen2_vl(vision: Config) -> Encoder:
    """modeling_qwen2_vl.py, Qwen2VisionTransformerPretrainedModel; `hidden_size` is the decoder's width."""
    width, count, out = whole(vision, "embed_dim"), whole(vision, "depth"), whole(vision, "hidden_size")
    inner = int(width * float(vision.get("mlp_ratio") or 4))
    shapes = {"qkv": (width, 3 * width), "proj": (width, width)} | plain(width, inner)
    merged = _merged(vision, width)
    return Encoder(
        width,
        count,
        tuple(linears(count, "vision", shapes)),
        _volume(vision) * width,
        (4 * count + 2) * width,
        tuple(linears(1, "projector", {"mlp.0": (merged, merged), "mlp.2": (merged, out)})),
    )


def qwen2_5_vl(vision: Config) -> Encoder:
    """modeling_qwen2_5_vl.py: RMSNorms and a gated MLP with biases. EXAONE 4.5's shares keys and values."""
    width, count, out = whole(vision, "hidden_size"), whole(vision, "depth"), whole(vision, "out_hidden_size")
    heads = whole(vision, "num_heads")
    shared = width // heads * whole(vision, "num_key_value_heads", heads)
    shapes = {"qkv": (width, width + 2 * shared), "proj": (width, width)}
    merged = _merged(vision, width)
    return Encoder(
        width,
        count,
        tuple(linears(count, "vision", shapes | gated(width, whole(vision, "intermediate_size")))),
        _volume(vision) * width,
        (2 * count + 1) * width,
        tuple(linears(1, "projector", {"mlp.0": (merged, merged), "mlp.2": (merged, out)})),
    )


def qwen2_5_omni(vision: Config) -> Encoder:
    """modeling_qwen2_5_omni.py: Qwen2.5-VL's with three projections for one."""
    made = qwen2_5_vl(vision)
    apart = linears(made.layers, "vision", squares(made.width, "q", "k", "v"))
    return replace(made, modules=(*apart, *made.modules[1:]))


def qwen3_vl(vision: Config) -> Encoder:
    """modeling_qwen3_vl.py: learned positions; a merger at the end, and one at each layer of
    `deepstack_visual_indexes`, normed after merging.
    """
    width, count, out = whole(vision, "hidden_size"), whole(vision, "depth"), whole(vision, "out_hidden_size")
    inner, merged = whole(vision, "intermediate_size"), _merged(vision, width)
    shapes = {"qkv": (width, 3 * width), "proj": (width, width)}
    shapes |= plain(width, inner, "linear_fc1", "linear_fc2")
    deep = len(vision.get("deepstack_visual_indexes") or ())
    others = (4 * count + 1 + whole(vision, "num_position_embeddings") + 2) * width
    others += deep * (2 * merged + merged * (merged + 1) + out * (merged + 1))
    return Encoder(
        width,
        count,
        tuple(linears(count, "vision", shapes)),
        _volume(vision) * width,
        others,
        tuple(linears(1, "projector", {"linear_fc1": (merged, merged), "linear_fc2": (merged, out)})),
    )


def qwen3_5(vision: Config) -> Encoder:
    """modeling_qwen3_5.py: Qwen3-VL's with one merger, whatever the config says of others."""
    return qwen3_vl({**vision, "deepstack_visual_indexes": ()})


def glm4v(vision: Config) -> Encoder:
    """modeling_glm4v.py: blocks as wide inside as the decoder, a convolution that merges, a gated merger of
    `intermediate_size`.
    """
    width, count, out = whole(vision, "hidden_size"), whole(vision, "depth"), whole(vision, "out_hidden_size")
    merge = whole(vision, "spatial_merge_size", 2)
    attention = {"qkv": (width, 3 * width)}
    shapes = squares(width, "proj") | gated(width, out)
    modules = linears(count, "vision", attention, bool(vision.get("attention_bias")))
    modules += linears(count, "vision", shapes, bias=False)
    others = (2 * count + 1 + places(vision) + 2) * width + out * (width * merge**2 + 1) + 2 * out
    joined = squares(out, "proj") | gated(out, whole(vision, "intermediate_size"))
    return Encoder(
        width,
        count,
        tuple(modules),
        _volume(vision) * width,
        others,
        tuple(linears(1, "projector", joined, bias=False)),
    )


def internvl(vision: Config) -> Encoder:
    """modeling_internvl.py: a class token, scales after each half of a layer, norms on queries and keys."""
    width, inner = whole(vision, "hidden_size"), whole(vision, "intermediate_size")
    count, rms = whole(vision, "num_hidden_layers"), vision.get("norm_type") == "rms_norm"
    bias = bool(vision.get("attention_bias"))
    modules = linears(count, "vision", squares(width, "q_proj", "k_proj", "v_proj"), bias)
    modules += linears(count, "vision", squares(width, "projection_layer") | plain(width, inner))
    norms = 2 * (1 if rms else 2) + (2 if vision.get("use_qk_norm") else 0)
    positions = places(vision) + 1 if vision.get("use_absolute_position_embeddings") else 0
    beside = (norms + 2) * count + 2 + positions + bool(vision.get("use_mask_token"))
    beside += 0 if vision.get("use_mean_pooling", True) else 2
    return Encoder(width, count, tuple(modules), pixels(vision) * width, beside * width)


def blip(vision: Config) -> Encoder:
    """modeling_blip_2.py, Blip2VisionModel: a class token and a fused projection."""
    width, inner = whole(vision, "hidden_size"), whole(vision, "intermediate_size")
    count = whole(vision, "num_hidden_layers")
    shapes = {"qkv": (width, 3 * width), "projection": (width, width)} | plain(width, inner)
    others = (4 * count + 2 + places(vision) + 2 + 1) * width
    return Encoder(width, count, tuple(linears(count, "vision", shapes)), pixels(vision) * width, others)


ENCODERS: Mapping[str, Callable[[Config], Encoder]] = {
    "clip_vision_model": clip,
    "siglip_vision_model": siglip,
    "siglip2_vision_model": siglip2,
    "idefics2_vision": idefics,
    "idefics3_vision": idefics,
    "smolvlm_vision": idefics,
    "pixtral": pixtral,
    "qwen2_vl_vision": qwen2_vl,
    "qwen2_5_vl_vision": qwen2_5_vl,
    "exaone4_5_vision": qwen2_5_vl,
    "qwen2_5_omni_vision_encoder": qwen2_5_omni,
    "qwen3_vl_vision": qwen3_vl,
    "qwen3_vl_moe_vision": qwen3_vl,
    "qwen3_omni_moe_vision_encoder": qwen3_vl,
    "qwen3_5_vision": qwen3_5,
    "qwen3_5_moe_vision": qwen3_5,
    "glm4v_vision": glm4v,
    "glm4v_moe_vision": glm4v,
    "internvl_vision": internvl,
    "blip_2_vision_model": blip,
    "instructblip_vision_model": blip,
    "instructblipvideo_vision_model": blip,
}


def encoder_of(vision: Config, model_type: str) -> Encoder | None:
    """The encoder of a `vision_config`; None where its type, or a size of it, is not known. Released files
    may call it by the whole's name, or by none.
    """
    stated = str(vision.get("model_type") or model_type)
    build = ENCODERS.get(stated) or ENCODERS.get(f"{stated}_vision")
    try:
        return build(vision) if build is not None else None
    except KeyError:
        return None
