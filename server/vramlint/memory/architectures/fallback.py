"""Decoders that are not modelled to the operation: weights and states from what is known of their linear
layers, or from the keys of their config; activations approximated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vramlint.catalog.facts import LinearModule, Model
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.decoder import shared_inputs
from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.experts import Mixture
from vramlint.memory.architectures.families.common import Config, llama_kind, size
from vramlint.memory.architectures.families.expert_keys import (
    EXPERT_WIDTH,
    sparse_layers,
    stated_mixture,
    whole,
)
from vramlint.memory.architectures.from_linear_layers import Shape, layer
from vramlint.memory.architectures.network import Block, Inputs, Network
from vramlint.memory.architectures.stages import stages_of
from vramlint.memory.estimate import CannotEstimate
from vramlint.memory.ops.embedding import embedding
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights

RECURRENT = frozenset({"x_proj", "dt_proj", "in_proj", "in_proj_qkvz", "in_proj_qkv", "in_proj_ba"})
"""Linear layers that only state-space and linear-attention mixers have."""
MIXED_LAYERS = (
    *("hybrid_override_pattern", "layers_block_type", "block_configs", "attn_layer_period", "block_types"),
    *("mamba_d_state", "ssm_state_size", "linear_num_value_heads", "linear_attn_config", "state_size"),
    *("linear_conv_kernel_dim", "linear_key_head_dim", "conv_L_cache", "mamba_d_conv", "conv_kernel"),
    *("lru_width", "full_attn_idxs"),
)
"""Keys of models whose layers are of several kinds, or are not attention and an MLP."""
NOT_DECODERS = ("encoder", "encoder-decoder")
"""Kinds of models that are no decoders."""
ATTENTION_KINDS = frozenset({"full_attention", "sliding_attention", "chunked_attention", "attention"})
"""Entries of `layer_types` that are attention with the same weights."""
KERNELS = (
    "state-space layers are taken to run on their fused kernels (mamba-ssm, causal-conv1d, "
    "flash-linear-attention); transformers' plain PyTorch path holds two to five times their activations"
)


def flat(config: Config) -> dict[str, Any]:
    """The text model's keys at one level, whatever they are nested in."""
    text = config.get("text_config")
    inner = dict(text) if isinstance(text, Mapping) else {}
    merged = {**config, **inner}
    for nested in ("attn_config", "ffn_config"):
        part = merged.get(nested)
        if isinstance(part, Mapping):
            merged = {**part, **merged}
    if "tie_word_embeddings" in config:
        merged["tie_word_embeddings"] = config["tie_word_embeddings"]
    return merged


def declared(config: Config) -> Decoder:
    """A plain decoder of the model's sizes, whatever is missing taken as Llama has it."""
    heads = config.get("num_attention_heads") or config.get("n_heads") or config.get("n_head") or 1
    hidden = size(config, "hidden_size", "n_embd", "d_model")
    width = config.get("intermediate_size") or 4 * hidden
    if isinstance(width, (list, tuple)):
        width = max(width)
    kv_heads = config.get("num_key_value_heads") or config.get("kv_n_heads")
    known = {
        **config,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": int(width),
    }
    return llama_kind(known)


def refuse_other_kinds(model: Model, config: Config) -> None:
    """Raises CannotEstimate for what is not a decoder of attention and MLPs: without the class nobody knows
    what it is made of.
    """
    name = model.model_type or "this architecture"
    if model.kind in NOT_DECODERS:
        raise CannotEstimate("unknown-architecture", f"{name}, an {model.kind} model, is not modelled")
    key = next((key for key in MIXED_LAYERS if config.get(key)), None)
    kinds = config.get("layer_types")
    if key is None and isinstance(kinds, (list, tuple)) and not ATTENTION_KINDS.issuperset(map(str, kinds)):
        key = "layer_types"
    if key is not None:
        message = f"{name} is not modelled, and {key} says that its layers are of several kinds"
        raise CannotEstimate("unknown-architecture", message)


def counted_mixture(config: Config, total: int, layers: int) -> tuple[Mixture | None, list[bool]]:
    """The routed experts that `total` parameters make up, and which layers have them."""
    mixture = stated_mixture(config) if total else None
    if mixture is None:
        return None, [False] * layers
    mixture = replace(mixture, shared=0)
    hidden = size(config, "hidden_size", "n_embd", "d_model")
    for key in EXPERT_WIDTH:
        width = whole(config, (key,))
        for matrices in (3, 2):
            each = mixture.experts * matrices * hidden * width
            sparse = total // each if each and total % each == 0 else 0
            if 0 < sparse <= layers:
                has = sparse_layers(config, layers)
                if sum(has) != sparse:
                    has = [index >= layers - sparse for index in range(layers)]
                return replace(mixture, width=width, gates=matrices == 3), has
    width = max(1, total // (layers * mixture.experts * 3 * hidden))
    return replace(mixture, width=width), [True] * layers


def spread(modules: Sequence[LinearModule], layers: int) -> list[list[LinearModule]]:
    """The linear layers of each layer. Those that fewer layers have than there are go to layers of their own
    as far as possible.
    """
    result: list[list[LinearModule]] = [[] for _ in range(layers)]
    offsets: dict[int, int] = {}
    offset = 0
    for module in modules:
        times, some = divmod(module.count, layers)
        if some and some not in offsets:
            offsets[some], offset = offset, offset + some
        chosen = {(offsets[some] + index) % layers for index in range(some)} if some else set()
        for index in range(layers):
            result[index] += [module] * (times + (index in chosen))
    return result


@dataclass(frozen=True, slots=True)
class Layout:
    """What each layer of a stand-in is made of."""

    decoder: Decoder
    layers: list[tuple[tuple[LinearModule, ...], Mixture | None]]
    counted: bool
    """Whether the parameter count is known, not worked out."""


def layout_of(job: TrainingJob, config: Config) -> Layout:
    """Layers from the catalog's linear layers; without those, from the keys and the parameter count."""
    model = job.model
    if not model.linear_modules:
        refuse_other_kinds(model, config)
    decoder = declared(config)
    count = len(decoder.pattern)
    modules = [module for module in model.linear_modules if module.part == "main" and module.count > 1]
    total = sum(module.count * module.in_features * module.out_features for module in model.linear_modules)
    if not modules or (model.parameters is not None and total > model.parameters):
        refuse_other_kinds(model, config)
        return from_keys(decoder, config, model.parameters)
    mixture, has = counted_mixture(config, model.breakdown.get("experts", 0), count)
    if mixture is not None:
        modules = [
            module
            for module in modules
            if (module.in_features, module.out_features) != (decoder.hidden, mixture.experts)
        ]
    placed = spread(modules, count)
    return Layout(
        decoder, [(tuple(placed[index]), mixture if has[index] else None) for index in range(count)], True
    )


def from_keys(decoder: Decoder, config: Config, parameters: int | None) -> Layout:
    """Layers as the keys say: attention on each, experts or a dense MLP beside it. Where the parameter count
    is known, experts (or MLPs) are as wide as makes it right.
    """
    hidden, count = decoder.hidden, len(decoder.pattern)
    mixing = attention_modules(decoder, config)
    mixture = stated_mixture(config)
    has = sparse_layers(config, count) if mixture is not None else [False] * count
    inner = decoder.intermediate
    if parameters is not None:
        tables = decoder.vocabulary * hidden * (1 if decoder.tied else 2)
        attention = sum(module.in_features * module.out_features for module in mixing) + 2 * hidden
        left, dense = parameters - tables - count * attention, 3 * hidden
        if mixture is None:
            inner = max(1, left // (count * dense))
        else:
            left -= sum(has) * hidden * (mixture.experts + 3 * mixture.shared)
            left -= (count - sum(has)) * dense * inner
            width = max(1, left // (max(1, sum(has)) * mixture.experts * dense))
            mixture = replace(mixture, width=width)
    feeding = (
        LinearModule("gate_proj", hidden, inner, count),
        LinearModule("up_proj", hidden, inner, count),
        LinearModule("down_proj", inner, hidden, count),
    )
    sparse, plain = (tuple(mixing), mixture), ((*mixing, *feeding), None)
    return Layout(decoder, [sparse if one else plain for one in has], parameters is not None)


def attention_modules(decoder: Decoder, config: Config) -> list[LinearModule]:
    """Llama's linear layers of attention, or those of latents where the keys have ranks."""
    hidden, heads, count = decoder.hidden, decoder.heads, len(decoder.pattern)
    width, kv_width = heads * decoder.head_size, decoder.kv_heads * decoder.head_size
    rank = whole(config, ("kv_lora_rank",))
    if rank:
        content, position = whole(config, ("qk_nope_head_dim",)), whole(config, ("qk_rope_head_dim",))
        value, low = whole(config, ("v_head_dim",)) or content, whole(config, ("q_lora_rank",))
        query = {"q_a_proj": (hidden, low), "q_b_proj": (low, heads * (content + position))}
        shapes = {
            **(query if low else {"q_proj": (hidden, heads * (content + position))}),
            "kv_a_proj_with_mqa": (hidden, rank + position),
            "kv_b_proj": (rank, heads * (content + value)),
            "o_proj": (heads * value, hidden),
        }
    else:
        shapes = {
            "q_proj": (hidden, width),
            "k_proj": (hidden, kv_width),
            "v_proj": (hidden, kv_width),
            "o_proj": (width, hidden),
        }
    return [LinearModule(name, wide, out, count) for name, (wide, out) in shapes.items()]


def stand_in(job: TrainingJob, weights: Weights) -> Network:
    """The network of a model whose family is not modelled. Raises CannotEstimate where not even its sizes are
    known.
    """
    config = flat(job.model.config)
    layout = layout_of(job, config)
    decoder = replace(
        layout.decoder, pattern=(LayerKind(layout.decoder.pattern[0].attend, layout.decoder.pattern[0].feed),)
    )
    hidden, count = decoder.hidden, len(layout.layers)
    root = weights.group("embedding").parameters
    table = weights.parameter("embed_tokens.weight", (decoder.vocabulary, hidden), "embeddings")
    others = job.model.breakdown.get("other", 0)
    scales = not others or others >= (2 * count + 1) * hidden
    shape = Shape(hidden, config.get("head_dim") or decoder.head_size, scales=scales)
    frozen = count - (job.trainable_layers or 0) if job.method == "freeze" else count
    keys = [
        ("layer" if index < frozen else "trained layer", kind) for index, kind in enumerate(layout.layers)
    ]

    def build(index: int) -> Block:
        modules, mixture = layout.layers[index]
        feed = mixture(decoder, weights) if mixture is not None else None
        return layer(shape, weights, modules, feed)

    stages, order = stages_of(weights, keys, build)
    last = weights.group("head").parameters
    final = weights.norm("norm", hidden, decoder.norm) if scales else Norm(None)
    head = (
        weights.tied_head(table)
        if decoder.tied
        else weights.linear("lm_head", decoder.vocabulary, hidden, quantizable=False, role="head")
    )
    known = sum(times * parameter.numel for parameter, times in weights.all() if not parameter.of_adapter)
    if job.model.parameters is not None and known < job.model.parameters:
        weights.parameter("rest", (job.model.parameters - known,))

    def begin(t: Tape) -> tuple[Tensor, Inputs]:
        x = embedding(t, table, job.micro_batch_size, job.sequence_length)
        return x, shared_inputs(t, decoder, job, x)

    def end(t: Tape, x: Tensor) -> Tensor:
        return norm(t, x, final)

    recurrent = any(module.name in RECURRENT for module in job.model.linear_modules)
    notes = (KERNELS,) if recurrent else ()
    return Network(
        begin,
        stages,
        end,
        head,
        root + last,
        order,
        modelled=False,
        counted=layout.counted,
        notes=notes,
        tail=last,
    )
