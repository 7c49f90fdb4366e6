"""What distinguishes one decoder from another, as data; how it runs is in the builders that the fields
name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from vramlint.lazy_dataclasses import dataclass, field
from vramlint.memory.architectures.network import Block, FeedForward, Inputs
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights


@dataclass(frozen=True, slots=True)
class LayerKind:
    """What may differ from layer to layer. `window`: tokens of its sliding window; `positions`: which rotary
    table it takes, "" for none.

    `attend` and `feed` build the two halves; an architecture of another kind brings its own.
    """

    attend: AttentionBuilder
    feed: FeedBuilder
    window: int | None = None
    positions: str = "rotary"
    first_norm: bool = True
    """False for a first layer whose input is normalised already (ModernBERT)."""
    norms_again: tuple[bool, bool] = (False, False)
    """Whether the outputs of the norms before attention and before the feed-forward block are made again."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Shape and habits of a decoder. Sizes are elements; `head_size` may make heads × head_size differ
    from `hidden`.
    """

    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate: int
    vocabulary: int
    pattern: tuple[LayerKind, ...]
    """The kind of each layer, first to last."""
    arrange: Arrangement
    """Where the norms and the residual sums of a layer are."""
    tied: bool = False
    head_bias: bool = False
    norm: str = "rms"
    norm_bias: bool = False
    norm_weight: bool = True
    final_norm: bool = True
    norm_names: tuple[str, ...] = (
        "input_layernorm",
        "post_attention_layernorm",
        "pre_feedforward_layernorm",
        "post_feedforward_layernorm",
    )
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    qk_norm: str = ""
    """"head": a norm on each head's query and key; "width": one over all heads together; "turned": on each
    head, after rotary; "each head": on each head with weights of its own; "" none.
    """
    activation: str = "silu"
    attention_dropout: float = 0.0
    hidden_dropout: float = 0.0
    attention_output_dropout: bool = True
    """The hidden dropout also follows attention (not in DistilBERT)."""
    embedding_dropout: float = 0.0
    rotary: str = "half"
    """How positions turn query and key: a key of `ops.embedding.ROTARY_STYLES`."""
    rotary_size: int | None = None
    """Elements of a head that are turned; None: all."""
    learned_positions: int = 0
    """Rows of a table of learned positions, 0 without one."""
    positions_by_row: bool = False
    """Learned positions are looked up for every row of the batch."""
    query_scale: bool = False
    """The query is scaled by an operation of its own."""
    key_scale: bool = False
    """The key is, too."""
    sliced_projections: bool = False
    """A fused projection is sliced (each slice with a zero-padded gradient) instead of split."""
    embedding_width: int | None = None
    """Width of the token table where a projection follows it (OPT 350m)."""
    embedding_scale: bool = False
    embedding_norm: bool = False
    residual_scale: bool = False
    logit_cap: bool = False
    attention_cap: bool = False
    softmax_fp32: bool = True
    broadcast_heads: bool = False
    """Grouped key and value heads are copied to all heads before attention (Falcon 40B)."""
    returns_projection: bool = False
    """The class hands back keys and values as views of the fused projection, with checkpointing too."""
    scores_fp32: bool = False
    scales_scores: bool = True
    always_masked: bool = False
    """The class hands SDPA a mask where a flag would do."""
    alibi: bool = False
    """Linear biases on the scores instead of positions."""
    buffer_bytes: int = 0
    """Tables a class registers as buffers (a causal mask of all positions, sines)."""
    bidirectional: bool = False
    no_sdpa: bool = False
    """The class has no PyTorch SDPA path; what asks for it gets the eager formula (gpt-oss)."""
    rotary_sizes: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Elements of the rotary tables that are of another size, by their name in `LayerKind.positions`."""
    prepare: PrepareBuilder | None = None
    """What adds to the inputs that all layers are handed."""
    approximate: bool = False
    """Weights are the class's own; what its layers allocate was not compared with it."""
    notes: tuple[str, ...] = ()
    """What is assumed about how it runs, for the estimate's reader."""
    notes_on_torch: tuple[str, ...] = ()
    """The same where plain PyTorch runs its linear attention."""
    notes_on_plain_mixers: tuple[str, ...] = ()
    """The same where transformers runs its state-space layers."""
    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Names of modules where they are not Llama's, by Llama's: {"self_attn.q_proj": "attention.query"}."""

    def name(self, module: str) -> str:
        """The family's name of what Llama calls `module`."""
        return self.names.get(module, module)


AttentionBuilder: TypeAlias = Callable[[Decoder, Weights, LayerKind], Block]
PrepareBuilder: TypeAlias = Callable[[Decoder, Weights], Callable[[Tape, Tensor, Inputs], None]]
FeedBuilder: TypeAlias = Callable[[Decoder, Weights], FeedForward]
Arrangement: TypeAlias = Callable[[Decoder, Weights, LayerKind], Block]
