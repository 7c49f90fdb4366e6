"""Multi-head latent attention: query, key and value expanded from low-rank latents (DeepSeek V2 and V3)."""

from __future__ import annotations

from functools import partial

from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.indexer import Indexer
from vramlint.memory.architectures.network import Block, Inputs
from vramlint.memory.architectures.sparse_latent import SparseLatent
from vramlint.memory.checkpointing import without_output
from vramlint.memory.ops.attention import AttentionCall, attention
from vramlint.memory.ops.basic import scaled
from vramlint.memory.ops.embedding import rotary
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.latent import keys_from_parts, rotary_complex, rotary_pairs
from vramlint.memory.ops.linear import Linear, linear
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.ops.shape import join, split
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights


@dataclass(frozen=True, slots=True)
class Latent:
    """Ranks of the latents and sizes of a head's parts. `query_rank` None: the query is projected directly.
    `style`: "pairs", "half" or "complex".
    """

    query_rank: int | None
    rank: int
    content: int
    position: int
    value: int
    style: str = "pairs"
    bias: bool = False
    scales: bool = False
    """The joined query is scaled by its position (Mistral 4)."""
    indexer: Indexer | None = None
    """What chooses the keys that a query may see."""
    shared_mask: bool = False
    """They are those that the indexer of an earlier layer chose."""

    def __call__(self, decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
        """Build the attention of one layer (modeling_deepseek_v3.py, DeepseekV3Attention.forward)."""
        heads, hidden, size = decoder.heads, decoder.hidden, self.content + self.position
        down = low_norm = None
        if self.query_rank:
            down = weights.linear("self_attn.q_a_proj", self.query_rank, hidden, self.bias)
            low_norm = weights.norm("self_attn.q_a_layernorm", self.query_rank)
            up = weights.linear("self_attn.q_b_proj", heads * size, self.query_rank)
        else:
            up = weights.linear("self_attn.q_proj", heads * size, hidden)
        kv_down = weights.linear("self_attn.kv_a_proj_with_mqa", self.rank + self.position, hidden, self.bias)
        kv_norm = weights.norm("self_attn.kv_a_layernorm", self.rank)
        kv_up = weights.linear("self_attn.kv_b_proj", heads * (self.content + self.value), self.rank)
        o_proj = weights.linear("self_attn.o_proj", hidden, heads * self.value, self.bias)
        indexer = None if self.shared_mask else self.indexer
        fused = self.indexer is not None and weights.job.kernels.sparse_attention == "fused"
        if fused and self.indexer and self.query_rank and down and low_norm:
            sparse = SparseLatent(
                up, kv_down, kv_norm, kv_up, o_proj,
                indexer.in_blocks(weights, hidden, self.query_rank) if indexer else None,
                heads, self.rank, self.content, self.position, self.value, self.indexer.chosen,
                weights.job.parallel.context,
            )  # fmt: skip
            return self._sparse(sparse, down, low_norm, kind)
        choose = indexer.built(weights, hidden, self.query_rank) if indexer and self.query_rank else None
        padded = weights.job.attention.startswith("flash_attention")

        def turn(t: Tape, x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
            if self.style == "complex":
                return rotary_complex(t, x)
            return rotary_pairs(t, x, tables) if self.style == "pairs" else rotary(t, x, tables)

        def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
            batch, tokens, _ = x.shape
            low = x
            if down is not None and low_norm is not None:
                low = norm(t, linear(t, x, down), low_norm)
            compressed = linear(t, x, kv_down)
            latent, k_turn = split(
                t, compressed, ((batch, tokens, self.rank), (batch, tokens, self.position)), "latent"
            )
            latent = norm(t, latent, kv_norm)
            tables = inputs.positions[kind.positions]
            query, key, value = without_output(
                t, "latent_up", partial(expanded, tables=tables), low, latent, k_turn
            )
            call = self._call(inputs.calls[kind.window], padded)
            if choose is not None:
                call = choose(t, x, low, call)
            elif self.shared_mask:
                call = replace(call, kernel="eager" if call.kernel == "eager" else "efficient")
            context = attention(t, query, key, value, call)
            del key, value, query, low, compressed, latent, k_turn, tables
            return linear(t, context.view(batch, tokens, heads * self.value), o_proj)

        def expanded(
            t: Tape, low: Tensor, latent: Tensor, k_turn: Tensor, tables: tuple[Tensor, Tensor]
        ) -> tuple[Tensor, Tensor, Tensor]:
            batch, tokens, _ = low.shape
            whole = (batch, heads, tokens, size)
            q = linear(t, low, up).view(*whole)
            q_pass, q_turn = split(t, q, ((*whole[:3], self.content), (*whole[:3], self.position)), "query")
            q_turn, k_turn = (
                turn(t, q_turn, tables),
                turn(t, k_turn.view(batch, 1, tokens, self.position), tables),
            )
            query = join(t, (q_pass, q_turn), whole, "query, joined")
            if self.scales:
                query = scaled(t, query, "query, scaled by its position")
            both = linear(t, latent, kv_up).view(batch, heads, tokens, self.content + self.value)
            content, value = split(
                t, both, ((*whole[:3], self.content), (*whole[:3], self.value)), "key and value"
            )
            return query, keys_from_parts(t, content, k_turn), self._padded(t, value, size, padded)

        return run

    def _sparse(self, sparse: SparseLatent, down: Linear, low_norm: Norm, kind: LayerKind) -> Block:
        def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
            low = norm(t, linear(t, x, down), low_norm)
            return sparse(t, x, low, inputs.positions[kind.positions], self.style == "pairs")

        return run

    def _call(self, call: AttentionCall, padded: bool) -> AttentionCall:
        """Without padding only the memory-efficient kernel takes values of another size than keys."""
        same = self.value == self.content + self.position
        return call if same or padded or call.kernel != "flash" else replace(call, kernel="efficient")

    def _padded(self, t: Tape, value: Tensor, size: int, padded: bool) -> Tensor:
        if not padded or self.value == size:
            return value
        return operation(t, (value,), (*value.shape[:3], size), value.dtype, "value, padded")
