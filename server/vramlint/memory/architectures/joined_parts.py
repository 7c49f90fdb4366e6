"""What a model of several parts has besides its decoder, by `model_type`: an encoder of images, what joins
it, a perceiver or a Q-Former between them, as transformers 5.24 builds them.

What is not known here is said not to be known: only a count from elsewhere makes up for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vramlint.catalog.facts import LinearModule, Model
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.architectures import encoders_of_sound
from vramlint.memory.architectures.encoders_of_images import (
    Encoder,
    encoder_of,
    linears,
    whole,
)
from vramlint.memory.architectures.families.common import Config
from vramlint.memory.estimate import CannotEstimate

PARTS = frozenset({"text_config", "vision_config"})
"""Nested configs of the parts that every vision-language model has."""
OTHER_WEIGHTS = (
    *("vocab_size_per_layer_input", "hidden_size_per_layer_input", "altup_num_inputs", "laurel_rank"),
    *("num_layers_per_stack", "zero_expert_num", "qk_dim_factor", "resampler_depth", "backbone_hidden_size"),
    *("intermediate_multiple_size", "deepstack_visual_indexes"),
)
"""Keys of weights that a plain decoder does not have: embeddings of each layer's own (Gemma 3n and 4), stacks
that are run again (HRM), two attentions a layer (LongCat Flash), matrices of memory (xLSTM), resamplers
(Evolla), mergers of several layers (Granite Docling).
"""
Joint = tuple[list[LinearModule], int]
"""Linear layers, and elements of all else."""
Joining = Callable[[Config, Encoder, int], Joint]
"""From the whole's config, its encoder and the decoder's width."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a model has besides its decoder, counted."""

    encoder: Encoder
    joined: tuple[LinearModule, ...]
    others: int

    @property
    def parameters(self) -> int:
        """Elements of all of it."""
        modules = (*self.encoder.modules, *self.joined)
        return self.encoder.patches + self.others + sum(map(elements, modules))


def elements(module: LinearModule) -> int:
    """Weights and biases of a linear layer, all its copies."""
    return module.count * module.out_features * (module.in_features + module.bias)


def _two(first: int, inner: int, width: int, bias: bool, halved: bool = False) -> list[LinearModule]:
    """Linear, activation, linear; `halved`: a gate takes half of what comes between."""
    shapes = {"linear_1": (first, inner), "linear_2": (inner // 2 if halved else inner, width)}
    return linears(1, "projector", shapes, bias)


def _levels(config: Config) -> int:
    """How many of the encoder's layers are put side by side."""
    levels = config.get("vision_feature_layer")
    return len(levels) if isinstance(levels, (list, tuple)) and levels else 1


def llava(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_llava.py, LlavaMultiModalProjector."""
    bias = config.get("multimodal_projector_bias", True) is not False
    return _two(encoder.width * _levels(config), width, width, bias), 0


def llava_next(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_llava_next.py and modeling_llava_onevision.py: a vector that ends each row of a picture."""
    return llava(config, encoder, width)[0], width


def vipllava(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_vipllava.py: five layers of the encoder, normed."""
    levels = config.get("vision_feature_layers")
    wide = encoder.width * (len(levels) if isinstance(levels, (list, tuple)) else 5)
    return _two(wide, width, width, bias=True), 2 * wide


def mistral3(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_mistral3.py, Mistral3MultiModalProjector."""
    merged = encoder.width * whole(config, "spatial_merge_size", 2) ** 2
    merging = linears(1, "projector", {"merging_layer": (merged, encoder.width)}, bias=False)
    bias = bool(config.get("multimodal_projector_bias"))
    return merging + _two(encoder.width * _levels(config), width, width, bias), encoder.width


def lighton_ocr(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_lighton_ocr.py: Mistral 3's without biases, from the last layer."""
    return mistral3(
        {**config, "vision_feature_layer": -1, "multimodal_projector_bias": False}, encoder, width
    )


def gemma3(_: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_gemma3.py, Gemma3MultiModalProjector: a matrix that is no linear layer, and a norm."""
    return [], encoder.width * (width + 1)


def paligemma(_: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_paligemma.py, PaliGemmaMultiModalProjector."""
    return linears(1, "projector", {"linear": (encoder.width, width)}), 0


def idefics3(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_idefics3.py, Idefics3SimpleMLP, over patches that are shuffled into wider ones."""
    merged = encoder.width * whole(config, "scale_factor", 2) ** 2
    return linears(1, "projector", {"proj": (merged, width)}, bias=False), 0


def idefics2(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_idefics2.py, Idefics2Connector: a gated MLP and a perceiver over learned latents."""
    given = config["perceiver_config"]
    inner, deep = whole(config["text_config"], "intermediate_size"), whole(given, "resampler_depth")
    size = whole(given, "resampler_head_dim")
    heads, shared = size * whole(given, "resampler_n_heads"), size * whole(given, "num_key_value_heads")
    joined = {
        "gate_proj": (encoder.width, inner),
        "up_proj": (encoder.width, inner),
        "down_proj": (inner, width),
    }
    layer = 2 * width * (heads + shared) + 12 * width**2 + 3 * width
    others = deep * layer + whole(given, "resampler_n_latents") * width + width
    return linears(1, "projector", joined, bias=False), others


def internvl(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_internvl.py, InternVLMultiModalProjector."""
    merged = encoder.width * round(1 / float(config.get("downsample_ratio") or 0.5)) ** 2
    return _two(merged, width, width, bias=True), 2 * merged


def aya_vision(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_aya_vision.py, AyaVisionMultiModalProjector."""
    merged = encoder.width * whole(config, "downsample_factor", 2) ** 2
    inner = whole(config, "alignment_intermediate_size", width)
    return _two(merged, inner, width, bias=True, halved=True), 2 * merged


def cohere2_vision(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_cohere2_vision.py: Aya Vision's without a norm."""
    return aya_vision(config, encoder, width)[0], 0


def lfm2_vl(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_lfm2_vl.py, Lfm2VlMultiModalProjector."""
    merged = encoder.width * whole(config, "downsample_factor", 2) ** 2
    inner = whole(config, "projector_hidden_size")
    bias = config.get("projector_bias", True) is not False
    normed = config.get("projector_use_layernorm", True) is not False
    return _two(merged, inner, width, bias), 2 * merged if normed else 0


def with_queries(config: Config, encoder: Encoder, width: int) -> Joint:
    """modeling_blip_2.py and modeling_instructblip.py: a Q-Former over learned queries, which looks at the
    image on each layer of its frequency; InstructBLIP's reads text too.
    """
    given = config["qformer_config"]
    own, inner, count = (
        whole(given, key) for key in ("hidden_size", "intermediate_size", "num_hidden_layers")
    )
    seen = whole(given, "encoder_hidden_size")
    looking = -(-count // whole(given, "cross_attention_frequency", 2))
    reads = given.get("use_qformer_text_input", "instruct" in str(config.get("model_type")))
    attention = 4 * own * (own + 1) + 2 * own
    feeding = 2 * own * inner + inner + own + 2 * own
    looked = 2 * own * (own + 1) + 2 * own * (seen + 1) + 2 * own
    layers = count * (attention + feeding * (2 if reads else 1)) + looking * looked
    words = (whole(given, "vocab_size") + whole(given, "max_position_embeddings")) * own if reads else 0
    queries = whole(config, "num_query_tokens", 32) * own
    return linears(1, "projector", {"language_projection": (own, width)}), layers + words + queries + 2 * own


def qwen2_5_omni(config: Config, _: Encoder, __: int) -> Joint:
    """The encoder's own merger, and an encoder of sound."""
    return [], encoders_of_sound.qwen2_5_omni(config["audio_config"])


def qwen3_omni(config: Config, _: Encoder, __: int) -> Joint:
    """The same of Qwen3-Omni."""
    return [], encoders_of_sound.qwen3_omni(config["audio_config"])


def nothing(_: Config, __: Encoder, ___: int) -> Joint:
    """The encoder's own merger ends in the decoder's width."""
    return [], 0


JOINED: Mapping[str, tuple[Joining, frozenset[str]]] = {
    **dict.fromkeys(("llava",), (llava, PARTS)),
    **dict.fromkeys(("llava_next", "llava_next_video", "llava_onevision"), (llava_next, PARTS)),
    "vipllava": (vipllava, PARTS),
    "mistral3": (mistral3, PARTS),
    "lighton_ocr": (lighton_ocr, PARTS),
    **dict.fromkeys(("gemma3", "shieldgemma2"), (gemma3, PARTS)),
    "paligemma": (paligemma, PARTS),
    **dict.fromkeys(("idefics3", "smolvlm"), (idefics3, PARTS)),
    "idefics2": (idefics2, PARTS | {"perceiver_config"}),
    "internvl": (internvl, PARTS),
    "aya_vision": (aya_vision, PARTS),
    "cohere2_vision": (cohere2_vision, PARTS),
    "lfm2_vl": (lfm2_vl, PARTS),
    **dict.fromkeys(
        ("blip-2", "instructblip", "instructblipvideo"), (with_queries, PARTS | {"qformer_config"})
    ),
    **dict.fromkeys(
        ("qwen2_vl", "qwen2_5_vl", "exaone4_5", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"),
        (nothing, PARTS),
    ),
    **dict.fromkeys(("glm4v", "glm4v_moe", "glm46v", "glmga"), (nothing, PARTS)),
    "qwen2_5_omni_thinker": (qwen2_5_omni, PARTS | {"audio_config"}),
    "qwen3_omni_moe_thinker": (qwen3_omni, PARTS | {"audio_config"}),
}
"""What joins the encoder to the decoder, and which nested configs are counted with it."""


def parts_of(model: Model, width: int) -> Parts | None:
    """What a model has besides a decoder of this `width`; None where that is not known."""
    config = model.config
    joining, counted = JOINED.get(model.model_type, (None, PARTS))
    encoder = encoder_of(config.get("vision_config") or {}, model.model_type)
    if joining is None or encoder is None or not counted.issuperset(nested_models(config)):
        return None
    try:
        modules, others = joining(config, encoder, width)
    except KeyError:
        return None
    return Parts(encoder, (*encoder.joined, *modules), encoder.others + others)


def nested_models(config: Config) -> list[str]:
    """Keys of nested configs that are models."""
    return [key for key, value in config.items() if isinstance(value, Mapping) and value.get("model_type")]


def refuse_uncounted(model: Model) -> None:
    """Raises CannotEstimate where the config of a model that nobody counted has weights that a decoder and a
    ViT of its sizes do not have.
    """
    config = model.config
    name = model.model_type or "this architecture"
    for key in nested_models(config):
        if key not in PARTS:
            part = f"{key} ({config[key]['model_type']}), a part with weights that are not counted"
            raise CannotEstimate("unknown-architecture", f"{name} has {part}")
    for place in (config, *(config.get(key) or {} for key in sorted(PARTS))):
        for key in OTHER_WEIGHTS:
            if place.get(key):
                message = f"{name} is not modelled, and {key} says that it has weights of another kind"
                raise CannotEstimate("unknown-architecture", message)
