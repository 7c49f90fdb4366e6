"""Decoders that are not modelled to the operation: exact weights and states from what is known of their
linear layers, activations approximated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vramlint.catalog.facts import LinearModule
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.decoder import shared_inputs
from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.experts import Mixture
from vramlint.memory.architectures.families.common import Config, llama_kind, size
from vramlint.memory.architectures.from_linear_layers import Shape, layer
from vramlint.memory.architectures.network import Block, Inputs, Network
from vramlint.memory.architectures.stages import stages_of
from vramlint.memory.ops.embedding import embedding
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.tape import Tape, Tensor
from vramlint.memory.weights import Weights

EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
TOP = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "moe_top_k",
    "moe_k",
    "moe_topk",
    "num_selected_experts",
)
EXPERT_WIDTH = ("moe_intermediate_size", "expert_ffn_hidden_size", "ffn_hidden_size", "intermediate_size")

RECURRENT = frozenset({"x_proj", "dt_proj", "in_proj", "in_proj_qkvz", "in_proj_qkv", "in_proj_ba"})
"""Linear layers that only state-space and linear-attention mixers have."""
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


def mixture_of(config: Config, total: int, layers: int) -> tuple[Mixture | None, int]:
    """The experts that `total` parameters make up, and how many layers have them."""
    count = next((config[key] for key in EXPERTS if isinstance(config.get(key), int)), 0)
    if not total or count < 2:
        return None, 0
    hidden, top = size(config, "hidden_size", "n_embd", "d_model"), size(config, *TOP)
    for key in EXPERT_WIDTH:
        width = config.get(key)
        for matrices in (3, 2):
            if isinstance(width, int) and width and total % (count * matrices * hidden * width) == 0:
                sparse = total // (count * matrices * hidden * width)
                if sparse <= layers:
                    return Mixture(count, top, width, "softmax-cast", gates=matrices == 3, modules=()), sparse
    return Mixture(
        count, top, max(1, total // (layers * count * 3 * hidden)), "softmax-cast", modules=()
    ), layers


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


def layout_of(job: TrainingJob, config: Config) -> Layout:
    """Layers from the catalog's linear layers; without those, from the parameter count."""
    model = job.model
    decoder = declared(config)
    count = len(decoder.pattern)
    modules = [module for module in model.linear_modules if module.part == "main" and module.count > 1]
    total = sum(module.count * module.in_features * module.out_features for module in model.linear_modules)
    if not modules or (model.parameters is not None and total > model.parameters):
        modules = solved(decoder, model.parameters)
    mixture, sparse = mixture_of(config, model.breakdown.get("experts", 0), count)
    if mixture is not None:
        modules = [
            module
            for module in modules
            if (module.in_features, module.out_features) != (decoder.hidden, mixture.experts)
        ]
    placed = spread(modules, count)
    return Layout(
        decoder,
        [(tuple(placed[index]), mixture if index >= count - sparse else None) for index in range(count)],
    )


def solved(decoder: Decoder, parameters: int | None) -> list[LinearModule]:
    """Llama's linear layers, the MLP as wide as makes the parameter count right."""
    hidden, count = decoder.hidden, len(decoder.pattern)
    width, kv_width = decoder.heads * decoder.head_size, decoder.kv_heads * decoder.head_size
    tables = decoder.vocabulary * hidden * (1 if decoder.tied else 2)
    inner = decoder.intermediate
    if parameters is not None:
        inner = max(1, ((parameters - tables) // count - 2 * hidden * (width + kv_width + 1)) // (3 * hidden))
    shapes = {
        "q_proj": (hidden, width),
        "k_proj": (hidden, kv_width),
        "v_proj": (hidden, kv_width),
        "o_proj": (width, hidden),
        "gate_proj": (hidden, inner),
        "up_proj": (hidden, inner),
        "down_proj": (inner, hidden),
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
    known = sum(
        times * parameter.numel for parameter, times in weights.all() if ".lora_" not in parameter.name
    )
    if job.model.parameters is not None and known < job.model.parameters:
        weights.parameter("rest", (job.model.parameters - known,))

    def begin(t: Tape) -> tuple[Tensor, Inputs]:
        x = embedding(t, table, job.micro_batch_size, job.sequence_length)
        return x, shared_inputs(t, decoder, job, x)

    def end(t: Tape, x: Tensor) -> Tensor:
        return norm(t, x, final)

    recurrent = any(module.name in RECURRENT for module in job.model.linear_modules)
    notes = (KERNELS,) if recurrent else ()
    return Network(begin, stages, end, head, root + last, order, modelled=False, notes=notes, tail=last)
