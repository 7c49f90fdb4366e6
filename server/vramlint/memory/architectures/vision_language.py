"""Vision-language models: a tower over image patches, a projector, and a decoder that is modelled like any
other.

Whether rows hold images says `TrainingJob.images`; without any, the tower's weights lie there and nothing of
it runs. How many and how large they are no config says: that is assumed, and stated with every estimate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from math import isqrt
from typing import Any

from vramlint.catalog.facts import LinearModule
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.encoders_of_images import QKVO, linears, plain, squares
from vramlint.memory.architectures.fallback import flat
from vramlint.memory.architectures.families import family_of
from vramlint.memory.architectures.families.common import Config, size
from vramlint.memory.architectures.from_linear_layers import Shape, chain, layer
from vramlint.memory.architectures.joined_parts import Parts, nested_models, parts_of
from vramlint.memory.architectures.network import FeedForward, Inputs, Network, Stage
from vramlint.memory.estimate import CannotEstimate
from vramlint.memory.ops.generic import operation
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Parameter, Tensor
from vramlint.memory.weights import Weights

Builder = Callable[[TrainingJob, Weights], Network]

TEXT_FAMILIES: Mapping[str, str] = {
    "qwen2_vl": "qwen2",
    "qwen2_5_vl": "qwen2",
    "qwen2_vl_text": "qwen2",
    "qwen2_5_vl_text": "qwen2",
    "qwen2_5_omni_text": "qwen2",
    "qwen3_omni_moe_text": "qwen3_moe",
    "glm4v_text": "glm4",
    "glm4v_moe_text": "glm4_moe",
    "qwen3_vl": "qwen3",
    "qwen3_vl_moe": "qwen3_moe",
    "qwen3_vl_text": "qwen3",
    "qwen3_vl_moe_text": "qwen3_moe",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "gemma3": "gemma3_text",
    "gemma4": "gemma4_text",
    "gemma4_unified": "gemma4_text",
    "gemma4_unified_text": "gemma4_text",
    "mllama": "mllama_text",
    "idefics2": "mistral",
    "idefics3": "llama",
    "smolvlm": "llama",
    "llava": "llama",
    "llava_next": "llama",
    "aya_vision": "cohere2",
    "internvl": "qwen2",
    "paligemma": "gemma",
    "mistral3": "mistral",
    "granite_docling_text": "granite",
}
"""Family of the decoder: by its own model type, or by that of the whole where it says none."""
TEXT_KEYS: Mapping[str, Mapping[str, Any]] = {
    "glm4v_text": {"attention_bias": True},
    "gemma4_unified_text": {"hidden_size_per_layer_input": 0},
}
"""What a decoder has whatever its config says (modeling_glm4v.py, Glm4vTextAttention; Gemma 4 Unified has no
embeddings of each layer's own).
"""


@dataclass(frozen=True, slots=True)
class Images:
    """What one sequence is taken to hold: `crops` pictures of `side` pixels, which become `tokens` of the
    sequence.
    """

    crops: int
    side: int
    patches: int
    tokens: int
    tiny: bool = False

    def __str__(self) -> str:
        """Read as a note of an estimate."""
        if self.tiny:
            size = f"{self.side} × {self.side} pixels"
            return f"nothing says that rows hold images: each micro batch has one of {size} in their place"
        pictures = "one image" if self.crops == 1 else f"one image in {self.crops} crops"
        size = f"{self.side} × {self.side} pixels ({self.tokens} tokens)"
        return f"every sequence is taken to hold {pictures} of {size}"


CROPS: Mapping[str, int] = {
    "llava_next": 5,
    "idefics3": 17,
    "smolvlm": 17,
    "internvl": 5,
    "mllama": 4,
    "llama4": 5,
    "aya_vision": 5,
}
"""Crops that a picture of about a megapixel is cut into by the model's processor."""
NATIVE = 896
"""Side, in pixels, of the picture assumed where the model takes any size."""
TINY = 64
"""The same of the image that LLaMA-Factory puts into micro batches without one (0.9.5, data/collator.py)."""
NO_IMAGES = (
    "nothing says that rows hold images: they are taken to be text, so that the tower's weights are counted "
    "and it does not run"
)


def first(value: Any, default: int) -> int:
    """An integer, or the first of a list."""
    value = value[0] if isinstance(value, (list, tuple)) and value else value
    return int(value) if isinstance(value, (int, float)) and value else default


def images_of(job: TrainingJob) -> Images:
    """The images assumed for a sequence."""
    model_type, config, longest = job.model.model_type, job.model.config, job.sequence_length
    vision = config.get("vision_config") or {}
    patch = first(vision.get("patch_size"), 14)
    merge = first(vision.get("spatial_merge_size") or config.get("spatial_merge_size"), 1)
    native = "spatial_merge_size" in vision or vision.get("model_type") == "pixtral"
    alone = job.images == "tiny"
    taken = TINY if alone else min(NATIVE, isqrt(job.image_pixels or NATIVE**2))
    side = taken if native else first(vision.get("image_size"), NATIVE)
    ratio = config.get("downsample_ratio")
    merge = first(
        config.get("scale_factor") or config.get("downsample_factor"), round(1 / ratio) if ratio else merge
    )
    crops = 1 if alone else CROPS.get(model_type, 1)
    patches = (side // patch) ** 2
    tokens = first(config.get("mm_tokens_per_image"), max(1, patches // merge**2))
    if model_type == "mllama":
        tokens = 0  # cross attention: images take no place in the sequence
    while crops > 1 and crops * tokens > longest:
        crops -= 1
    return Images(crops, side, patches, min(longest, crops * tokens), alone)


def tower_modules(
    job: TrainingJob, vision: Config, parts: Parts | None
) -> tuple[list[LinearModule], int, int]:
    """The linear layers of the tower's layers, how many layers, how wide: from the catalog, of its class, or
    those of a plain ViT.
    """
    listed = [module for module in job.model.linear_modules if module.part == "vision" and module.count > 1]
    if listed:
        widths = Counter(module.in_features for module in listed)
        count = Counter(module.count for module in listed).most_common(1)[0][0]
        return [module for module in listed if module.count == count], count, widths.most_common(1)[0][0]
    if parts is not None:
        return list(parts.encoder.modules), parts.encoder.layers, parts.encoder.width
    hidden = first(vision.get("embed_dim") or vision.get("hidden_size"), 0)
    count = first(vision.get("depth") or vision.get("num_hidden_layers"), 0)
    if not hidden or not count:
        return [], 0, 0
    inner = first(vision.get("intermediate_size"), 4 * hidden)
    shapes = squares(hidden, *QKVO) | plain(hidden, inner)
    return linears(count, "vision", shapes), count, hidden


def text_job(job: TrainingJob) -> TrainingJob:
    """The job with the decoder alone as its model."""
    config = {
        key: value
        for key, value in flat(job.model.config).items()
        if not (key.endswith("_config") and isinstance(value, Mapping) and "quant" not in key)
    }
    text = job.model.config.get("text_config")
    stated = config.get("model_type") if isinstance(text, Mapping) else None
    inner = (text.get("model_type") if isinstance(text, Mapping) else None) or job.model.model_type
    kind = TEXT_FAMILIES.get(str(inner), str(inner if stated else job.model.model_type))
    config |= TEXT_KEYS.get(str(inner), {})
    main = tuple(module for module in job.model.linear_modules if module.part == "main")
    model = replace(job.model, model_type=kind, config=config, linear_modules=main, parameters=None)
    return replace(job, model=model)


def decoder_alone(job: TrainingJob) -> TrainingJob | None:
    """The job with the decoder as its model, where the config of a known whole leaves out the tower and all
    other parts, and the decoder is modelled.
    """
    text, model = text_job(job), job.model
    lone = model.model_type in TEXT_FAMILIES and nested_models(model.config) == ["text_config"]
    return text if lone and family_of(text.model.model_type) is not None else None


def vision_language(job: TrainingJob, weights: Weights, text_builder: Builder) -> Network:
    """Tower, projector and decoder one after the other (modeling_llava.py, LlavaModel.forward)."""
    config = job.model.config
    vision = config.get("vision_config") or {}
    parts = parts_of(job.model, size(flat(config), "hidden_size", "n_embd", "d_model"))
    modules, count, hidden = tower_modules(job, vision, parts)
    text = text_builder(text_job(job), weights)
    decoder = elements_of(weights)
    elsewhere = on_other_ranks(job, decoder, text_builder)
    if not modules:
        raise CannotEstimate("incomplete-config", "the model's config has no vision_config")
    images = images_of(job)
    heads = first(
        vision.get("num_heads") or vision.get("num_attention_heads") or vision.get("attention_heads"), 16
    )
    towers = len(weights.groups)
    group = weights.group("vision layer", count, 0)
    shape = Shape(hidden, max(1, hidden // heads), "layer", causal=False, prefix="vision.")
    tower = Stage("vision layer", layer(shape, weights, modules, None), group.parameters)
    outside = weights.group("projector").parameters
    conv = job.model.breakdown.get("conv", 0) or (parts.encoder.patches if parts is not None else 0)
    patches = weights.parameter("vision.patch_embedding", (conv,)) if conv else None
    project, width = projector(job, weights, shape, parts)
    wanted = decoder + elsewhere + parts.parameters if parts is not None else 0
    rest = (job.model.parameters or wanted) - elsewhere - elements_of(weights)
    if rest > 0:
        weights.parameter("rest", (rest,))
    known = parts is not None or job.model.parameters is not None
    if job.images == "none":
        leave_out(job, weights, towers)
        made = replace(text, notes=(*text.notes, NO_IMAGES))
        return made if known else replace(made, modelled=False, counted=False)
    rows = (1 if images.tiny else job.micro_batch_size) * images.crops

    def begin(t: Tape) -> tuple[Tensor, Inputs]:
        pixels = t.new((rows, 3, images.side, images.side), "float32", "pixels")
        x = embedded_patches(t, patches, (rows, images.patches, hidden), t.autocast or job.precision.weights)
        return x, Inputs(rows, images.patches, {}, {}, {"pixels": pixels})

    def merge(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        words, made = text.begin(t)
        if (
            words.node is None
            and job.method not in ("full", "freeze")
            and job.gradient_checkpointing != "none"
        ):
            words = t.leaf(words)
        inputs.batch, inputs.tokens = made.batch, made.tokens
        inputs.calls.update(made.calls)
        inputs.positions.update(made.positions)
        inputs.extra.update(made.extra)
        per_row = max(1, images.tokens // images.crops)
        x = operation(t, (x,), (rows, per_row, width), x.dtype, "image features, pooled", keeps=(x,))
        features = project(t, x)
        if features.shape[-1] != words.shape[-1]:
            features = operation(
                t, (features,), (rows, per_row, words.shape[-1]), features.dtype, "image features"
            )
        return operation(t, (words, features), words.shape, words.dtype, "words and image features")

    joint = Stage("projector", merge, outside, checkpointed=False)
    order = [0] * count + [1] + [index + 2 for index in text.order]
    made = replace_network(text, begin, [tower, joint, *text.stages], order, str(images))
    return made if known else replace(made, modelled=False, counted=False)


def leave_out(job: TrainingJob, weights: Weights, first: int) -> None:
    """Of weights that no batch reaches no gradient comes, so no state is made (torch.optim skips what has no
    `grad`). DeepSpeed's flat partitions hold those of all that is to be trained.
    """
    if job.parallel.strategy.startswith("zero"):
        return
    for group in weights.groups[first:]:
        group.reached = False


def on_other_ranks(job: TrainingJob, decoder: int, text_builder: Builder) -> int:
    """Parameters of the decoder that only other ranks hold, where a rank of these degrees holds `decoder`."""
    parallel = job.parallel
    if parallel.tensor * parallel.expert == 1:
        return 0
    alone = replace(job, parallel=replace(parallel, tensor=1, expert=1, sequence=False))
    whole = Weights(alone)
    text_builder(text_job(alone), whole)
    return elements_of(whole) - decoder


def elements_of(weights: Weights) -> int:
    """Parameters of the model as made so far, adapters left out."""
    return sum(times * one.numel for one, times in weights.all() if not one.of_adapter)


def replace_network(
    text: Network,
    begin: Callable[[Tape], tuple[Tensor, Inputs]],
    stages: list[Stage],
    order: list[int],
    note: str,
) -> Network:
    """The decoder's network with the tower before it."""
    return replace(text, begin=begin, stages=stages, order=order, leaf=False, notes=(*text.notes, note))


def embedded_patches(t: Tape, weight: Parameter | None, shape: tuple[int, int, int], dtype: str) -> Tensor:
    """The convolution over the pixels, and positions added to it."""
    t.new(shape, dtype, "patches without positions")
    out = t.new(shape, dtype, "embedded patches")
    if weight is None or not weight.trainable or not t.recording:
        return out
    target, kind = weight.shape, weight.dtype
    return t.record(out, (weight,), lambda grad: (t.new(target, kind, f"gradient of {weight.name}"),))


def projector(
    job: TrainingJob, weights: Weights, shape: Shape, parts: Parts | None
) -> tuple[FeedForward, int]:
    """The linear layers between tower and decoder, and the width they begin with."""
    modules = [
        module
        for module in job.model.linear_modules
        if module.part == "projector" or (module.part == "vision" and module.count == 1)
    ]
    if not job.model.linear_modules and parts is not None:
        modules = list(parts.joined)
    if not modules:
        return (lambda t, x: x), shape.hidden
    width = modules[0].in_features
    return chain(replace(shape, hidden=width, prefix="projector."), weights, modules, back=False), width
